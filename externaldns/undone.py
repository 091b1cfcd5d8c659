"""Tells in the log what is wanted and not done, and why; once, not in every run. No I/O, no clock."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from clusterdns.errors import ClusterDNSError
from externaldns.changes import ChangeResult, NameChange, RecordChange
from externaldns.plan import Plan, Skipped
from externaldns.record import Endpoint

logger = logging.getLogger(__name__)


class Unowned(ClusterDNSError):
    """A record that is wanted is there already, and nobody owns it: it is neither changed nor deleted."""

    retryable = True

    def __init__(self) -> None:
        super().__init__("nobody owns the record that is there; `externaldns adopt` takes it over")


class Undone:
    """Remembers what has been told."""

    def __init__(self) -> None:
        self._told: frozenset[str] = frozenset()

    def tell(self, reasons: Iterable[str]) -> None:
        """Warn of those `reasons` that have not been told."""
        new = set(reasons) - self._told
        for reason in sorted(new):
            logger.warning("%s", reason)
        self._told |= new

    def tell_all(
        self,
        skipped: Iterable[Skipped],
        plan: Plan,
        outside: Iterable[str],
        unreadable: Mapping[str, str],
        besides: Iterable[str],
    ) -> None:
        """The same, for all that a full run has left undone: what is not in it may be told anew when it comes again.

        `outside` are the names that no zone holds, `unreadable` the sources that can't be read, and why.
        """
        reasons = {*besides, *(f"{name} is left out: no zone that is managed here holds it" for name in outside)}
        reasons |= {
            f"source {name} can't be read, and its records stay as they are: {why}" for name, why in unreadable.items()
        }
        unowned = {(wish.dns_name, wish.record_type) for wish in plan.unowned}
        reasons |= {f"{name} {record_type} is left alone: {Unowned()}" for name, record_type in unowned}
        for skip in skipped:
            if (skip.name, skip.record_type) in unowned:
                continue
            holder = f"{skip.foreign_owner!r} owns it" if skip.foreign_owner else "no controller made it"
            reasons.add(f"{skip.name} {skip.record_type} is left alone: {holder}")
        for lost in plan.outdone:
            wish, winner = lost.wish, lost.winner
            reasons.add(
                f"{wish.resource} does not get {wish.dns_name} {wish.record_type}: {winner.resource} has the name"
            )
        self._told &= reasons
        self.tell(reasons)


def unowned(wish: Endpoint) -> ChangeResult:
    """Return what is reported of a wish whose record nobody owns."""
    return ChangeResult(NameChange(wish.dns_name, (RecordChange(None, wish),)), Unowned())
