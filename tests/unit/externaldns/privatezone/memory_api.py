"""PrivateZone's API in memory: the rules that matter to a client, every call written down, failures on request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from externaldns.providers.privatezone.api import PAGE_SIZE, Page, Row, Zone
from externaldns.providers.privatezone.failure import CONFLICT, UNREACHABLE, PrivateZoneError

T = TypeVar("T")

Hook = Callable[[str], None]


class MemoryApi:
    """Implements ReadApi and WriteApi. `calls` are lines such as `add web A 1.1.1.1 60`; reads are not in it.

    `before` and `after` are called with the line of each write and may raise: before it is done, or after it was.
    """

    def __init__(self, *zones: str, vpc_id: str = "vpc-1") -> None:
        self.zones = [Zone(f"id-{name}", name) for name in zones]
        self.vpc_id = vpc_id
        self.rows: dict[str, list[Row]] = {zone.zone_id: [] for zone in self.zones}
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
            self.rows[f"id-{zone}"].append(Row(self._take_id(), rr, record_type, value, int(ttl)))

    def held(self, zone: str) -> list[str]:
        """The rows of a zone as `hold` takes them, sorted."""
        return sorted(f"{row.rr} {row.type} {row.ttl} {row.value}" for row in self.rows[f"id-{zone}"])

    def list_zones(self, vpc_id: str, page: int) -> Page[Zone]:
        self._read(f"zones {vpc_id} {page}")
        return _page(self.zones if vpc_id in ("", self.vpc_id) else [], page)

    def list_rows(self, zone_id: str, page: int, rr: str = "") -> Page[Row]:
        self._read(f"rows {zone_id} {page} {rr}".strip())
        return _page([row for row in self.rows[zone_id] if not rr or row.rr == rr], page)

    def add_row(self, zone_id: str, row: Row, token: str) -> None:
        def add() -> None:
            others = [other for other in self.rows[zone_id] if other.rr == row.rr]
            for other in others:
                same = (other.type, other.value.strip('"')) == (row.type, row.value.strip('"'))
                if same or (other.type != row.type and "CNAME" in (other.type, row.type)):
                    raise PrivateZoneError("AddZoneRecord", CONFLICT, "conflicts", status=400)
            self.rows[zone_id].append(replace(row, record_id=self._take_id()))

        self._write(f"add {row.rr} {row.type} {row.value} {row.ttl}", token, add)

    def update_row(self, row: Row, token: str) -> None:
        def update() -> None:
            zone_id, index = self._place(row.record_id)
            self.rows[zone_id][index] = row

        self._write(f"update {row.record_id} {row.rr} {row.type} {row.value} {row.ttl}", token, update)

    def delete_row(self, record_id: int, token: str) -> None:
        def delete() -> None:
            zone_id, index = self._place(record_id)
            del self.rows[zone_id][index]

        self._write(f"delete {record_id}", token, delete)

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
