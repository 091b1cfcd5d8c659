"""Tests of clusterdns.listen."""
