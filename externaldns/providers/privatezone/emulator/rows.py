"""The rows that the emulator keeps: zones, their VPCs, their records and what happened to them.

Shared by the store, the rules, the operations and the DNS answers. Times are Unix milliseconds, as the API shows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DnsGroup = Literal["NORMAL_ZONE", "FAST_ZONE"]
ProxyPattern = Literal["ZONE", "RECORD"]
Status = Literal["ENABLE", "DISABLE"]

DEFAULT_LINE = "default"
APEX = "@"
REVERSE_SUFFIXES = ("in-addr.arpa", "ip6.arpa")


@dataclass(frozen=True, slots=True)
class Zone:
    """One private zone. `zone_name` is lower case without a trailing dot; `serial` rises with each record change."""

    zone_id: str
    zone_name: str
    dns_group: DnsGroup
    proxy_pattern: ProxyPattern
    remark: str
    resource_group_id: str
    record_count: int
    serial: int
    created_ms: int
    updated_ms: int

    @property
    def is_reverse(self) -> bool:
        """Whether this is a zone for PTR records."""
        return any(self.zone_name == suffix or self.zone_name.endswith("." + suffix) for suffix in REVERSE_SUFFIXES)


@dataclass(frozen=True, slots=True)
class BoundVpc:
    """A VPC whose hosts see the zone."""

    vpc_id: str
    region_id: str
    vpc_type: str


@dataclass(frozen=True, slots=True)
class Record:
    """One value of one name: `rr` is relative to the zone (`@`: the apex), `priority` is None except for MX.

    `record_id` is 0 until the store has numbered it.
    """

    record_id: int
    zone_id: str
    rr: str
    type: str
    value: str
    ttl: int
    priority: int | None
    line: str
    weight: int
    status: Status
    remark: str
    created_ms: int
    updated_ms: int


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the change log. `entity` is `PV_ZONE` or `PV_RECORD`, `action` what was done to it."""

    change_id: int
    entity: str
    action: str
    zone_id: str
    zone_name: str
    content: str
    client: str
    at_ms: int
