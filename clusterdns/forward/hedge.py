"""How many second messages may be sent for slow answers: a share of all questions, and a few at once.

When an upstream stalls, every question under way outlives the p99 in the same moment. Asking all of them again would
double the load exactly when it hurts; what the budget does not cover waits as if there were no hedging.
"""

from __future__ import annotations

from clusterdns.limits import FORWARD_HEDGE_BURST, FORWARD_HEDGE_SHARE


class HedgeBudget:
    """A token bucket: each question earns a share of a second message."""

    __slots__ = ("_burst", "_saved", "_share")

    def __init__(
        self, *, share: float = FORWARD_HEDGE_SHARE.default, burst: float = FORWARD_HEDGE_BURST.default
    ) -> None:
        self._share = share
        self._burst = burst
        self._saved = 0.0

    def earn(self) -> None:
        """A question was asked."""
        self._saved += self._share
        if self._saved > self._burst:
            self._saved = self._burst

    def spend(self) -> bool:
        """True if a second message may be sent; it is taken off the budget."""
        if self._saved < 1.0:
            return False
        self._saved -= 1.0
        return True
