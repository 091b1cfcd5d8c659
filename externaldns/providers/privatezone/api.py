"""The part of PrivateZone's API (pvtz 2018-01-01) that is used here, as two narrow protocols over plain values.

`client.SdkApi` speaks it through the vendor's SDK; tests speak it from memory. Reading and writing are apart, so that
only `gateway.WriteGateway` ever holds the writing half. Calls block; `calls.Calls` puts them into threads. Every method
raises PrivateZoneError.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")

PAGE_SIZE = 100
"""Items per page: the most that DescribeZones and DescribeZoneRecords give."""

OWN_ZONE_TYPE = "AUTH_ZONE"
APEX = "@"
DEFAULT_LINE = "default"
DEFAULT_WEIGHT = 1
ENABLED = "ENABLE"


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone; `name` is normalized (lower case, no trailing dot). Only zones of type AUTH_ZONE are the user's own.

    `records` and `updated` (milliseconds since 1970) tell whether the zone has changed; None where the API did not say.
    """

    zone_id: str
    name: str
    type: str = OWN_ZONE_TYPE
    records: int | None = None
    updated: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One record: a single value of a record set. `rr` is the name relative to the zone, `@` at the apex."""

    record_id: int
    rr: str
    type: str
    value: str
    ttl: int
    line: str = DEFAULT_LINE
    weight: int = DEFAULT_WEIGHT
    priority: int | None = None
    remark: str = ""
    status: str = ENABLED


@dataclass(frozen=True, slots=True)
class Vpc:
    """A VPC that a zone is bound to."""

    vpc_id: str
    region_id: str


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; `total` is the number of items on all pages."""

    items: tuple[T, ...]
    total: int


class ReadApi(Protocol):
    """The calls that change nothing."""

    def list_zones(self, vpc_id: str, page: int, name: str = "") -> Page[Zone]:
        """DescribeZones: the zones bound to `vpc_id` ("": all of the account), or those of them called `name`;
        `page` counts from 1.
        """

    def list_rows(self, zone_id: str, page: int, rr: str = "") -> Page[Row]:
        """DescribeZoneRecords: the records of a zone; with `rr`, those of that name alone."""

    def list_vpcs(self, zone_id: str) -> tuple[Vpc, ...]:
        """DescribeZoneInfo: the VPCs that a zone is bound to."""


class WriteApi(Protocol):
    """The calls that change something; `token` (at most 64 ASCII characters) makes a repeated call count once."""

    def add_zone(self, name: str, token: str) -> str:
        """AddZone; returns its ID."""

    def bind_vpcs(self, zone_id: str, vpcs: Sequence[Vpc], token: str) -> None:
        """BindZoneVpc: the zone is bound to exactly these."""

    def add_row(self, zone_id: str, row: Row, token: str) -> int:
        """AddZoneRecord; the `record_id` of `row` does not count, the record's real one is returned."""

    def update_row(self, row: Row, token: str) -> None:
        """UpdateZoneRecord: the record `row.record_id` becomes `row`, but for its remark and status."""

    def delete_row(self, record_id: int, token: str) -> None:
        """DeleteZoneRecord."""

    def set_remark(self, record_id: int, remark: str, token: str) -> None:
        """UpdateRecordRemark."""

    def set_status(self, record_id: int, status: str, token: str) -> None:
        """SetZoneRecordStatus: ENABLE or DISABLE."""

    def set_weight(self, record_id: int, weight: int, token: str) -> None:
        """UpdateZoneRecordWeight."""

    def weigh(self, zone_id: str, row: Row, weighted: bool, token: str) -> None:
        """SetZoneLbaStatus: whether the set of `row` (A or AAAA) answers by weight, or with all its values."""
