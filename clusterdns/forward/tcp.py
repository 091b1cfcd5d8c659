"""Few long-lived TCP or TLS connections to one upstream (RFC 7766, RFC 7858).

The first connection takes what it can, so that writes and reads stay few; another is used when it is busy, or says
nothing though it was asked: servers that answer a connection's queries one by one let all wait for the slowest.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from clusterdns.errors import UpstreamFailure
from clusterdns.forward.connection import Connection
from clusterdns.forward.counters import UpstreamCounters
from clusterdns.forward.policy import Dice
from clusterdns.forward.tls import reason_of
from clusterdns.forward.upstreams import Upstream
from clusterdns.forward.waiter import Waiter
from clusterdns.limits import (
    FORWARD_AVOID_SECONDS,
    FORWARD_BUSY,
    FORWARD_CONNECTIONS,
    FORWARD_IDLE_SECONDS,
    FORWARD_STALL_SECONDS,
    FORWARD_TRY_SECONDS,
)

_BUSY = FORWARD_BUSY.default_int
_STALL = FORWARD_STALL_SECONDS.default
_JITTER = 0.25


@dataclass(frozen=True, slots=True)
class TcpSettings:
    """What holds for all connections of a forwarder; times in seconds.

    A connection is retired at `max_age` or up to a quarter before it, so that those opened together, when an upstream
    restarted, do not all go together again. `source` is the address to ask from; empty for any.
    """

    max_connections: int = FORWARD_CONNECTIONS.default_int
    idle_seconds: float = FORWARD_IDLE_SECONDS.default
    connect_seconds: float = FORWARD_TRY_SECONDS.default
    max_age: float = math.inf
    source: str = ""
    tls: ssl.SSLContext | None = None


class TcpConnections:
    """The connections to one upstream. Must be made, used and closed in the event loop's thread."""

    def __init__(
        self,
        upstream: Upstream,
        counters: UpstreamCounters,
        random_id: Callable[[], int],
        settings: TcpSettings,
        dice: Dice,
    ) -> None:
        self._upstream = upstream
        self._counters = counters
        self._random_id = random_id
        self._settings = settings
        self._dice = dice
        self._loop = asyncio.get_running_loop()
        self._current: Connection | None = None
        self._usable: list[Connection] = []
        self._all: set[Connection] = set()
        self._connecting: dict[Connection, asyncio.Task[str]] = {}
        self._more_after = 0.0
        self._closing = ""

    @property
    def outstanding(self) -> int:
        """How many queries are waited for."""
        return sum(connection.outstanding for connection in self._all)

    def send(self, waiter: Waiter, body: bytes, now: float) -> Connection:
        """Send a message, and return the connection that it goes over. Raises UpstreamFailure if none can take it."""
        connection = self._current
        if connection is None or not connection.is_ready or _is_busy(connection, now):
            connection = self._current = self._pick(now)
        connection.send(waiter, body, now)
        if waiter.reused:
            self._counters.tcp_hits += 1
        else:
            self._counters.tcp_misses += 1
        return connection

    def drop(self, reason: str) -> None:
        """Close every connection; who still waits is told at once that it is lost."""
        self._closing = reason
        lost = [waiter for connection in self._all for waiter in connection.take_waiters()]
        for connection in list(self._all):
            connection.abort()
        for task in list(self._connecting.values()):
            task.cancel()
        for waiter in lost:
            waiter.reused = False  # it is not to be sent again here
            waiter.lost(reason)

    async def wait_closed(self) -> None:
        """Return when every connection that was dropped is closed."""
        await asyncio.gather(*(connection.ended for connection in self._all))

    def _pick(self, now: float) -> Connection:
        best = None
        for connection in self._usable:
            if not connection.takes_more:
                continue
            if connection.is_ready and not _is_busy(connection, now):
                return connection
            if best is None or (connection.is_open, -connection.outstanding) > (best.is_open, -best.outstanding):
                best = connection
        # While another one works, nothing waits for one that is only being opened.
        if best is None or (_is_busy(best, now) and now >= self._more_after):
            self._usable = [connection for connection in self._usable if not connection.is_retired]
            if self._closing:
                raise UpstreamFailure(str(self._upstream), self._closing)
            if len(self._usable) < self._settings.max_connections:
                best = self._open(best)
        if best is None:
            raise UpstreamFailure(str(self._upstream), "every connection is full")
        return best

    def _open(self, best: Connection | None) -> Connection:
        """Begin to open a connection; return the one to use meanwhile."""
        connection = Connection(
            self._loop,
            self._random_id,
            self._counters,
            self._on_end,
            idle_seconds=self._settings.idle_seconds,
            max_age=self._settings.max_age * (1 - _JITTER * self._dice()),
        )
        self._counters.connections_opened += 1
        self._usable.append(connection)
        self._all.add(connection)
        self._connecting[connection] = task = self._loop.create_task(self._connect(connection))
        # Also for a task that is cancelled before its first step: nothing inside of it runs then.
        task.add_done_callback(lambda task: self._connected(connection, task))
        return best or connection

    async def _connect(self, connection: Connection) -> str:
        """Open a connection; returns why not, or nothing."""
        upstream, settings = self._upstream, self._settings
        try:
            async with asyncio.timeout(settings.connect_seconds):
                await self._loop.create_connection(
                    lambda: connection,
                    upstream.address,
                    upstream.port,
                    ssl=settings.tls if upstream.tls else None,
                    server_hostname=_tls_name(upstream) if upstream.tls else None,
                    local_addr=(settings.source, 0) if settings.source else None,
                )
        except TimeoutError:
            return "no connection in time"
        except OSError as error:
            return reason_of(error)
        return ""

    def _connected(self, connection: Connection, task: asyncio.Task[str]) -> None:
        """The end of a task that opened a connection, or did not."""
        del self._connecting[connection]
        reason = "no connection"
        try:
            reason = task.result()
        except asyncio.CancelledError:
            pass
        finally:
            if not connection.is_open:
                self._more_after = self._loop.time() + FORWARD_AVOID_SECONDS.default
                self._forget(connection, self._closing or reason)

    def _on_end(self, connection: Connection, reason: str) -> None:
        if connection.outstanding and not connection.is_retired:
            # The upstream ended it with our queries under way: it restarted, or it closes what was idle just now. The
            # others are no better, and what is sent again goes over a new one.
            for other in list(self._usable):
                if other.is_open:
                    other.retire()
        self._forget(connection, self._closing or reason)

    def _forget(self, connection: Connection, reason: str) -> None:
        connection.is_retired = True
        self._all.discard(connection)
        if connection in self._usable:
            self._usable.remove(connection)
        if connection is self._current:
            self._current = None
        for waiter in connection.end():
            waiter.lost(reason)


def _tls_name(upstream: Upstream) -> str:
    """Whom the certificate must be for; a name is also sent to the server (SNI), an address is not (RFC 6066)."""
    return upstream.server_name or upstream.address.partition("%")[0]


def _is_busy(connection: Connection, now: float) -> bool:
    outstanding = connection.outstanding
    return outstanding >= _BUSY or (outstanding > 0 and now - connection.quiet_since > _STALL)
