"""Carries a blocking API call out: waits for its token, runs it in a thread, tries again where that can help."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from clusterdns.limits import PRIVATEZONE_THREADS
from externaldns.providers.privatezone.failure import PrivateZoneError
from externaldns.providers.privatezone.throttle import TRIES, TokenBucket, pause_seconds

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Calls:
    """The one way to the API: reads and writes each have their own bucket, and share the threads."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._dice = dice
        self._reads = TokenBucket()
        self._writes = TokenBucket()
        self._threads = ThreadPoolExecutor(PRIVATEZONE_THREADS.default_int, thread_name_prefix="privatezone")

    async def read(self, call: Callable[[], T]) -> T:
        """Return what `call` returns; PrivateZoneError after the last try."""
        return await self._carry_out(call, self._reads)

    async def write(self, call: Callable[[], T]) -> T:
        """Like `read`. `call` must be idempotent (a ClientToken): it may be repeated although it was done."""
        return await self._carry_out(call, self._writes)

    def close(self) -> None:
        """Wait for the calls under way and end the threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _carry_out(self, call: Callable[[], T], bucket: TokenBucket) -> T:
        failures = 0
        while True:
            await self._sleep(bucket.reserve(self._clock()))
            try:
                return await asyncio.get_running_loop().run_in_executor(self._threads, call)
            except PrivateZoneError as error:
                failures += 1
                if error.throttled:
                    bucket.empty(self._clock())
                if not error.retryable or failures == TRIES:
                    raise
                pause = pause_seconds(failures, self._dice(), error.retry_after_seconds)
                logger.debug("%s; try %d in %.1f s", error, failures + 1, pause)
                await self._sleep(pause)
