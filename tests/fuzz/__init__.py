"""Fuzz tests: parses or raises its own error, nothing else."""
