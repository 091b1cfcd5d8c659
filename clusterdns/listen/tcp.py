"""DNS over TCP (RFC 7766): two bytes of length before each message, queries pipelined, answers in any order.

Connections live until their client closes them, or until they have been idle for too long; a client that does not
read its answers, sends half a message or claims 65,535 bytes and goes away is idle in this sense.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from clusterdns.limits import TCP_BATCH, TCP_CONNECTIONS, TCP_IDLE_SECONDS, TCP_PIPELINE
from clusterdns.listen import steering
from clusterdns.listen.respond import Answer, Peer, RespondTcp
from clusterdns.listen.sockets import BACKLOG

_SWEEP_SECONDS = 1.0
_HEADER_BYTES = 12


@dataclass(slots=True)
class TcpCounters:
    """Plain counts of one listener."""

    accepted: int = 0
    refused: int = 0
    """Connections closed at once because there were too many."""
    idle_closed: int = 0


@dataclass(frozen=True, slots=True)
class TcpTimeouts:
    """When a connection is closed, in seconds; looked at once a second."""

    read: float = TCP_IDLE_SECONDS.default
    """How long the first query, or the rest of one that has begun, may take."""
    write: float = TCP_IDLE_SECONDS.default
    """How long a client may leave its answers unread."""
    idle: float = TCP_IDLE_SECONDS.default
    """How long a client may ask nothing."""
    queries: int = 0
    """Close after so many, that clients connect anew and a load balancer can send them elsewhere; 0 for never."""


class TcpListener:
    """Accepts connections on one listening socket, which it owns, and answers what they ask.

    `respond` and `timeouts` may be replaced while it runs.
    """

    def __init__(
        self,
        sock: socket.socket,
        respond: RespondTcp,
        *,
        timeouts: TcpTimeouts = TcpTimeouts(),
        max_connections: int = TCP_CONNECTIONS.default_int,
    ) -> None:
        self.counters = TcpCounters()
        self.respond = respond
        self.timeouts = timeouts
        self._sock = sock
        self._max_connections = max_connections
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._sweep: asyncio.TimerHandle | None = None

    @property
    def address(self) -> tuple[str, int]:
        name = self._sock.getsockname()
        return name[0], name[1]

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return len(self._connections)

    async def start(self) -> None:
        """Begin to accept."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), sock=self._sock, backlog=BACKLOG)
        self._sweep = loop.call_later(_SWEEP_SECONDS, self._close_idle)

    def take_over(self) -> None:
        """Take the new connections that so far go to another process that listens here."""
        steering.take_over(self._sock)

    async def close(self) -> None:
        """Stop accepting and close every connection."""
        if self._sweep is not None:
            self._sweep.cancel()
        if self._server is None:
            self._sock.close()
            return
        self._server.close()
        for connection in list(self._connections):
            connection.abort()
        await self._server.wait_closed()

    def _opened(self, connection: _Connection) -> bool:
        if len(self._connections) >= self._max_connections and not self._make_room(connection.client):
            self.counters.refused += 1
            return False
        self.counters.accepted += 1
        self._connections.add(connection)
        return True

    def _make_room(self, newcomer: str) -> bool:
        """Close the connection that has been idle for longest, of the client that has most of them, so that no client
        keeps the others out. Nobody's is closed for a client that has more.

        RFC 7766 section 6.2.3 leaves it to the server when to close idle connections.
        """
        shares = Counter(connection.client for connection in self._connections)
        waiting = [connection for connection in self._connections if connection.waits_for_client]
        victim = max(waiting, key=lambda each: (shares[each.client], -each.active_at), default=None)
        if victim is None or shares[victim.client] < shares[newcomer]:
            return False
        self.counters.idle_closed += 1
        victim.abort()
        self._connections.discard(victim)
        return True

    def _closed(self, connection: _Connection) -> None:
        self._connections.discard(connection)

    def _close_idle(self) -> None:
        # One timer for all connections: a second late is early enough, and queries arm nothing.
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in list(self._connections):
            if connection.active_at < now - connection.patience(self.timeouts):
                self.counters.idle_closed += 1
                connection.abort()
        self._sweep = loop.call_later(_SWEEP_SECONDS, self._close_idle)


