"""How fast to call: a token bucket whose rate follows the server, and the pauses between tries. Pure.

PrivateZone publishes no quotas, and the account has other users. So each family of calls (reads, writes of records,
changes of zones) starts at its ceiling, gives way by a fifth at each `Throttling`, and creeps back up:

    rate (calls/s)   15  15  15 | Throttling.User | 12  12.3  12.6  ...  15

Near the server's own rate that is a saw of small teeth, which a server that counts a second's worth of calls does not
even see. `now` is monotonic seconds.
"""

from __future__ import annotations

from clusterdns.limits import PRIVATEZONE_RATE, PRIVATEZONE_RETRY_SECONDS

_GIVE_WAY = 0.8
_RECOVER_PER_SECOND = 0.02
"""Share of the ceiling by which the rate grows each second."""
_SETTLE_SECONDS = 1.0
"""Throttling this soon after the rate was cut is about calls that were sent before."""
_BURST_SECONDS = 1 / 3
"""What the bucket holds: with it, the first second at 15 calls a second is 20 calls, as many as were ever allowed."""


class TokenBucket:
    """Lets a few calls through at once and `rate` a second in the long run, first come, first served."""

    def __init__(self, ceiling: float = PRIVATEZONE_RATE.default) -> None:
        self._ceiling = ceiling
        self._rate = ceiling
        self._tokens = max(1.0, ceiling * _BURST_SECONDS)
        self._at = float("-inf")
        self._cut_at = float("-inf")

    def rate(self, now: float) -> float:
        """Return the calls a second that are let through at `now`."""
        self._refill(now)
        return self._rate

    def reserve(self, now: float) -> float:
        """Take a token, even one that does not exist yet, and return the seconds until it does: wait that long."""
        self._refill(now)
        self._tokens -= 1
        return max(0.0, -self._tokens / self._rate)

    def throttled(self, now: float) -> None:
        """The server has just said that we are too fast: give way, and start with an empty bucket."""
        self._refill(now)
        self._tokens = min(self._tokens, 0.0)
        if now - self._cut_at >= _SETTLE_SECONDS:
            self._cut_at = now
            self._rate = max(PRIVATEZONE_RATE.minimum, self._rate * _GIVE_WAY)

    def _refill(self, now: float) -> None:
        # A clock that seems to go backwards gives nothing; the first look gives no more than the bucket holds.
        elapsed = min(max(0.0, now - self._at), 1.0 / _RECOVER_PER_SECOND)
        self._tokens = min(max(1.0, self._rate * _BURST_SECONDS), self._tokens + elapsed * self._rate)
        self._rate = min(self._ceiling, self._rate + elapsed * self._ceiling * _RECOVER_PER_SECOND)
        self._at = max(self._at, now)


def pause_seconds(failures: int, dice: float, retry_after_seconds: float = 0.0) -> float:
    """Return how long to wait after `failures` failures in a row (1 or more).

    Doubles each time; `dice`, a random number in [0, 1), takes up to half of it away, so that callers that were
    turned away together do not come back together. Never less than what the server asked for.
    """
    longest = min(PRIVATEZONE_RETRY_SECONDS.maximum, PRIVATEZONE_RETRY_SECONDS.default * 2.0 ** min(failures - 1, 30))
    return max(retry_after_seconds, longest * (1 - dice / 2))
