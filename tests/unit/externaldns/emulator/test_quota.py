"""The token bucket, at times that the rows name."""

from __future__ import annotations

import pytest

from externaldns.providers.privatezone.emulator.quota import TokenBucket


@pytest.mark.parametrize(
    ("rate", "times", "taken"),
    [
        (None, [0.0] * 1000, [True] * 1000),
        (2.0, [0, 0, 0, 0.4, 0.5, 0.5, 1.0], [True, True, False, False, True, False, True]),
        # A second's worth is the most that idleness saves up.
        (2.0, [0, 0, 100, 100, 100], [True, True, True, True, False]),
        # Below one call per second there is still room for one.
        (0.5, [0, 1, 2, 2], [True, False, True, False]),
    ],
)
def test_take(rate: float | None, times: list[float], taken: list[bool]) -> None:
    bucket = TokenBucket(rate, times[0])
    assert [bucket.take(now) for now in times] == taken
