"""A running autopath whose API server is late: SERVFAIL and not ready until the first lists are in. It can be ended."""

from __future__ import annotations

import asyncio
import signal
import sys
from functools import partial
from pathlib import Path

import pytest

from clusterdns.demo.processes import fetch
from tests.integration.autopath_process import Autopath
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
        async with ApiServerDouble() as server:
            server.put("Namespace", "shop")
            server.put("Service", "web", "shop", spec={"clusterIP": "10.96.1.10"})
            await server.stop()
            autopath = Autopath(tmp_path, ready_status=503)
            autopath.write_corefile(COREFILE, kubeconfig=server.kubeconfig(tmp_path), more=more, patience="0s")
            async with autopath:
                await until(partial(_says, autopath.ready, (503, "kubernetes")))
                for question in (WEB, NO, FOREIGN):
                    assert rcode(await ask(autopath.port, question)) == "SERVFAIL"
                await server.start()
                await until(partial(_says, autopath.ready, (200, "OK")), 40)
                assert lines(await ask(autopath.port, WEB), "answer") == [
                    "web.shop.svc.cluster.local. 5 IN A 10.96.1.10"
                ]
                assert [rcode(await ask(autopath.port, each)) for each in (NO, FOREIGN)] == ["NXDOMAIN", "NOERROR"]

    asyncio.run(main())


async def _says(url: str, page: tuple[int, str]) -> bool:
    return await fetch(url) == page


@PROCESSES
def test_it_ends_while_it_waits(tmp_path: Path, more: str) -> None:
    async def main() -> None:
        async with ApiServerDouble() as server:
            asked = asyncio.Event()
            server.before_answer = lambda _: asked.set()
            server.slowness = 3600
            autopath = Autopath(tmp_path)
            autopath.write_corefile(COREFILE, kubeconfig=server.kubeconfig(tmp_path), more=more, patience="1h")
            command = [sys.executable, "-m", "autopath.service", "-conf", str(autopath.corefile)]
            process = await asyncio.create_subprocess_exec(*command)
            try:
                await asyncio.wait_for(asked.wait(), 20)
                process.send_signal(signal.SIGTERM)
                assert await asyncio.wait_for(process.wait(), 20) == 0
            finally:
                if process.returncode is None:
                    process.kill()

    asyncio.run(main())
