"""The emulator's API without HTTP: its operations, rules, tokens, quotas and faults, called in the process of the test.

On virtual time, so that a thousand seconds of throttling take none. What a process does that is killed at a call is an
exception that nothing catches, raised before or after the call was done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Any

from externaldns.providers.privatezone.api import PAGE_SIZE, Page, Row, Vpc, Zone
from externaldns.providers.privatezone.emulator import api
from externaldns.providers.privatezone.emulator.call import Call
from externaldns.providers.privatezone.emulator.failure import THROTTLED, ApiFailure
from externaldns.providers.privatezone.emulator.faults import CUT, LOST, REFUSALS, Faults
from externaldns.providers.privatezone.emulator.parameters import Parameters
from externaldns.providers.privatezone.emulator.quota import TokenBucket
from externaldns.providers.privatezone.emulator.rows import BoundVpc
from externaldns.providers.privatezone.emulator.store import Store
from externaldns.providers.privatezone.emulator.zone_operations import ensure_zone
from externaldns.providers.privatezone.failure import UNREACHABLE, PrivateZoneError
from externaldns.record import normalize_name

VPC = "vpc-1"


class Killed(BaseException):
    """Ends a process as kill -9 does: nothing catches it."""


class InlineExecutor(Executor):
    """Runs what it is given at once, in the caller's thread: SQLite wants to stay in one."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class EmulatedApi:
    """Implements ReadApi and WriteApi on the emulator's store. `calls` counts the calls that were let in, by action."""

    def __init__(self, *zones: str, clock: Callable[[], float], faults: Faults | None = None) -> None:
        self.store = Store(":memory:")
        self.clock = clock
        self.faults = faults or Faults()
        self.dice: Callable[[], float] = lambda: 0.0
        self.quotas: dict[api.Family, TokenBucket] = {}
        self.calls: Counter[str] = Counter()
        self.throttled = 0
        self.before: Callable[[str], None] = lambda action: None
        """Called with the action of each write that was let in, before it is done; may raise Killed."""
        self.after: Callable[[str], None] = lambda action: None
        for zone in zones:
            self.add(zone)

    def add(self, zone: str) -> None:
        """Make a zone, bound to VPC."""
        with self.store.transaction():
            ensure_zone(self._call({}), zone, BoundVpc(VPC, "cn-hangzhou", "STANDARD"))

    def close(self) -> None:
        self.store.close()

    def limit(self, family: api.Family, rate: float) -> None:
        """Let in `rate` calls a second of `family`, as the emulator does with --write-qps."""
        self.quotas[family] = TokenBucket(rate, self.clock())

    @property
    def writes(self) -> int:
        return sum(count for action, count in self.calls.items() if not action.startswith("Describe"))

    def rows(self, zone: str) -> list[str]:
        """Each row of `zone` as `RR TYPE TTL VALUE`, sorted."""
        [found] = self.store.zones_named(zone)
        records = self.store.connection.execute(
            "SELECT rr, type, ttl, value FROM records WHERE zone_id = ?", (found.zone_id,)
        )
        return sorted(f"{rr} {record_type} {ttl} {value}" for rr, record_type, ttl, value in records)

    def by_hand(self, action: str, zone: str, **fields: object) -> None:
        """Do something in `zone` as its owner would at the console: no quota, no fault, not counted."""
        [found] = self.store.zones_named(zone)
        api.execute(action, api.OPERATIONS[action], self._call({"ZoneId": found.zone_id, **fields}))

    def record_ids(self, zone: str, rr: str) -> list[int]:
        [found] = self.store.zones_named(zone)
        return [record.record_id for record in self.store.records_at(found.zone_id, rr)]

    # The API.

    def list_zones(self, vpc_id: str, page: int, name: str = "") -> Page[Zone]:
        answer = self._do(
            "DescribeZones", QueryVpcId=vpc_id, PageNumber=page, PageSize=PAGE_SIZE, Keyword=name, SearchMode="EXACT"
        )
        zones = tuple(
            Zone(
                zone["ZoneId"],
                normalize_name(zone["ZoneName"]),
                zone["ZoneType"],
                zone["RecordCount"],
                zone["UpdateTimestamp"],
            )
            for zone in answer["Zones"]["Zone"]
        )
        return Page(zones, answer["TotalItems"])

    def list_rows(self, zone_id: str, page: int, rr: str = "") -> Page[Row]:
        answer = self._do("DescribeZoneRecords", ZoneId=zone_id, PageNumber=page, PageSize=PAGE_SIZE, Keyword=rr)
        rows = tuple(
            Row(
                record["RecordId"],
                record["Rr"],
                record["Type"],
                record["Value"],
                record["Ttl"],
                record["Line"],
                record["Weight"],
                record.get("Priority"),
                record["Remark"],
                record["Status"],
            )
            for record in answer["Records"]["Record"]
        )
        return Page(rows, answer["TotalItems"])

    def list_vpcs(self, zone_id: str) -> tuple[Vpc, ...]:
        answer = self._do("DescribeZoneInfo", ZoneId=zone_id)
        return tuple(Vpc(vpc["VpcId"], vpc["RegionId"]) for vpc in answer["BindVpcs"]["Vpc"])

    def add_zone(self, name: str, token: str) -> str:
        return str(self._do("AddZone", ZoneName=name, ClientToken=token)["ZoneId"])

    def bind_vpcs(self, zone_id: str, vpcs: Sequence[Vpc], token: str) -> None:
        numbered = {
            f"Vpcs.{number}.{field}": value
            for number, vpc in enumerate(vpcs, 1)
            for field, value in (("VpcId", vpc.vpc_id), ("RegionId", vpc.region_id))
        }
        self._do("BindZoneVpc", ZoneId=zone_id, ClientToken=token, **numbered)

    def add_row(self, zone_id: str, row: Row, token: str) -> int:
        fields = {"Line": row.line, "Weight": row.weight, "Remark": row.remark}
        return int(self._do("AddZoneRecord", ZoneId=zone_id, ClientToken=token, **_data(row), **fields)["RecordId"])

    def update_row(self, row: Row, token: str) -> None:
        self._do("UpdateZoneRecord", RecordId=row.record_id, ClientToken=token, **_data(row), Line=row.line)

    def delete_row(self, record_id: int, token: str) -> None:
        self._do("DeleteZoneRecord", RecordId=record_id, ClientToken=token)

    def set_remark(self, record_id: int, remark: str, token: str) -> None:
        self._do("UpdateRecordRemark", RecordId=record_id, Remark=remark, ClientToken=token)

    def set_status(self, record_id: int, status: str, token: str) -> None:
        self._do("SetZoneRecordStatus", RecordId=record_id, Status=status, ClientToken=token)

    def set_weight(self, record_id: int, weight: int, token: str) -> None:
        self._do("UpdateZoneRecordWeight", RecordId=record_id, Weight=weight, ClientToken=token)

    def weigh(self, zone_id: str, row: Row, weighted: bool, token: str) -> None:
        fields = {"Rr": row.rr, "Type": row.type, "Line": row.line, "Open": weighted}
        self._do("SetZoneLbaStatus", ZoneId=zone_id, ClientToken=token, **fields)

    def _do(self, action: str, **fields: object) -> Any:
        operation = api.OPERATIONS[action]
        bucket = self.quotas.get(operation.family)
        if bucket is not None and not bucket.take(self.clock()):
            self.throttled += 1
            raise _error(action, ApiFailure(THROTTLED))
        self.calls[action] += 1
        fault = self.faults.pick(action, writes=operation.writes, dice=self.dice)
        if fault in REFUSALS:
            self.throttled += fault == "throttle"
            raise _error(action, ApiFailure(REFUSALS[fault]))
        if fault == CUT:
            raise PrivateZoneError(action, UNREACHABLE, "cut")
        if operation.writes:
            self.before(action)
        try:
            answer = api.execute(action, operation, self._call(fields))
        except ApiFailure as refused:
            raise _error(action, refused) from refused
        if operation.writes:
            self.after(action)
        if fault == LOST:
            raise PrivateZoneError(action, UNREACHABLE, "lost")
        return answer

    def _call(self, fields: dict[str, Any]) -> Call:
        values = {name: str(value) for name, value in fields.items() if value is not None}
        return Call(self.store, Parameters(values), int(self.clock() * 1000), "test")


def _data(row: Row) -> dict[str, object]:
    priority = {} if row.priority is None else {"Priority": row.priority}
    return {"Rr": row.rr, "Type": row.type, "Value": row.value, "Ttl": row.ttl, **priority}


def _error(action: str, refused: ApiFailure) -> PrivateZoneError:
    return PrivateZoneError(action, refused.code, refused.message, status=refused.status)
