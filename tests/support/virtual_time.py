"""An asyncio event loop whose clock jumps: waiting costs nothing, so a test of a ten-minute backoff takes no time.

The clock starts at 0 and moves only when every task waits for a time to come; then it jumps to that time. Sockets are
real: data on its way between two sockets of the test is delivered before the clock moves, and while a thread of
`run_in_executor` works, the clock stands still. Only what is outside the process can be overtaken by the clock.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# The kernel delivers between loopback sockets in microseconds; this is for when the machine is busy.
_DELIVERY_SECONDS = 0.002


class _JumpingSelector(selectors.DefaultSelector):
    """Waits for sockets as ever, except that a wait with an end is not spent but added to the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.threads_at_work = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None or self.threads_at_work:
            return super().select(None)
        # One key is the loop's own wake-up pipe; without another there is no data that could be on its way.
        if len(self.get_map()) > 1 and (ready := super().select(_DELIVERY_SECONDS)):
            return ready
        self.now += timeout
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`loop.time()` is virtual seconds since the loop was made."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self._jumping.threads_at_work += 1
        future.add_done_callback(self._thread_finished)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        self._jumping.threads_at_work += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self._jumping.threads_at_work -= 1

    def _thread_finished(self, _: asyncio.Future[Any]) -> None:
        self._jumping.threads_at_work -= 1


def run(main: Coroutine[Any, Any, T], limit_seconds: float = 21600) -> T:
    """Run `main` to its end on virtual time, as `asyncio.run` does on real time.

    Raises TimeoutError after `limit_seconds` (virtual): a test that waits in vain fails instead of hanging, though
    something periodic keeps the clock going.
    """

    async def bounded() -> T:
        async with asyncio.timeout(limit_seconds):
            return await main

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(bounded())
