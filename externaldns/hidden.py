"""Records of ours that a newer zone hides: their names lie in it, and they are in the zone above.

    example.com         web.prod A 192.0.2.1, and its ownership record     was there before prod.example.com was made
    prod.example.com    web A 192.0.2.1, and its ownership record          what the next run makes

DNS asks the longest zone alone, so that the upper ones answer nobody who sees both zones. They are deleted: those that
are wanted right after the record is in its own zone, the others as any record that is not wanted. No I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from externaldns.changes import Changes, NameChange
from externaldns.ownership import Registry, View
from externaldns.plan import Scope
from externaldns.record import Endpoint, RecordKey


@dataclass(frozen=True, slots=True)
class HiddenRecords:
    """What `zone` has of names that are another zone's: `own` are the records of ours among them."""

    zone: str
    own: tuple[Endpoint, ...]
    keys: frozenset[RecordKey]
    view: View

    def needed(self, registry: Registry) -> set[str]:
        """Return the names at which there may be ownership records of `own`."""
        return {name for record in self.own for name in registry.beside(record.dns_name, self.zone)}

    def delete(self, going: Iterable[Endpoint], scope: Scope) -> Sequence[NameChange]:
        """Return the deletion of those of `own` that are `going`, and of ownership records that are left without any
        record.
        """
        attached = self.view.attach(Changes(delete=tuple(going)), sweep=scope)
        changes = []
        for change in attached.changes:
            steps = [
                replace(step, zone=self.zone, why=f"zone {self.zone} does not answer for its name any more")
                for step in change.steps
                # The ownership record of an apex is in the zone above, and may be that of the newer record as well.
                if step.endpoint.key in self.keys
            ]
            changes.append(NameChange(change.name, tuple(steps)))
        return [change for change in changes if change.steps]


def find_hidden(
    hidden: Mapping[str, Sequence[Endpoint]],
    visible: Sequence[Endpoint],
    zone_of: Callable[[str], str],
    registry: Registry,
    scope: Scope,
) -> list[HiddenRecords]:
    """Return what there is of ours in `hidden`, by zone; `visible` are all other records."""
    found = []
    for zone, records in hidden.items() if registry.owner_id else ():
        beside = (each for each in visible if each.record_type == "TXT" and zone_of(each.dns_name) == zone)
        view = registry.read((*records, *beside), lambda name, zone=zone: zone)  # type: ignore[misc]
        keys = frozenset(record.key for record in records)
        own = tuple(
            record
            for record in view.endpoints
            if record.key in keys
            and record.owner == registry.owner_id
            and record.record_type in scope.record_types
            and scope.includes(record.dns_name)
        )
        found.append(HiddenRecords(zone, own, keys, view))
    return found


def after(changes: Iterable[NameChange], more: Iterable[NameChange]) -> tuple[NameChange, ...]:
    """Return `changes` with the steps of `more` after all else under their names."""
    steps = {change.name: change.steps for change in changes}
    for change in more:
        steps[change.name] = (*steps.get(change.name, ()), *change.steps)
    return tuple(NameChange(name, steps[name]) for name in sorted(steps))
