"""A running autopath whose API server is late: SERVFAIL and not ready until the first lists are in. It can be ended."""

from __future__ import annotations

import asyncio
import signal
import sys
from functools import partial
from pathlib import Path

import pytest

from clusterdns.demo.processes import Program, fetch, free_ports
from tests.support.apiserver import ApiServerDouble
from tests.support.asking import ask, lines, rcode
from tests.support.until import until

COREFILE = """
.:{port} {{
    bind 127.0.0.1
    ready 127.0.0.1:{ready}
    {more}
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {kubeconfig}
        startup_timeout {patience}
        pods verified
        fallthrough in-addr.arpa
    }}
    whoami
}}
"""
WEB, NO = "web.shop.svc.cluster.local A", "no.shop.svc.cluster.local A"
# Falls through to `whoami`, once it is known not to be the cluster's.
FOREIGN = "1.0.0.10.in-addr.arpa PTR"


PROCESSES = pytest.mark.parametrize("more", ["", "multisocket 2"], ids=["one process", "two"])


@PROCESSES
def test_it_is_ready_when_the_lists_are_in(tmp_path: Path, more: str) -> None:
    async def main() -> None:
        port, ready = free_ports(2)
        async with ApiServerDouble() as server:
            server.put("Namespace", "shop")
            server.put("Service", "web", "shop", spec={"clusterIP": "10.96.1.10"})
            await server.stop()
            corefile = tmp_path / "Corefile"
            ports = {"port": port, "ready": ready, "more": more, "patience": "0s"}
            corefile.write_text(COREFILE.format(kubeconfig=server.kubeconfig(tmp_path), **ports))
            url = f"http://127.0.0.1:{ready}/ready"
            autopath = Program("autopath", "autopath.service", ["-conf", str(corefile)], {}, tmp_path, url, 503)
            await autopath.start()
            try:
                await until(partial(_says, url, (503, "kubernetes")))
                for question in (WEB, NO, FOREIGN):
                    assert rcode(await ask(port, question)) == "SERVFAIL"
                await server.start()
                await until(partial(_says, url, (200, "OK")), 40)
                assert lines(await ask(port, WEB), "answer") == ["web.shop.svc.cluster.local. 5 IN A 10.96.1.10"]
                assert [rcode(await ask(port, each)) for each in (NO, FOREIGN)] == ["NXDOMAIN", "NOERROR"]
            finally:
                await autopath.stop()

    asyncio.run(main())


async def _says(url: str, page: tuple[int, str]) -> bool:
    return await fetch(url) == page


@PROCESSES
def test_it_ends_while_it_waits(tmp_path: Path, more: str) -> None:
    async def main() -> None:
        port, ready = free_ports(2)
        async with ApiServerDouble() as server:
            asked = asyncio.Event()
            server.before_answer = lambda _: asked.set()
            server.slowness = 3600
            corefile = tmp_path / "Corefile"
            settings = {"port": port, "ready": ready, "more": more, "patience": "1h"}
            corefile.write_text(COREFILE.format(kubeconfig=server.kubeconfig(tmp_path), **settings))
            command = [sys.executable, "-m", "autopath.service", "-conf", str(corefile)]
            autopath = await asyncio.create_subprocess_exec(*command)
            try:
                await asyncio.wait_for(asked.wait(), 20)
                autopath.send_signal(signal.SIGTERM)
                assert await asyncio.wait_for(autopath.wait(), 20) == 0
            finally:
                if autopath.returncode is None:
                    autopath.kill()

    asyncio.run(main())
