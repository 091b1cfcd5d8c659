"""Tests of the PrivateZone provider: pure parts as rows, the rest against an API kept in memory."""
