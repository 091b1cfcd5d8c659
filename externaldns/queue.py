"""What has to be looked at, and when: a queue of keys without duplicates. Pure: `now` is monotonic seconds.

    marked       due 200 ms after the last mark, and no more than half a second after the first: a burst is one run,
                 and a stream of changes starves nobody
    taken        again not before `gap` seconds after it was done (--min-event-sync-interval)
    failed       due again after 1 s, 2 s, 4 s ... 5 min; a mark in between brings it forward, for what failed may be
                 mended now

Keys wait for themselves alone, never for one another; those that wait for long cost nothing meanwhile.
"""

from __future__ import annotations

import heapq
import itertools
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from clusterdns.limits import (
    EXTERNALDNS_GATHER_SECONDS,
    EXTERNALDNS_GATHER_WAIT_SECONDS,
    EXTERNALDNS_RETRY_SECONDS,
)

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class _Waiting:
    first: float
    """When the first of the marks that it waits for was made."""
    due: float


class DirtyQueue(Generic[K]):
    """Keys in the order in which they are due."""

    def __init__(self, gap: float = 0.0, dice: Callable[[], float] = lambda: 0.0) -> None:
        """`dice` returns random numbers in [0, 1): they spread what failed together."""
        self._gap = gap
        self._dice = dice
        self._waiting: dict[K, _Waiting] = {}
        self._order: list[tuple[float, int, K]] = []
        """A heap of the times at which keys are due, or were to be: which of them count `_waiting` says."""
        self._number = itertools.count()
        """Tells apart what is due at the same time: keys need not have an order."""
        self._done: OrderedDict[K, float] = OrderedDict()
        self._failures: dict[K, int] = {}

    def __contains__(self, key: object) -> bool:
        """Whether `key` waits: for its time, or for another try."""
        return key in self._waiting

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def failing(self) -> int:
        """How many keys have failed and not succeeded since."""
        return len(self._failures)

    def mark(self, key: K, now: float) -> None:
        """Something about `key` has changed."""
        waiting = self._waiting.get(key)
        first = now if waiting is None else min(waiting.first, now)
        due = min(now + EXTERNALDNS_GATHER_SECONDS.default, first + EXTERNALDNS_GATHER_WAIT_SECONDS.default)
        self._wait(key, first, due)

    def postpone(self, key: K, first: float, now: float) -> bool:
        """Tell whether `key`, marked at `first`, was done too short a while ago to be taken now; it waits then."""
        due = self._done.get(key, float("-inf")) + self._gap
        if due <= now:
            return False
        waiting = self._waiting.get(key)
        self._wait(key, first if waiting is None else min(first, waiting.first), due)
        return True

    def take(self, now: float) -> dict[K, float]:
        """Return the keys that are due, each with the moment of its first mark, and forget them."""
        due: dict[K, float] = {}
        while self._first_due() <= now:
            _, _, key = heapq.heappop(self._order)
            due[key] = self._waiting.pop(key).first
        return due

    def wait_seconds(self, now: float) -> float:
        """Return how long it is until a key is due; infinite if none waits."""
        return max(0.0, self._first_due() - now)

    def done(self, key: K, now: float) -> None:
        """`key` was brought to what it should be."""
        self._failures.pop(key, None)
        if self._gap:
            # In the order of time, so what has waited long enough stands in front.
            while self._done and next(iter(self._done.values())) + self._gap <= now:
                self._done.popitem(last=False)
            self._done[key] = now
            self._done.move_to_end(key)

    def failed(self, key: K, now: float) -> float:
        """`key` could not be brought there; return in how many seconds it is tried again."""
        failures = self._failures.get(key, 0) + 1
        self._failures[key] = failures
        # Capped, because 2.0 ** 1024 is no float any more, and some outages are long.
        longest = EXTERNALDNS_RETRY_SECONDS.default * 2.0 ** min(failures - 1, 30)
        pause = min(longest, EXTERNALDNS_RETRY_SECONDS.maximum) * (1 - self._dice() / 4)
        if key not in self._waiting:
            self._wait(key, now, now + pause)
        return pause

    def _wait(self, key: K, first: float, due: float) -> None:
        self._waiting[key] = _Waiting(first, due)
        heapq.heappush(self._order, (due, next(self._number), key))

    def _first_due(self) -> float:
        """Return when the first key is due; infinite if none waits."""
        while self._order:
            due, _, key = self._order[0]
            waiting = self._waiting.get(key)
            if waiting is not None and waiting.due == due:
                return due
            heapq.heappop(self._order)
        return float("inf")
