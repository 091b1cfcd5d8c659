"""A breaker per zone: while every write to a zone fails, its quota is not spent on more of them. Pure.

    closed     writes go through; failures in a row are counted
    open       after BREAKER_FAILURES of them: writes are refused here, without a call
    half open  after a pause, one write is let through: if it succeeds all are, else the pause doubles

Failures that are one record's own fault (a value that is not valid, a conflict) do not count: they say that the zone
works. `now` is monotonic seconds.
"""

from __future__ import annotations

from clusterdns.errors import ClusterDNSError
from clusterdns.limits import PRIVATEZONE_BREAKER_FAILURES, PRIVATEZONE_BREAKER_SECONDS
from externaldns.providers.privatezone.failure import PrivateZoneError


class ZoneBroken(ClusterDNSError):
    """The zone's breaker is open: the last writes to it failed all."""

    retryable = True


class Breaker:
    """The breaker of one zone."""

    def __init__(self, zone: str) -> None:
        self._zone = zone
        self._failures = 0
        self._pause = PRIVATEZONE_BREAKER_SECONDS.default
        self._closed_at = float("-inf")
        self._last = ""

    @property
    def broken(self) -> bool:
        return self._failures >= PRIVATEZONE_BREAKER_FAILURES.default

    def require_closed(self, now: float) -> None:
        """Raise ZoneBroken unless a write may be tried at `now`."""
        if not self.broken:
            return
        if now < self._closed_at:
            # Without the time that is left: the same words again are not told again.
            raise ZoneBroken(f"zone {self._zone} refuses every write, and is left in peace: {self._last}")
        # Half open: this write is let through, those beside it are not.
        self._closed_at = now + self._pause

    def succeeded(self) -> None:
        """A write was done."""
        self._failures = 0
        self._pause = PRIVATEZONE_BREAKER_SECONDS.default

    def failed(self, error: PrivateZoneError, now: float) -> None:
        """A write failed for good with `error`, at `now`."""
        if not (error.retryable or error.about_caller or error.code.startswith("Zone.")):
            self.succeeded()
            return
        self._failures += 1
        self._last = str(error)
        if self._failures > PRIVATEZONE_BREAKER_FAILURES.default:
            self._pause = min(self._pause * 2, PRIVATEZONE_BREAKER_SECONDS.maximum)
        if self.broken:
            self._closed_at = now + self._pause
