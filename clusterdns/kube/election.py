"""Who leads, by a Lease: the decisions of client-go's leader election. Pure: `now` is monotonic seconds.

    look(lease, now)      what the server has: whose it is, and whether it has been renewed since the last look
    step(now, wall)       the Lease to write, to take or renew it; None: somebody else's, look again later
    won(lease, now)       the write was accepted
    leads(now)            whether we may act as the leader: renewed less than LEASE_RENEW_SECONDS ago

Times in the Lease are written for people and never compared with a clock: another machine's clock may be wrong, and
ours may jump. Somebody's Lease is free when it has not changed for its duration while we watched.
"""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec.structs import replace

from clusterdns.kube.lease import Lease
from clusterdns.limits import LEASE_RENEW_SECONDS, LEASE_SECONDS


class Election:
    """The state of one candidate, called `identity`."""

    def __init__(self, identity: str) -> None:
        self.identity = identity
        self._seen: Lease | None = None
        self._seen_at = float("-inf")
        self._asked_at = float("-inf")
        self._renewed_at = float("-inf")

    @property
    def seen(self) -> Lease | None:
        """The Lease when it was last looked at."""
        return self._seen

    @property
    def holder(self) -> str:
        """Who held the Lease when it was last looked at; "" for nobody."""
        return self._seen.holder if self._seen else ""

    def look(self, lease: Lease | None, now: float) -> None:
        """The server has `lease`; None: there is none."""
        if lease != self._seen:
            self._seen, self._seen_at = lease, now
        if lease is None or lease.holder != self.identity:
            self._renewed_at = float("-inf")

    def step(self, now: float, wall: float) -> Lease | None:
        """Return the Lease that should be written now. `wall` is seconds since 1970."""
        seen = self._seen
        # Microseconds, as the API's MicroTime has them.
        stamp = datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self._asked_at = now
        if seen is None:
            return Lease(self.identity, "", LEASE_SECONDS.default, stamp, stamp)
        if seen.holder == self.identity:
            return replace(seen, duration_seconds=LEASE_SECONDS.default, renewed=stamp)
        if seen.holder and now < self._seen_at + (seen.duration_seconds or LEASE_SECONDS.default):
            return None
        return replace(
            seen,
            holder=self.identity,
            duration_seconds=LEASE_SECONDS.default,
            renewed=stamp,
            acquired=stamp,
            transitions=seen.transitions + 1,
        )

    def won(self, lease: Lease, now: float) -> None:
        """The server has taken the Lease that `step` returned, and has `lease` now."""
        self._seen, self._seen_at = lease, now
        # From the moment of asking: the answer may have been long on its way.
        self._renewed_at = self._asked_at

    def release(self, wall: float) -> Lease | None:
        """Return the Lease to write so that another candidate need not wait; None if it is not ours."""
        seen = self._seen
        if seen is None or seen.holder != self.identity:
            return None
        self._renewed_at = float("-inf")
        stamp = datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return replace(seen, holder="", duration_seconds=1, renewed=stamp, acquired=stamp)

    def leads(self, now: float) -> bool:
        """Tell whether we are the leader at `now`; surely nobody else is while this holds."""
        return now - self._renewed_at < LEASE_RENEW_SECONDS.default

    def seconds_since_renewal(self, now: float) -> float:
        """Return how long ago the Lease was last renewed by us; infinite if it is not ours."""
        return now - self._renewed_at
