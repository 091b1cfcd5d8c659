"""The token bucket and the pauses, at given times."""

from __future__ import annotations

import pytest

from externaldns.providers.privatezone.throttle import TokenBucket, pause_seconds


@pytest.mark.parametrize(
    ("moments", "waits"),
    [
        pytest.param([0, 0, 0], [0, 0, 0], id="a burst"),
        pytest.param([0] * 6, [0, 0, 0, 0.5, 1, 1.5], id="then in turn"),
        pytest.param([0, 0, 0, 0, 10], [0, 0, 0, 0.5, 0], id="time brings tokens"),
        pytest.param([0, 0, 0, 100, 100, 100, 100], [0, 0, 0, 0, 0, 0, 0.5], id="never more than a burst"),
        pytest.param([0, 0, 0, 0.25], [0, 0, 0, 0.25], id="half a token"),
        pytest.param([10, 10, 10, 5], [0, 0, 0, 0.5], id="a clock that goes back"),
    ],
)
def test_bucket(moments: list[float], waits: list[float]) -> None:
    bucket = TokenBucket(rate=2, burst=3)
    assert [bucket.reserve(now) for now in moments] == pytest.approx(waits)


def test_an_emptied_bucket_gives_the_next_token_after_its_time() -> None:
    bucket = TokenBucket(rate=2, burst=3)
    bucket.empty(0)
    assert bucket.reserve(0) == pytest.approx(0.5)
    assert bucket.reserve(0) == pytest.approx(1)
    bucket.empty(0)
    assert bucket.reserve(0) == pytest.approx(1.5), "tokens that are promised stay promised"


@pytest.mark.parametrize(
    ("failures", "dice", "retry_after", "seconds"),
    [
        (1, 0, 0, 0.2),
        (2, 0, 0, 0.4),
        (4, 0, 0, 1.6),
        (4, 0.5, 0, 1.2),
        (40, 0, 0, 10),
        (1, 0, 3, 3),
        (40, 0, 3, 10),
    ],
)
def test_pause(failures: int, dice: float, retry_after: float, seconds: float) -> None:
    assert pause_seconds(failures, dice, retry_after) == pytest.approx(seconds)
