"""What an upstream's answers say about the next one: its cost, its p99, and the budget for second messages."""

from __future__ import annotations

import math

import pytest

from clusterdns.forward.hedge import HedgeBudget
from clusterdns.forward.latency import Latency
from clusterdns.histogram import Histogram


def after(answers: list[float], *, every: float = 0.01, rounds: int = 2) -> tuple[Latency, float]:
    """`answers` again and again, one each `every` seconds, for so many reviews; and the time of the last."""
    latency, now = Latency(), 0.0
    for number in range(128 * rounds):
        now = number * every
        seconds = answers[number % len(answers)]
        latency.add(Histogram().add(seconds), seconds, now)
    return latency, now


@pytest.mark.parametrize(
    ("answers", "hedge_after"),
    [
        ([0.001], 0.02),
        ([0.03], 0.032),
        ([0.001] * 127 + [0.5], 0.02),
        ([0.001] * 60 + [0.1] * 4, 0.128),
        ([0.001] * 60 + [5.0] * 4, 0.3),
        ([9.0], 0.3),
    ],
)
def test_hedging_waits_for_the_p99_within_bounds(answers: list[float], hedge_after: float) -> None:
    latency, now = after(answers)
    assert latency.hedge_after(now) == hedge_after


def test_an_idle_upstream_has_no_p99() -> None:
    latency, now = after([0.001])
    assert latency.hedge_after(now + 29) == 0.02
    assert latency.hedge_after(now + 31) == math.inf
    slow, now = after([0.001], every=0.5)
    assert slow.hedge_after(now) == math.inf
    assert Latency().hedge_after(0.0) == math.inf
    few, now = after([0.001], rounds=1)
    assert few.hedge_after(now) == math.inf


def test_old_answers_fade() -> None:
    latency, now = after([0.2])
    assert latency.hedge_after(now) == 0.256
    for number in range(128 * 8):
        now += 0.01
        latency.add(Histogram().add(0.001), 0.001, now)
        if number == 127:
            assert latency.hedge_after(now) == 0.256
    assert latency.hedge_after(now) == 0.02


def test_the_average_follows_and_is_forgotten() -> None:
    latency, now = after([0.1])
    assert latency.expected(now) == pytest.approx(0.1)
    assert latency.expected(now + 10) == pytest.approx(0.05)
    assert Latency().expected(0.0) == 0.0


def test_second_messages_are_a_share_of_all() -> None:
    budget = HedgeBudget(share=0.25, burst=2)
    assert not budget.spend()
    for _ in range(4):
        budget.earn()
    assert [budget.spend(), budget.spend()] == [True, False]
    for _ in range(100):
        budget.earn()
    assert [budget.spend() for _ in range(3)] == [True, True, False]
