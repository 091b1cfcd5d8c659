"""From a change of a record set to the calls that make it, row by row. Pure.

PrivateZone has no call for a whole set, only for one value ("row") of it. The order of the calls is chosen so that no
value that stays is ever gone, and that the name never stops to resolve:

    rows in the zone     wanted           calls
    -------------------  ---------------  ------------------------------------------------------
    -                    1.1.1.1          add 1.1.1.1
    1.1.1.1              2.2.2.2          update 1.1.1.1 to 2.2.2.2 (one for one: in place)
    1.1.1.1, 9.9.9.9     2.2.2.2, 9.9.9.9 update 1.1.1.1 to 2.2.2.2
    1.1.1.1              2.2.2.2, 3.3.3.3 add 2.2.2.2, add 3.3.3.3, delete 1.1.1.1
    1.1.1.1 TTL 60       1.1.1.1 TTL 5    update 1.1.1.1
    1.1.1.1              -                delete 1.1.1.1
    -                    1.1.1.1 weight 9 add 1.1.1.1 with weight 1, weigh the set, weight of 1.1.1.1 is 9

Values that the plan did not know are not its to delete. The weight comes last because nothing tells whether a set is
weighed: a run that ends before still sees a difference.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from externaldns.changes import RecordChange
from externaldns.providers.privatezone.api import DEFAULT_WEIGHT, ENABLED, Row
from externaldns.providers.privatezone.row_sets import canonical_row, canonical_target, line_of, value_of, weights_of
from externaldns.providers.privatezone.ttl import allowed_ttl
from externaldns.record import Endpoint


@dataclass(frozen=True, slots=True)
class AddRow:
    """Add `row` (its `record_id` does not count) to the zone."""

    zone_id: str
    row: Row


@dataclass(frozen=True, slots=True)
class UpdateRow:
    """Turn `old` into `row`, which has the same `record_id`, weight, remark and status."""

    zone_id: str
    old: Row
    row: Row


@dataclass(frozen=True, slots=True)
class DeleteRow:
    """Delete `row` from the zone."""

    zone_id: str
    row: Row


@dataclass(frozen=True, slots=True)
class RemarkRow:
    """Give `old` the remark of `row`, which is otherwise equal to it."""

    zone_id: str
    old: Row
    row: Row


@dataclass(frozen=True, slots=True)
class Enable:
    """Let a row that somebody disabled answer again; `row` is enabled."""

    zone_id: str
    row: Row


@dataclass(frozen=True, slots=True)
class SetWeight:
    """Give the row the weight that `row` has."""

    zone_id: str
    row: Row


@dataclass(frozen=True, slots=True)
class Weigh:
    """Answer the set of `row` by weight, or with all its values again."""

    zone_id: str
    row: Row
    weighted: bool


Operation = AddRow | UpdateRow | DeleteRow | RemarkRow | Enable | SetWeight | Weigh

_MODE_TYPES = ("A", "AAAA")
"""The types whose sets answer with all values unless weighed; of CNAMEs only one is ever answered."""


def operations(zone_id: str, rr: str, rows: Iterable[Row], change: RecordChange) -> list[Operation]:
    """Return the calls that carry `change` out; `rows` are those of its name, type and line in the zone.

    What the zone really holds counts, not what the plan thought it held: so a run that was cut short is finished by the
    next one. A TTL of None leaves the rows' own, and is the zone's default for new ones.
    """
    old, new, record_type = change.old, change.new, change.endpoint.record_type
    foreign = {canonical_target(record_type, target) for target in change.others}
    rows = [row for row in rows if canonical_row(row) not in foreign]
    wanted = {canonical_target(record_type, target): target for target in (new.targets if new else ())}
    known = {canonical_target(record_type, target) for target in (old.targets if old else ())}
    held = {canonical_row(row) for row in rows}
    stale = [row for row in rows if canonical_row(row) in known - wanted.keys()]
    kept = [row for row in rows if canonical_row(row) in wanted]
    if new is None:
        return [DeleteRow(zone_id, row) for row in stale]
    make = _RowMaker(rr, new)
    missing = [make.row(target) for value, target in wanted.items() if value not in held]
    calls: list[Operation] = []
    if len(missing) == len(stale) == 1:
        before, added = stale.pop(), missing.pop()
        after = replace(before, value=added.value, priority=added.priority, ttl=before.ttl)
        after = after if new.ttl is None else replace(after, ttl=added.ttl)
        calls.append(UpdateRow(zone_id, before, after))
        kept.append(after)
    weights = _weigh(zone_id, new, make, kept, missing)
    calls += weights.additions
    for row in kept:
        calls += _correct(zone_id, row, new, make)
    calls += weights.last
    calls += [DeleteRow(zone_id, row) for row in stale]
    return calls


class _RowMaker:
    """Makes the rows that a wanted record set asks for."""

    def __init__(self, rr: str, new: Endpoint) -> None:
        self._rr = rr
        self._new = new
        self._weights = weights_of(new)
        self._remarks = {canonical_target(new.record_type, target): text for target, text in new.remarks.items()}

    def row(self, target: str) -> Row:
        new = self._new
        value, priority = value_of(new.record_type, target)
        canonical = canonical_target(new.record_type, target)
        ttl, weight = allowed_ttl(new.ttl), self._weights[canonical]
        remark = self._remarks.get(canonical, "")
        return Row(0, self._rr, new.record_type, value, ttl, line_of(new), weight, priority, remark)

    def weight(self, row: Row) -> int:
        return self._weights[canonical_row(row)]

    def remark(self, row: Row) -> str:
        """Return the remark that `row` is to have: its own, if nobody says another."""
        return self._remarks.get(canonical_row(row), row.remark)


@dataclass(frozen=True, slots=True)
class _Weights:
    additions: list[Operation]
    last: list[Operation]


def _weigh(zone_id: str, new: Endpoint, make: _RowMaker, kept: list[Row], missing: list[Row]) -> _Weights:
    """Return the additions of `missing`, and what makes the weights of the set right afterwards."""
    wanted = {canonical_row(row): make.weight(row) for row in (*kept, *missing)}
    weighted = any(weight != DEFAULT_WEIGHT for weight in wanted.values())
    was_weighted = any(row.weight != DEFAULT_WEIGHT for row in kept)
    changed = [row for row in kept if row.weight != make.weight(row)]
    if not weighted and not was_weighted:
        return _Weights([AddRow(zone_id, row) for row in missing], [])
    some_row = (kept or missing)[0]
    mode: list[Operation] = []
    if new.record_type in _MODE_TYPES and (changed or missing or not kept):
        mode = [Weigh(zone_id, some_row, weighted)]
    set_weights: list[Operation] = [SetWeight(zone_id, replace(row, weight=make.weight(row))) for row in changed]
    if kept or not mode:
        return _Weights([AddRow(zone_id, row) for row in missing], [*mode, *set_weights])
    # A new set: the first row must exist before its set can be weighed, and gets its weight when that is done.
    first = max(missing, key=lambda row: row.weight != DEFAULT_WEIGHT)
    plain: list[Operation] = [AddRow(zone_id, replace(first, weight=DEFAULT_WEIGHT)), *mode]
    rest: list[Operation] = [AddRow(zone_id, row) for row in missing if row is not first]
    return _Weights(plain + rest, [SetWeight(zone_id, first)])


def _correct(zone_id: str, row: Row, new: Endpoint, make: _RowMaker) -> list[Operation]:
    """Return what makes a row that stays as it should be, but for its weight."""
    calls: list[Operation] = []
    if new.ttl is not None and allowed_ttl(row.ttl) != allowed_ttl(new.ttl):
        calls.append(UpdateRow(zone_id, row, replace(row, ttl=allowed_ttl(new.ttl))))
    if make.remark(row) != row.remark:
        calls.append(RemarkRow(zone_id, row, replace(row, remark=make.remark(row))))
    if row.status != ENABLED:
        calls.append(Enable(zone_id, replace(row, status=ENABLED)))
    return calls
