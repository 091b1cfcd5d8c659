"""PrivateZone as a provider: its zones read into record sets, and changes of record sets carried out row by row.

    read    DescribeZones (by VPC, zone ID and domain), then DescribeZoneRecords of each zone, 100 at a time
    apply   for each name, in its own order: `operations` decides the calls, `gateway` makes them

Names do not wait for one another, and one that fails does not stop the others.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from clusterdns.errors import ClusterDNSError
from externaldns.changes import ChangeResult, NameChange, RecordChange
from externaldns.domain_filter import DomainFilter, Zones
from externaldns.providers.privatezone.api import APEX, OWN_ZONE_TYPE, ReadApi, Row, Zone
from externaldns.providers.privatezone.calls import THREADS, Calls
from externaldns.providers.privatezone.failure import PrivateZoneError
from externaldns.providers.privatezone.gateway import WriteGateway
from externaldns.providers.privatezone.listing import list_all
from externaldns.providers.privatezone.operations import canonical_value, operations
from externaldns.providers.privatezone.ttl import allowed_ttl
from externaldns.providers.provider import Snapshot
from externaldns.record import Endpoint, normalize_name

logger = logging.getLogger(__name__)

# A TTL that no record is ever wanted to have: a set whose rows disagree always differs, and gets one TTL for all.
_DISAGREEING_ROWS_TTL = 0


@dataclass(frozen=True, slots=True)
class ZoneChoice:
    """Which zones of the account are ours to work in."""

    vpc_id: str = ""
    """Only zones bound to this VPC; "" for zones of any or none."""
    zone_ids: tuple[str, ...] = ()
    """Only zones whose ID ends with one of these (ExternalDNS's --zone-id-filter); none given: all."""
    domains: DomainFilter = field(default_factory=DomainFilter)

    def includes(self, zone: Zone) -> bool:
        if zone.type != OWN_ZONE_TYPE or (self.zone_ids and not zone.zone_id.endswith(self.zone_ids)):
            return False
        return self.domains.match_zone(zone.name)


@dataclass(frozen=True, slots=True)
class _HeldZone:
    """A zone as the last `read` saw it; rows are by (normalized name, type)."""

    zone: Zone
    rows: dict[tuple[str, str], list[Row]]


class PrivateZoneProvider:
    """Implements `externaldns.providers.provider.Provider`."""

    def __init__(self, api: ReadApi, calls: Calls, gateway: WriteGateway, choice: ZoneChoice | None = None) -> None:
        self._api = api
        self._calls = calls
        self._gateway = gateway
        self._choice = choice or ZoneChoice()
        self._held: dict[str, _HeldZone] = {}

    async def read(self) -> Snapshot:
        """Return all chosen zones and their records; PrivateZoneError if one of them can't be read whole."""
        zones = await self._list_zones()
        held = await asyncio.gather(*(self._read_zone(zone) for zone in zones))
        self._held = {zone.zone.name: zone for zone in held}
        records = [_to_endpoint(key, rows) for zone in held for key, rows in sorted(zone.rows.items())]
        return Snapshot(tuple(records), tuple(self._held))

    def adjust(self, endpoint: Endpoint) -> Endpoint:
        """Return `endpoint` with the TTL that PrivateZone will give it; one without TTL gets the default."""
        return replace(endpoint, ttl=allowed_ttl(endpoint.ttl))

    async def apply(self, changes: Sequence[NameChange]) -> list[ChangeResult]:
        """Carry `changes` out against the zones as the last `read` saw them; see the protocol."""
        room = asyncio.Semaphore(THREADS)
        zones = Zones(self._held)

        async def carry_out(change: NameChange) -> ChangeResult:
            async with room:
                try:
                    for step in change.steps:
                        await self._take(step, zones)
                except ClusterDNSError as error:
                    return ChangeResult(change, error)
                except Exception as error:
                    logger.exception("unexpected error while changing %s", change.name)
                    return ChangeResult(change, error)
                return ChangeResult(change)

        return list(await asyncio.gather(*(carry_out(change) for change in changes)))

    async def _take(self, step: RecordChange, zones: Zones) -> None:
        name, record_type = step.endpoint.dns_name, step.endpoint.record_type
        held = self._held.get(zones.find(name))
        if held is None:
            raise PrivateZoneError("apply", "Zone.NotExists", f"no zone that is managed here holds {name}")
        rows = held.rows.get((name, record_type), [])
        rr = rows[0].rr if rows else _relative(name, held.zone.name)
        for operation in operations(held.zone.zone_id, rr, rows, step.new, record_type):
            await self._gateway.write(operation)

    async def _list_zones(self) -> list[Zone]:
        found = await list_all(lambda page: self._calls.read(lambda: self._api.list_zones(self._choice.vpc_id, page)))
        zones = sorted((zone for zone in found if self._choice.includes(zone)), key=lambda zone: zone.name)
        for left, right in itertools.pairwise(zones):
            if left.name == right.name:
                raise PrivateZoneError(
                    "DescribeZones",
                    "Zone.Ambiguous",
                    f"two zones are called {left.name}: {left.zone_id} and {right.zone_id}; choose one of them with "
                    "--zone-id-filter or with vpcId in the config file",
                )
        return zones

    async def _read_zone(self, zone: Zone) -> _HeldZone:
        rows: dict[tuple[str, str], list[Row]] = {}
        for row in await list_all(lambda page: self._calls.read(lambda: self._api.list_rows(zone.zone_id, page))):
            rows.setdefault((_absolute(row.rr, zone.name), row.type), []).append(row)
        return _HeldZone(zone, rows)


def _to_endpoint(key: tuple[str, str], rows: Iterable[Row]) -> Endpoint:
    """Make one record set of all rows of a name and type, whatever their line, weight and status.

    What a disabled row, or one for a certain line only, says about a name is that it is taken.
    """
    name, record_type = key
    rows = sorted(rows, key=lambda row: row.record_id)
    targets = {canonical_value(record_type, row.value): _to_target(record_type, row.value) for row in rows}
    ttls = {allowed_ttl(row.ttl) for row in rows}
    ttl = ttls.pop() if len(ttls) == 1 else _DISAGREEING_ROWS_TTL
    return Endpoint(name, tuple(targets[value] for value in sorted(targets)), record_type, ttl=ttl)


def _to_target(record_type: str, value: str) -> str:
    return value if record_type == "TXT" else canonical_value(record_type, value)


def _absolute(rr: str, zone: str) -> str:
    return zone if rr == APEX else normalize_name(f"{rr}.{zone}")


def _relative(name: str, zone: str) -> str:
    return APEX if name == zone else name.removesuffix(f".{zone}")
