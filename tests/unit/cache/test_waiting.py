"""Waiting for somebody else's flight: as long as it takes, or as long as one has."""

from __future__ import annotations

import pytest

from clusterdns.cache.waiting import wait
from clusterdns.flight import Flight, start
from tests.unit.directives.caching import VirtualClock


@pytest.mark.parametrize(("lands_after", "waited", "arrived"), [(0.5, 0.5, True), (2.0, 1.0, False), (0.0, 0.0, True)])
@pytest.mark.parametrize("fails", [False, True])
def test_wait(lands_after: float, waited: float, arrived: bool, fails: bool) -> None:
    clock = VirtualClock()
    flight: Flight[str] = Flight()

    def land() -> None:
        if fails:
            flight.fail(OSError())
        else:
            flight.land("there")

    if lands_after:
        clock.later(lands_after, land)
    else:
        land()
    went_on: list[float] = []
    waiting = start(wait(flight, 1.0, clock.later))
    waiting.when_done(lambda: went_on.append(clock.now - 100.0))
    clock.pass_time(10)
    assert (went_on, waiting.result()) == ([waited], arrived)
    assert clock.pending == 0


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_without_time_nothing_is_waited_for(seconds: float) -> None:
    clock = VirtualClock()
    waiting = start(wait(Flight[None](), seconds, clock.later))
    assert waiting.done
    assert waiting.result() is False
    assert clock.pending == 0
