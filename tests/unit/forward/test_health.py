"""An upstream's health, step by step."""

from __future__ import annotations

import pytest

from clusterdns.forward.health import Health

WELL, AVOIDED, DOWN = "well", "avoided", "down"


def state(health: Health, now: float) -> str:
    return DOWN if health.is_down else WELL if health.is_well(now) else AVOIDED


@pytest.mark.parametrize(
    ("max_fails", "events", "expected"),
    [
        (2, [], WELL),
        (2, ["failed"], AVOIDED),
        (2, ["failed"] * 9, AVOIDED),
        (2, ["failed", "check failed"], AVOIDED),
        (2, ["failed", "check failed", "check failed"], DOWN),
        (2, ["failed", "check failed", "answered"], WELL),
        (2, ["failed", "check failed", "check failed", "answered"], WELL),
        (2, ["check failed", "answered", "check failed"], AVOIDED),
        (1, ["check failed"], DOWN),
        (0, ["failed", *["check failed"] * 9], AVOIDED),
    ],
)
def test_health(max_fails: int, events: list[str], expected: str) -> None:
    health = Health(max_fails=max_fails, avoid_seconds=2)
    for event in events:
        if event == "failed":
            health.failed(10.0)
        elif event == "check failed":
            health.check_failed(10.0)
        else:
            health.answered()
    assert state(health, 11.9) == expected
    assert state(health, 12.0) == (DOWN if expected == DOWN else WELL)
    assert health.is_checked == (max_fails > 0)
