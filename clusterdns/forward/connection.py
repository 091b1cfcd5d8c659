"""One TCP or TLS connection to an upstream, with many queries under way.

Queries of one turn of the event loop leave in one write, and one read brings many answers.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from clusterdns.forward.counters import UpstreamCounters
from clusterdns.forward.pipeline import Pipeline
from clusterdns.forward.tls import reason_of
from clusterdns.forward.waiter import Waiter
from clusterdns.limits import FORWARD_READ_BYTES

_READ_BYTES = FORWARD_READ_BYTES.default_int


class Connection(asyncio.BufferedProtocol):
    """One connection, from the moment it is wanted. It takes messages while it is being opened, too.

    asyncio sets TCP_NODELAY itself. It would also receive into a fresh 256 KiB for each read, which costs more than all
    else that a read does; hence a buffer of our own.
    """

    __slots__ = (
        "_age_timer",
        "_buffer",
        "_frames",
        "_has_ended",
        "_heard_at",
        "_idle_seconds",
        "_idle_timer",
        "_loop",
        "_max_age",
        "_on_end",
        "_paused",
        "_pipeline",
        "_transport",
        "_used_at",
        "ended",
        "is_ready",
        "is_retired",
        "quiet_since",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        random_id: Callable[[], int],
        counters: UpstreamCounters,
        on_end: Callable[[Connection, str], None],
        *,
        idle_seconds: float,
        max_age: float = math.inf,
    ) -> None:
        """`on_end(connection, reason)` is called once, when an open connection is gone."""
        self.ended: asyncio.Future[None] = loop.create_future()
        self.is_ready = False
        """Open, and takes more messages."""
        self.is_retired = False
        self.quiet_since = 0.0
        """When something was last heard while messages were under way, or when the first of them was sent."""
        self._loop = loop
        self._on_end = on_end
        self._idle_seconds = idle_seconds
        self._max_age = max_age
        self._idle_timer: asyncio.TimerHandle | None = None
        self._age_timer: asyncio.TimerHandle | None = None
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
        """Whether it will take a message, now or when it is open."""
        return not (self.is_retired or self._has_ended or self._paused or self._pipeline.is_full)

    @property
    def outstanding(self) -> int:
        """How many queries are waited for."""
        return len(self._pipeline.waiting)

    def send(self, waiter: Waiter, body: bytes, now: float) -> None:
        """Send a message, which is `body` behind an ID, with what else is sent in this turn of the loop."""
        waiter.message_id, frame = self._pipeline.add(waiter, body)
        self._used_at = now
        is_alone = len(self._pipeline.waiting) == 1
        if is_alone:
            self.quiet_since = now
        transport = self._transport
        if transport is None:
            waiter.reused = False
        else:
            waiter.reused = True
            if not self._frames:
                if is_alone:
                    # Nothing to share a write with so far, and nothing on its way: do not wait.
                    transport.write(frame)
                    return
                self._loop.call_soon(self._flush)
        self._frames.append(frame)

    def abandon(self, waiter: Waiter) -> None:
        """The waiter waits no more."""
        self._pipeline.abandon(waiter.message_id)
        if self._pipeline.is_full:
            self.retire()
        elif self.is_retired:
            self._close_if_over()

    def suspect(self, sent_at: float) -> None:
        """A message that was sent then has not been answered in time."""
        # Nothing at all came back since: the other end may be gone without a word (a pod deleted behind a Service
        # address), and new queries must not wait for the same silence.
        if self._heard_at < sent_at:
            self.retire()

    def retire(self) -> None:
        """Take no more messages, and close when the last answer is there."""
        self.is_retired = True
        self.is_ready = False
        self._close_if_over()

    def abort(self) -> None:
        """Close at once."""
        self.is_retired = True
        self.is_ready = False
        if self._transport is not None:
            self._transport.abort()

    def end(self) -> list[Waiter]:
        """Forget everything, and return everyone who waited."""
        for timer in (self._idle_timer, self._age_timer):
            if timer is not None:
                timer.cancel()
        self._frames.clear()
        if not self.ended.done():
            self.ended.set_result(None)
        return self._pipeline.end()

    def take_waiters(self) -> list[Waiter]:
        """Everyone who waits; nobody does any more."""
        return self._pipeline.end()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._used_at = self.quiet_since = self._loop.time()
        self.is_ready = not self.is_retired
        self._idle_timer = self._loop.call_later(self._idle_seconds, self._close_if_idle)
        if self._max_age < math.inf:
            self._age_timer = self._loop.call_later(self._max_age, self.retire)
        self._flush()
        self._close_if_over()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        now = self._loop.time()
        self._heard_at = self.quiet_since = now
        for waiter, message in self._pipeline.feed(bytes(self._buffer[:nbytes])):
            waiter.answered(message, now)
        if self._pipeline.is_broken:
            self.abort()
        elif self.is_retired:
            self._close_if_over()

    def eof_received(self) -> None:
        self._has_ended = True
        self.is_ready = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_ready = False
        if self._pipeline.is_broken:
            reason = "sent a message shorter than a header"
        elif isinstance(exc, OSError):
            reason = reason_of(exc)
        else:
            reason = "closed the connection"
        self._on_end(self, reason)

    def pause_writing(self) -> None:
        self._paused = True
        self.is_ready = False

    def resume_writing(self) -> None:
        self._paused = False
        self.is_ready = not (self.is_retired or self._has_ended)

    def _flush(self) -> None:
        if self._transport is not None and self._frames:
            self._transport.write(b"".join(self._frames))
            self._frames.clear()

    def _close_if_over(self) -> None:
        if self.is_retired and not self._pipeline.waiting:
            self.abort()

    def _close_if_idle(self) -> None:
        left = self._used_at + self._idle_seconds - self._loop.time()
        if left <= 0 and not self._pipeline.waiting:
            self.abort()
        else:
            self._idle_timer = self._loop.call_later(left if left > 0 else self._idle_seconds, self._close_if_idle)
