"""Tests of clusterdns.directives.config."""
