"""Test doubles and drivers."""
