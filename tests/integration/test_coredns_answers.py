"""autopath answers every recorded question as CoreDNS did, the search walk included; also as several processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import dns.flags
import pytest
import yaml

from clusterdns.demo.internet import Internet
from clusterdns.demo.processes import Program, free_ports
from tests.support import coredns_answers
from tests.support.apiserver import ApiServerDouble
from tests.support.asking import ask, lines, rcode

FOLDER = Path(coredns_answers.__file__).parent
ADDRESSES = {"web-0": "10.244.2.20", "client": "127.0.0.1"}

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

SOA = "cluster.local. 30 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. …"
# Where CoreDNS is wrong: see tests/unit/autopath/test_coredns_answers.py.
CORRECTIONS: dict[str, dict[str, Any]] = {
    "WEB.Shop.svc.Cluster.LOCAL A": {"answer": ["WEB.Shop.svc.Cluster.LOCAL. 30 IN A 10.96.1.10"]},
    "shop.svc.cluster.local A": {"rcode": "NOERROR", "authoritative": True, "authority": [SOA]},
}


PROCESSES = pytest.mark.parametrize("processes", [1, 2])


@PROCESSES
def test_from_manifests(tmp_path: Path, processes: int) -> None:
    async def main() -> None:
        manifests = tmp_path / "cluster"
        manifests.mkdir()
        (manifests / "cluster.yaml").write_text(yaml.safe_dump_all(_objects()))
        async with _autopath(tmp_path, f"manifests {manifests}", processes) as port:
            assert await _wrong_answers(port) == []

    asyncio.run(main())


@PROCESSES
def test_from_an_api_server(tmp_path: Path, processes: int) -> None:
    """Also after its watches broke in the middle of an event, and after it forgot its history."""

    async def main() -> None:
        async with ApiServerDouble() as server:
            for document in _objects():
                document = dict(document)
                del document["apiVersion"]
                metadata = document.pop("metadata")
                name, namespace = metadata.pop("name"), metadata.pop("namespace", "")
                server.put(document.pop("kind"), name, namespace, metadata=metadata, **document)
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
    port, ready, upstream_port = free_ports(3)
    zone = folder / "upstream.zone"
    zone.write_text(ZONE)
    corefile = folder / "Corefile"
    corefile.write_text(
        COREFILE.format(port=port, ready=ready, objects=objects, processes=processes, upstream=upstream_port)
    )
    upstream = Internet(zone, "127.0.0.1", upstream_port)
    autopath = Program(
        "autopath", "autopath.service", ["-conf", str(corefile)], {}, folder, f"http://127.0.0.1:{ready}/ready"
    )
    await upstream.start()
    try:
        await autopath.start()
        yield port
    finally:
        await autopath.stop()
        await upstream.close()


async def _wrong_answers(port: int) -> list[Any]:
    """Each of the 66 questions that is answered otherwise than recorded, with what was said and what was recorded."""
    wrong = []
    assert len(coredns_answers.ROWS) == 66
    for row in coredns_answers.ROWS:
        expected = _comparable(row | CORRECTIONS.get(row["question"], {}))
        got = await _observe(port, row["question"])
        if got != expected:
            wrong.append((row["question"], got, expected))
    return wrong


async def _observe(port: int, question: str) -> dict[str, Any]:
    answer = await ask(port, question)
    return _comparable(
        {
            "rcode": rcode(answer),
            "authoritative": bool(answer.flags & dns.flags.AA),
            "recursion_available": bool(answer.flags & dns.flags.RA),
            "answer": lines(answer, "answer"),
            "authority": lines(answer, "authority"),
            "additional": lines(answer, "additional"),
        }
    )


def _comparable(row: dict[str, Any]) -> dict[str, Any]:
    """What is compared: all but the order of records and the numbers of SOA records."""
    keys = ("rcode", "authoritative", "recursion_available")
    sections = ("answer", "authority", "additional")
    return {key: row[key] for key in keys} | {
        section: sorted(" ".join(line.split()[:6]) if " SOA " in line else line for line in row[section])
        for section in sections
    }


def _objects() -> list[dict[str, Any]]:
    """The recorded manifests, with the addresses that their pods had: a status is not part of a manifest."""
    documents = [each for each in yaml.safe_load_all((FOLDER / "cluster.yaml").read_text()) if each]
    for document in documents:
        if document["kind"] == "Pod":
            address = ADDRESSES[document["metadata"]["name"]]
            document["status"] = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
    return documents
