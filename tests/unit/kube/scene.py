"""A double of the API server, a watch of it, and the stores that it keeps: where tests of the watch take place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from clusterdns.kube.access import Access
from clusterdns.kube.store import Cluster, Store
from clusterdns.kube.watcher import ClusterWatch
from clusterdns.limits import KUBE_LIST_PAGE
from tests.support import virtual_time
from tests.support.apiserver import ApiServerDouble
from tests.support.background import in_background

ALL = frozenset({"Namespace", "Service", "EndpointSlice", "Pod", "Node"})
SERVICES = frozenset({"Service"})
PODS = frozenset({"Pod"})


async def until(store: Store[Any], condition: Callable[[], bool]) -> None:
    """Wait for a change of `store` after which `condition` holds."""
    changed = asyncio.Event()
    store.subscribe(lambda old, new: changed.set())
    while not condition():
        changed.clear()
        await changed.wait()


def names(store: Store[Any]) -> list[str]:
    return sorted(each.name for each in store)


class Scene:
    """A double with some objects, the stores, and the watch that keeps them."""

    def __init__(self, server: ApiServerDouble, cluster: Cluster, watch: ClusterWatch, folder: Path) -> None:
        self.server = server
        self.cluster = cluster
        self.watch = watch
        self.folder = folder

    async def watched(self, kind: str) -> None:
        """Wait until a list of `kind` is in, and there is an open watch."""
        await self.server.watched(kind)
        await self.cluster.store(kind).wait_synced()

    async def another(self, kinds: frozenset[str], **more: Any) -> Cluster:
        """What a watch that starts now finds in the same server."""
        cluster = Cluster(lean=True)
        watch = ClusterWatch(cluster, Access(self.server.kubeconfig(self.folder)), kinds, dice=lambda: 0.0, **more)
        async with in_background(watch.run()):
            for kind in kinds:
                await cluster.store(kind).wait_synced()
        return cluster

    async def services(self, *expected: str) -> None:
        await until(self.cluster.services, lambda: names(self.cluster.services) == sorted(expected))


@asynccontextmanager
async def watching(
    folder: Path,
    kinds: frozenset[str],
    *,
    prepare: Callable[[ApiServerDouble], None] = lambda server: None,
    lean: bool = False,
    limits: dict[str, Any] | None = None,
    **more: Any,
) -> AsyncIterator[Scene]:
    async with ApiServerDouble() as server:
        server.put("Namespace", "shop")
        server.put("Service", "web", "shop", spec={"clusterIP": "10.96.1.10"})
        server.put("Service", "db", "data", spec={"clusterIP": "None"})
        prepare(server)
        cluster = Cluster(lean=lean)
        access = Access(server.kubeconfig(folder), **(limits or {}))
        watch = ClusterWatch(cluster, access, kinds, dice=lambda: 0.0, **more)
        async with in_background(watch.run()):
            yield Scene(server, cluster, watch, folder)


def play(
    tmp_path: Path, script: Callable[[Scene], Coroutine[Any, Any, None]], kinds: frozenset[str] = SERVICES, **more: Any
) -> None:
    async def main() -> None:
        async with watching(tmp_path, kinds, **more) as scene:
            await script(scene)

    virtual_time.run(main())


def many(server: ApiServerDouble) -> None:
    for number in range(2 * int(KUBE_LIST_PAGE.default)):
        server.put("Service", f"s{number}", "many")
