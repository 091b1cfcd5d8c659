"""The breaker of a zone on a clock of the test's own."""

from __future__ import annotations

import pytest

from clusterdns.limits import PRIVATEZONE_BREAKER_FAILURES, PRIVATEZONE_BREAKER_SECONDS
from externaldns.providers.privatezone.breaker import Breaker, ZoneBroken
from externaldns.providers.privatezone.failure import NO_KEYS, PrivateZoneError

MANY = PRIVATEZONE_BREAKER_FAILURES.default_int
PAUSE = PRIVATEZONE_BREAKER_SECONDS.default


def error(code: str, status: int = 400) -> PrivateZoneError:
    return PrivateZoneError("AddZoneRecord", code, "no", status=status)


def broken(now: float = 0.0) -> Breaker:
    breaker = Breaker("ex.com")
    for _ in range(MANY):
        breaker.require_closed(now)
        breaker.failed(error("InternalError", 500), now)
    return breaker


def test_it_opens_after_failures_in_a_row_and_lets_one_write_through_after_a_pause() -> None:
    breaker = broken()
    words = set()
    for now in (0.0, PAUSE - 0.01):
        with pytest.raises(ZoneBroken, match=r"zone ex\.com refuses every write, and .*: .*InternalError") as caught:
            breaker.require_closed(now)
        words.add(str(caught.value))
    assert len(words) == 1, "who has been told need not be told again"
    breaker.require_closed(PAUSE)
    with pytest.raises(ZoneBroken):
        breaker.require_closed(PAUSE)
    breaker.succeeded()
    breaker.require_closed(PAUSE)


def test_the_pause_doubles_up_to_its_limit_and_starts_anew_after_a_success() -> None:
    breaker, now, pauses = broken(), 0.0, []
    for _ in range(9):
        pause = 0.0
        while True:
            try:
                breaker.require_closed(now + pause)
                break
            except ZoneBroken:
                pause += 1
        pauses.append(pause)
        now += pause
        breaker.failed(error("System.Busy"), now)
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    breaker.succeeded()
    assert not breaker.broken


@pytest.mark.parametrize(
    ("code", "counts"),
    [
        ("Throttling.User", True),
        ("Zone.NotExists", True),
        ("Forbidden.RAM", True),
        ("SignatureDoesNotMatch", True),
        (NO_KEYS, True),
        ("Record.Invalid.Value", False),
    ],
)
def test_one_records_own_fault_does_not_count(code: str, counts: bool) -> None:
    breaker = Breaker("ex.com")
    for _ in range(MANY):
        breaker.failed(error(code), 0.0)
    assert breaker.broken is counts


def test_a_good_write_in_between_starts_the_count_anew() -> None:
    breaker = Breaker("ex.com")
    for _ in range(MANY):
        breaker.failed(error("System.Busy"), 0.0)
        breaker.succeeded()
    assert not breaker.broken
