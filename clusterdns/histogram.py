"""A histogram of plain integers: what the core counts durations with, made into a metric when somebody scrapes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

SECONDS = tuple(0.00025 * 2**step for step in range(16))
"""CoreDNS's buckets for durations, 0.25 ms to 8.2 s: dashboards know them."""

SLIM_SECONDS = tuple(0.00025 * 10**step for step in range(5))
"""CoreDNS's buckets where there are many series, 0.25 ms to 2.5 s."""


class Histogram:
    """`counts` has one number for each of `bounds` and one for what is above the last; a value counts once.

    A bound belongs to its bucket, as in Prometheus (`le`: less than or equal).
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0
        """The sum of all values."""

    def add(self, value: float, times: int = 1) -> int:
        """Count `value`, `times` times; returns its bucket, the index in `counts`."""
        bucket = bisect_left(self.bounds, value)
        self.counts[bucket] += times
        self.total += value * times
        return bucket

    def merge(self, other: Histogram) -> None:
        """Count what `other` has counted, too; it has the same bounds."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.total += other.total
