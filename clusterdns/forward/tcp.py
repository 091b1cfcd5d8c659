"""Few long-lived TCP connections to one upstream, each with many queries under way (RFC 7766).

Queries of one turn of the event loop leave in one write, and one read brings many answers. The first connection takes
what it can, so that writes and reads stay few; another is opened when it is busy.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable

from clusterdns.errors import UpstreamFailure
from clusterdns.forward.pipeline import Pipeline
from clusterdns.forward.upstreams import Upstream, UpstreamCounters
from clusterdns.forward.waiter import Waiter
from clusterdns.limits import (
    FORWARD_AVOID_SECONDS,
    FORWARD_BUSY,
    FORWARD_CONNECTIONS,
    FORWARD_IDLE_SECONDS,
    FORWARD_READ_BYTES,
    FORWARD_TRY_SECONDS,
)

_BUSY = FORWARD_BUSY.default_int
_READ_BYTES = FORWARD_READ_BYTES.default_int


class Connection(asyncio.BufferedProtocol):
    """One connection, from the moment it is wanted. It takes messages while it is being opened, too.

    asyncio sets TCP_NODELAY itself. It would also receive into a fresh 256 KiB for each read, which costs more than all
    else that a read does; hence a buffer of our own.
    """

    __slots__ = (
        "_buffer",
        "_frames",
        "_has_ended",
        "_heard_at",
        "_idle_seconds",
        "_idle_timer",
        "_loop",
        "_on_end",
        "_paused",
        "_pipeline",
        "_transport",
        "_used_at",
        "ended",
        "is_retired",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        random_id: Callable[[], int],
        counters: UpstreamCounters,
        on_end: Callable[[Connection, str], None],
        *,
        idle_seconds: float,
    ) -> None:
        """`on_end(connection, reason)` is called once, when an open connection is gone."""
        self.ended: asyncio.Future[None] = loop.create_future()
        self.is_retired = False
        self._loop = loop
        self._on_end = on_end
        self._idle_seconds = idle_seconds
        self._idle_timer: asyncio.TimerHandle | None = None
        self._pipeline: Pipeline[Waiter] = Pipeline(random_id, counters)
        self._transport: asyncio.Transport | None = None
        self._paused = False
        self._has_ended = False
        self._frames: list[bytes] = []
        self._buffer = memoryview(bytearray(_READ_BYTES))
        self._used_at = 0.0
        self._heard_at = -math.inf

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    @property
    def takes_more(self) -> bool:
        return not (self.is_retired or self._has_ended or self._paused or self._pipeline.is_full)

    @property
    def outstanding(self) -> int:
        return self._pipeline.outstanding

    def send(self, waiter: Waiter, body: bytes, now: float) -> None:
        """Send a message, which is `body` behind an ID, with what else is sent in this turn of the loop."""
        waiter.message_id, frame = self._pipeline.add(waiter, body)
        waiter.reused = self._transport is not None
        self._used_at = now
        if self._transport is not None and not self._frames:
            if self._pipeline.outstanding == 1:
                # Nothing to share a write with so far, and nothing on its way: do not wait.
                self._transport.write(frame)
                return
            self._loop.call_soon(self._flush)
        self._frames.append(frame)

    def abandon(self, waiter: Waiter, sent_at: float) -> None:
        """The waiter, whose message went out at `sent_at`, waits no more."""
        self._pipeline.abandon(waiter.message_id)
        # Nothing at all came back since: the other end may be gone without a word (a pod deleted behind a Service
        # address), and new queries must not wait for the same silence.
        if self._heard_at < sent_at or self._pipeline.is_full:
            self.retire()
        self._close_if_over()

    def retire(self) -> None:
        """Take no more messages, and close when the last answer is there."""
        self.is_retired = True
        self._close_if_over()

    def abort(self) -> None:
        """Close at once."""
        self.is_retired = True
        if self._transport is not None:
            self._transport.abort()

    def end(self) -> list[Waiter]:
        """Forget everything, and return everyone who waited."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        self._frames.clear()
        if not self.ended.done():
            self.ended.set_result(None)
        return self._pipeline.end()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._used_at = self._loop.time()
        self._idle_timer = self._loop.call_later(self._idle_seconds, self._close_if_idle)
        self._flush()
        self._close_if_over()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._heard_at = self._loop.time()
        for waiter, message in self._pipeline.feed(bytes(self._buffer[:nbytes])):
            waiter.answered(message)
        if self._pipeline.is_broken:
            self.abort()
        elif self.is_retired:
            self._close_if_over()

    def eof_received(self) -> None:
        self._has_ended = True

    def connection_lost(self, exc: Exception | None) -> None:
        if self._pipeline.is_broken:
            reason = "sent a message shorter than a header"
        elif isinstance(exc, OSError) and exc.errno:
            reason = os.strerror(exc.errno)
        else:
            reason = "closed the connection"
        self._on_end(self, reason)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False

    def _flush(self) -> None:
        if self._transport is not None and self._frames:
            self._transport.write(b"".join(self._frames))
            self._frames.clear()

    def _close_if_over(self) -> None:
        if self.is_retired and not self._pipeline.outstanding:
            self.abort()

    def _close_if_idle(self) -> None:
        left = self._used_at + self._idle_seconds - self._loop.time()
        if left <= 0 and not self._pipeline.outstanding:
            self.abort()
        else:
            self._idle_timer = self._loop.call_later(left if left > 0 else self._idle_seconds, self._close_if_idle)


