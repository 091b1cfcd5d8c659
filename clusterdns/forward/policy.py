"""Policies: which of several upstreams is asked first (CoreDNS forward, `policy`). No dice of their own.

`dice()` gives a number from 0.0 up to, but not including, 1.0.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Protocol

Dice = Callable[[], float]


class Candidate(Protocol):
    """An upstream that may be asked."""

    def cost(self, now: float) -> float:
        """What asking it costs now, in any unit: its expected answering time, and how much it has to do already."""


Choose = Callable[[Sequence[Candidate], float], int]
"""A policy: the candidates and `now`, to the place of the one to begin with. There are at least two."""


def choose_first(_candidates: Sequence[Candidate], _now: float) -> int:
    """CoreDNS's `sequential`: always the first of the list, the others only when it fails."""
    return 0


def choose_in_turn() -> Choose:
    """CoreDNS's `round_robin`."""
    turn = itertools.count()
    return lambda candidates, _now: next(turn) % len(candidates)


def choose_at_random(dice: Dice) -> Choose:
    """CoreDNS's `random`."""
    return lambda candidates, _now: int(dice() * len(candidates))


def choose_least_latency(dice: Dice) -> Choose:
    """Ours: of two at random, the one that costs less.

    The best of all would get every query of every node until it is the worst; of two, the load stays spread, and a slow
    one gets little ("the power of two choices", Mitzenmacher 2001).
    """

    def choose(candidates: Sequence[Candidate], now: float) -> int:
        one = int(dice() * len(candidates))
        other = int(dice() * (len(candidates) - 1))
        other += other >= one
        return one if candidates[one].cost(now) <= candidates[other].cost(now) else other

    return choose


POLICIES: dict[str, Callable[[Dice], Choose]] = {
    "random": choose_at_random,
    "round_robin": lambda _dice: choose_in_turn(),
    "sequential": lambda _dice: choose_first,
    "least_latency": choose_least_latency,
}
