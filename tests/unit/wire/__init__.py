"""The wire code, row by row; garbage is in tests/fuzz."""
