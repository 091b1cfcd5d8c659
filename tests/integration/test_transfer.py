"""Zone transfers by a running autopath, to a client of another make: dnspython's."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.xfr
import dns.zone
import pytest
import yaml

from tests.integration.autopath_process import Autopath
from tests.support import coredns_answers, messages
from tests.support.asking import ask, rcode

COREFILE = """
.:{port} {{
    bind 127.0.0.1
    multisocket {processes}
    ready 127.0.0.1:{ready}
    errors
    log
    kubernetes cluster.local in-addr.arpa {{
        manifests {manifests}
        pods verified
        ttl 30
    }}
    autopath @kubernetes
    cache 30
    loadbalance
    transfer cluster.local {{
        to 127.0.0.1
    }}
}}
"""
MANY = 3000


def manifests() -> str:
    recorded = (Path(coredns_answers.__file__).parent / "cluster.yaml").read_text()
    many: list[dict[str, Any]] = [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": f"service-{number}", "namespace": "many"},
            "spec": {"clusterIP": f"10.100.{number >> 8}.{number & 255}", "ports": [{"name": "http", "port": 80}]},
        }
        for number in range(MANY)
    ]
    return recorded + "\n---\n" + yaml.safe_dump_all(many)


def transferred(port: int, source: str = "127.0.0.1", **options: Any) -> dns.zone.Zone:
    zone = dns.zone.Zone("cluster.local.", relativize=False)
    dns.query.inbound_xfr("127.0.0.1", zone, port=port, source=source, **options)
    return zone


def check(port: int, address: str) -> None:
    """Have the zone, all of it and what is new in it."""
    zone = dns.zone.Zone("cluster.local.", relativize=False)
    dns.query.inbound_xfr("127.0.0.1", zone, port=port, source="127.0.0.1", timeout=20, lifetime=60)
    # Each Service has a name, and one for its port.
    assert len([name for name in zone.nodes if ".many.svc." in str(name)]) == 2 * MANY
    assert str(zone.get_rdataset("service-17.many.svc.cluster.local.", "A")).endswith(f" IN A {address}")
    assert str(zone.get_rdataset("dns-version.cluster.local.", "TXT")) == '28800 IN TXT "1.1.0"'
    serial = zone.get_soa().serial
    for tcp, known, least in ((True, serial, 1), (True, serial - 10, 2 * MANY), (False, serial - 10, 1)):
        query = dns.message.from_wire(messages.ixfr("cluster.local.", known))
        if tcp and least > 1:
            updated = dns.zone.Zone("cluster.local.", relativize=False)
            dns.query.inbound_xfr("127.0.0.1", updated, query, port=port, source="127.0.0.1", lifetime=60)
            # Soon after the last change the serial goes on to rise.
            assert updated.get_soa().serial >= serial
            for each in (zone, updated):
                each.delete_rdataset("cluster.local.", "SOA")
            assert updated == zone
        else:
            ask_once = dns.query.tcp if tcp else dns.query.udp
            answer = ask_once(query, "127.0.0.1", 10, port, source="127.0.0.1")
            assert [rrset.rdtype for rrset in answer.answer] == [dns.rdatatype.SOA]


@pytest.mark.parametrize("processes", [1, 2])
def test_transfers(tmp_path: Path, processes: int) -> None:
    async def main() -> None:
        folder = tmp_path / "cluster"
        folder.mkdir()
        (folder / "cluster.yaml").write_text(manifests())
        autopath = Autopath(tmp_path)
        autopath.write_corefile(COREFILE, manifests=folder, processes=processes)
        async with autopath:
            port = autopath.port
            looked_up = await ask(port, "service-17.many.svc.cluster.local A")
            address = looked_up.answer[0].to_text().split()[-1]
            await asyncio.to_thread(check, port, address)
            for question, source in (
                ("cluster.local AXFR", "127.0.0.2"),
                ("in-addr.arpa AXFR", "127.0.0.1"),
                ("web.shop.svc.cluster.local AXFR", "127.0.0.1"),
                ("example.org AXFR", "127.0.0.1"),
            ):
                refused = await ask(port, question, source=source, tcp=True)
                assert (question, rcode(refused), refused.answer) == (question, "REFUSED", [])
            assert rcode(await ask(port, "cluster.local AXFR")) == "REFUSED"

    asyncio.run(main())
