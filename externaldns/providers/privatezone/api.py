"""The part of PrivateZone's API (pvtz 2018-01-01) that is used here, as two narrow protocols over plain values.

`client.SdkApi` speaks it through the vendor's SDK; tests speak it from memory. Reading and writing are apart, so that
only `gateway.WriteGateway` ever holds the writing half. Calls block; `calls.Calls` puts them into threads. Every method
raises PrivateZoneError.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")

PAGE_SIZE = 100
"""Items per page: the most that DescribeZones and DescribeZoneRecords give."""

OWN_ZONE_TYPE = "AUTH_ZONE"
APEX = "@"
DEFAULT_LINE = "default"
DEFAULT_WEIGHT = 1


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone; `name` is normalized (lower case, no trailing dot). Only zones of type AUTH_ZONE are the user's own."""

    zone_id: str
    name: str
    type: str = OWN_ZONE_TYPE


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


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; `total` is the number of items on all pages."""

    items: tuple[T, ...]
    total: int


class ReadApi(Protocol):
    """The calls that change nothing."""

    def list_zones(self, vpc_id: str, page: int) -> Page[Zone]:
        """DescribeZones: the zones bound to `vpc_id` ("": all of the account); `page` counts from 1."""

    def list_rows(self, zone_id: str, page: int, rr: str = "") -> Page[Row]:
        """DescribeZoneRecords: the records of a zone; with `rr`, those of that name alone."""


class WriteApi(Protocol):
    """The calls that change something; `token` (at most 64 ASCII characters) makes a repeated call count once."""

    def add_row(self, zone_id: str, row: Row, token: str) -> None:
        """AddZoneRecord; the `record_id` of `row` does not count."""

    def update_row(self, row: Row, token: str) -> None:
        """UpdateZoneRecord: the record `row.record_id` becomes `row`."""

    def delete_row(self, record_id: int, token: str) -> None:
        """DeleteZoneRecord."""
