"""PrivateZone's API in memory: the rules that matter to a client, every call written down, failures on request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from externaldns.providers.privatezone.api import OWN_ZONE_TYPE, PAGE_SIZE, Page, Row, Vpc, Zone
from externaldns.providers.privatezone.failure import CONFLICT, UNREACHABLE, PrivateZoneError

T = TypeVar("T")

Hook = Callable[[str], None]


class MemoryApi:
    """Implements ReadApi and WriteApi. `calls` are lines such as `add web A 1.1.1.1 60`; reads are not in it.

    `before` and `after` are called with the line of each write and may raise: before it is done, or after it was.
    """

    def __init__(self, *zones: str, vpc_id: str = "vpc-1") -> None:
        self.zones: list[Zone] = []
        self.vpcs: dict[str, list[str]] = {}
        self.rows: dict[str, list[Row]] = {}
        self._changed: dict[str, int] = {}
        for name in zones:
            self.add_empty_zone(name, vpc_id)
        self.calls: list[str] = []
        self.reads: list[str] = []
        self.tokens: list[str] = []
        self.before: Hook = lambda line: None
        self.after: Hook = lambda line: None
        self.before_read: Hook = lambda line: None
        self._next_id = 1

    def hold(self, zone: str, *lines: str) -> None:
        """Put rows into a zone: each `RR TYPE TTL VALUE`."""
        for line in lines:
            rr, record_type, ttl, value = line.split(" ", 3)
            self.hold_row(zone, Row(0, rr, record_type, value, int(ttl)))

    def hold_row(self, zone: str, row: Row) -> int:
        """Put a row into a zone by hand; returns its ID."""
        self.rows[f"id-{zone}"].append(replace(row, record_id=self._take_id()))
        self._changed[f"id-{zone}"] += 1
        return self._next_id - 1

    def held(self, zone: str) -> list[str]:
        """The rows of a zone as `hold` takes them, sorted."""
        return sorted(f"{row.rr} {row.type} {row.ttl} {row.value}" for row in self.rows[f"id-{zone}"])

    def list_zones(self, vpc_id: str, page: int, name: str = "") -> Page[Zone]:
        self._read(f"zones {vpc_id} {page} {name}".strip())
        zones = [zone for zone in self.zones if not vpc_id or vpc_id in self.vpcs[zone.zone_id]]
        return _page([self._counted(zone) for zone in zones if name in ("", zone.name)], page)

    def list_vpcs(self, zone_id: str) -> tuple[Vpc, ...]:
        self._read(f"vpcs {zone_id}")
        return tuple(Vpc(vpc, "cn-hangzhou") for vpc in self.vpcs[zone_id])

    def _counted(self, zone: Zone) -> Zone:
        return replace(zone, records=len(self.rows[zone.zone_id]), updated=self._changed[zone.zone_id])

    def add_zone(self, name: str, token: str) -> str:
        def add() -> None:
            self.add_empty_zone(name)

        self._write(f"add zone {name}", token, add)
        return f"id-{name}"

    def add_empty_zone(self, name: str, *vpcs: str, zone_id: str = "", type: str = OWN_ZONE_TYPE) -> None:
        zone_id = zone_id or f"id-{name}"
        self.zones.append(Zone(zone_id, name, type))
        self.rows[zone_id] = []
        self.vpcs[zone_id] = list(vpcs)
        self._changed[zone_id] = 0

    def bind_vpcs(self, zone_id: str, vpcs: Sequence[Vpc], token: str) -> None:
        def bind() -> None:
            self.vpcs[zone_id] = [vpc.vpc_id for vpc in vpcs]

        self._write(f"bind {zone_id} {' '.join(vpc.vpc_id for vpc in vpcs)}", token, bind)

    def list_rows(self, zone_id: str, page: int, rr: str = "") -> Page[Row]:
        self._read(f"rows {zone_id} {page} {rr}".strip())
        return _page([row for row in self.rows[zone_id] if not rr or row.rr == rr], page)

    def add_row(self, zone_id: str, row: Row, token: str) -> int:
        def add() -> None:
            others = [other for other in self.rows[zone_id] if other.rr == row.rr]
            for other in others:
                same = (other.type, other.line, other.value.strip('"')) == (row.type, row.line, row.value.strip('"'))
                if same or (other.type != row.type and "CNAME" in (other.type, row.type)):
                    raise PrivateZoneError("AddZoneRecord", CONFLICT, "conflicts", status=400)
            self.rows[zone_id].append(replace(row, record_id=self._take_id()))
            self._changed[zone_id] += 1

        self._write(f"add {row.rr} {row.type} {row.value} {row.ttl}{_extras(row)}", token, add)
        return self.rows[zone_id][-1].record_id

    def update_row(self, row: Row, token: str) -> None:
        def update() -> None:
            old = self._held(row.record_id)
            self._put(replace(row, remark=old.remark, weight=old.weight, status=old.status))

        self._write(f"update {row.record_id} {row.rr} {row.type} {row.value} {row.ttl}", token, update)

    def delete_row(self, record_id: int, token: str) -> None:
        def delete() -> None:
            zone_id, index = self._place(record_id)
            del self.rows[zone_id][index]
            self._changed[zone_id] += 1

        self._write(f"delete {record_id}", token, delete)

    def set_remark(self, record_id: int, remark: str, token: str) -> None:
        change = replace(self._held(record_id), remark=remark)
        self._write(f"remark {record_id} {remark}", token, lambda: self._put(change))

    def set_status(self, record_id: int, status: str, token: str) -> None:
        change = replace(self._held(record_id), status=status)
        self._write(f"status {record_id} {status}", token, lambda: self._put(change))

    def set_weight(self, record_id: int, weight: int, token: str) -> None:
        change = replace(self._held(record_id), weight=weight)
        self._write(f"weight {record_id} {weight}", token, lambda: self._put(change))

    def weigh(self, zone_id: str, row: Row, weighted: bool, token: str) -> None:
        self._write(f"weigh {row.rr} {row.type} {'on' if weighted else 'off'}", token, lambda: None)

    def _held(self, record_id: int) -> Row:
        zone_id, index = self._place(record_id)
        return self.rows[zone_id][index]

    def _put(self, row: Row) -> None:
        zone_id, index = self._place(row.record_id)
        self.rows[zone_id][index] = row
        self._changed[zone_id] += 1

    def _place(self, record_id: int) -> tuple[str, int]:
        for zone_id, rows in self.rows.items():
            for index, row in enumerate(rows):
                if row.record_id == record_id:
                    return zone_id, index
        raise PrivateZoneError("write", "Any.Code", "there is no such record", status=400)

    def _read(self, line: str) -> None:
        self.reads.append(line)
        self.before_read(line)

    def _write(self, line: str, token: str, effect: Callable[[], None]) -> None:
        self.calls.append(line)
        self.tokens.append(token)
        self.before(line)
        effect()
        self.after(line)

    def _take_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1


def _extras(row: Row) -> str:
    extras = [row.line if row.line != "default" else "", f"weight {row.weight}" if row.weight != 1 else "", row.remark]
    return "".join(f" {extra}" for extra in extras if extra)


def fail(code: str, *lines: int | str, status: int = 400) -> Hook:
    """A hook that fails the first `lines` calls (a number), or those whose line contains one of `lines`."""
    count = 0

    def hook(line: str) -> None:
        nonlocal count
        count += 1
        if any(count <= which if isinstance(which, int) else which in line for which in lines):
            raise PrivateZoneError("call", code, "fails as told", status=status)

    return hook


def lost_answer(*lines: int | str) -> Hook:
    """A hook for `after`: the call was done, but nobody hears of it."""
    return fail(UNREACHABLE, *lines, status=0)


def _page(items: list[T], page: int) -> Page[T]:
    start = (page - 1) * PAGE_SIZE
    return Page(tuple(items[start : start + PAGE_SIZE]), len(items))
