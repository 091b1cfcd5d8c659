"""Flights: who goes on when, with what, and whose error is whose."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Generator

import pytest

from clusterdns.flight import Flight, start


class Trouble(Exception):
    """An error that nothing else raises."""


async def wait_for(flight: Flight[str], log: list[str], label: str) -> str:
    log.append(f"{label} waits")
    value = await flight
    log.append(f"{label} has {value}")
    return f"{label}:{value}"


def test_a_coroutine_that_never_waits_is_done_when_start_returns() -> None:
    async def answer() -> int:
        return 42

    flight = start(answer())
    assert flight.done
    assert flight.result() == 42


def test_a_coroutine_runs_at_once_up_to_its_first_wait_and_goes_on_inside_land() -> None:
    upstream: Flight[str] = Flight()
    log: list[str] = []
    answer = start(wait_for(upstream, log, "a"))
    log.append("started")
    assert not answer.done
    upstream.land("x")
    log.append("landed")
    assert log == ["a waits", "started", "a has x", "landed"]
    assert answer.result() == "a:x"


def test_waiters_go_on_in_the_order_in_which_they_came() -> None:
    upstream: Flight[str] = Flight()
    log: list[str] = []
    answers = [start(wait_for(upstream, log, label)) for label in "abc"]
    log.clear()
    upstream.land("x")
    assert log == ["a has x", "b has x", "c has x"]
    assert [answer.result() for answer in answers] == ["a:x", "b:x", "c:x"]


def test_a_flight_that_has_landed_does_not_make_anyone_wait() -> None:
    upstream: Flight[str] = Flight()
    upstream.land("x")
    log: list[str] = []
    assert start(wait_for(upstream, log, "a")).result() == "a:x"
    assert log == ["a waits", "a has x"]


def test_none_is_a_value() -> None:
    upstream: Flight[str | None] = Flight()

    async def wait() -> str:
        return repr(await upstream)

    answer = start(wait())
    upstream.land(None)
    assert answer.result() == "None"


def test_coroutines_wait_for_each_other() -> None:
    first: Flight[str] = Flight()
    second: Flight[str] = Flight()

    async def both() -> str:
        return await first + await second

    async def outer(inner: Flight[str]) -> str:
        return "<" + await inner + ">"

    answer = start(outer(start(both())))
    second.land("2")
    assert not answer.done
    first.land("1")
    assert answer.result() == "<12>"


def test_awaiting_a_coroutine_needs_no_flight() -> None:
    upstream: Flight[str] = Flight()

    async def inner() -> str:
        return await upstream

    async def outer() -> str:
        return await inner() + await inner()

    answer = start(outer())
    upstream.land("x")
    assert answer.result() == "xx"


def test_many_waiters_on_one_flight() -> None:
    upstream: Flight[str] = Flight()
    log: list[str] = []
    answers = [start(wait_for(upstream, log, "a")) for _ in range(10_000)]
    upstream.land("x")
    assert all(answer.done for answer in answers)


# What arrives first stays.
@pytest.mark.parametrize(
    ("first", "later"),
    [
        (lambda flight: flight.land("x"), lambda flight: flight.land("y")),
        (lambda flight: flight.land("x"), lambda flight: flight.fail(Trouble())),
    ],
)
def test_later_arrivals_are_ignored(first: Callable[[Flight[str]], None], later: Callable[[Flight[str]], None]) -> None:
    upstream: Flight[str] = Flight()
    calls: list[str] = []
    upstream.when_done(lambda: calls.append(upstream.result()))
    first(upstream)
    later(upstream)
    assert calls == ["x"]
    assert upstream.result() == "x"


def test_a_value_after_an_error_is_ignored() -> None:
    upstream: Flight[str] = Flight()
    upstream.fail(Trouble())
    upstream.land("x")
    with pytest.raises(Trouble):
        upstream.result()


def test_landing_again_while_waiters_go_on_is_ignored() -> None:
    upstream: Flight[str] = Flight()
    seen: list[str] = []

    async def wait_and_land() -> None:
        seen.append(await upstream)
        upstream.land("again")

    start(wait_and_land())
    start(wait_and_land())
    upstream.land("x")
    assert seen == ["x", "x"]


def test_who_comes_while_waiters_go_on_is_served_at_once() -> None:
    upstream: Flight[str] = Flight()
    log: list[str] = []
    upstream.when_done(lambda: upstream.when_done(lambda: log.append("late")))
    upstream.when_done(lambda: log.append("early"))
    upstream.land("x")
    assert log == ["late", "early"]


def test_an_error_is_raised_in_everyone_who_waits_and_may_be_handled() -> None:
    upstream: Flight[str] = Flight()

    async def handle() -> str:
        try:
            return await upstream
        except Trouble as error:
            return f"handled {error}"

    handled = start(handle())
    log: list[str] = []
    unhandled = start(wait_for(upstream, log, "a"))
    upstream.fail(Trouble("down"))
    assert handled.result() == "handled down"
    with pytest.raises(Trouble, match="down"):
        unhandled.result()


def test_a_coroutine_that_raises_at_once_raises_in_its_flight_only() -> None:
    async def fail() -> str:
        raise Trouble("at once")

    flight = start(fail())
    assert flight.done
    with pytest.raises(Trouble, match="at once"):
        flight.result()


def test_one_coroutine_that_raises_does_not_stop_the_others() -> None:
    upstream: Flight[str] = Flight()
    log: list[str] = []

    async def fail() -> None:
        await upstream
        raise Trouble

    before = start(wait_for(upstream, log, "a"))
    failing = start(fail())
    behind = start(wait_for(upstream, log, "b"))
    upstream.land("x")
    assert (before.result(), behind.result()) == ("a:x", "b:x")
    with pytest.raises(Trouble):
        failing.result()


def test_one_callback_that_raises_does_not_stop_the_others_and_is_heard_of() -> None:
    upstream: Flight[str] = Flight()
    log: list[str] = []

    def fail(word: str) -> None:
        raise Trouble(word)

    upstream.when_done(lambda: fail("first"))
    behind = start(wait_for(upstream, log, "a"))
    upstream.when_done(lambda: fail("second"))
    upstream.when_done(lambda: log.append("last"))
    with pytest.raises(Trouble, match="first"):
        upstream.land("x")
    assert behind.result() == "a:x"
    assert log == ["a waits", "a has x", "last"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_what_is_meant_for_the_process_gets_there_and_leaves_nobody_waiting(error: type[BaseException]) -> None:
    upstream: Flight[str] = Flight()
    log: list[str] = []

    async def interrupted() -> None:
        await upstream
        raise error

    first = start(interrupted())
    behind = start(wait_for(upstream, log, "a"))
    with pytest.raises(error):
        upstream.land("x")
    assert behind.result() == "a:x"
    assert first.done
    with pytest.raises(error):
        first.result()


def test_an_error_has_no_context_from_the_flight_that_woke_it() -> None:
    upstream: Flight[str] = Flight()
    log: list[str] = []
    inner = start(wait_for(upstream, log, "a"))

    async def fail() -> None:
        await inner
        raise Trouble

    failing = start(fail())
    upstream.land("x")
    with pytest.raises(Trouble) as caught:
        failing.result()
    assert caught.value.__context__ is None


class Other:
    """Awaitable, but no flight."""

    def __await__(self) -> Generator[str, None, str]:
        yield "something"
        return "never"


def test_awaiting_anything_else_fails_clearly_and_closes_the_coroutine() -> None:
    log: list[str] = []

    async def wrong() -> None:
        try:
            await Other()
        finally:
            log.append("closed")

    flight = start(wrong())
    assert log == ["closed"]
    with pytest.raises(TypeError, match="only a Flight can be awaited here, not str"):
        flight.result()


def test_awaiting_an_asyncio_sleep_fails_clearly() -> None:
    async def wrong() -> None:
        await asyncio.sleep(0)

    with pytest.raises(TypeError, match="only a Flight can be awaited here, not NoneType"):
        start(wrong()).result()


def test_a_coroutine_that_waits_while_it_is_closed_still_fails_its_flight() -> None:
    async def stubborn() -> None:
        try:
            await Other()
        finally:
            await Other()

    flight = start(stubborn())
    assert flight.done
    with pytest.raises(RuntimeError, match="GeneratorExit"):
        flight.result()


def test_a_task_cannot_await_a_flight() -> None:
    async def main() -> None:
        upstream: Flight[str] = Flight()
        await upstream

    with pytest.raises(RuntimeError, match="Flight"):
        asyncio.run(main())


def test_waiting_for_what_never_lands_leaves_no_warning() -> None:
    """pytest makes an error of "coroutine was never awaited", also of one raised while collecting garbage."""
    log: list[str] = []

    async def forgotten() -> None:
        try:
            await Flight[str]()
        finally:
            log.append("closed")

    start(forgotten())
    gc.collect()
    assert log == ["closed"]
