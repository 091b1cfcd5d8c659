"""Which server block is asked for what another one needs; an assembly that comes to nothing leaves nothing behind."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import dns.message
import pytest

from clusterdns.corefile.parse import parse
from clusterdns.directives.assemble import Assembly, assemble
from clusterdns.directives.config.server import STANDARD, load
from clusterdns.errors import ConfigError
from tests.support.messages import query

_FINE = ".:5300 {\n forward . upstream.example\n}\n"
_WRONG = "example:5300 {\n forward . /nonexistent/resolv.conf\n}\n"


def assembly_of(corefile: str) -> Assembly:
    return assemble(load(parse(corefile, "Corefile", environ={}), STANDARD), clock=time.monotonic, makers={})


async def running() -> list[str]:
    """The tasks beside this one, after those that were cancelled have ended."""
    await asyncio.sleep(0)
    return [task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}]


def test_a_mistake_in_one_server_block_stops_the_forwards_of_the_others() -> None:
    async def body() -> None:
        with pytest.raises(ConfigError, match="nonexistent"):
            assembly_of(_FINE + _WRONG)
        assert await running() == []

    asyncio.run(body())


def test_what_an_assembly_needs_can_not_be_had() -> None:
    async def body() -> None:
        assembly = assembly_of(_FINE)
        ((_, forwarder),) = assembly.parts.forwards
        with assembly.parts.unless_it_fails():
            assert not forwarder.is_closed
        assert not forwarder.is_closed
        with pytest.raises(ConfigError), assembly.parts.unless_it_fails():
            raise ConfigError("no manifests")
        assert await running() == []
        assert forwarder.is_closed

    asyncio.run(body())


_BESIDE = """
.:5300 {{
    bind 127.0.0.1
    autopath {resolv_conf}
    template IN A lead.test {{
        answer "{{{{ .Name }}}} 60 IN CNAME x.inside.test."
    }}
    template IN A first.test {{
        rcode NXDOMAIN
    }}
    template IN A {{
        answer "{{{{ .Name }}}} 60 IN A 192.0.2.1"
    }}
}}
inside.test:5300 {{
    bind {addresses}
    template IN A {{
        answer "{{{{ .Name }}}} 60 IN A 192.0.2.2"
    }}
}}
"""


@pytest.mark.parametrize(
    ("addresses", "expected"), [("127.0.0.2", "192.0.2.1"), ("127.0.0.2 127.0.0.1", "192.0.2.2")], ids=str
)
@pytest.mark.parametrize("name", ["lead.test.", "x.first.test."])
def test_a_server_block_at_another_address_is_not_asked(
    name: str, addresses: str, expected: str, tmp_path: Path
) -> None:
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("search first.test inside.test\n")
    assembly = assembly_of(_BESIDE.format(resolv_conf=resolv_conf, addresses=addresses))
    answer = assembly.dispatchers["127.0.0.1", 5300].respond_udp(query(name), ("127.0.0.9", 5353), lambda *_: None)
    assert answer is not None
    assert dns.message.from_wire(answer).answer[-1][0].to_text() == expected