class _Connection(asyncio.Protocol):
    """One client's connection. `active_at` is the loop's time of its last whole query or its last answer."""

    def __init__(self, listener: TcpListener) -> None:
        self.active_at = 0.0
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._peer: Peer = ()
        self._buffer = bytearray()
        self._in_flight = 0
        self._writable = True
        self._answering = False
        self._taken = 0
        self._ended = False
        self._stream: Iterator[bytes] | None = None
        self._sending: asyncio.Handle | None = None

    @property
    def client(self) -> str:
        """The address of the client."""
        return str(self._peer[0]) if self._peer else ""

    @property
    def waits_for_client(self) -> bool:
        """Whether nothing is under way: all that was asked whole is answered, and the answers have left."""
        transport = self._transport
        if self._in_flight or self._stream is not None or transport is None:
            return False
        return not transport.get_write_buffer_size() and not self._has_whole

    def patience(self, timeouts: TcpTimeouts) -> float:
        """How many seconds after `active_at` this connection has had its time."""
        if not self._writable:
            return timeouts.write
        return timeouts.read if self._buffer or not self._taken else timeouts.idle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._peer = transport.get_extra_info("peername") or ()
        if not self._listener._opened(self):
            transport.abort()
            return
        self._transport = transport
        self.active_at = self._loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._listener._closed(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._answer_buffered()

    def eof_received(self) -> bool:
        # The client has asked its last question and may still wait for answers: keep the connection until they are out.
        self._ended = True
        self._answer_buffered()
        return True

    def pause_writing(self) -> None:
        # The client does not read its answers: do not read its queries.
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._answer_buffered()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def _answer_buffered(self) -> None:
        """Answer the whole messages of the buffer in one write, as far as limits allow."""
        transport = self._transport
        # An answer that lands while another query is being asked comes back here: the loop below goes on by itself.
        if transport is None or self._answering:
            return
        self._answering = True
        answers = bytearray()
        finished = more = False
        for _ in range(TCP_BATCH.default_int):
            if not self._may_take_more():
                break
            message = self._take()
            if message is None:
                finished = self._ended
                break
            self.active_at = self._loop.time()
            self._in_flight += 1
            answer = self._listener.respond(message, self._peer, self._send_late)
            if answer is not None:
                self._in_flight -= 1
                if isinstance(answer, bytes):
                    answers += _framed(answer)
                else:
                    self._stream = answer
        else:
            # Other sockets have their turn, then this one goes on.
            more = True
            self._loop.call_soon(self._answer_buffered)
        self._answering = False
        if answers:
            transport.write(bytes(answers))
        if self._stream is not None:
            transport.pause_reading()
            self._send_soon()
        elif finished and not self._in_flight:
            transport.close()
        elif more or self._ended or not self._may_take_more():
            transport.pause_reading()
        else:
            transport.resume_reading()

    @property
    def _has_whole(self) -> bool:
        """Whether a whole message waits in the buffer for its turn."""
        buffer = self._buffer
        return len(buffer) > 2 and len(buffer) >= 2 + (buffer[0] << 8 | buffer[1])

    def _take(self) -> bytes | None:
        """The next whole message, taken out of the buffer; None if there is none (yet)."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        end = 2 + (buffer[0] << 8 | buffer[1])
        # What is no DNS query: shorter than a header, or a response. Whoever sends that is no client, and nothing
        # behind it can be trusted to start where it seems to. Answers to what came before it still go out.
        if end < 2 + _HEADER_BYTES or (len(buffer) > 4 and buffer[4] & 0x80):
            self._ended = True
            buffer.clear()
            return None
        if len(buffer) < end:
            return None
        message = bytes(buffer[2:end])
        del buffer[:end]
        self._taken += 1
        if self._taken == self._listener.timeouts.queries:
            self._ended = True
            buffer.clear()
        return message

    def _may_take_more(self) -> bool:
        # While an answer of several messages is on its way, further queries wait: one at a time bounds what it costs.
        return (
            self._transport is not None
            and self._writable
            and self._stream is None
            and self._in_flight < TCP_PIPELINE.default_int
        )

    def _send_late(self, answer: Answer, _peer: Peer) -> None:
        self._in_flight -= 1
        if self._transport is None:
            return
        if isinstance(answer, bytes):
            self.active_at = self._loop.time()
            self._transport.write(_framed(answer))
        else:
            self._stream = answer if self._stream is None else chain(self._stream, answer)
        self._answer_buffered()

    def _send_soon(self) -> None:
        """Send the next message of the stream when other sockets have had their turn."""
        if self._sending is None:
            self._sending = self._loop.call_soon(self._send_next)

    def _send_next(self) -> None:
        self._sending = None
        # A client that does not read brings us back when it does.
        if self._stream is None or self._transport is None or not self._writable:
            return
        try:
            message = next(self._stream, None)
        except Exception:
            # The client must not take half of it for the whole.
            self.abort()
            raise
        if message is None:
            self._stream = None
            self._answer_buffered()
            return
        self.active_at = self._loop.time()
        self._transport.write(_framed(message))
        self._send_soon()


def _framed(answer: bytes) -> bytes:
    """The answer with its length in front (RFC 7766 section 8); nothing for silence."""
    return len(answer).to_bytes(2, "big") + answer if answer else b""
