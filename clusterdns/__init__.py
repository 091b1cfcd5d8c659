"""What the three programs share; imports none of them. See README.md, then docs/architecture.md."""

__version__ = "0.1.0"
