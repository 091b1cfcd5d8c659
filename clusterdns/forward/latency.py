"""How fast an upstream answers: a moving average to compare it with others, and a p99 to know when to stop waiting.

Answers go into the buckets of the metric, each twice as long as the one before. That is coarse and cheap, and errs
towards patience: the p99 is the upper bound of its bucket. No clock: `now` is monotonic seconds.
"""

from __future__ import annotations

import math
from itertools import accumulate

from clusterdns.histogram import SECONDS
from clusterdns.limits import (
    FORWARD_HEDGE_CAP_SECONDS,
    FORWARD_HEDGE_FLOOR_SECONDS,
    FORWARD_HEDGE_IDLE_SECONDS,
    FORWARD_HEDGE_SAMPLES,
)

_WEIGHT = 0.1
_SAMPLES = FORWARD_HEDGE_SAMPLES.default_int
_IDLE = FORWARD_HEDGE_IDLE_SECONDS.default
_FLOOR = FORWARD_HEDGE_FLOOR_SECONDS.default
_CAP = FORWARD_HEDGE_CAP_SECONDS.default
_FORGET_SECONDS = 10.0


class Latency:
    """One upstream's. `add` is called for each answer, and does most of its work for every 128th only."""

    __slots__ = ("_buckets", "_ewma", "_hedge_after", "_last", "_left", "_since", "_valid_until")

    def __init__(self) -> None:
        self._ewma = 0.0
        self._last = -math.inf
        self._buckets = [0] * (len(SECONDS) + 1)
        self._left = _SAMPLES
        self._since = -math.inf
        self._hedge_after = math.inf
        self._valid_until = -math.inf

    def add(self, bucket: int, seconds: float, now: float) -> None:
        """An answer took `seconds`, which is in `bucket` of a histogram of `SECONDS`."""
        self._ewma += (seconds - self._ewma) * _WEIGHT
        self._last = now
        self._buckets[bucket] += 1
        self._left -= 1
        if not self._left:
            self._review(now)

    def expected(self, now: float) -> float:
        """Seconds that an answer is expected to take; 0 for an upstream of which nothing is known.

        What was seen is forgotten by half in ten seconds without an answer: whoever was slow once, and has not been
        asked since, must get the chance to show that it no longer is.
        """
        age = now - self._last
        return self._ewma if age <= 0 else self._ewma * math.exp2(-age / _FORGET_SECONDS)

    def hedge_after(self, now: float) -> float:
        """Seconds after which 99 of 100 answers were there, within the floor and the cap; infinite if not known."""
        return self._hedge_after if now <= self._valid_until else math.inf

    def _review(self, now: float) -> None:
        rank = sum(self._buckets) * 0.99
        seen = zip(SECONDS, accumulate(self._buckets), strict=False)
        p99 = next((bound for bound, count in seen if count >= rank), SECONDS[-1])
        self._hedge_after = min(max(p99, _FLOOR), _CAP)
        # 128 answers that took ten minutes to come say nothing about the next second.
        self._valid_until = now + _IDLE if now - self._since <= _IDLE else -math.inf
        self._since = now
        # Old answers fade: each review halves their weight.
        self._buckets = [count >> 1 for count in self._buckets]
        self._left = _SAMPLES
