"""How many calls a second an account may make: a token bucket per family of operations.

Stands between the signature check and the operation in `http.py`. Pure: the caller brings `now`. PrivateZone throttles
per user and says so with `Throttling.User`; it has published no numbers since January 2025, so the rates are flags.
"""

from __future__ import annotations


class TokenBucket:
    """A bucket that holds one second's worth of calls (at least one) and refills at `rate` calls per second.

    `rate` is None for no limit at all.
    """

    def __init__(self, rate: float | None, now: float) -> None:
        self._rate = rate
        self._capacity = max(1.0, rate) if rate is not None else 0.0
        self._tokens = self._capacity
        self._updated = now

    def take(self, now: float) -> bool:
        """Take one token at `now` (monotonic seconds); False means that the call is one too many."""
        if self._rate is None:
            return True
        self._tokens = min(self._capacity, self._tokens + (now - self._updated) * self._rate)
        self._updated = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
