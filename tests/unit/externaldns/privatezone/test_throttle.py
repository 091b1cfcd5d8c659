"""The client's token bucket and its pauses; against a server's bucket, on a clock of the test's own."""

from __future__ import annotations

import pytest

from externaldns.providers.privatezone.emulator.quota import TokenBucket as Server
from externaldns.providers.privatezone.throttle import TokenBucket, pause_seconds


def test_a_burst_then_a_steady_rate() -> None:
    bucket = TokenBucket(6)
    assert [bucket.reserve(0.0) for _ in range(4)] == pytest.approx([0, 0, 1 / 6, 2 / 6])
    assert bucket.reserve(2.5) == 0


def test_a_bucket_never_holds_more_than_a_third_of_a_seconds_worth() -> None:
    bucket = TokenBucket(6)
    bucket.reserve(0.0)
    assert [bucket.reserve(1000.0) for _ in range(3)] == pytest.approx([0, 0, 1 / 6])


def test_a_clock_that_goes_backwards_gives_nothing() -> None:
    bucket = TokenBucket(2)
    bucket.reserve(100.0)
    assert bucket.reserve(50.0) == 0.5
    assert bucket.reserve(100.0) == 1.0


def test_throttling_cuts_the_rate_once_a_second_and_time_brings_it_back() -> None:
    bucket = TokenBucket(10)
    for now in (0.0, 0.5, 0.9):
        bucket.throttled(now)
    assert bucket.rate(0.9) == pytest.approx(8, abs=0.2)
    bucket.throttled(1.0)
    assert bucket.rate(1.0) == pytest.approx(6.4, abs=0.3)
    assert bucket.rate(60.0) == 10
    for now in range(100, 200):
        bucket.throttled(float(now))
    assert bucket.rate(200.0) >= 0.5


@pytest.mark.parametrize(("ceiling", "quota"), [(15, 20), (15, 15), (15, 10), (50, 20), (100, 20)])
def test_whatever_the_servers_quota_is_it_is_used(ceiling: float, quota: float) -> None:
    """Never less than 90 % of what the server, or our own ceiling, allows; and few calls are turned away."""
    client, server = TokenBucket(ceiling), Server(quota, 0.0)
    now, done, refused = 0.0, 0, 0
    while now < 600:
        now += client.reserve(now)
        if server.take(now):
            done += 1
        else:
            refused += 1
            client.throttled(now)
            now += 0.1
    assert done >= 0.9 * min(ceiling, quota) * 600
    assert refused <= 0.1 * done


@pytest.mark.parametrize(
    ("failures", "dice", "retry_after", "seconds"),
    [(1, 0, 0, 0.2), (2, 0, 0, 0.4), (3, 0, 0, 0.8), (99, 0, 0, 10), (1, 0.5, 0, 0.15), (1, 0, 3, 3), (9999, 0, 0, 10)],
)
def test_pauses_double_and_are_never_less_than_what_the_server_asks_for(
    failures: int, dice: float, retry_after: float, seconds: float
) -> None:
    assert pause_seconds(failures, dice, retry_after) == pytest.approx(seconds)
