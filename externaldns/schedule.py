"""When the controller runs: each interval, soon after a change, and again after a failure. Pure.

`now` is monotonic seconds. ExternalDNS waits five seconds after each change; here a burst of changes is gathered for
200 ms, and --min-event-sync-interval alone keeps two runs apart.
"""

from __future__ import annotations

GATHER_SECONDS = 0.2
"""How long changes are gathered before a run; the first of them starts it, later ones do not put it off."""

_FIRST_RETRY_SECONDS = 1.0


class Schedule:
    """The time of the next run. The first one is due at once."""

    def __init__(self, interval_seconds: float, min_event_sync_seconds: float) -> None:
        self._interval = interval_seconds
        self._min_event_sync = min_event_sync_seconds
        self._next = float("-inf")
        self._last_start = float("-inf")
        self._failures = 0

    def should_run(self, now: float) -> bool:
        return now >= self._next

    def wait_seconds(self, now: float) -> float:
        """Return how long it is until `should_run`, if nothing happens."""
        return max(0.0, self._next - now)

    def object_changed(self, now: float) -> None:
        """Bring the next run forward because an object that records are made from has changed."""
        soon = max(self._last_start + self._min_event_sync, now + GATHER_SECONDS)
        self._next = min(self._next, soon)

    def run_ended(self, started: float, ended: float, succeeded: bool) -> None:
        """Set the next run: an interval after the start of a good one, or 1 s, 2 s, 4 s ... after a failed one."""
        self._last_start = started
        if succeeded:
            self._failures = 0
            self._next = started + self._interval
        else:
            # Capped, because 2.0 ** 1024 is no float any more, and some outages are long.
            retry = _FIRST_RETRY_SECONDS * 2.0 ** min(self._failures, 30)
            self._failures += 1
            self._next = ended + min(retry, self._interval)
