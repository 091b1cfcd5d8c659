"""Carries a blocking API call out: waits for its token, runs it in a thread, tries again where that can help.

throttled                 tried again for PRIVATEZONE_THROTTLED_SECONDS: it costs time, not the record
busy, 5xx, no answer      tried PRIVATEZONE_TRIES times
refused                   not tried again: the same call would be refused again

A call that has begun can't be taken back: who waited for it may be cancelled, the thread goes on until the API has
answered, or PRIVATEZONE_CONNECT_SECONDS and PRIVATEZONE_READ_SECONDS are over. `finish` waits for those.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, Literal, TypeVar

from clusterdns.kube.requests import NO_ANSWER, RequestCounters
from clusterdns.limits import PRIVATEZONE_RATE, PRIVATEZONE_THREADS, PRIVATEZONE_THROTTLED_SECONDS, PRIVATEZONE_TRIES
from externaldns.providers.privatezone.failure import PrivateZoneError
from externaldns.providers.privatezone.throttle import TokenBucket, pause_seconds

T = TypeVar("T")

Family = Literal["read", "write", "zone"]
"""Calls that share a quota: Describe*, writes of records, and AddZone and BindZoneVpc."""

logger = logging.getLogger(__name__)


class Calls:
    """The one way to the API: each family has its own bucket, and all share the threads.

    `host` is whom they go to, for those who count. `rates` are the most calls a second by family. `threads` runs the
    calls; None: threads of our own.
    """

    def __init__(
        self,
        *,
        rates: Mapping[Family, float] | None = None,
        threads: Executor | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        dice: Callable[[], float] = random.random,
        host: str = "",
    ) -> None:
        ceilings = rates or {}
        self._buckets: dict[Family, TokenBucket] = {
            "read": TokenBucket(ceilings.get("read", PRIVATEZONE_RATE.default)),
            "write": TokenBucket(ceilings.get("write", PRIVATEZONE_RATE.default)),
            # The narrowest quota that is known: 5 AddZone a second.
            "zone": TokenBucket(ceilings.get("zone", PRIVATEZONE_RATE.default / 5)),
        }
        self._clock = clock
        self._sleep = sleep
        self._dice = dice
        self._threads = threads or ThreadPoolExecutor(PRIVATEZONE_THREADS.default_int, thread_name_prefix="privatezone")
        self._host = host
        self._finishing = False
        self._writing: set[asyncio.Future[Any]] = set()
        """The writes that were given to a thread and have not ended."""
        self.outcomes: Counter[tuple[Family, str]] = Counter()
        """Calls by family and outcome: `ok`, or the API's error code."""
        self.times = RequestCounters()
        self.heard = float("-inf")
        """When the last call ended, whatever its outcome."""

    async def read(self, call: Callable[[], T]) -> T:
        """Return what `call` returns; PrivateZoneError after the last try."""
        return await self._carry_out(call, "read")

    async def write(self, call: Callable[[], T], family: Family = "write") -> T:
        """Like `read`. `call` must be idempotent (a ClientToken): it may be repeated although it was done."""
        return await self._carry_out(call, family)

    def rates(self) -> dict[Family, float]:
        """Return the calls a second that each family may make now."""
        now = self._clock()
        return {family: bucket.rate(now) for family, bucket in self._buckets.items()}

    async def finish(self, seconds: float) -> bool:
        """Let no call begin any more, and wait for the writes that have begun, whoever still waits for them.

        False if one of them has not ended after `seconds`.
        """
        self._finishing = True
        pending = set(self._writing)
        if pending:
            _, pending = await asyncio.wait(pending, timeout=seconds)
        return not pending

    def close(self) -> None:
        """Wait for the calls under way and end the threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _carry_out(self, call: Callable[[], T], family: Family) -> T:
        bucket = self._buckets[family]
        failures = 0
        throttlings = 0
        give_up = float("inf")
        while True:
            await self._sleep(bucket.reserve(self._clock()))
            try:
                result = await self._run(call, family)
            except PrivateZoneError as error:
                self.outcomes[family, error.code] += 1
                self.heard = now = self._clock()
                if error.throttled:
                    bucket.throttled(now)
                    throttlings += 1
                    give_up = min(give_up, now + PRIVATEZONE_THROTTLED_SECONDS.default)
                else:
                    failures += 1
                if not error.retryable or failures >= PRIVATEZONE_TRIES.default or now >= give_up:
                    logger.info("%s (request %s)", error, error.request_id or "unknown")
                    raise
                pause = pause_seconds(failures + throttlings, self._dice(), error.retry_after_seconds)
                logger.debug("%s; tried again in %.1f s", error, pause)
                await self._sleep(pause)
            else:
                self.outcomes[family, "ok"] += 1
                self.heard = self._clock()
                return result

    async def _run(self, call: Callable[[], T], family: Family) -> T:
        """Run `call` in a thread; if we are cancelled before it has begun, it does not begin."""
        cancelled = False
        began: list[float] = []
        code = NO_ANSWER

        def begin() -> T:
            if cancelled or self._finishing:
                raise PrivateZoneError("call", "Finished", "this process ends; nothing was sent")
            began.append(time.monotonic())
            return call()

        running = asyncio.get_running_loop().run_in_executor(self._threads, begin)
        if family != "read":
            self._writing.add(running)
            running.add_done_callback(self._writing.discard)
        try:
            result = await asyncio.shield(running)
            code = "200"
            return result
        except PrivateZoneError as error:
            code = str(error.status or NO_ANSWER)
            raise
        except asyncio.CancelledError:
            cancelled = True
            raise
        finally:
            if began:
                self.times.add(self._host, code, 0.0, time.monotonic() - began[0], method="POST")
