"""What is known of an upstream's health: failures of queries, then of the checks that those start. No I/O, no clock.

    well ── a query failed ──► avoided: asked last, and checked until it answers
                                  │ max_fails checks without an answer
                                  ▼
                                 down: not asked while another one is up
    any answer, of a check or a query ──► well

As in CoreDNS, nothing is checked while all is well; unlike there, a failed query alone has a consequence at once.
"""

from __future__ import annotations

import math

from clusterdns.limits import FORWARD_AVOID_SECONDS, FORWARD_MAX_FAILS


class Health:
    """One upstream's. `max_fails` 0: it is never down, and not checked."""

    __slots__ = ("_avoid_seconds", "_avoided_until", "_failed_checks", "_max_fails")

    def __init__(
        self,
        *,
        max_fails: int = FORWARD_MAX_FAILS.default_int,
        avoid_seconds: float = FORWARD_AVOID_SECONDS.default,
    ) -> None:
        self._max_fails = max_fails
        self._avoid_seconds = avoid_seconds
        self._avoided_until = -math.inf
        self._failed_checks = 0

    @property
    def is_checked(self) -> bool:
        """Whether failures are followed up by checks."""
        return self._max_fails > 0

    @property
    def is_down(self) -> bool:
        return 0 < self._max_fails <= self._failed_checks

    def is_well(self, now: float) -> bool:
        """Neither down nor avoided."""
        return now >= self._avoided_until and not self.is_down

    def failed(self, now: float) -> None:
        """A query was not answered, by the upstream's fault."""
        self._avoided_until = now + self._avoid_seconds

    def check_failed(self, now: float) -> None:
        """A health check was not answered."""
        self._failed_checks += 1
        self._avoided_until = now + self._avoid_seconds

    def answered(self) -> None:
        """It is there: it answered a query or a check, with whatever rcode."""
        self._avoided_until = -math.inf
        self._failed_checks = 0
