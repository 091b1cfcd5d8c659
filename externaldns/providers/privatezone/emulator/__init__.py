"""PrivateZone on loopback: its API, its quotas and its DNS, kept in one SQLite file."""
