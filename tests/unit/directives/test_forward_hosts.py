"""`forward` to the names of hosts, from the Corefile to the answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from clusterdns.demo.internet import Internet
from clusterdns.demo.processes import free_ports
from clusterdns.directives import forward
from clusterdns.directives.forward import upstreams_of
from clusterdns.errors import UpstreamFailure
from clusterdns.flight import start
from clusterdns.forward.upstreams import Upstream
from tests.support.until import until
from tests.support.upstream import ADDRESS
from tests.support.upstream import Upstream as FakeUpstream
from tests.unit.directives.test_forward import config, following, request
from tests.unit.forward.asking import addresses, landed

# A line, what was found, and whom it asks.
ROWS = {
    "not found yet": ("forward . a.b 192.0.2.9", {}, ["192.0.2.9:53"]),
    "all its addresses": (
        "forward . a.b:5353 192.0.2.9",
        {"a.b": ["192.0.2.1", "2001:db8::1"]},
        ["192.0.2.1:5353", "[2001:db8::1]:5353", "192.0.2.9:53"],
    ),
    "each once": ("forward . a.b 192.0.2.1", {"a.b": ["192.0.2.1"]}, ["192.0.2.1:53"]),
}


@pytest.mark.parametrize(("line", "found", "asked"), ROWS.values(), ids=ROWS)
def test_upstreams(line: str, found: dict[str, list[str]], asked: list[str]) -> None:
    assert list(map(str, upstreams_of(config(line), (), found))) == asked


@pytest.mark.parametrize(
    ("line", "server_name"),
    [
        ("forward . tls://A.b.", "a.b"),
        ("forward . tls://a.b%c.d", "c.d"),
        ("forward . tls://a.b {\n tls_servername e.f\n}", "e.f"),
        ("forward . a.b", ""),
    ],
)
def test_whom_a_host_must_prove_to_be(line: str, server_name: str) -> None:
    (upstream,) = upstreams_of(config(line), (), {"a.b": ["192.0.2.1"], "a.b.": ["192.0.2.1"]})
    port = 853 if server_name else 53
    assert upstream == Upstream("192.0.2.1", port, bool(server_name), server_name)


def test_a_name_is_found_and_asked(tmp_path: Path) -> None:
    async def main() -> None:
        (port,) = free_ports(1)
        (tmp_path / "zone").write_text(
            ". 60 IN SOA a.root. b.root. 1 1800 900 604800 60\nup.example. 60 IN A 127.0.0.1\n"
        )
        resolver = Internet(tmp_path / "zone", "127.0.0.1", port)
        await resolver.start()
        async with FakeUpstream() as upstream:
            line = f"forward . up.example:{upstream.port} {{\n resolver 127.0.0.1:{port}\n}}"
            handler = forward.build(config(line), following)
            # Before it is found there is nobody to ask.
            with pytest.raises(UpstreamFailure):
                await landed(start(handler.handle(request())))
            await until(lambda: bool(handler.forwarder.upstreams))
            reply = await landed(start(handler.handle(request())))
            assert addresses(reply.response) == [ADDRESS]
            await handler.forwarder.close()
        await resolver.close()

    asyncio.run(main())
