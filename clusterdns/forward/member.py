"""One upstream of a forwarder: its connections, what is known of it, and what was counted."""

from __future__ import annotations

import math
from collections.abc import Callable

from clusterdns.forward.counters import UpstreamCounters
from clusterdns.forward.exchange import Transport
from clusterdns.forward.health import Health
from clusterdns.forward.latency import Latency
from clusterdns.forward.policy import Dice
from clusterdns.forward.tcp import TcpConnections, TcpSettings
from clusterdns.forward.udp import UdpSockets
from clusterdns.forward.upstreams import Upstream
from clusterdns.forward.waiter import Carrier, Waiter
from clusterdns.histogram import Histogram


class Member:
    """Must be made, used and closed in the event loop's thread."""

    __slots__ = ("_tcp", "_udp", "counters", "health", "heard_at", "is_tls", "latency", "name", "upstream")

    def __init__(
        self, upstream: Upstream, health: Health, random_id: Callable[[], int], settings: TcpSettings, dice: Dice
    ) -> None:
        self.upstream = upstream
        self.name = str(upstream)
        self.is_tls = upstream.tls
        self.counters = UpstreamCounters()
        self.health = health
        self.latency = Latency()
        self.heard_at = -math.inf
        """When the last answer came."""
        self._tcp = TcpConnections(upstream, self.counters, random_id, settings, dice)
        self._udp = UdpSockets(
            upstream, self.counters, random_id, seconds=settings.idle_seconds, source=settings.source
        )

    def send(self, waiter: Waiter, transport: Transport, body: bytes, now: float) -> Carrier:
        """Send a message, which is `body` behind an ID, and return what carries it. Raises UpstreamFailure."""
        if transport == "udp":
            return self._udp.send(waiter, body, now)
        return self._tcp.send(waiter, body, now)

    def count_answer(self, rcode: int, seconds: float, now: float) -> None:
        """An answer came `seconds` after its question was sent."""
        self.heard_at = now
        durations = self.counters.durations.get(rcode)
        if durations is None:
            durations = self.counters.durations[rcode] = Histogram()
        self.latency.add(durations.add(seconds), seconds, now)

    def cost(self, now: float) -> float:
        """See `clusterdns.forward.policy.Candidate`: the time for an answer, times those who stand in line."""
        return self.latency.expected(now) * (1 + self._tcp.outstanding + self._udp.outstanding)

    def drop(self, reason: str) -> None:
        """Close every connection; who still waits is told at once."""
        self._udp.drop(reason)
        self._tcp.drop(reason)

    async def wait_closed(self) -> None:
        """Return when every connection that was dropped is closed."""
        await self._tcp.wait_closed()
