"""When a stale answer whose refresh failed may be asked for again (RFC 8767 section 5, failure recheck timer).

"Attempts to refresh from non-responsive or otherwise failing authoritative nameservers are recommended to be done no
more frequently than every 30 seconds." A name that an upstream answers with an error waits for as long. Where nobody
answers anything, it is not the name's fault: then one question a second, whichever name it is for, sees whether
the upstreams are back, and the first answer ends the wait of all names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from clusterdns.limits import CACHE_PROBE_SECONDS


@dataclass(frozen=True, slots=True)
class Failed:
    """A refresh that failed. Times are monotonic seconds; `unreachable` if nobody answered anything meanwhile."""

    at: float
    until: float
    unreachable: bool


class Rechecks:
    """What one chain knows of its upstreams. `answered_at` is when the last answer came, whatever it said."""

    __slots__ = ("_probe_at", "_seconds", "answered_at")

    def __init__(self, seconds: float) -> None:
        """`seconds` is how long a name is left alone after a refresh that failed."""
        self.answered_at = -math.inf
        self._seconds = seconds
        self._probe_at = -math.inf

    def failed(self, asked_at: float, now: float, *, silent: bool) -> Failed:
        """A refresh begun at `asked_at` failed at `now`; `silent` if by no answer."""
        unreachable = silent and self.answered_at < asked_at
        if unreachable:
            self._probe_at = now + CACHE_PROBE_SECONDS.default
        return Failed(now, now + self._seconds, unreachable)

    def is_due(self, failed: Failed | None, now: float) -> bool:
        """Whether to ask again; if so, the caller does, as it may be this second's one question."""
        if failed is None or now >= failed.until:
            return True
        if not failed.unreachable:
            return False
        if self.answered_at > failed.at:
            return True
        if now < self._probe_at:
            return False
        self._probe_at = now + CACHE_PROBE_SECONDS.default
        return True
