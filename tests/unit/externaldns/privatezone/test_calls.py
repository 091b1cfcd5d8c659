"""Calls on virtual time: families, threads, and how long a throttled call is tried."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from clusterdns.limits import PRIVATEZONE_THROTTLED_SECONDS
from externaldns.providers.privatezone.calls import Calls, Family
from externaldns.providers.privatezone.failure import PrivateZoneError
from tests.support import virtual_time


@contextmanager
def calls_at(zone_rate: float = 10.0) -> Iterator[Calls]:
    given: dict[Family, float] = {"read": 10.0, "write": 10.0, "zone": zone_rate}
    calls = Calls(rates=given, clock=lambda: asyncio.get_running_loop().time(), dice=lambda: 0.0)
    try:
        yield calls
    finally:
        calls.close()


def raising(code: str, times: int) -> Callable[[], str]:
    left = times

    def call() -> str:
        nonlocal left
        if left:
            left -= 1
            raise PrivateZoneError("AddZoneRecord", code, "no", status=400)
        return "done"

    return call


async def seconds(*work: Awaitable[object]) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*work)
    return loop.time() - began


def test_families_do_not_wait_for_one_another() -> None:
    async def body(calls: Calls) -> None:
        assert await seconds(*[calls.write(lambda: None) for _ in range(31)]) > 2
        assert await seconds(*[calls.read(lambda: None) for _ in range(3)]) == 0
        assert await seconds(*[calls.write(lambda: None, "zone") for _ in range(3)]) > 0.5
        assert calls.outcomes == {("write", "ok"): 31, ("read", "ok"): 3, ("zone", "ok"): 3}

    with calls_at(zone_rate=1) as calls:
        virtual_time.run(body(calls))


def test_a_throttled_call_is_tried_until_it_succeeds_and_the_rate_gives_way() -> None:
    with calls_at() as calls:
        assert virtual_time.run(calls.write(raising("Throttling.User", 40))) == "done"
    assert calls.outcomes == {("write", "Throttling.User"): 40, ("write", "ok"): 1}


def test_only_one_that_is_throttled_for_very_long_fails() -> None:
    async def body(calls: Calls) -> float:
        with pytest.raises(PrivateZoneError, match=r"Throttling\.User"):
            await calls.write(raising("Throttling.User", 10**9))
        assert calls.rates()["write"] < 10
        return asyncio.get_running_loop().time()

    with calls_at() as calls:
        waited = virtual_time.run(body(calls))
    assert waited >= PRIVATEZONE_THROTTLED_SECONDS.default


def test_throttling_between_other_failures_does_not_use_up_their_tries() -> None:
    codes = ["Throttling", "System.Busy"] * 4

    def call() -> str:
        if codes:
            raise PrivateZoneError("AddZoneRecord", codes.pop(0), "no", status=400)
        return "done"

    with calls_at() as calls:
        assert virtual_time.run(calls.write(call)) == "done"


def test_a_write_that_hangs_is_waited_for_though_nobody_wants_it_any_more() -> None:
    begun, answered = threading.Event(), threading.Event()
    sent: list[str] = []

    def hang() -> None:
        begun.set()
        answered.wait(60)
        sent.append("hung")

    async def body(calls: Calls) -> None:
        writing = asyncio.create_task(calls.write(hang))
        await asyncio.to_thread(begun.wait)
        writing.cancel()
        await asyncio.wait({writing})
        assert writing.cancelled()
        assert not await calls.finish(0)
        answered.set()
        assert await calls.finish(60)
        with pytest.raises(PrivateZoneError, match="nothing was sent"):
            await calls.write(lambda: sent.append("late"))
        assert sent == ["hung"]

    with calls_at() as calls:
        virtual_time.run(body(calls))


def test_a_write_that_is_cancelled_before_it_has_begun_never_begins() -> None:
    sent: list[str] = []
    waiting: list[Callable[[], None]] = []

    class Late(ThreadPoolExecutor):
        """Begins what it is given when it is told to."""

        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            future: Future[Any] = Future()
            waiting.append(lambda: self._begin(future, fn))
            return future

        def _begin(self, future: Future[Any], fn: Callable[[], Any]) -> None:
            try:
                future.set_result(fn())
            except PrivateZoneError as error:
                future.set_exception(error)

    async def body() -> None:
        calls = Calls(threads=Late(1), clock=lambda: 0.0)
        writing = asyncio.create_task(calls.write(lambda: sent.append("late")))
        while not waiting:  # noqa: ASYNC110 (one turn of the loop)
            await asyncio.sleep(0)
        writing.cancel()
        await asyncio.wait({writing})
        finishing = asyncio.create_task(calls.finish(60))
        await asyncio.sleep(0)
        for begin in waiting:
            begin()
        assert await finishing
        assert (len(waiting), sent) == (1, [])

    asyncio.run(body())
