"""Tests of nodelocal."""
