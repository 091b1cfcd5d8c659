"""autopath answers every recorded question as CoreDNS did, the search walk included; also as several processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from clusterdns.demo.internet import Internet
from tests.integration.autopath_process import Autopath
from tests.support import coredns_answers
from tests.support.apiserver import ApiServerDouble
from tests.support.asking import ask, lines
from tests.support.coredns_answers.comparing import comparable, corrected, documents, observed, put_into

COREFILE = """
.:{port} {{
    bind 127.0.0.1
    multisocket {processes}
    errors
    ready 127.0.0.1:{ready}
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        {objects}
        pods verified
        endpoint_pod_names
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }}
    autopath @kubernetes
    forward . 127.0.0.1:{upstream}
}}
"""

ZONE = """
.                    60    IN SOA  a.root. b.root. 1 1800 900 604800 60
10.in-addr.arpa.     10800 IN SOA  localhost. nobody.invalid. 1 3600 1200 604800 10800
aliyun.com.          300   IN A    1.1.1.1
mirrors.example.org. 300   IN A    192.0.2.80
mirrors.example.org. 300   IN AAAA 2001:db8::80
"""


PROCESSES = pytest.mark.parametrize("processes", [1, 2])


@PROCESSES
def test_from_manifests(tmp_path: Path, processes: int) -> None:
    async def main() -> None:
        manifests = tmp_path / "cluster"
        manifests.mkdir()
        (manifests / "cluster.yaml").write_text(yaml.safe_dump_all(documents()))
        async with _autopath(tmp_path, f"manifests {manifests}", processes) as port:
            assert await _wrong_answers(port) == []

    asyncio.run(main())


@PROCESSES
def test_from_an_api_server(tmp_path: Path, processes: int) -> None:
    """Also after its watches broke in the middle of an event, and after it forgot its history."""

    async def main() -> None:
        async with ApiServerDouble() as server:
            put_into(server)
            async with _autopath(tmp_path, f"kubeconfig {server.kubeconfig(tmp_path)}", processes) as port:
                assert await _wrong_answers(port) == []
                server.cut_watches(in_event=True)
                await server.watched("Service")
                assert await _wrong_answers(port) == []
                server.end_watches()
                server.put("Service", "late", "shop", spec={"clusterIP": "10.96.9.9"})
                server.expire_history()
                lists = len(server.lists("services"))
                await server.until(lambda: len(server.lists("services")) > lists)
                await server.watched("Service")
                assert await _wrong_answers(port) == []
                assert lines(await ask(port, "late.shop.svc.cluster.local A"), "answer") == [
                    "late.shop.svc.cluster.local. 30 IN A 10.96.9.9"
                ]

    asyncio.run(main())


@asynccontextmanager
async def _autopath(folder: Path, objects: str, processes: int) -> AsyncIterator[int]:
    """A running autopath whose cluster is what the option `objects` says, and an upstream of its own; its port."""
    zone = folder / "upstream.zone"
    zone.write_text(ZONE)
    autopath = Autopath(folder, ports=["upstream"])
    autopath.write_corefile(COREFILE, objects=objects, processes=processes)
    upstream = Internet(zone, "127.0.0.1", autopath.ports["upstream"])
    await upstream.start()
    try:
        async with autopath:
            yield autopath.port
    finally:
        await upstream.close()


async def _wrong_answers(port: int) -> list[Any]:
    """Each of the 66 questions that is answered otherwise than recorded, with what was said and what was recorded."""
    wrong = []
    assert len(coredns_answers.ROWS) == 66
    for row in coredns_answers.ROWS:
        expected = comparable(corrected(row))
        got = observed(await ask(port, row["question"]))
        if got != expected:
            wrong.append((row["question"], got, expected))
    return wrong
