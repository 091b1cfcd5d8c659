"""Work that goes on while a block runs, as the loops of a program do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any


@asynccontextmanager
async def in_background(*works: Coroutine[Any, Any, Any]) -> AsyncIterator[None]:
    """Begin them, and end them with the block. None may have ended by then; what one has failed with is raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        ended = [task.get_coro() for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
    assert not ended