class TcpConnections:
    """The connections to one upstream. Must be made, used and closed in the event loop's thread."""

    def __init__(
        self,
        upstream: Upstream,
        counters: UpstreamCounters,
        random_id: Callable[[], int],
        *,
        max_connections: int = FORWARD_CONNECTIONS.default_int,
        idle_seconds: float = FORWARD_IDLE_SECONDS.default,
        connect_seconds: float = FORWARD_TRY_SECONDS.default,
    ) -> None:
        self._upstream = upstream
        self._counters = counters
        self._random_id = random_id
        self._max_connections = max_connections
        self._idle_seconds = idle_seconds
        self._connect_seconds = connect_seconds
        self._loop = asyncio.get_running_loop()
        self._usable: list[Connection] = []
        self._all: set[Connection] = set()
        self._connecting: dict[Connection, asyncio.Task[None]] = {}
        self._more_after = 0.0
        self._is_closed = False

    def send(self, waiter: Waiter, body: bytes, now: float) -> Connection:
        """Send a message, and return the connection that it goes over. Raises UpstreamFailure if none can take it."""
        connection = self._pick(now)
        if connection.is_open:
            self._counters.connections_reused += 1
        connection.send(waiter, body, now)
        return connection

    async def close(self) -> None:
        """Close every connection; who still waits is told that it is lost."""
        self._is_closed = True
        for connection in list(self._all):
            connection.abort()
        for task in list(self._connecting.values()):
            task.cancel()
        await asyncio.gather(*(connection.ended for connection in self._all))

    def _pick(self, now: float) -> Connection:
        best = None
        for connection in self._usable:
            if not connection.takes_more:
                continue
            if connection.is_open and connection.outstanding < _BUSY:
                return connection
            if best is None or (connection.is_open, -connection.outstanding) > (best.is_open, -best.outstanding):
                best = connection
        # While another one works, nothing waits for one that is only being opened.
        if best is None or (best.outstanding >= _BUSY and now >= self._more_after):
            self._usable = [connection for connection in self._usable if not connection.is_retired]
            if self._is_closed:
                raise UpstreamFailure(str(self._upstream), "we are closing")
            if len(self._usable) < self._max_connections:
                best = self._open(best)
        if best is None:
            raise UpstreamFailure(str(self._upstream), "every connection is full")
        return best

    def _open(self, best: Connection | None) -> Connection:
        """Begin to open a connection; return the one to use meanwhile."""
        connection = Connection(
            self._loop, self._random_id, self._counters, self._on_end, idle_seconds=self._idle_seconds
        )
        self._counters.connections_opened += 1
        self._usable.append(connection)
        self._all.add(connection)
        self._connecting[connection] = self._loop.create_task(self._connect(connection))
        return best or connection

    async def _connect(self, connection: Connection) -> None:
        reason = "we are closing"
        try:
            async with asyncio.timeout(self._connect_seconds):
                await self._loop.create_connection(lambda: connection, self._upstream.address, self._upstream.port)
        except TimeoutError:
            reason = "no connection in time"
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
        finally:
            del self._connecting[connection]
            if not connection.is_open:
                self._more_after = self._loop.time() + FORWARD_AVOID_SECONDS.default
                self._forget(connection, reason)

    def _on_end(self, connection: Connection, reason: str) -> None:
        if connection.outstanding and not connection.is_retired:
            # The upstream ended it with our queries under way: it restarted, or it closes what was idle just now. The
            # others are no better, and what is sent again goes over a new one.
            for other in list(self._usable):
                if other.is_open:
                    other.retire()
        self._forget(connection, reason)

    def _forget(self, connection: Connection, reason: str) -> None:
        connection.is_retired = True
        self._all.discard(connection)
        if connection in self._usable:
            self._usable.remove(connection)
        for waiter in connection.end():
            waiter.lost(reason)
