"""What the three programs share; imports none of them. See `docs/` and README.md for the picture."""
