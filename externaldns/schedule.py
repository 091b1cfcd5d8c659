"""When full runs are made: each interval, and again soon after one that failed. Pure: `now` is monotonic seconds."""

from __future__ import annotations

from clusterdns.limits import EXTERNALDNS_RETRY_SECONDS


class Schedule:
    """The time of the next full run. The first one is due at once."""

    def __init__(self, interval_seconds: float) -> None:
        self.interval = interval_seconds
        self._next = float("-inf")
        self._failures = 0

    def should_run(self, now: float) -> bool:
        return now >= self._next

    def wait_seconds(self, now: float) -> float:
        """Return how long it is until `should_run`."""
        return max(0.0, self._next - now)

    def run_now(self) -> None:
        """The next run is due at once."""
        self._next = float("-inf")

    def run_ended(self, started: float, ended: float, succeeded: bool) -> None:
        """Set the next run: an interval after the start of a good one, or 1 s, 2 s, 4 s ... after a failed one.

        A good one that took longer than the interval, as a first sync may, is followed by a whole one.
        """
        if succeeded:
            self._failures = 0
            self._next = (started if ended < started + self.interval else ended) + self.interval
        else:
            # Capped, because 2.0 ** 1024 is no float any more, and some outages are long.
            retry = EXTERNALDNS_RETRY_SECONDS.default * 2.0 ** min(self._failures, 30)
            self._failures += 1
            self._next = ended + min(retry, self.interval, EXTERNALDNS_RETRY_SECONDS.maximum)
