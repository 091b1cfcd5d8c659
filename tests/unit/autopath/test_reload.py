"""A changed Corefile takes effect when the API server has given all that it needs; what runs answers until then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from autopath.service import DIRECTIVES, serve
from clusterdns.daemon.corefile_loader import load_corefile
from clusterdns.demo.processes import free_ports
from tests.support import virtual_time
from tests.support.apiserver import ApiServerDouble
from tests.support.asking import ask, rcode
from tests.support.until import until

COREFILE = """
.:{port} {{
    bind 127.0.0.1
    reload 2s 0s
    kubernetes cluster.local {{
        kubeconfig {kubeconfig}
        pods {pods}
    }}
}}
{more}
"""
MORE = "whoami.example {\n bind 127.0.0.1\n whoami\n}"
WEB, POD = "web.shop.svc.cluster.local A", "10-244-0-1.shop.pod.cluster.local A"


class Scene:
    """An API server that refuses pods, and an autopath that runs with it."""

    def __init__(self, server: ApiServerDouble, folder: Path) -> None:
        self.server = server
        (self.port,) = free_ports(1)
        self._corefile = folder / "Corefile"
        self._settings = {"port": self.port, "kubeconfig": server.kubeconfig(folder)}

    def write(self, pods: str, more: str = "") -> None:
        self._corefile.write_text(COREFILE.format(pods=pods, more=more, **self._settings))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        load = partial(load_corefile, str(self._corefile), DIRECTIVES, default_port=self.port)
        stop, serving = asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(serve(load(), load, serving.set, stop))
        await serving.wait()
        yield
        stop.set()
        assert await running == 0

    async def says(self, question: str, expected: str) -> bool:
        return rcode(await ask(self.port, question)) == expected


def play(folder: Path, script: Callable[[Scene], Awaitable[None]]) -> None:
    async def main() -> None:
        async with ApiServerDouble() as server:
            server.put("Namespace", "shop")
            server.put("Service", "web", "shop", spec={"clusterIP": "10.96.1.10"})
            server.put("Pod", "a", "shop", status={"phase": "Running", "podIPs": [{"ip": "10.244.0.1"}]})
            server.refusals["pods"] = 403
            await script(Scene(server, folder))

    virtual_time.run(main(), 7200)


def test_what_runs_stays_until_its_successor_knows_all(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        scene.write("disabled")
        async with scene.running():
            scene.write("verified")
            for _ in range(8):
                await asyncio.sleep(20)
                assert await scene.says(WEB, "NOERROR")
            scene.server.refusals.clear()
            await until(partial(scene.says, POD, "NOERROR"), 300, 10)

    play(tmp_path, script)


def test_what_is_not_ready_either_has_nothing_to_lose(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        scene.write("verified")
        async with scene.running():
            assert await scene.says(WEB, "SERVFAIL")
            scene.write("verified", MORE)
            await until(partial(scene.says, "a.whoami.example A", "NOERROR"), 30, 1)
            assert await scene.says(WEB, "SERVFAIL")

    play(tmp_path, script)
