"""All of externaldns but flags and HTTP: from Services to the API in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from clusterdns.kube.objects import Service
from clusterdns.kube.store import Cluster
from externaldns.controller import Controller
from externaldns.ownership import TxtRegistry
from externaldns.providers.privatezone.calls import Calls
from externaldns.providers.privatezone.gateway import WriteGateway
from externaldns.providers.privatezone.provider import PrivateZoneProvider
from externaldns.sources.service import ServiceSource
from tests.support import virtual_time
from tests.unit.externaldns.privatezone.memory_api import MemoryApi

PREFIX = "external-dns.kubernetes.io/"


def run(api: MemoryApi, wanted: Mapping[str, tuple[str, str]]) -> int:
    """One run of externaldns, as a new process would do it; returns how many names it changed.

    `wanted` has the targets (comma-separated) and the TTL annotation ("": none) of each name in ex.com; a Service
    shop/NAME asks for it.
    """
    cluster = Cluster()
    for store in ServiceSource(cluster).stores:
        store.replace(())
    for name, (targets, ttl) in wanted.items():
        annotations = {
            PREFIX + "hostname": "ex.com" if name == "@" else f"{name}.ex.com",
            PREFIX + "target": targets,
            **({PREFIX + "ttl": ttl} if ttl else {}),
        }
        cluster.services.put(Service(namespace="shop", name=name, annotations=annotations))
    calls = Calls(clock=lambda: asyncio.get_running_loop().time(), dice=lambda: 0.0)
    provider = PrivateZoneProvider(api, calls, WriteGateway(api, api, calls, dry_run=False))
    try:
        controller = Controller([ServiceSource(cluster)], TxtRegistry("me"), provider)
        return len(virtual_time.run(controller.run_once()).changed)
    finally:
        calls.close()


def heritage(service: str, owner: str = "me") -> str:
    """The ownership record's text of a record that `service` asked for."""
    return f'"heritage=external-dns,external-dns/owner={owner},external-dns/resource=service/shop/{service}"'
