"""Benchmarks, side by side with the programs that this suite replaces."""
