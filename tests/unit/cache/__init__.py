"""Tests of clusterdns.cache."""
