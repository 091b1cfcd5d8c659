"""autopath's answers while its API server comes late, goes away, forgets and repeats itself; on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from autopath.clusters import Clusters
from autopath.kubernetes import Kubernetes
from tests.support import virtual_time
from tests.support.apiserver import ApiServerDouble
from tests.support.until import until
from tests.unit.autopath.asking import Elsewhere, ask, config

WEB = "web.shop.svc.cluster.local A"
LATE = "late.shop.svc.cluster.local A"


class Scene:
    """A server, and the directive that answers from what it says."""

    def __init__(self, server: ApiServerDouble, handler: Kubernetes, clusters: Clusters) -> None:
        self.server = server
        self.handler = handler
        self.clusters = clusters

    def told(self, question: str) -> str:
        got = ask(self.handler, question)
        return ",".join(got.rdata()) or got.rcode

    async def until(self, question: str, expected: str) -> None:
        """Wait until the question is answered so."""
        await until(lambda: self.told(question) == expected, 7200, 0.1)


def pod(server: ApiServerDouble, name: str, namespace: str, address: str, started: str) -> None:
    server.put("Pod", name, namespace, status={"phase": "Running", "podIPs": [{"ip": address}], "startTime": started})


async def gone_for_a_minute(scene: Scene) -> None:
    await scene.server.stop()
    for _ in range(6):
        await asyncio.sleep(10)
        assert scene.told(WEB) == "A 10.96.1.10"
        assert scene.told(LATE) == "NXDOMAIN"
    scene.server.put("Service", "late", "shop", spec={"clusterIP": "10.96.1.11"})
    await scene.server.start()
    await scene.until(LATE, "A 10.96.1.11")


async def nothing_but_bookmarks(scene: Scene) -> None:
    await asyncio.sleep(1200)
    assert scene.told(WEB) == "A 10.96.1.10"
    assert len(scene.server.lists("services")) == 1


async def cut_in_an_event(scene: Scene) -> None:
    scene.server.cut_watches(in_event=True)
    scene.server.delete("Service", "web", "shop")
    await scene.until(WEB, "NXDOMAIN")


async def history_is_gone(scene: Scene) -> None:
    scene.server.end_watches()
    scene.server.put("Service", "late", "shop", spec={"clusterIP": "10.96.1.11"})
    scene.server.delete("Service", "web", "shop")
    scene.server.expire_history()
    await scene.until(LATE, "A 10.96.1.11")
    assert scene.told(WEB) == "NXDOMAIN"


async def an_address_is_reused_before_its_owner_is_gone(scene: Scene) -> None:
    await scene.until("10-244-0-9.shop.pod.cluster.local A", "A 10.244.0.9")
    pod(scene.server, "second", "data", "10.244.0.9", "2026-01-01T00:00:09Z")
    await scene.until("10-244-0-9.data.pod.cluster.local A", "A 10.244.0.9")
    assert scene.told("10-244-0-9.shop.pod.cluster.local A") == "NXDOMAIN"
    scene.server.delete("Pod", "first", "shop")
    await asyncio.sleep(5)
    assert scene.told("10-244-0-9.data.pod.cluster.local A") == "A 10.244.0.9"


EVENTS = [
    gone_for_a_minute,
    nothing_but_bookmarks,
    cut_in_an_event,
    history_is_gone,
    an_address_is_reused_before_its_owner_is_gone,
]


def play(folder: Path, script: Callable[[Scene], Awaitable[None]], *, present: bool = True, options: str = "") -> None:
    async def main() -> None:
        async with ApiServerDouble() as server:
            for namespace in ("shop", "data"):
                server.put("Namespace", namespace)
            server.put("Service", "web", "shop", spec={"clusterIP": "10.96.1.10"})
            pod(server, "first", "shop", "10.244.0.9", "2026-01-01T00:00:01Z")
            configured = config(f"kubeconfig {server.kubeconfig(folder)}\npods verified\n{options}")
            if not present:
                await server.stop()
            clusters = Clusters()
            source = clusters.source_for(configured)
            behind = Elsewhere().handle
            handler = Kubernetes(
                configured,
                source.cluster,
                source.index_for(configured),
                source.pods,
                resolve=behind,
                following=behind,
            )
            try:
                await clusters.start()
                await script(Scene(server, handler, clusters))
            finally:
                await clusters.close()

    virtual_time.run(main(), 7200)


@pytest.mark.parametrize("script", EVENTS)
def test_answers_while(tmp_path: Path, script: Callable[[Scene], Awaitable[None]]) -> None:
    play(tmp_path, script)


@pytest.mark.parametrize(("options", "seconds"), [("", 5), ("startup_timeout 0s", 0), ("startup_timeout 2m", 120)])
def test_a_server_that_comes_late(tmp_path: Path, options: str, seconds: float) -> None:
    """Serving begins after startup_timeout, and says SERVFAIL, never NXDOMAIN, until the first lists are in."""

    async def script(scene: Scene) -> None:
        assert asyncio.get_running_loop().time() == pytest.approx(seconds, abs=1)
        for question in (WEB, LATE, "cluster.local SOA", "9.9.9.9.in-addr.arpa PTR"):
            assert scene.told(question) == "SERVFAIL"
        await scene.server.start()
        await scene.until(WEB, "A 10.96.1.10")
        assert scene.told(LATE) == "NXDOMAIN"

    play(tmp_path, script, present=False, options=options)
