"""UDP to one upstream: a few connected sockets on random ports, replaced often, drained from a reader callback.

"use an unpredictable source port for outgoing queries from the range of available ports", "Use multiple different
source ports simultaneously in case of multiple outstanding queries", "Use an unpredictable query ID" (RFC 5452
section 9.2). Which port and which ID a query gets are both random; the kernel picks ports of unbound sockets at random.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from clusterdns.errors import UpstreamFailure
from clusterdns.forward.counters import UpstreamCounters
from clusterdns.forward.tls import reason_of
from clusterdns.forward.upstreams import Upstream
from clusterdns.forward.waiter import Waiter
from clusterdns.limits import (
    FORWARD_IDLE_SECONDS,
    FORWARD_UDP_ANSWER_BYTES,
    FORWARD_UDP_SOCKET_QUERIES,
    FORWARD_UDP_SOCKETS,
    UDP_BATCH,
)
from clusterdns.socket_address import socket_address
from clusterdns.wire.query import HEADER_BYTES

_ANSWER_BYTES = FORWARD_UDP_ANSWER_BYTES.default_int
_BATCH = UDP_BATCH.default_int


class UdpSocket:
    """One connected socket, for a limited number of queries."""

    __slots__ = ("_abandoned", "_counters", "_loop", "_random_id", "_sock", "_waiting", "expires_at", "left")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        random_id: Callable[[], int],
        counters: UpstreamCounters,
        *,
        expires_at: float,
    ) -> None:
        self.expires_at = expires_at
        self.left = FORWARD_UDP_SOCKET_QUERIES.default_int
        """How many more queries it may take; 0 lets it close when the last answer is there."""
        self._loop = loop
        self._sock = sock
        self._random_id = random_id
        self._counters = counters
        self._waiting: dict[int, Waiter] = {}
        self._abandoned: set[int] = set()
        loop.add_reader(sock, self._drain)

    @property
    def is_open(self) -> bool:
        return self._sock.fileno() >= 0

    def send(self, waiter: Waiter, body: bytes) -> None:
        """Send a message, which is `body` behind an ID. Raises OSError."""
        message_id = self._random_id()
        while message_id in self._waiting or message_id in self._abandoned:
            message_id = self._random_id()
        self.left -= 1
        waiter.message_id = message_id
        waiter.reused = False
        try:
            self._sock.send(message_id.to_bytes(2, "big") + body)
        except ConnectionRefusedError as error:
            # What is reported here is the fate of an earlier message (ICMP port unreachable, udp(7)).
            self._fail(error)
            raise
        self._waiting[message_id] = waiter

    @property
    def outstanding(self) -> int:
        """How many queries are waited for."""
        return len(self._waiting)

    def abandon(self, waiter: Waiter) -> None:
        """The waiter waits no more."""
        if self._waiting.pop(waiter.message_id, None) is not None:
            self._abandoned.add(waiter.message_id)
        self._close_if_over()

    def suspect(self, _sent_at: float) -> None:
        """A message has not been answered in time; the next one may go through the same socket all the same."""

    def take_waiters(self) -> list[Waiter]:
        """Everyone who waits; nobody does any more."""
        waiting, self._waiting = self._waiting, {}
        return list(waiting.values())

    def retire(self) -> None:
        """Take no more messages, and close when the last answer is there."""
        self.left = 0
        self._close_if_over()

    def close(self, reason: str) -> None:
        """Close at once; who still waits is told that it is lost."""
        if self.is_open:
            self._loop.remove_reader(self._sock)
            self._sock.close()
        for waiter in self.take_waiters():
            waiter.lost(reason)

    def _drain(self) -> None:
        now = self._loop.time()
        for _ in range(_BATCH):
            try:
                message = self._sock.recv(_ANSWER_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                self._fail(error)
                return
            message_id = int.from_bytes(message[:2], "big")
            waiter = self._waiting.get(message_id) if len(message) >= HEADER_BYTES else None
            if waiter is None:
                if message_id in self._abandoned:
                    self._abandoned.remove(message_id)
                    self._counters.late += 1
                else:
                    self._counters.unasked += 1
            elif waiter.answered(message, now):
                self._waiting.pop(message_id, None)
                self._close_if_over()
            else:
                self._counters.unasked += 1
            # Nothing more is due: to hear that from the kernel would cost a system call for every answer.
            if not self._waiting:
                return

    def _fail(self, error: OSError) -> None:
        """Nobody listens there: every query under way has the answer that it will get."""
        self.left = 0
        self.close(reason_of(error))

    def _close_if_over(self) -> None:
        if self.left <= 0 and not self._waiting:
            self.close("")


class UdpSockets:
    """The sockets to one upstream. Must be made, used and closed in the event loop's thread."""

    def __init__(
        self,
        upstream: Upstream,
        counters: UpstreamCounters,
        random_id: Callable[[], int],
        *,
        count: int = FORWARD_UDP_SOCKETS.default_int,
        seconds: float = FORWARD_IDLE_SECONDS.default,
        source: str = "",
    ) -> None:
        """`seconds` is how long a socket is used, `source` the address to ask from; empty for any."""
        self._upstream = upstream
        self._counters = counters
        self._random_id = random_id
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._sockets: list[UdpSocket | None] = [None] * count
        self._retired: set[UdpSocket] = set()
        self._source = source
        self._closing = ""

    @property
    def outstanding(self) -> int:
        """How many queries are waited for."""
        return sum(one.outstanding for one in [*self._sockets, *self._retired] if one is not None)

    def send(self, waiter: Waiter, body: bytes, now: float) -> UdpSocket:
        """Send a message, and return the socket that it went over. Raises UpstreamFailure if that fails."""
        place = self._random_id() % len(self._sockets)
        chosen = self._sockets[place]
        try:
            if chosen is None or chosen.left <= 0 or chosen.expires_at <= now:
                chosen = self._replace(place, now)
                self._counters.udp_misses += 1
            else:
                self._counters.udp_hits += 1
            chosen.send(waiter, body)
        except OSError as error:
            raise UpstreamFailure(str(self._upstream), reason_of(error)) from None
        return chosen

    def drop(self, reason: str) -> None:
        """Close every socket; who still waits is told at once that it is lost."""
        self._closing = reason
        every = [one for one in [*self._sockets, *self._retired] if one is not None]
        lost = [waiter for one in every for waiter in one.take_waiters()]
        for one in every:
            one.close("")
        self._sockets = [None] * len(self._sockets)
        self._retired.clear()
        for waiter in lost:
            waiter.lost(reason)

    def _replace(self, place: int, now: float) -> UdpSocket:
        if self._closing:
            raise UpstreamFailure(str(self._upstream), self._closing)
        old = self._sockets[place]
        if old is not None:
            old.retire()
            if old.is_open:
                self._retired.add(old)
        self._retired = {one for one in self._retired if one.is_open}
        family = socket.AF_INET6 if ":" in self._upstream.address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            if self._source:
                sock.bind(socket_address(self._source, 0))
            sock.connect(socket_address(self._upstream.address, self._upstream.port))
        except OSError:
            sock.close()
            raise
        new = UdpSocket(self._loop, sock, self._random_id, self._counters, expires_at=now + self._seconds)
        self._sockets[place] = new
        return new
