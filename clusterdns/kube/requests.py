"""What is counted of the requests to API servers, as client-go counts them: waits for our own limits, durations, codes.

A duration ends with the answer's head: a watch goes on for minutes.
"""

from __future__ import annotations

from collections import Counter

from clusterdns.histogram import Histogram

SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""The buckets of Kubernetes' own clients."""

NO_ANSWER = "<error>"
"""client-go's code for a request without an answer."""


class RequestCounters:
    """The counts of one process or cluster; seconds."""

    def __init__(self) -> None:
        self.durations: dict[str, Histogram] = {}
        """By host."""
        self.waits: dict[str, Histogram] = {}
        """By host."""
        self.answers: Counter[tuple[str, str]] = Counter()
        """By code and host."""
        self.by_path: dict[tuple[str, str, str, str, str], Histogram] = {}
        """Durations by scheme, host, the last word of the path, method and code."""

    def add(
        self,
        host: str,
        code: str,
        waited: float,
        seconds: float,
        *,
        scheme: str = "https",
        path: str = "",
        method: str = "GET",
    ) -> None:
        """Count a request that waited for our limits, then took `seconds` to its answer."""
        key = scheme, host, path.rpartition("/")[2], method, code
        self.by_path.setdefault(key, Histogram(SECONDS)).add(seconds)
        if host not in self.durations:
            self.durations[host], self.waits[host] = Histogram(SECONDS), Histogram(SECONDS)
        self.durations[host].add(seconds)
        self.waits[host].add(waited)
        self.answers[code, host] += 1
