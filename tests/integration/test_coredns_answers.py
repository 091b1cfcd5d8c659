"""The autopath process answers every recorded question as CoreDNS did, the search walk included."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import dns.flags
import yaml

from clusterdns.demo.internet import Internet
from clusterdns.demo.processes import Program, free_ports
from tests.support import coredns_answers
from tests.support.asking import ask, lines, rcode

FOLDER = Path(coredns_answers.__file__).parent
ADDRESSES = {"web-0": "10.244.2.20", "client": "127.0.0.1"}

COREFILE = """
.:{port} {{
    bind 127.0.0.1
    errors
    ready 127.0.0.1:{ready}
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        manifests {manifests}
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


def test_every_recorded_question_has_its_recorded_answer(tmp_path: Path) -> None:
    asyncio.run(_ask_everything(tmp_path))


async def _ask_everything(folder: Path) -> None:
    port, ready, upstream_port = free_ports(3)
    manifests = folder / "cluster"
    manifests.mkdir()
    (manifests / "cluster.yaml").write_text(_with_addresses((FOLDER / "cluster.yaml").read_text()))
    zone = folder / "upstream.zone"
    zone.write_text(ZONE)
    corefile = folder / "Corefile"
    corefile.write_text(COREFILE.format(port=port, ready=ready, manifests=manifests, upstream=upstream_port))
    upstream = Internet(zone, "127.0.0.1", upstream_port)
    autopath = Program(
        "autopath", "autopath.service", ["-conf", str(corefile)], {}, folder, f"http://127.0.0.1:{ready}/ready"
    )
    await upstream.start()
    try:
        await autopath.start()
        wrong = []
        for row in coredns_answers.ROWS:
            expected = row | CORRECTIONS.get(row["question"], {})
            got = await _observe(port, row["question"])
            if got != _comparable(expected):
                wrong.append((row["question"], got, _comparable(expected)))
        assert not wrong
        assert len(coredns_answers.ROWS) == 66
    finally:
        await autopath.stop()
        await upstream.close()


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


def _with_addresses(text: str) -> str:
    """The recorded manifests with the addresses that their pods had: a status is not part of a manifest."""
    documents = list(yaml.safe_load_all(text))
    for document in documents:
        if document["kind"] == "Pod":
            address = ADDRESSES[document["metadata"]["name"]]
            document["status"] = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
    return yaml.safe_dump_all(documents)
