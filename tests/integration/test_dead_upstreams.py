"""All upstreams of the real program die and come back: no lies, no denials, and answers of before where they may be.

How long each answer took is printed (`-rP` shows it); tests/unit/daemon/test_dead_upstreams.py has the bounds, on
virtual time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.edns
import dns.rcode
import dnslib
import pytest

from clusterdns.demo.processes import Program, free_ports
from tests.support.asking import ask, lines, rcode
from tests.support.upstream import Asked, Do, Upstream

COREFILE = """\
cluster.local:{port} {{
    cache {{
        success 9984 30 0
        denial 9984 5 0
        serve_stale 1h verify 100ms 17s
    }}
    forward . 127.0.0.1:{cluster} {{
        force_tcp
    }}
    ready 127.0.0.1:{ready}
}}
.:{port} {{
    cache {{
        success 9984 30 0
        serve_stale 1h verify 100ms 17s
    }}
    forward . 127.0.0.1:{one} 127.0.0.1:{other}
}}
"""
STALE = 17
"""The TTL of stale answers; fresh ones have 1 s."""
OLD, NEW = "192.0.2.1", "192.0.2.99"
NAMES = [f"n{number}.example" for number in range(10)]
SERVICE = "web.shop.svc.cluster.local"


def answering(address: str) -> Callable[[Asked], bytes]:
    """Answers every question with this address, for a second."""

    def answer(asked: Asked) -> bytes:
        reply = asked.parsed.reply()
        reply.add_answer(dnslib.RR(asked.parsed.q.qname, dnslib.QTYPE.A, rdata=dnslib.A(address), ttl=1))
        return bytes(reply.pack())

    return answer


async def refuse_packets(upstream: Upstream) -> None:
    """As a killed process: connections are reset, packets are answered by ICMP."""
    await upstream.stop()


async def fall_silent(upstream: Upstream) -> None:
    """As a host without power: nothing comes back."""
    upstream.script = lambda asked: Do.DROP


async def fail(upstream: Upstream) -> None:
    """As a resolver whose own upstreams are dead."""
    upstream.script = lambda asked: asked.answer(rcode=dns.rcode.SERVFAIL)


@pytest.mark.parametrize("death", [refuse_packets, fall_silent, fail])
def test_upstreams_die_and_come_back(death: Callable[[Upstream], Awaitable[None]], tmp_path: Path) -> None:
    async def scenario() -> None:
        port, ready = free_ports(2)
        async with (
            Upstream(answering(OLD)) as cluster,
            Upstream(answering(OLD)) as one,
            Upstream(answering(OLD)) as other,
        ):
            upstreams = [cluster, one, other]
            nodelocal = _nodelocal(tmp_path, port, ready, *(upstream.port for upstream in upstreams))
            await nodelocal.start()
            try:
                for name in (*NAMES, SERVICE):
                    assert await _ask(port, name) == ("NOERROR", [(OLD, 1)])
                for upstream in upstreams:
                    await death(upstream)
                await _the_dead_time(port)
                await _stale_answers_say_so(port)
                for upstream in upstreams:
                    upstream.script = answering(NEW)
                    if death is refuse_packets:
                        await upstream.start()
                if death is not fail:
                    await _all_are_fresh(port)
            finally:
                await nodelocal.stop()
        assert "Traceback" not in nodelocal.log.read_text()

    async def bounded() -> None:
        async with asyncio.timeout(120):
            await scenario()

    asyncio.run(bounded())


def _nodelocal(folder: Path, port: int, ready: int, cluster: int, one: int, other: int) -> Program:
    corefile = folder / "Corefile"
    corefile.write_text(COREFILE.format(port=port, ready=ready, cluster=cluster, one=one, other=other))
    arguments = ["-conf", str(corefile), "-basecorefile", "/nonexistent", "-localip", "127.0.0.1"]
    arguments += ["-setupinterface=false", "-setupiptables=false"]
    arguments += ["-metrics-listen-address=", "-prometheus-listen-address="]
    return Program("nodelocal", "nodelocal.service", arguments, {}, folder, f"http://127.0.0.1:{ready}/ready")


async def _the_dead_time(port: int) -> None:
    # Until its time is over, an answer is as before.
    while await _ask(port, SERVICE) != ("SERVFAIL", []):
        pass
    while await _ask(port, NAMES[0]) != ("NOERROR", [(OLD, STALE)]):
        pass
    for tcp in (False, True):
        with _measured(f"{len(NAMES)} stale answers"):
            for name in NAMES:
                assert await _ask(port, name, tcp=tcp) == ("NOERROR", [(OLD, STALE)])
        for name in (SERVICE, "never.shop.svc.cluster.local", "never.example"):
            with _measured(f"SERVFAIL for {name}"):
                assert await _ask(port, name, tcp=tcp) == ("SERVFAIL", [])


async def _stale_answers_say_so(port: int) -> None:
    answer = await ask(port, f"{NAMES[0]} A", use_edns=0)
    (error,) = answer.options
    assert isinstance(error, dns.edns.EDEOption)
    assert error.code == dns.edns.EDECode.STALE_ANSWER


async def _all_are_fresh(port: int) -> None:
    with _measured("until every answer is fresh"):
        for name in (*NAMES, SERVICE):
            while (answer := await _ask(port, name)) != ("NOERROR", [(NEW, 1)]):
                # What the answer is until then: of before for names outside, none for names of the cluster.
                assert answer == (("SERVFAIL", []) if name == SERVICE else ("NOERROR", [(OLD, STALE)]))


async def _ask(port: int, name: str, *, tcp: bool = False) -> tuple[str, list[tuple[str, int]]]:
    """The rcode, and address and TTL of each record. TimeoutError after as long as a client waits, and more."""
    answer = await ask(port, f"{name} A", tcp=tcp)
    records = [line.split() for line in lines(answer, "answer")]
    return rcode(answer), [(address, int(ttl)) for _, ttl, _, _, address in records]


@contextmanager
def _measured(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"{what}: {1000 * (time.monotonic() - began):.0f} ms")  # noqa: T201 - for -rP
