"""Tests of clusterdns.search."""
