"""An API server whose watch is cut, whose history is gone, or that answers with an empty list, over connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from clusterdns.kube.access import Access
from clusterdns.kube.watcher import ClusterWatch
from externaldns.sources.service import ServiceSource
from tests.support.apiserver import ApiServerDouble
from tests.support.background import in_background
from tests.unit.externaldns.faults.scene import PREFIX, Process, Scene

NAMES = [f"h{number}" for number in range(20)]


def put(server: ApiServerDouble, name: str, target: str) -> None:
    annotations = {PREFIX + "hostname": f"{name}.ex.com", PREFIX + "target": target}
    server.put("Service", name, "shop", metadata={"annotations": annotations}, spec={"type": "ClusterIP"})


async def cut(server: ApiServerDouble) -> None:
    server.cut_watches()


async def cut_in_an_event(server: ApiServerDouble) -> None:
    server.cut_watches(in_event=True)


async def forget_history(server: ApiServerDouble) -> None:
    server.expire_history()
    server.cut_watches()


async def go_away(server: ApiServerDouble) -> None:
    await server.stop()
    await asyncio.sleep(30)


async def refuse(server: ApiServerDouble) -> None:
    server.refusals["services"] = 403
    server.cut_watches()
    await asyncio.sleep(30)


@asynccontextmanager
async def watched(scene: Scene, folder: Path) -> AsyncIterator[tuple[ApiServerDouble, Process]]:
    """An API server with a Service for each of NAMES, and an externaldns that has brought them into the zone."""
    async with ApiServerDouble() as server:
        for name in NAMES:
            put(server, name, "192.0.2.1")
        async with watching(scene, server, folder), scene.process() as process:
            await scene.until(lambda: len(scene.cluster.services) == len(NAMES))
            await scene.settled(600)
            yield server, process


@pytest.mark.parametrize("mishap", [cut, cut_in_an_event, forget_history, go_away, refuse])
def test_what_changed_while_nobody_watched_arrives(
    mishap: Callable[[ApiServerDouble], Awaitable[None]], tmp_path: Path
) -> None:
    scene = Scene()

    async def body() -> None:
        async with watched(scene, tmp_path) as (server, process):
            await mishap(server)
            put(server, "h1", "192.0.2.77")
            server.delete("Service", "h2", "shop")
            put(server, "new", "192.0.2.78")
            server.refusals.clear()
            if mishap is go_away:
                await server.start()
            await scene.until(lambda: scene.cluster.services.get("shop", "new") is not None, 600)
            await scene.settled(120)
            assert any(row.startswith("new A 60 192.0.2.78") for row in scene.rows())
            assert not any(row.startswith("h2 ") for row in scene.rows())
            assert not process.ended

    scene.run(body())


def test_an_empty_list_deletes_nothing(tmp_path: Path) -> None:
    scene = Scene()

    async def body() -> None:
        async with watched(scene, tmp_path) as (server, process):
            held = scene.rows()
            for name in NAMES:
                server.delete("Service", name, "shop")
            server.expire_history()
            server.cut_watches()
            await scene.until(lambda: len(scene.cluster.services) == 0, 600)
            await asyncio.sleep(300)
            # The ten that are always allowed may go one by one before it shows that it is all of them.
            assert len(scene.rows()) >= len(held) - 2 * 10
            assert process.measured.deletions_waiting >= 10
            for name in NAMES:
                put(server, name, "192.0.2.1")
            await scene.until(lambda: len(scene.cluster.services) == len(NAMES), 600)
            await scene.settled(600)
            assert scene.rows() == held

    scene.run(body())


def test_nothing_is_touched_before_the_first_lists_are_in(tmp_path: Path) -> None:
    scene = Scene()

    async def body() -> None:
        async with ApiServerDouble() as server:
            put(server, "web", "192.0.2.1")
            server.refusals["nodes"] = 403
            for store in ServiceSource(scene.cluster).stores:
                store.synced = False
            async with watching(scene, server, tmp_path), scene.process():
                await scene.until(lambda: scene.cluster.services.synced)
                await asyncio.sleep(300)
                assert not scene.api.calls
                server.refusals.clear()
                await scene.settled(600)

    scene.run(body())


def watching(scene: Scene, server: ApiServerDouble, folder: Path) -> AbstractAsyncContextManager[None]:
    kinds = frozenset(store.kind for store in ServiceSource(scene.cluster).stores)
    return in_background(ClusterWatch(scene.cluster, Access(server.kubeconfig(folder)), kinds).run())
