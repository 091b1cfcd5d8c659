"""How fast to call: a token bucket, and the pauses between tries. Pure: `now` is monotonic seconds.

PrivateZone publishes no quotas; AddZoneRecord was known to allow 20 calls a second per account. Ten leave room for
the account's other users.
"""

from __future__ import annotations

CALLS_PER_SECOND = 10.0
BURST_CALLS = 10
TRIES = 5

_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 10.0


class TokenBucket:
    """Lets `burst` calls through at once and `rate` a second in the long run, first come, first served."""

    def __init__(self, rate: float = CALLS_PER_SECOND, burst: int = BURST_CALLS) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at = float("-inf")

    def reserve(self, now: float) -> float:
        """Take a token, even one that does not exist yet, and return the seconds until it does: wait that long."""
        self._refill(now)
        self._tokens -= 1
        return max(0.0, -self._tokens / self._rate)

    def empty(self, now: float) -> None:
        """Take all tokens away: the server has just said that we are too fast."""
        self._refill(now)
        self._tokens = min(self._tokens, 0.0)

    def _refill(self, now: float) -> None:
        # A clock that seems to go backwards gives nothing.
        elapsed = max(0.0, now - self._at)
        self._tokens = min(float(self._burst), self._tokens + elapsed * self._rate)
        self._at = max(self._at, now)


def pause_seconds(failures: int, dice: float, retry_after_seconds: float = 0.0) -> float:
    """Return how long to wait after `failures` failures in a row (1 or more).

    Doubles each time; `dice`, a random number in [0, 1), takes up to half of it away, so that callers that were
    turned away together do not come back together. Never less than what the server asked for.
    """
    longest = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** (failures - 1))
    return max(retry_after_seconds, longest * (1 - dice / 2))
