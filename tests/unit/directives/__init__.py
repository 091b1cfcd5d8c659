"""Tests of clusterdns.directives."""
