"""To wait for a flight that somebody else started, but only for so long.

Questions that are alike share one flight, begun by the first of them. Each waits by its own clock: a slow flight
holds up nobody for longer than a flight of his own would.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from clusterdns.flight import Flight


class Timer(Protocol):
    """What `Later` returns."""

    def cancel(self) -> None:
        """Do not call."""


Later = Callable[[float, Callable[[], None]], Timer]
"""Calls a function in so many seconds, as the `call_later` of an event loop does."""


async def wait(flight: Flight[Any], seconds: float, later: Later) -> bool:
    """Wait for `flight` to arrive, in whatever way, or for `seconds` to pass; True if it has arrived."""
    if not flight.done and seconds > 0:
        waiter: Flight[None] = Flight()

        def go_on() -> None:
            waiter.land(None)

        flight.when_done(go_on)
        timer = later(seconds, go_on)
        try:
            await waiter
        finally:
            timer.cancel()
    return flight.done
