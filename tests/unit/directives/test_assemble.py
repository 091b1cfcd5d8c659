"""An assembly that comes to nothing leaves nothing behind that runs."""

from __future__ import annotations

import asyncio
import time

import pytest

from clusterdns.corefile.parse import parse
from clusterdns.directives.assemble import Assembly, assemble
from clusterdns.directives.config.server import STANDARD, load
from clusterdns.errors import ConfigError

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
