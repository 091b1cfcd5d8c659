"""How many requests an API server gets from us: a token bucket, and a number at a time.

One `Pace` is shared by the watches of all kinds of one cluster. What counts is the opening of a watch, not its life:
it is open nearly always.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from clusterdns.kube.access import Access


class TokenBucket:
    """`rate` tokens a second, at most `size` of them kept. Pure: `now` is monotonic seconds."""

    def __init__(self, rate: float, size: int, now: float) -> None:
        self._rate = rate
        self._size = size
        self._tokens = float(size)
        self._at = now

    def take(self, now: float) -> float:
        """Take one token, also one that is still to come; how many seconds to wait for it."""
        self._tokens = min(float(self._size), self._tokens + (now - self._at) * self._rate) - 1
        self._at = now
        return max(0.0, -self._tokens / self._rate)


class Pace:
    """The limits of one `Access`."""

    def __init__(self, access: Access) -> None:
        self._rate = access.qps
        self._size = access.burst
        self._bucket: TokenBucket | None = None
        self._places = asyncio.Semaphore(access.max_inflight) if access.max_inflight else None

    @asynccontextmanager
    async def request(self) -> AsyncIterator[float]:
        """Wait until another request may be made; it is under way inside. Gives the seconds that this took."""
        clock = asyncio.get_running_loop().time
        began = clock()
        places: AbstractAsyncContextManager[None] = self._places or nullcontext()
        async with places:
            if self._rate:
                now = clock()
                self._bucket = self._bucket or TokenBucket(self._rate, self._size, now)
                await asyncio.sleep(self._bucket.take(now))
            yield clock() - began
