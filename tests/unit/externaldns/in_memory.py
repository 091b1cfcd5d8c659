"""A zone and a cluster in memory, for tests of what is between them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from clusterdns.errors import ClusterDNSError
from clusterdns.kube.objects import Service
from clusterdns.kube.store import Cluster
from externaldns.changes import ChangeResult, NameChange
from externaldns.controller import Controller
from externaldns.decision import Rules
from externaldns.measurements import Measurements
from externaldns.ownership import TxtRegistry
from externaldns.providers.provider import Snapshot
from externaldns.record import Endpoint
from externaldns.sources.service import ServiceSource


class MemoryProvider:
    """Holds record sets of the zone ex.com; refuses the names in `refuses`, and everything while `away`."""

    def __init__(self, *records: Endpoint) -> None:
        self.records = {record.key: record for record in records}
        self.refuses: set[str] = set()
        self.away: Exception | None = None
        self.zone_names: tuple[str, ...] = ("ex.com",)
        self.cached = False
        self.read_at: list[float] = []
        self.writes = 0
        self.moved = False
        self.asked = 0
        self.forgotten = 0
        self.looked: list[set[str]] = []
        self.unread: dict[str, Exception] = {}
        """Zones besides, that can't be read."""
        self._missed = False

    async def read(self) -> Snapshot:
        self.read_at.append(asyncio.get_running_loop().time())
        if self.away is not None:
            raise self.away
        self._missed = bool(self.unread)
        return Snapshot(tuple(self.records.values()), ("ex.com", *self.unread), self.unread, cached=self.cached)

    async def changed(self) -> bool:
        self.asked += 1
        if self.away is not None:
            raise self.away
        return self.moved or self._missed

    async def zones(self) -> Sequence[str]:
        if self.away is not None:
            raise self.away
        return self.zone_names

    def forget(self) -> None:
        self.forgotten += 1

    async def look(self, names: Iterable[str]) -> Snapshot:
        wanted = set(names)
        if self.away is not None:
            raise self.away
        self.looked.append(wanted)
        records = [record for record in self.records.values() if record.dns_name in wanted]
        return Snapshot(tuple(records), ("ex.com", *self.unread), self.unread, cached=self.cached)

    async def adjust(self, endpoints: Sequence[Endpoint]) -> list[Endpoint]:
        return [replace(endpoint, ttl=endpoint.ttl or 60) for endpoint in endpoints]

    async def apply(self, changes: Sequence[NameChange]) -> list[ChangeResult]:
        return [self._apply(change) for change in changes]

    def _apply(self, change: NameChange) -> ChangeResult:
        if change.name in self.refuses:
            return ChangeResult(change, ClusterDNSError("refused"))
        for step in change.steps:
            self.writes += 1
            if step.new is None:
                del self.records[step.endpoint.key]
            else:
                self.records[step.endpoint.key] = replace(step.new, labels={})
        return ChangeResult(change)

    def held(self) -> list[str]:
        return sorted(f"{name} {record_type}" for name, record_type, _ in self.records)


def service(name: str, hostname: str | None = None, target: str = "192.0.2.1") -> Service:
    annotations = {
        "external-dns.kubernetes.io/hostname": hostname or f"{name}.ex.com",
        "external-dns.kubernetes.io/target": target,
    }
    return Service(namespace="shop", name=name, annotations=annotations)


def cluster_of(*services: Service, synced: bool = True) -> Cluster:
    cluster = Cluster()
    if synced:
        for store in ServiceSource(cluster).stores:
            store.replace(())
    for each in services:
        cluster.services.put(each)
    return cluster


def controller_of(
    cluster: Cluster, provider: MemoryProvider, rules: Rules | None = None, measured: Measurements | None = None
) -> Controller:
    return Controller([ServiceSource(cluster)], TxtRegistry("me"), provider, rules, measurements=measured)


def owned(name: str) -> list[Endpoint]:
    """A record and the one that says that it is ours."""
    text = '"heritage=external-dns,external-dns/owner=me,external-dns/resource=service/shop/x"'
    return [Endpoint(f"{name}.ex.com", ("192.0.2.1",), "A", ttl=60), Endpoint(f"a-{name}.ex.com", (text,), "TXT")]
