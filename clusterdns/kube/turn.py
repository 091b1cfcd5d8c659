"""Turns of the event loop that last no longer than they may: a list is long, and queries wait behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from clusterdns.limits import KUBE_TURN_SECONDS


class Turn:
    """The turn of one watch. `clock` is that of the event loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._worked = 0.0
        self._began = clock()

    def go_on(self) -> float:
        """Something has come, perhaps in the same turn still: reading waits for nothing while there is more to read.

        The time until now does not count, as the work that came before it does. Returns the time.
        """
        now = self._clock()
        self._began = now - self._worked
        return now

    async def end_in_time(self) -> None:
        """Let others have their turn, if this one was long enough. Called after each piece of work."""
        self._worked = self._clock() - self._began
        if self._worked > KUBE_TURN_SECONDS.default:
            await asyncio.sleep(0)
            self._began = self._clock()
            self._worked = 0.0
