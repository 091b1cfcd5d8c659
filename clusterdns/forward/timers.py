"""One coarse wheel for all the deadlines of a forwarder.

Nearly every deadline is called off, because the answer comes first. A timer of the event loop costs microseconds each
even so; here, setting and calling off are a few dictionary operations, and one timer ticks while any deadline is set.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from clusterdns.limits import FORWARD_TICK_SECONDS


class Expiring(Protocol):
    """What can be put on the wheel. It is told apart by identity."""

    def expire(self) -> None:
        """The deadline passed; the item is off the wheel."""


Slot = dict[Expiring, None]
"""What expires at one tick, in the order in which it was set."""


class Wheel:
    """Deadlines in slots of one tick. None comes early, and none more than two ticks late."""

    __slots__ = ("_handle", "_loop", "_slots", "_tick_seconds", "_ticks_per_second")

    def __init__(self, loop: asyncio.AbstractEventLoop, *, tick_seconds: float = FORWARD_TICK_SECONDS.default) -> None:
        self._loop = loop
        self._tick_seconds = tick_seconds
        self._ticks_per_second = 1 / tick_seconds
        self._slots: dict[int, Slot] = {}
        self._handle: asyncio.TimerHandle | None = None

    @property
    def is_ticking(self) -> bool:
        """True while there are deadlines, or were at the last tick."""
        return self._handle is not None

    def set(self, item: Expiring, when: float) -> Slot:
        """Call `item.expire()` at `when` (the loop's time). To call it off, take it out of the slot returned."""
        tick = int(when * self._ticks_per_second) + 1
        slot = self._slots.get(tick)
        if slot is None:
            slot = self._slots[tick] = {}
            if self._handle is None:
                self._handle = self._loop.call_later(self._tick_seconds, self._turn)
        slot[item] = None
        return slot

    def stop(self) -> None:
        """Forget every deadline."""
        for slot in self._slots.values():
            slot.clear()
        self._slots.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _turn(self) -> None:
        self._handle = self._loop.call_later(self._tick_seconds, self._turn)
        now = int(self._loop.time() * self._ticks_per_second)
        for tick in sorted(tick for tick in self._slots if tick <= now):
            # An item may set or call off others as it expires; and if one fails, the rest is left for the next turn.
            slot = self._slots[tick]
            while slot:
                item = next(iter(slot))
                del slot[item]
                item.expire()
            self._slots.pop(tick, None)
        if not any(self._slots.values()):
            self.stop()
