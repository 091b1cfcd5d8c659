"""The bookkeeping of one TCP connection to an upstream: many queries under way, answers in any order. No I/O.

Frames for the wire are made here, and what comes back, cut anywhere, is split into messages and matched by ID
(RFC 7766 sections 6.2.1.1, 7 and 8). Whether a message answers its question is for the exchange to judge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from clusterdns.forward.counters import UpstreamCounters
from clusterdns.limits import FORWARD_PIPELINE
from clusterdns.wire.query import HEADER_BYTES

W = TypeVar("W")


class Pipeline(Generic[W]):
    """`W` is whatever waits for an answer; it comes back with it. `random_id` gives numbers from 0 to 65,535."""

    __slots__ = ("_abandoned", "_counters", "_limit", "_random_id", "_tail", "is_broken", "waiting")

    def __init__(
        self,
        random_id: Callable[[], int],
        counters: UpstreamCounters,
        *,
        limit: int = FORWARD_PIPELINE.default_int,
    ) -> None:
        self.is_broken = False
        """A length came that no message has."""
        self.waiting: dict[int, W] = {}
        """Who waits, by ID; for reading."""
        self._counters = counters
        self._random_id = random_id
        self._limit = limit
        self._abandoned: set[int] = set()
        self._tail = bytearray()

    @property
    def is_full(self) -> bool:
        """True if no more queries fit; those given up count, as their answers may still come."""
        return len(self.waiting) + len(self._abandoned) >= self._limit

    def add(self, waiter: W, body: bytes) -> tuple[int, bytes]:
        """The ID that a query got, and its frame: length, ID, and `body`, which is the message behind its ID.

        Only for a pipeline that is not full.
        """
        message_id = self._random_id()
        # "clients MUST NOT reuse the DNS Message ID of an in-flight query on that connection" (RFC 7766 section 6.2.1).
        while message_id in self.waiting or message_id in self._abandoned:
            message_id = self._random_id()
        self.waiting[message_id] = waiter
        return message_id, (len(body) + 2 << 16 | message_id).to_bytes(4, "big") + body

    def abandon(self, message_id: int) -> None:
        """Nobody waits for this answer any more; its ID stays in use until it arrives."""
        if self.waiting.pop(message_id, None) is not None:
            self._abandoned.add(message_id)

    def feed(self, chunk: bytes) -> list[tuple[W, bytes]]:
        """Take what was received, and return the answers that are complete with it.

        If `is_broken` is set afterwards, the stream has lost its meaning, and the connection must be closed.
        """
        stream = chunk
        if self._tail:
            self._tail += chunk
            stream = bytes(self._tail)
            self._tail.clear()
        arrived: list[tuple[W, bytes]] = []
        waiting = self.waiting
        start, end = 0, len(stream)
        while end - start >= 2:
            length = stream[start] << 8 | stream[start + 1]
            if length < HEADER_BYTES:
                self.is_broken = True
                return arrived
            behind = start + 2 + length
            if behind > end:
                break
            message = stream[start + 2 : behind]
            message_id = message[0] << 8 | message[1]
            waiter = waiting.pop(message_id, None)
            if waiter is not None:
                arrived.append((waiter, message))
            elif message_id in self._abandoned:
                self._abandoned.remove(message_id)
                self._counters.late += 1
            else:
                self._counters.unasked += 1
            start = behind
        if start < end:
            self._tail += stream[start:]
        return arrived

    def end(self) -> list[W]:
        """The connection is gone: everyone who still waited."""
        waiting, self.waiting = self.waiting, {}
        self._abandoned.clear()
        return list(waiting.values())
