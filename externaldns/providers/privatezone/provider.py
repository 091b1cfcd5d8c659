"""PrivateZone as a provider: its zones read into record sets, and changes of record sets carried out row by row.

    read    DescribeZones (by VPC, zone ID and domain), then DescribeZoneRecords of each zone that is not mirrored,
            or has changed without us, 100 at a time; a zone that can't be read is in no other one's way
    look    the records of some names, from the mirror; names that a failed write left in doubt are read again
    apply   for each name, in its own order: `operations` decides the calls, `gateway` makes them

Names do not wait for one another, and one that fails does not stop the others.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from clusterdns.errors import ClusterDNSError
from clusterdns.limits import PRIVATEZONE_THREADS
from externaldns.changes import ChangeResult, NameChange, RecordChange
from externaldns.domain_filter import Zones
from externaldns.providers.privatezone.api import PAGE_SIZE, ReadApi, Row, Zone
from externaldns.providers.privatezone.breaker import Breaker
from externaldns.providers.privatezone.calls import Calls
from externaldns.providers.privatezone.failure import PrivateZoneError
from externaldns.providers.privatezone.gateway import Cause, WriteGateway
from externaldns.providers.privatezone.listing import list_all
from externaldns.providers.privatezone.mirror import ZoneMirror
from externaldns.providers.privatezone.operations import AddRow, RemarkRow, UpdateRow, operations
from externaldns.providers.privatezone.row_sets import adjust, line_of, target_of
from externaldns.providers.privatezone.zones import ZoneChoice, ZoneList
from externaldns.providers.provider import Snapshot
from externaldns.record import Endpoint

logger = logging.getLogger(__name__)


class PrivateZoneProvider:
    """Implements `externaldns.providers.provider.Provider`. `clock` is monotonic seconds."""

    def __init__(
        self,
        api: ReadApi,
        calls: Calls,
        gateway: WriteGateway,
        choice: ZoneChoice | None = None,
        *,
        full_read_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`full_read_seconds` is how long a mirror that agrees with its zone's counters is believed."""
        self._api = api
        self._calls = calls
        self._gateway = gateway
        self._zones = ZoneList(api, calls, gateway, choice or ZoneChoice())
        self._full_read_seconds = full_read_seconds
        self._clock = clock
        self._mirrors: dict[str, ZoneMirror] = {}
        self._unread: dict[str, Exception] = {}
        """Zones that could not be read: a name of theirs must not be taken for one of the zone above."""
        self._breakers: dict[str, Breaker] = {}
        self._lists = 0
        """How often records were asked for."""

    async def read(self) -> Snapshot:
        """Return all chosen zones and their records, and which zones could not be read; PrivateZoneError if none of
        them could.
        """
        lists = self._lists
        zones = await self._zones.read()
        found = await asyncio.gather(*(self._read_zone(zone) for zone in zones), return_exceptions=True)
        outcomes = {zone.name: outcome for zone, outcome in zip(zones, found, strict=True)}
        self._mirrors = {name: each for name, each in outcomes.items() if isinstance(each, ZoneMirror)}
        self._unread = {name: each for name, each in outcomes.items() if isinstance(each, PrivateZoneError)}
        for outcome in found:
            # All that is not one zone's own trouble, such as the end of the program, or a bug.
            if isinstance(outcome, BaseException) and not (isinstance(outcome, PrivateZoneError) and self._mirrors):
                raise outcome
        doubted = await self._settle(sorted({name for mirror in self._mirrors.values() for name in mirror.doubtful}))
        held = self._mirrors.values()
        belongs = self._all_zones().find
        records: list[Endpoint] = []
        hidden: dict[str, list[Endpoint]] = {}
        for mirror in held:
            zone = mirror.zone.name
            for name in sorted(mirror.names):
                place = records if belongs(name) == zone else hidden.setdefault(zone, [])
                place += mirror.endpoints(name)
        return replace(self._snapshot(records, doubted), hidden=hidden, cached=self._lists == lists)

    async def changed(self) -> bool:
        """Tell by one list of the zones whether one of them has changed without us, or is due to be read whole."""
        zones = await self._zones.read()
        changed = {zone.name for zone in zones} != self._mirrors.keys()
        for zone in zones:
            mirror = self._mirrors.get(zone.name)
            if mirror is None or mirror.doubtful or not self._believes(mirror, zone):
                changed = True
        return changed

    async def zones(self) -> Sequence[str]:
        return [zone.name for zone in await self._zones.read()]

    def forget(self) -> None:
        self._mirrors = {}
        self._unread = {}

    async def look(self, names: Iterable[str]) -> Snapshot:
        """Return the records of `names` (normalized) as the last `read`, and our own writes since, have left them."""
        names, lists = sorted(set(names)), self._lists
        doubted = await self._settle(names)
        zones = self._all_zones()
        held = [mirror.endpoints(name) for name in names if (mirror := self._mirrors.get(zones.find(name)))]
        records = [record for endpoints in held for record in endpoints]
        return replace(self._snapshot(records, doubted), cached=self._lists == lists)

    def _snapshot(self, records: Sequence[Endpoint], doubted: Mapping[str, Exception]) -> Snapshot:
        return Snapshot(tuple(records), (*self._mirrors, *self._unread), {**self._unread, **doubted})

    def _all_zones(self) -> Zones:
        return Zones((*self._mirrors, *self._unread))

    async def adjust(self, endpoints: Sequence[Endpoint]) -> list[Endpoint]:
        """Return `endpoints` as PrivateZone will give them back; see `row_sets.adjust`."""
        return adjust(endpoints)

    async def apply(self, changes: Sequence[NameChange]) -> list[ChangeResult]:
        """Carry `changes` out against the zones as `read` and our own writes have left them; see the protocol."""
        room = asyncio.Semaphore(PRIVATEZONE_THREADS.default_int)
        zones = self._all_zones()

        async def carry_out(change: NameChange) -> ChangeResult:
            written: list[Endpoint] = []
            async with room:
                try:
                    for step in change.steps:
                        await self._take(step, zones, written)
                except Exception as error:
                    if not isinstance(error, ClusterDNSError):
                        logger.exception("unexpected error while changing %s", change.name)
                    return ChangeResult(change, error, tuple(written))
                return ChangeResult(change, written=tuple(written))

        return list(await asyncio.gather(*(carry_out(change) for change in changes)))

    async def _take(self, step: RecordChange, zones: Zones, written: list[Endpoint]) -> None:
        """Take one step; the rows that it adds or changes become part of `written`."""
        name, record_type = step.endpoint.dns_name, step.endpoint.record_type
        mirror = self._mirrors.get(step.zone or zones.find(name))
        if mirror is None:
            raise PrivateZoneError("apply", "Zone.NotExists", f"no zone that is managed here holds {name}")
        zone = mirror.zone
        breaker = self._breakers.setdefault(zone.zone_id, Breaker(zone.name))
        held = mirror.rows(name)
        rows = [row for row in held if (row.type, row.line) == (record_type, line_of(step.endpoint))]
        rr = held[0].rr if held else mirror.relative(name)
        cause = Cause(step.why or step.verb, step.endpoint.resource)
        for operation in operations(zone.zone_id, rr, rows, step):
            breaker.require_closed(self._clock())
            try:
                row = await self._gateway.write(operation, cause)
            except Exception as error:
                # Whether it was done nobody knows. What was not even tried, for one because the zone is left in peace,
                # is not in doubt: reading it again with each try of each name would take the others' quota.
                mirror.doubtful.add(name)
                if isinstance(error, PrivateZoneError):
                    breaker.failed(error, self._clock())
                raise
            breaker.succeeded()
            if not self._gateway.dry_run:
                mirror.done(operation, row)
            if row is not None and isinstance(operation, AddRow | UpdateRow | RemarkRow):
                target = target_of(row)
                written.append(replace(step.endpoint, targets=(target,), row_ids={target: row.record_id}))

    async def _settle(self, names: Sequence[str]) -> dict[str, Exception]:
        """Read those of `names` again that a failed write left in doubt; return the zones where that failed as well."""
        # In each zone that has doubts about it: a zone above may have records of a name as well.
        doubtful = {zone: [name for name in names if name in each.doubtful] for zone, each in self._mirrors.items()}
        failed: dict[str, Exception] = {}
        for zone_name, some in doubtful.items():
            if not some:
                continue
            try:
                await self._read_again(self._mirrors[zone_name], some)
            except PrivateZoneError as error:
                failed[zone_name] = error
        return failed

    async def _read_again(self, mirror: ZoneMirror, names: Sequence[str]) -> None:
        # The whole zone may be fewer calls than these names one by one.
        if len(names) <= 1 + len(mirror) // PAGE_SIZE:
            try:
                for name in names:
                    mirror.replace(name, await self._list_rows(mirror.zone, mirror.relative(name)))
                return
            except PrivateZoneError as error:
                # A name that may not be asked for, as it may not be written: it must not hold up its zone.
                if error.retryable:
                    raise
        now = self._clock()
        self._mirrors[mirror.zone.name] = ZoneMirror(mirror.zone, await self._list_rows(mirror.zone), now)

    async def _read_zone(self, zone: Zone) -> ZoneMirror:
        mirror, now = self._mirrors.get(zone.name), self._clock()
        if mirror is not None and self._believes(mirror, zone):
            return mirror
        return ZoneMirror(zone, await self._list_rows(zone), now)

    def _believes(self, mirror: ZoneMirror, zone: Zone) -> bool:
        """Tell whether `mirror` still is what `zone` shows; one that was not believed once never is again."""
        believed = (
            mirror.zone.zone_id == zone.zone_id
            and mirror.agrees(zone)
            and self._clock() - mirror.read_at < self._full_read_seconds
        )
        if not believed:
            mirror.read_at = float("-inf")
        return believed

    async def _list_rows(self, zone: Zone, rr: str = "") -> list[Row]:
        self._lists += 1
        return await list_all(lambda page: self._calls.read(lambda: self._api.list_rows(zone.zone_id, page, rr)))
