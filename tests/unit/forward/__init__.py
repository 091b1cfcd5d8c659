"""Tests of clusterdns.forward: pure parts by rows, the rest against an upstream on loopback."""
