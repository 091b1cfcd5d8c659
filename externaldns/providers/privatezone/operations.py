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
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, replace

from externaldns import ownership_value
from externaldns.providers.privatezone.api import Row
from externaldns.providers.privatezone.ttl import allowed_ttl
from externaldns.record import Endpoint


@dataclass(frozen=True, slots=True)
class AddRow:
    """Add `row` (its `record_id` does not count) to the zone."""

    zone_id: str
    row: Row


@dataclass(frozen=True, slots=True)
class UpdateRow:
    """Turn `old` into `row`, which has the same `record_id`."""

    zone_id: str
    old: Row
    row: Row


@dataclass(frozen=True, slots=True)
class DeleteRow:
    """Delete `row` from the zone."""

    zone_id: str
    row: Row


Operation = AddRow | UpdateRow | DeleteRow


def operations(zone_id: str, rr: str, rows: Iterable[Row], new: Endpoint | None, record_type: str) -> list[Operation]:
    """Return the calls that turn `rows`, all rows of one name and type in the zone, into the record set `new`.

    What the zone really holds counts, not what the plan thought it held: so a run that was cut short is finished by the
    next one. A TTL of None leaves the rows' own, and is the zone's default for new ones.
    """
    rows = list(rows)
    wanted = {canonical_value(record_type, target): target for target in (new.targets if new else ())}
    held = {canonical_value(record_type, row.value) for row in rows}
    ttl = new.ttl if new else None
    missing = [target for value, target in wanted.items() if value not in held]
    stale = [row for row in rows if canonical_value(record_type, row.value) not in wanted]
    calls: list[Operation] = []
    if len(missing) == len(stale) == 1:
        old = stale.pop()
        row = replace(old, value=missing.pop(), ttl=old.ttl if ttl is None else allowed_ttl(ttl))
        calls.append(UpdateRow(zone_id, old, row))
    calls += [AddRow(zone_id, Row(0, rr, record_type, target, allowed_ttl(ttl))) for target in missing]
    for row in rows:
        kept = canonical_value(record_type, row.value) in wanted
        if kept and ttl is not None and allowed_ttl(row.ttl) != allowed_ttl(ttl):
            calls.append(UpdateRow(zone_id, row, replace(row, ttl=allowed_ttl(ttl))))
    calls += [DeleteRow(zone_id, row) for row in stale]
    return calls


def canonical_value(record_type: str, value: str) -> str:
    """Return `value` in the one form in which two spellings of the same data are equal text."""
    if record_type in ("A", "AAAA"):
        try:
            return str(ipaddress.ip_address(value))
        except ValueError:
            return value
    if record_type == "TXT":
        # PrivateZone gives texts back with or without the quotes that they were written with.
        labels = ownership_value.read(value)
        return value.strip().strip('"') if labels is None else ownership_value.write(labels)
    return " ".join(value.lower().removesuffix(".").split())
