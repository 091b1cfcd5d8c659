"""The zones that the hosts of one VPC see, read from the store for each question."""

from __future__ import annotations

from collections.abc import Sequence

from externaldns.providers.privatezone.emulator.answer import Labels
from externaldns.providers.privatezone.emulator.rows import Record, Zone
from externaldns.providers.privatezone.emulator.store import Store


class VpcView:
    """`answer.ZoneView` over the store: nothing is kept, so a change is answered as soon as it is committed."""

    def __init__(self, store: Store, vpc_id: str) -> None:
        self._store = store
        self._vpc_id = vpc_id

    def zone_of(self, name: Labels) -> Zone | None:
        """Return the closest zone at or above `name` that is bound to the VPC."""
        ancestors = [".".join(name[cut:]) for cut in range(len(name))]
        zones = self._store.zones_in_vpc(self._vpc_id, ancestors)
        return max(zones, key=lambda zone: len(zone.zone_name), default=None)

    def records_at(self, zone: Zone, rr: str) -> Sequence[Record]:
        """Return all records of a name."""
        return self._store.records_at(zone.zone_id, rr)

    def has_enabled_below(self, zone: Zone, rr: str) -> bool:
        """Whether a name below has an enabled record."""
        return self._store.has_enabled_below(zone.zone_id, rr)

    def is_weighted(self, zone: Zone, record: Record) -> bool:
        """Whether the set that `record` belongs to answers by weight."""
        return self._store.is_weighted(zone.zone_id, record.rr, record.type, record.line)
