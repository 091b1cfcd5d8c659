"""Which zones we work in: listed, chosen, and, where asked for, made and bound to the VPC."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from externaldns.domain_filter import DomainFilter
from externaldns.providers.privatezone.api import OWN_ZONE_TYPE, ReadApi, Vpc, Zone
from externaldns.providers.privatezone.calls import Calls
from externaldns.providers.privatezone.failure import PrivateZoneError
from externaldns.providers.privatezone.gateway import WriteGateway
from externaldns.providers.privatezone.listing import list_all


@dataclass(frozen=True, slots=True)
class ZoneChoice:
    """Which zones of the account are ours to work in."""

    vpc_id: str = ""
    """Only zones bound to this VPC; "" for zones of any or none."""
    zone_ids: tuple[str, ...] = ()
    """Only zones whose ID ends with one of these (ExternalDNS's --zone-id-filter); none given: all."""
    domains: DomainFilter = field(default_factory=DomainFilter)
    create: tuple[str, ...] = ()
    """Normalized names of zones that are made if they are not there (--privatezone-create-zones)."""
    region_id: str = ""
    """Region of the VPC that those are bound to."""

    def includes(self, zone: Zone) -> bool:
        if zone.type != OWN_ZONE_TYPE or (self.zone_ids and not zone.zone_id.endswith(self.zone_ids)):
            return False
        return self.domains.match_zone(zone.name)


class ZoneList:
    """The zones that `choice` makes ours."""

    def __init__(self, api: ReadApi, calls: Calls, gateway: WriteGateway, choice: ZoneChoice) -> None:
        self._api = api
        self._calls = calls
        self._gateway = gateway
        self._choice = choice

    async def read(self) -> list[Zone]:
        """Return the chosen zones, by name; PrivateZoneError if they can't be listed, or two share a name."""
        zones = await self._list()
        missing = set(self._choice.create) - {zone.name for zone in zones}
        if missing:
            for name in sorted(missing):
                await self._make(name)
            zones = await self._list()
        for left, right in itertools.pairwise(zones):
            if left.name == right.name:
                raise _ambiguous(left, right)
        return zones

    async def _list(self) -> list[Zone]:
        found = await self._list_all(self._choice.vpc_id)
        return sorted((zone for zone in found if self._choice.includes(zone)), key=lambda zone: zone.name)

    async def _make(self, name: str) -> None:
        """Make the zone, or bind the one that a run made which ended before it could bind it."""
        choice = self._choice
        ours = [Vpc(choice.vpc_id, choice.region_id)] if choice.vpc_id else []
        # A zone of the name that other VPCs use is theirs, and stays so.
        candidates = [zone for zone in await self._list_all("", name) if zone.name == name]
        unbound = [zone for zone in candidates if not await self._vpcs(zone)]
        if len(unbound) > 1:
            raise _ambiguous(unbound[0], unbound[1])
        if not unbound:
            await self._gateway.add_zone(name, ours)
        elif ours:
            await self._gateway.bind_zone(unbound[0].zone_id, name, ours)

    async def _vpcs(self, zone: Zone) -> Sequence[Vpc]:
        return await self._calls.read(lambda: self._api.list_vpcs(zone.zone_id))

    async def _list_all(self, vpc_id: str, name: str = "") -> list[Zone]:
        return await list_all(lambda page: self._calls.read(lambda: self._api.list_zones(vpc_id, page, name)))


def _ambiguous(left: Zone, right: Zone) -> PrivateZoneError:
    return PrivateZoneError(
        "DescribeZones",
        "Zone.Ambiguous",
        f"two zones are called {left.name}: {left.zone_id} and {right.zone_id}; choose one of them with "
        "--zone-id-filter or with vpcId in the config file",
    )
