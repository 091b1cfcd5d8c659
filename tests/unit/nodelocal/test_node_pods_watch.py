"""The pods of a node by the API server: only they are asked for, and without them nobody is searched for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from clusterdns.corefile.parse import parse
from clusterdns.directives.assemble import Assembly, assemble
from clusterdns.directives.config.server import load
from nodelocal.node_pods import NodePods
from nodelocal.service import DIRECTIVES
from tests.support import virtual_time
from tests.support.apiserver import ApiServerDouble
from tests.support.until import until

COREFILE = "cluster.local {\n autopath @node\n whoami\n}\n"
FIELDS = "spec.nodeName=node-a,status.phase!=Succeeded,status.phase!=Failed"


class Scene:
    """NodePods behind an assembled server block, and the API server that it asks."""

    def __init__(self, server: ApiServerDouble, folder: Path) -> None:
        self.server = server
        self.pods = NodePods("node-a", server.kubeconfig(folder), str(folder / "none"))
        self.assembly: Assembly = assemble(
            load(parse(COREFILE, "Corefile", environ={}), DIRECTIVES),
            clock=asyncio.get_running_loop().time,
            makers={"autopath": self.pods.make},
        )

    def put_pod(self, name: str, address: str, *, node: str = "node-a", phase: str = "Running") -> None:
        self.server.put(
            "Pod",
            name,
            "shop",
            spec={"nodeName": node},
            status={"phase": phase, "podIP": address, "podIPs": [{"ip": address}]},
        )

    def view_of(self, address: str) -> bytes | None:
        (lists,) = self.assembly.parts.search_lists
        known = lists.search_list_of(address)
        return None if known is None else known.view

    async def until(self, address: str, view: bytes | None) -> None:
        await until(lambda: self.view_of(address) == view, 1000, 0.1)


def play(
    folder: Path,
    script: Callable[[Scene], Awaitable[None]],
    prepare: Callable[[ApiServerDouble], None] = lambda server: None,
) -> None:
    async def main() -> None:
        async with ApiServerDouble() as server:
            prepare(server)
            scene = Scene(server, folder)
            scene.put_pod("ours", "10.244.1.1")
            scene.put_pod("theirs", "10.244.2.1", node="node-b")
            scene.pods.start(scene.assembly)
            try:
                await script(scene)
            finally:
                await scene.pods.close()

    virtual_time.run(main())


def test_pods_of_other_nodes_never_reach_the_process(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.until("10.244.1.1", b"shop")
        assert scene.view_of("10.244.2.1") is None
        assert {asked.query["fieldSelector"] for asked in scene.server.asked("pods")} == {FIELDS}
        assert {asked.path for asked in scene.server.requests} == {"/api/v1/pods", "/api/v1/namespaces"}
        await scene.server.watched("Pod")
        scene.put_pod("more", "10.244.2.2", node="node-b")
        scene.put_pod("new", "10.244.1.2")
        await scene.until("10.244.1.2", b"shop")
        assert scene.view_of("10.244.2.2") is None
        scene.put_pod("ours", "10.244.1.1", phase="Succeeded")
        await scene.until("10.244.1.1", None)

    play(tmp_path, script)


def test_without_the_api_server_nobody_is_known_and_it_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def script(scene: Scene) -> None:
        with caplog.at_level(logging.WARNING):
            await asyncio.sleep(300)
        assert scene.view_of("10.244.1.1") is None
        assert sum("no current pods" in record.message for record in caplog.records) == 1
        scene.server.refusals.clear()
        await scene.until("10.244.1.1", b"shop")

    play(tmp_path, script, prepare=lambda server: server.refusals.update({"": 503}))


@pytest.mark.parametrize(("status", "exists"), [(0, False), (403, True)], ids=["readable", "forbidden"])
def test_namespaces_that_may_not_be_read_may_all_exist(tmp_path: Path, status: int, exists: bool) -> None:
    async def script(scene: Scene) -> None:
        await scene.until("10.244.1.1", b"shop")
        await asyncio.sleep(10)
        ((_, autopath),) = scene.assembly.parts.autopaths
        assert autopath._can_exist(b"\6aliyun\3com\3svc\7cluster\5local\0") is exists
        assert autopath._can_exist(b"\3web\4shop\3svc\7cluster\5local\0")

    def prepare(server: ApiServerDouble) -> None:
        server.put("Namespace", "shop")
        if status:
            server.refusals["namespaces"] = status

    play(tmp_path, script, prepare=prepare)
