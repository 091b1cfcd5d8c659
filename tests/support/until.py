"""Waiting for what tells nobody that it has come about: one looks again and again.

A store, a flight, an event or a double of a server tells: wait for that instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def until(holds: Callable[[], bool | Awaitable[bool]], seconds: float = 60.0, step: float = 0.02) -> None:
    """Return when it `holds`, looked at every `step`; TimeoutError after `seconds`, of real or of virtual time."""
    async with asyncio.timeout(seconds):
        while True:
            found = holds()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(step)
