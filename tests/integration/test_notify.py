"""A secondary of a running autopath hears of each change, from one process of however many, and then has it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import dns.message
import dns.opcode
import dns.query
import dns.zone
import pytest

from tests.integration.autopath_process import Autopath
from tests.support import messages
from tests.support.upstream import Asked, Upstream

COREFILE = """
cluster.local:{port} {{
    bind 127.0.0.1
    ready 127.0.0.1:{ready}
    {more}
    kubernetes {{
        manifests {manifests}
    }}
    transfer {{
        to 127.0.0.1:{first} [::1]:{second} 198.51.100.0/24
    }}
}}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec: {{clusterIP: {address}, ports: [{{port: 80}}]}}
"""


def acknowledge(asked: Asked) -> bytes:
    message = dns.message.from_wire(asked.message)
    assert message.opcode() == dns.opcode.NOTIFY
    assert message.question[0].to_text() == "cluster.local. IN SOA"
    return asked.message[:2] + bytes((asked.message[2] | 0x80,)) + asked.message[3:]


def take(port: int, zone: dns.zone.Zone) -> None:
    """What a secondary does when it hears of a change."""
    query = None
    if zone.nodes:
        query = dns.message.from_wire(messages.ixfr("cluster.local.", zone.get_soa().serial))
    dns.query.inbound_xfr("127.0.0.1", zone, query, port=port, timeout=20, lifetime=60)


@pytest.mark.parametrize("more", ["", "multisocket 2"], ids=["one process", "two"])
def test_a_secondary_has_each_change(tmp_path: Path, more: str) -> None:
    async def main() -> None:
        folder = tmp_path / "cluster"
        folder.mkdir()
        (folder / "web.yaml").write_text(SERVICE.format(name="web", address="10.96.0.1"))
        async with Upstream(acknowledge) as first, Upstream(acknowledge, host="::1") as second:
            autopath = Autopath(tmp_path)
            autopath.write_corefile(COREFILE, manifests=folder, more=more, first=first.port, second=second.port)
            zone = dns.zone.Zone("cluster.local.", relativize=False)
            async with autopath:
                for number in (1, 2):
                    async with asyncio.timeout(30):
                        await first.wait_for(number)
                        await second.wait_for(number)
                    await asyncio.to_thread(take, autopath.port, zone)
                    assert (zone.get_node("db.shop.svc.cluster.local.") is None) is (number == 1)
                    (folder / "db.yaml").write_text(SERVICE.format(name="db", address="10.96.0.2"))
                assert [len(each.asked) for each in (first, second)] == [2, 2]

    asyncio.run(main())
