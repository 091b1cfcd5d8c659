"""One zone and one server that has a copy of it: when that one is told of changes, and when again (RFC 1996).

    serial, once a second ──► step ──► SEND, GIVE_UP or nothing
    its answer            ──► answered

A burst of changes is told once: when the serial stands still, but no later than TRANSFER_NOTIFY_SECONDS after the first
change, and no more often. What is not acknowledged is told again, after pauses that double. Pure; `now` is monotonic
seconds.
"""

from __future__ import annotations

import enum
import math
import struct

from clusterdns.limits import TRANSFER_NOTIFY_RETRY_SECONDS, TRANSFER_NOTIFY_SECONDS, TRANSFER_NOTIFY_TRIES
from clusterdns.wire import numbers
from clusterdns.wire.query import HEADER_BYTES, Query
from clusterdns.wire.response import matches

STEP_SECONDS = 1.0
_HEAD = struct.Struct("!HHHHH")


class Step(enum.Enum):
    """What is to be done."""

    NOTHING = enum.auto()
    SEND = enum.auto()
    GIVE_UP = enum.auto()


class Notice:
    """One of them. `body` is the message behind its ID; `zone` is folded wire."""

    def __init__(self, zone: bytes) -> None:
        # "a master may notify its slaves … using the NOTIFY opcode … The AA bit is set" (RFC 1996 sections 3.3, 4.7).
        flags = numbers.NOTIFY | numbers.AA
        self._query = Query(0, flags, zone, zone, numbers.SOA, numbers.IN, None)
        self.body = _HEAD.pack(flags, 1, 0, 0, 0) + self._query.question
        self._told: int | None = None
        self._began_at = -math.inf
        self._seen: int | None = None
        self._seen_at = 0.0
        self._news_at = 0.0
        self._tries = 0
        """How often it was told by now; 0 where nothing is waited for."""
        self._next_at = 0.0

    def step(self, serial: int, now: float) -> Step:
        """What to do, where this is the serial."""
        if serial != self._seen:
            if self._seen == self._told:
                self._news_at = now
            self._seen, self._seen_at = serial, now
        interval = TRANSFER_NOTIFY_SECONDS.default
        is_settled = now - self._seen_at >= STEP_SECONDS or now - self._news_at >= interval
        if serial != self._told and is_settled and now - self._began_at >= interval:
            self._told, self._began_at = serial, now
            self._tries = 0
        elif not self._tries or now < self._next_at:
            return Step.NOTHING
        elif self._tries >= TRANSFER_NOTIFY_TRIES.default:
            self._tries = 0
            return Step.GIVE_UP
        self._next_at = now + TRANSFER_NOTIFY_RETRY_SECONDS.default * 2.0**self._tries
        self._tries += 1
        return Step.SEND

    def answered(self, message: bytes) -> int | None:
        """The rcode of an answer to it, which ends the matter; None for what is none."""
        if len(message) < HEADER_BYTES or (message[2] << 8) & numbers.OPCODE != numbers.NOTIFY:
            return None
        if not matches(message, self._query):
            return None
        # "Receipt by the master of a NOTIFY response" is the end, whatever it says (section 4.8).
        self._tries = 0
        return message[3] & numbers.RCODE
