"""/healthz: what it says, and when it asks for a restart."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from externaldns.health import Health
from externaldns.loop import ControlLoop
from externaldns.schedule import Schedule
from tests.support import virtual_time
from tests.unit.externaldns.test_controller import MemoryProvider, cluster_of, controller_of


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
        work = asyncio.create_task(loop.run())
        for _ in range(5):
            await asyncio.sleep(400)
            assert health.answer()[0] == 200
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work

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
