"""What of ours is in a wrong place: moved by hand (`own_rows`), or hidden by a newer zone (`hidden`). It is deleted.

    plan's deletions + `deletions`  ->  delete guard  ->  `delete`: before and after what else is done under their names

No I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from externaldns.changes import NameChange
from externaldns.hidden import HiddenRecords, after
from externaldns.own_rows import remove
from externaldns.ownership import Registry
from externaldns.plan import Scope
from externaldns.record import Endpoint


@dataclass(frozen=True, slots=True)
class Misplaced:
    """`strays` were moved by hand, `hidden` is what zones have of others' names; `wished` are all names asked for."""

    strays: tuple[Endpoint, ...]
    hidden: tuple[HiddenRecords, ...]
    wished: frozenset[str]

    @property
    def deletions(self) -> tuple[Endpoint, ...]:
        """What is to be deleted and nothing is there for, so that the delete guard must allow it."""
        return self.strays + tuple(old for each in self.hidden for old in each.own if old.dns_name not in self.wished)

    def split(self, allowed: Iterable[Endpoint]) -> tuple[tuple[Endpoint, ...], frozenset[int]]:
        """Return which of the deletions that are `allowed` are the plan's, and the identities of the others."""
        ours = {id(old) for old in (*self.strays, *(old for each in self.hidden for old in each.own))}
        plans = tuple(old for old in allowed if id(old) not in ours)
        return plans, frozenset(map(id, allowed)) & ours

    def needed(self, registry: Registry) -> frozenset[str]:
        """Return the names at which there may be ownership records of what is hidden: they stay as long as it does."""
        return frozenset(name for each in self.hidden for name in each.needed(registry))

    def delete(
        self, changes: Iterable[NameChange], allowed: frozenset[int], held: Iterable[Endpoint], scope: Scope
    ) -> tuple[NameChange, ...]:
        """Return `changes` with the deletions that are `allowed`, by identity, and those of what is hidden and has a
        record of ours among those that are `held`, or made by `changes`, in its own zone.
        """
        changes = remove([old for old in self.strays if id(old) in allowed], changes)
        if not self.hidden:
            return changes
        seen = {each.dns_name for each in held if each.owner == scope.owner_id}
        seen |= {step.endpoint.dns_name for change in changes for step in change.steps if step.new is not None}
        for each in self.hidden:
            going = [old for old in each.own if id(old) in allowed or old.dns_name in seen & self.wished]
            changes = after(changes, each.delete(going, scope))
        return changes
