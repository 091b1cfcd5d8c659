"""Custom resources that are not installed, come later, or go: through the real watch, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from clusterdns.kube.access import Access
from clusterdns.kube.store import Cluster
from clusterdns.kube.watcher import ClusterWatch
from externaldns.sources.build import kinds_of
from externaldns.sources.crd import CrdSource
from tests.support import virtual_time
from tests.support.apiserver import ApiServerDouble
from tests.support.background import in_background
from tests.support.until import until
from tests.unit.externaldns.sources.building import records

Script = Callable[[ApiServerDouble, Cluster], Awaitable[None]]
RECORD = {"dnsName": "a.ex.com", "recordType": "A", "targets": ["192.0.2.1"]}


def watched(folder: Path, before: Callable[[ApiServerDouble], None], script: Script) -> None:
    async def body() -> None:
        async with ApiServerDouble() as server:
            before(server)
            cluster = Cluster()
            kinds = kinds_of([CrdSource(cluster)])
            watch = ClusterWatch(cluster, Access(server.kubeconfig(folder)), kinds, dice=lambda: 0.0)
            async with in_background(watch.run()):
                await script(server, cluster)

    virtual_time.run(body())


def test_one_that_is_not_installed_is_said_once_and_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def script(server: ApiServerDouble, cluster: Cluster) -> None:
        source = CrdSource(cluster)
        await asyncio.sleep(300)
        assert not cluster.dns_endpoints.synced, "nothing is known about it, so nothing may be changed"
        assert len(server.asked("dnsendpoints")) > 5
        assert caplog.text.count("no current dnsendpoints") == 1
        server.without.clear()
        server.put("DNSEndpoint", "web", "shop", spec={"endpoints": [RECORD]})
        await until(lambda: cluster.dns_endpoints.synced, 600, 0.1)
        assert records(source) == {"a.ex.com A 192.0.2.1"}

    watched(tmp_path, lambda server: server.without.add("dnsendpoints"), script)


def test_one_that_cannot_be_read_any_more_keeps_its_records(tmp_path: Path) -> None:
    async def script(server: ApiServerDouble, cluster: Cluster) -> None:
        source = CrdSource(cluster)
        await until(lambda: cluster.dns_endpoints.synced, 600, 0.1)
        server.without.add("dnsendpoints")
        server.cut_watches()
        await asyncio.sleep(300)
        assert records(source) == {"a.ex.com A 192.0.2.1"}, "a 404 is no list without objects"

    def before(server: ApiServerDouble) -> None:
        server.put("DNSEndpoint", "web", "shop", spec={"endpoints": [RECORD]})

    watched(tmp_path, before, script)


def test_one_that_is_deleted_deletes_its_objects_first(tmp_path: Path) -> None:
    """That is what a server does, and what the delete guard of the controller has to stop."""

    async def script(server: ApiServerDouble, cluster: Cluster) -> None:
        source = CrdSource(cluster)
        await until(lambda: cluster.dns_endpoints.synced, 600, 0.1)
        await server.watched("DNSEndpoint")
        server.uninstall("DNSEndpoint")
        await until(lambda: len(cluster.dns_endpoints) == 0, 600, 0.1)
        assert records(source) == set()
        assert cluster.dns_endpoints.synced

    def before(server: ApiServerDouble) -> None:
        server.put("DNSEndpoint", "web", "shop", spec={"endpoints": [RECORD]})

    watched(tmp_path, before, script)
