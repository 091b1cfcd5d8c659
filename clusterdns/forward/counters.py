"""What is counted of each upstream: plain numbers, made into metrics when somebody asks for those."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

BUCKETS = tuple(0.00025 * 2**power for power in range(16))
"""Upper bounds of the duration buckets, in seconds: 0.25 ms to 8.192 s, those of `coredns_proxy_request_duration_*`."""


def bucket_of(seconds: float) -> int:
    """The first bucket whose bound is not exceeded; `len(BUCKETS)` for what is above all of them."""
    return bisect_left(BUCKETS, seconds)


@dataclass(slots=True)
class Durations:
    """A histogram: how many answers in each of `BUCKETS`, not cumulated, the last place for those above; and a sum."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    seconds: float = 0.0

    @property
    def total(self) -> int:
        """How many answers there were."""
        return sum(self.counts)


@dataclass(slots=True)
class UpstreamCounters:
    """Counts of one upstream."""

    requests: int = 0
    """Messages sent, or tried to; health checks are not among them."""
    durations: dict[int, Durations] = field(default_factory=dict)
    """Of the answers used, by rcode: from the sending of the message to its answer."""
    failures: int = 0
    """Tries that ended by the upstream's fault."""
    check_failures: int = 0
    """Health checks without an answer."""
    connections_opened: int = 0
    tcp_hits: int = 0
    """Queries that found an open connection."""
    tcp_misses: int = 0
    """Queries that waited for one to be opened."""
    udp_hits: int = 0
    """Queries that found a socket."""
    udp_misses: int = 0
    """Queries for which one was opened."""
    hedges: int = 0
    """Second messages, sent to this upstream because an answer took longer than 99 of 100 do."""
    hedges_won: int = 0
    """How many of those were answered first."""
    late: int = 0
    """Answers that came when nobody waited for them any more; they are dropped. The losers of hedges are among them."""
    unasked: int = 0
    """Messages that answer nothing that was sent; they are dropped."""

    @property
    def answers(self) -> dict[int, int]:
        """Answers used, by rcode."""
        return {rcode: durations.total for rcode, durations in self.durations.items()}
