"""Tests: rows of data, mirrored on the packages."""
