"""/healthz: what it says, and when it asks for a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from clusterdns.errors import ClusterDNSError
from clusterdns.kube.store import Cluster
from externaldns.changes import ChangeResult, NameChange
from externaldns.controller import Controller
from externaldns.health import Health
from externaldns.loop import ControlLoop
from externaldns.ownership import TxtRegistry
from externaldns.providers.provider import Snapshot
from externaldns.schedule import Schedule
from externaldns.sources.crd import CrdSource
from externaldns.sources.service import ServiceSource
from externaldns.sources.source import Source
from tests.support import virtual_time
from tests.support.background import in_background
from tests.unit.externaldns.baton import Baton
from tests.unit.externaldns.in_memory import MemoryProvider, cluster_of, controller_of, service


@pytest.mark.parametrize(("now", "status", "first"), [(899.0, 200, "OK"), (901.0, 503, "hung: the loop has not come")])
def test_a_loop_that_does_not_come_round_is_hung(now: float, status: int, first: str) -> None:
    controller = controller_of(cluster_of(), MemoryProvider())
    loop = ControlLoop(controller, Schedule(60), events=True, clock=lambda: 0.0)
    answer = Health(controller, loop, lambda: now, lambda: 2000.0, lambda: -1e9, lambda: "none").answer()
    assert answer[:2] == (status, "text/plain; charset=utf-8")
    assert answer[2].decode().startswith(first)


def test_a_run_that_waits_for_the_quota_is_not_hung() -> None:
    controller = controller_of(cluster_of(), MemoryProvider())
    loop = ControlLoop(controller, Schedule(60), events=True, clock=lambda: 0.0)
    assert Health(controller, loop, lambda: 5000.0, lambda: 9000.0, lambda: 4900.0, lambda: "none").answer()[0] == 200


@pytest.mark.parametrize(("interval", "synced"), [(60, False), (86400, True)])
def test_waiting_is_not_hanging(interval: float, synced: bool) -> None:
    async def body() -> None:
        clock = asyncio.get_running_loop().time
        controller = controller_of(cluster_of(synced=synced), MemoryProvider())
        loop = ControlLoop(controller, Schedule(interval), events=True, clock=clock)
        health = Health(controller, loop, clock, lambda: 2000.0, lambda: -1e9, lambda: "none")
        async with in_background(loop.run()):
            for _ in range(5):
                await asyncio.sleep(400)
                assert health.answer()[0] == 200

    virtual_time.run(body())


def test_it_says_what_it_waits_for() -> None:
    cluster, provider = cluster_of(synced=False), MemoryProvider()
    controller = controller_of(cluster, provider)
    loop = ControlLoop(controller, Schedule(60), events=True, clock=lambda: 0.0, wall_clock=lambda: 1995.0)
    health = Health(controller, loop, lambda: 1.0, lambda: 2000.0, lambda: 0.0, lambda: "standing by; other leads")
    assert health.answer()[2].decode().splitlines() == [
        "OK",
        "election: standing by; other leads",
        "objects: not listed yet: EndpointSlice, Node, Pod, Service",
        "last good run: never; failed runs since: 0",
        "names that fail: 0; deletions held back: 0",
        "records kept against a mistake or a source that can't be read: 0",
    ]
    for store in (cluster.services, cluster.endpoint_slices, cluster.pods, cluster.nodes):
        store.replace(())
    virtual_time.run(loop.run_full())
    assert health.answer()[2].decode().splitlines()[2:4] == [
        "objects: synced",
        "last good run: 5 s ago; failed runs since: 0",
    ]


class Silent(MemoryProvider):
    """Never answers while `hangs`; a batch of changes takes `seconds`."""

    hangs = False
    seconds = 0.0

    async def read(self) -> Snapshot:
        if self.hangs:
            await asyncio.Event().wait()
        return await super().read()

    async def apply(self, changes: Sequence[NameChange]) -> list[ChangeResult]:
        await asyncio.sleep(self.seconds)
        return await super().apply(changes)


def nothing(cluster: Cluster, provider: Silent) -> None:
    """All is well."""


def unlisted(cluster: Cluster, provider: Silent) -> None:
    cluster.services.synced = False


def no_source(cluster: Cluster, provider: Silent) -> None:
    cluster.dns_endpoints.synced = False
    cluster.dns_endpoints.refused = "404"


def cloud_down(cluster: Cluster, provider: Silent) -> None:
    provider.away = ClusterDNSError("no answer")


def cloud_silent(cluster: Cluster, provider: Silent) -> None:
    provider.hangs = True


def slow_writes(cluster: Cluster, provider: Silent) -> None:
    provider.seconds = 400
    for number in range(100):
        cluster.services.put(service(f"more-{number}"))


def name_refused(cluster: Cluster, provider: Silent) -> None:
    provider.refuses = {"h1.ex.com"}


def mistake(cluster: Cluster, provider: Silent) -> None:
    cluster.services.put(service("h1", target="192.0.2.999"))


def all_gone(cluster: Cluster, provider: Silent) -> None:
    cluster.services.replace(())


@pytest.mark.parametrize(
    ("leads", "before", "after", "status", "line"),
    [
        (True, nothing, nothing, 200, "OK"),
        (True, nothing, nothing, 200, "objects: synced"),
        (False, nothing, nothing, 200, "election: standing by"),
        (False, cloud_down, nothing, 200, "OK"),
        (True, unlisted, nothing, 200, "objects: not listed yet: Service"),
        (True, no_source, nothing, 200, "objects: synced; source crd can't be read: DNSEndpoint (404)"),
        (True, cloud_down, nothing, 200, "last good run: never; failed runs since: "),
        (True, nothing, cloud_down, 200, "OK"),
        (True, slow_writes, nothing, 200, "last good run: never; failed runs since: 0"),
        (True, name_refused, nothing, 200, "names that fail: 1; deletions held back: 0"),
        (True, nothing, all_gone, 200, "names that fail: 0; deletions held back: 20"),
        (True, nothing, mistake, 200, "records kept against a mistake or a source that can't be read: 1"),
        (True, cloud_silent, nothing, 503, "hung: the loop has not come round for "),
    ],
)
def test_every_state_is_told_and_only_a_loop_that_is_stuck_asks_for_a_restart(
    leads: bool,
    before: Callable[[Cluster, Silent], None],
    after: Callable[[Cluster, Silent], None],
    status: int,
    line: str,
) -> None:
    async def body() -> tuple[int, str]:
        clock = asyncio.get_running_loop().time
        cluster, provider, baton = cluster_of(*(service(f"h{number}") for number in range(20))), Silent(), Baton()
        cluster.dns_endpoints.replace(())
        baton.give(leads)
        before(cluster, provider)
        sources: list[Source] = [ServiceSource(cluster), CrdSource(cluster)]
        controller = Controller(sources, TxtRegistry("me"), provider, leadership=baton, clock=clock)
        loop = ControlLoop(controller, Schedule(60), events=True, leadership=baton, clock=clock, dice=lambda: 0.0)
        health = Health(
            controller, loop, clock, lambda: 0.0, lambda: -1e9, lambda: "leading" if leads else "standing by"
        )
        async with in_background(loop.run()):
            await asyncio.sleep(100)
            after(cluster, provider)
            await asyncio.sleep(1000)
            code, _, page = health.answer()
        return code, page.decode()

    code, page = virtual_time.run(body())
    assert code == status
    assert any(each.startswith(line) for each in page.splitlines()), page
