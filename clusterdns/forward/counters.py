"""What is counted of each upstream: plain numbers, made into metrics when somebody asks for those."""

from __future__ import annotations

from dataclasses import dataclass, field

from clusterdns.histogram import Histogram


@dataclass(slots=True)
class UpstreamCounters:
    """Counts of one upstream."""

    requests: int = 0
    """Messages sent, or tried to; health checks are not among them."""
    durations: dict[int, Histogram] = field(default_factory=dict)
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
        return {rcode: sum(durations.counts) for rcode, durations in self.durations.items()}
