"""All upstreams are dead: what a whole server still answers, how soon, and what ends it. Real sockets, virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import dns.message
import dns.rcode
import pytest
from prometheus_client import CollectorRegistry

from clusterdns.corefile.parse import parse
from clusterdns.daemon.dns_server import DnsServer
from clusterdns.demo.processes import free_ports
from clusterdns.directives.assemble import assemble
from clusterdns.directives.config.server import STANDARD, load
from tests.support.upstream import ADDRESS, Asked, Do, Upstream
from tests.support.virtual_time import run
from tests.unit.daemon.serving import FOUR, Client

COREFILE = """\
cluster.local:{port} {{
    bind 127.0.0.1
    cache {{
        success 9984 30
        denial 9984 5
        serve_stale {allowed}s
    }}
    forward . 127.0.0.1:{cluster} {{
        force_tcp
    }}
}}
.:{port} {{
    bind 127.0.0.1
    cache 30 {{
        serve_stale {allowed}s
    }}
    forward . 127.0.0.1:{one} 127.0.0.1:{other}
}}
"""
NEW = "192.0.2.99"
NAMES = [f"n{number}.example." for number in range(8)]
SERVICE = "web.shop.svc.cluster.local."
BUDGET = 2.0
"""Seconds in which a forward has found an answer, or has given up."""


async def stop(upstream: Upstream) -> None:
    await upstream.stop()


async def fall_silent(upstream: Upstream) -> None:
    upstream.script = lambda asked: Do.DROP


async def fail(upstream: Upstream) -> None:
    upstream.script = lambda asked: asked.answer(rcode=dns.rcode.SERVFAIL)


async def refuse(upstream: Upstream) -> None:
    upstream.script = lambda asked: asked.answer(rcode=dns.rcode.REFUSED)


Death = Callable[[Upstream], Awaitable[None]]
DEATHS = pytest.mark.parametrize("death", [stop, fall_silent, fail, refuse])


def moved(asked: Asked) -> bytes:
    return asked.answer(NEW)


class Scene:
    """A server, its upstreams and a client. Times are virtual seconds."""

    def __init__(self, client: Client, upstreams: list[Upstream]) -> None:
        self._client = client
        self.upstreams = upstreams

    async def ask(self, name: str) -> tuple[str, list[str], int, float]:
        """The rcode, the addresses, their TTL, and how long it took."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = await self._client.ask(name)
        seconds = loop.time() - began
        records = [record for rrset in answer.answer for record in rrset]
        ttl = answer.answer[0].ttl if answer.answer else 0
        return dns.rcode.to_text(answer.rcode()), [record.to_text() for record in records], ttl, seconds

    async def die(self, death: Death) -> None:
        """Every name has been asked for; then all upstreams die, and every answer ends."""
        for name in (*NAMES, SERVICE):
            assert (await self.ask(name))[:3] == ("NOERROR", [ADDRESS], 30)
        for upstream in self.upstreams:
            await death(upstream)
        await asyncio.sleep(31)

    async def come_back(self, death: Death) -> None:
        for upstream in self.upstreams:
            upstream.script = moved
            if death is stop:
                await upstream.start()


@asynccontextmanager
async def serving(allowed: int = 60) -> AsyncIterator[Scene]:
    (port,) = free_ports(1)
    async with Upstream() as cluster, Upstream() as one, Upstream() as other:
        text = COREFILE.format(port=port, allowed=allowed, cluster=cluster.port, one=one.port, other=other.port)
        servers = load(parse(text, "Corefile", environ={}), STANDARD)
        assembly = assemble(servers, clock=asyncio.get_running_loop().time, makers={})
        server = DnsServer(servers, assembly, CollectorRegistry())
        await server.start()
        try:
            with Client(FOUR, port) as client:
                yield Scene(client, [cluster, one, other])
        finally:
            await server.close()


@DEATHS
def test_names_that_were_asked_for_are_answered_at_once_for_as_long_as_allowed(death: Death) -> None:
    async def body() -> None:
        # The hour is in the tests of the cache, where nobody has to be checked meanwhile.
        allowed = 20
        async with serving(allowed) as scene:
            await scene.die(death)
            ended = asyncio.get_running_loop().time() - 1
            for pause in (0, 4, allowed - 8):
                await asyncio.sleep(pause)
                for name in NAMES:
                    *answer, seconds = await scene.ask(name)
                    assert answer == ["NOERROR", [ADDRESS], 30]
                    assert seconds <= 0.11
            await asyncio.sleep(ended + allowed + 1 - asyncio.get_running_loop().time())
            assert (await scene.ask(NAMES[0]))[0] != "NOERROR"

    run(body())


@DEATHS
def test_names_of_the_cluster_and_new_names_fail_within_the_budget(death: Death) -> None:
    async def body() -> None:
        expected = "REFUSED" if death is refuse else "SERVFAIL"
        async with serving() as scene:
            await scene.die(death)
            for name in (SERVICE, "never.shop.svc.cluster.local.", "never.example."):
                for _ in range(5):
                    *answer, seconds = await scene.ask(name)
                    assert answer == [expected, [], 0]
                    assert seconds < BUDGET
                    await asyncio.sleep(0.4)

    run(body())


@DEATHS
def test_answers_are_fresh_within_five_seconds_once_upstreams_are_back(death: Death) -> None:
    async def body() -> None:
        # A name that an upstream answered with an error is asked for again after 30 s.
        patience = 5 if death in (stop, fall_silent) else 31
        async with serving() as scene:
            await scene.die(death)
            for _ in range(4):
                for name in (*NAMES, SERVICE):
                    await scene.ask(name)
                await asyncio.sleep(2)
            await scene.come_back(death)
            back = asyncio.get_running_loop().time()
            waiting = {*NAMES, SERVICE}
            while waiting:
                waiting = {name for name in waiting if (await scene.ask(name))[1] != [NEW]}
                await asyncio.sleep(0.25)
            assert asyncio.get_running_loop().time() - back <= patience

    run(body())
