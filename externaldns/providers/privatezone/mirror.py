"""A zone's rows as they were read, and as our own writes have changed them since. No I/O, no clock.

So that one changed object costs no listing of the zone. What others write is seen when the zone is read again: at
once if the zone's own counters moved without us, else at the next full read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from externaldns.providers.privatezone.api import APEX, Row, Zone
from externaldns.providers.privatezone.operations import (
    DeleteRow,
    Enable,
    Operation,
    RemarkRow,
    SetWeight,
    UpdateRow,
    Weigh,
)
from externaldns.providers.privatezone.row_sets import to_endpoints
from externaldns.record import Endpoint, normalize_name


class ZoneMirror:
    """The rows of one zone by normalized name."""

    def __init__(self, zone: Zone, rows: Iterable[Row], read_at: float = 0.0) -> None:
        """`read_at` is the moment, in monotonic seconds, at which `rows` were asked for."""
        self.zone = zone
        self.read_at = read_at
        self.doubtful: set[str] = set()
        """Names whose rows may be others than these: a write failed, and nobody knows whether it was done."""
        self._names: dict[str, dict[int, Row]] = {}
        self._count = 0
        self._written = False
        for row in rows:
            self._put(row)

    def __len__(self) -> int:
        return self._count

    @property
    def names(self) -> Iterable[str]:
        return self._names.keys()

    def rows(self, name: str) -> list[Row]:
        """Return the rows of the normalized `name`, oldest first."""
        held = self._names.get(name, {})
        return [held[record_id] for record_id in sorted(held)]

    def endpoints(self, name: str) -> list[Endpoint]:
        """Return the record sets of the normalized `name`."""
        return to_endpoints(name, self._names.get(name, {}).values())

    def relative(self, name: str) -> str:
        """Return the normalized `name`, which lies in the zone, as a host record."""
        return APEX if name == self.zone.name else name.removesuffix(f".{self.zone.name}")

    def done(self, operation: Operation, row: Row | None) -> None:
        """`operation` was carried out, and `row` is what the zone has of it now."""
        self._written = True
        match operation:
            case Weigh():
                return
            case DeleteRow():
                self._remove(operation.row)
            case _ if row is not None:
                held = self._held(row)
                if held is not None:
                    self._remove(held)
                self._put(_changed(operation, held or row, row))

    def replace(self, name: str, rows: Iterable[Row]) -> None:
        """The zone has exactly `rows` of `name`; nothing about it is in doubt any more."""
        for row in self.rows(name):
            self._remove(row)
        for row in rows:
            self._put(row)
        self.doubtful.discard(name)

    def agrees(self, seen: Zone) -> bool:
        """Tell whether the zone, as a list of zones has just shown it, is still what this mirror has.

        Other writers are noticed by the zone's time of change, except while we wrote ourselves, and by its number of
        records. A zone that shows neither agrees never.
        """
        if seen.records is None or seen.updated is None:
            return False
        unchanged = seen.records == self._count and (self._written or seen.updated == self.zone.updated)
        self.zone, self._written = seen, False
        return unchanged

    def _held(self, row: Row) -> Row | None:
        return self._names.get(self._name(row), {}).get(row.record_id)

    def _name(self, row: Row) -> str:
        return self.zone.name if row.rr == APEX else normalize_name(f"{row.rr}.{self.zone.name}")

    def _put(self, row: Row) -> None:
        held = self._names.setdefault(self._name(row), {})
        self._count += row.record_id not in held
        held[row.record_id] = row

    def _remove(self, row: Row) -> None:
        name = self._name(row)
        held = self._names.get(name, {})
        if held.pop(row.record_id, None) is not None:
            self._count -= 1
        if not held:
            self._names.pop(name, None)


def _changed(operation: Operation, held: Row, row: Row) -> Row:
    """Return `held` with that of `row` which `operation` is about: several may follow one another on one row, each made
    before the others were done.
    """
    match operation:
        case UpdateRow():
            return replace(row, weight=held.weight, remark=held.remark, status=held.status)
        case RemarkRow():
            return replace(held, remark=row.remark)
        case Enable():
            return replace(held, status=row.status)
        case SetWeight():
            return replace(held, weight=row.weight)
        case _:
            return row
