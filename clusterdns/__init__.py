"""What the three programs share; imports none of them. See ARCHITECTURE in docs/ and README.md for the picture."""

__version__ = "0.1.0"
