"""The forwarder: a question in, one answer from one of its upstreams out. The last step of a query's way.

    forward(query) ──► the same message under way? ── yes ──► its flight
                            │ no
                            ▼
                       Exchange ──► Send ──► TcpConnections / UdpSockets ──► wire
                            ▲                         │
                            └── answered, lost, time up ──► Finished or Failed ──► everyone on the flight

No task and no timer per query: callbacks of sockets and of one wheel drive the exchanges.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from clusterdns.errors import UpstreamFailure
from clusterdns.flight import Flight
from clusterdns.forward.exchange import Exchange, Finished, Send, Step, Transport
from clusterdns.forward.message import compose_body, without_edns
from clusterdns.forward.random_ids import RandomIds
from clusterdns.forward.tcp import Connection, TcpConnections
from clusterdns.forward.timers import Slot, Wheel
from clusterdns.forward.udp import UdpSocket, UdpSockets
from clusterdns.forward.upstreams import Choose, Ranking, Upstream, UpstreamCounters
from clusterdns.limits import FORWARD_IDLE_SECONDS, FORWARD_SECONDS, FORWARD_TRY_SECONDS, QUERIES_IN_FLIGHT
from clusterdns.wire import numbers
from clusterdns.wire.edns import ClientSubnet
from clusterdns.wire.query import Query
from clusterdns.wire.response import Response

_log = logging.getLogger(__name__)


class TooManyQueries(UpstreamFailure):
    """As many questions are under way as are allowed; no upstream is to blame, and a moment later there may be room."""


class Forwarder:
    """Asks `upstreams`. Must be made, used and closed in the event loop's thread.

    `choose` is the policy, by default CoreDNS's `random`; `random_id` gives message IDs.
    """

    def __init__(
        self,
        upstreams: Sequence[Upstream],
        *,
        max_in_flight: int = QUERIES_IN_FLIGHT.default_int,
        total_seconds: float = FORWARD_SECONDS.default,
        try_seconds: float = FORWARD_TRY_SECONDS.default,
        idle_seconds: float = FORWARD_IDLE_SECONDS.default,
        choose: Choose = random.randrange,
        random_id: Callable[[], int] | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        random_id = random_id or RandomIds()
        self.upstreams = tuple(upstreams)
        self.counters = tuple(UpstreamCounters() for _ in upstreams)
        self.rejected = 0
        """Questions turned away because `max_in_flight` were under way."""
        self._max_in_flight = max_in_flight
        self._total_seconds = total_seconds
        self._try_seconds = try_seconds
        self._flights: dict[bytes, Flight[Response]] = {}
        self._ranking = Ranking(len(upstreams), choose)
        self._clock = loop.time
        self._wheel = Wheel(loop)
        self._tcp = [
            TcpConnections(upstream, counters, random_id, idle_seconds=idle_seconds, connect_seconds=try_seconds)
            for upstream, counters in zip(self.upstreams, self.counters, strict=True)
        ]
        self._udp = [
            UdpSockets(upstream, counters, random_id)
            for upstream, counters in zip(self.upstreams, self.counters, strict=True)
        ]

    @property
    def in_flight(self) -> int:
        """How many questions are under way."""
        return len(self._flights)

    def forward(
        self, query: Query, *, transport: Transport = "tcp", subnet: ClientSubnet | None = None
    ) -> Flight[Response]:
        """Ask an upstream, `transport` first. `subnet` goes with the question; nothing else of the client does.

        The answer is shared by everyone who asks the same meanwhile: its ID, and the spelling of its question, are
        nobody's. The flight fails with UpstreamFailure. Raises TooManyQueries.
        """
        body = compose_body(query, subnet)
        flight = self._flights.get(body)
        if flight is not None:
            return flight
        if len(self._flights) >= self._max_in_flight:
            self.rejected += 1
            raise TooManyQueries("any", f"{self._max_in_flight} questions are under way already")
        now = self._clock()
        exchange = Exchange(
            query,
            self._ranking.tries(transport, now),
            deadline=now + self._total_seconds,
            try_seconds=self._try_seconds,
        )
        flight = self._flights[body] = Flight()
        self._carry_out(_Question(query, body, exchange, flight), exchange.start(now), now)
        return flight

    async def close(self) -> None:
        """End what is under way with UpstreamFailure, and close every connection and socket."""
        for sockets in self._udp:
            sockets.close()
        await asyncio.gather(*(connections.close() for connections in self._tcp))
        self._wheel.stop()

    def _carry_out(self, question: _Question, step: Step, now: float) -> None:
        """Do as the exchange says, until there is something to wait for or it is over."""
        while isinstance(step, Send):
            number = step.upstream
            one = _Try(self, question, number, now)
            body = question.body if step.edns else without_edns(question.body, question.query)
            counters = self.counters[number]
            counters.requests += 1
            try:
                if step.transport == "udp":
                    one.carrier = self._udp[number].send(one, body, now)
                else:
                    one.carrier = self._tcp[number].send(one, body, now)
            except UpstreamFailure as failure:
                step = question.exchange.unsent(failure.reason, now)
                self._blame(number, now)
                continue
            one.slot = self._wheel.set(one, now + step.seconds)
            return
        del self._flights[question.body]
        try:
            if isinstance(step, Finished):
                question.flight.land(step.response)
            else:
                question.flight.fail(UpstreamFailure(str(self.upstreams[step.upstream]), step.because))
        except Exception:
            # Not ours, and whoever else is to be told by the same read must not go without.
            _log.exception("bug: an answer could not be handed on")

    def _answered(self, one: _Try, message: bytes) -> bool:
        now = self._clock()
        step = one.question.exchange.answered(message, now)
        if step is None:
            return False
        if not step.because:
            counters = self.counters[one.upstream]
            counters.answers[message[3] & numbers.RCODE] += 1
            counters.seconds += now - one.sent_at
            self._ranking.answered(one.upstream)
        self._go_on(one, step, now)
        return True

    def _lost(self, one: _Try, reason: str) -> None:
        now = self._clock()
        self._go_on(one, one.question.exchange.lost(reason, now, reused=one.reused), now)

    def _expired(self, one: _Try) -> None:
        now = self._clock()
        one.carrier.abandon(one, one.sent_at)
        self._go_on(one, one.question.exchange.timed_out(now), now)

    def _go_on(self, one: _Try, step: Step, now: float) -> None:
        one.slot.pop(one, None)
        if step.because:
            self._blame(one.upstream, now)
        self._carry_out(one.question, step, now)

    def _blame(self, upstream: int, now: float) -> None:
        self.counters[upstream].failures += 1
        self._ranking.failed(upstream, now)


class _Question:
    """One question under way, whoever asked it."""

    __slots__ = ("body", "exchange", "flight", "query")

    def __init__(self, query: Query, body: bytes, exchange: Exchange, flight: Flight[Response]) -> None:
        self.query = query
        self.body = body
        self.exchange = exchange
        self.flight = flight


class _Try:
    """One message to one upstream: what its connection (a Waiter) and the wheel (Expiring) call."""

    __slots__ = ("_forwarder", "carrier", "message_id", "question", "reused", "sent_at", "slot", "upstream")

    carrier: Connection | UdpSocket
    message_id: int
    reused: bool
    slot: Slot

    def __init__(self, forwarder: Forwarder, question: _Question, upstream: int, sent_at: float) -> None:
        self._forwarder = forwarder
        self.question = question
        self.upstream = upstream
        self.sent_at = sent_at

    def answered(self, message: bytes) -> bool:
        return self._forwarder._answered(self, message)

    def lost(self, reason: str) -> None:
        self._forwarder._lost(self, reason)

    def expire(self) -> None:
        self._forwarder._expired(self)
