"""A value that will arrive, and coroutines that wait for it without a task or a trip through the event loop.

The chain of directives is written with `async def`, but most queries never wait: `start` runs a coroutine at
once, on the caller's stack, and the answer is there when it returns. When a query does wait for an upstream, it
waits on a `Flight`; the very callback that reads the upstream's answer resumes it. Several coroutines may wait
on one flight, which is how identical questions share one upstream query. An asyncio task for each query costs
about as much as answering it.

This module knows nothing of asyncio, so a flight can only be awaited by coroutines that `start` runs.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")


class Flight(Generic[T]):
    """A value (`land`) or an error (`fail`) that arrives once; later arrivals are ignored."""

    __slots__ = ("_error", "_value", "_waiters", "done")

    def __init__(self) -> None:
        self.done = False
        self._value: T | None = None
        self._error: BaseException | None = None
        self._waiters: list[Callable[[], None]] = []

    def land(self, value: T) -> None:
        """Deliver the value; everyone who waits goes on before this returns.

        A coroutine's error belongs to its own flight. An error of a callback is raised here, after all have gone on.
        """
        if not self.done:
            self._value = value
            self.done = True
            if self._waiters:
                self._go_on()

    def fail(self, error: BaseException) -> None:
        """Deliver an error; it is raised in everyone who waits. Otherwise as `land`."""
        if not self.done:
            self._error = error
            self.done = True
            self._go_on()

    def result(self) -> T:
        """The value, or the error raised. Only for a flight that is done."""
        if self._error is not None:
            raise self._error
        return cast(T, self._value)

    def when_done(self, callback: Callable[[], None]) -> None:
        """Call `callback` on arrival, or at once if that has been."""
        if self.done:
            callback()
        else:
            self._waiters.append(callback)

    def __await__(self) -> Generator[Flight[T], None, T]:
        if not self.done:
            yield self
        return self.result()

    def _go_on(self) -> None:
        waiters, self._waiters = self._waiters, []
        first_error = None
        for resume in waiters:
            try:
                resume()
            except BaseException as error:
                # Those who wait are strangers to each other: one client's trouble must not leave the rest hanging.
                first_error = first_error or error
        if first_error is not None:
            raise first_error


def start(coroutine: Coroutine[Any, Any, T]) -> Flight[T]:
    """Run `coroutine` until it ends or waits; the flight returned lands with its result."""
    flight: Flight[T] = Flight()
    _run(coroutine, flight)
    return flight


def _run(coroutine: Coroutine[Any, Any, T], flight: Flight[T]) -> None:
    error = None
    try:
        awaited = coroutine.send(None)
        if not isinstance(awaited, Flight):
            coroutine.close()
            raise TypeError(f"only a Flight can be awaited here, not {type(awaited).__name__}")
    except StopIteration as end:
        value = end.value
    except BaseException as raised:
        error = raised
    else:
        awaited.when_done(lambda: _run(coroutine, flight))
        return
    # Outside of `except`: whoever goes on now must not find our exception as the context of their own.
    if error is None:
        flight.land(value)
        return
    flight.fail(error)
    if not isinstance(error, Exception):
        raise error  # KeyboardInterrupt, SystemExit: meant for the process, not for one query
