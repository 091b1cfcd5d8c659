"""Asking a forwarder from a test: questions made, flights awaited on the event loop, forwarders closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal, TypeVar

import dnslib
import pytest

from clusterdns.flight import Flight
from clusterdns.forward.forwarder import Forwarder, Settings
from clusterdns.forward.policy import Choose, choose_first
from clusterdns.forward.upstreams import Upstream
from clusterdns.wire.query import Query, read_query
from clusterdns.wire.response import Response
from tests.support.upstream import Asked, Do
from tests.support.upstream import Upstream as FakeUpstream

T = TypeVar("T")
Transport = Literal["udp", "tcp"]
both = pytest.mark.parametrize("transport", ["udp", "tcp"])


def question(name: str = "web.example", qtype: str = "A", *, dnssec_ok: bool = False) -> Query:
    record = dnslib.DNSRecord.question(name, qtype)
    if dnssec_ok:
        record.add_ar(dnslib.EDNS0(flags="do"))
    return read_query(bytes(record.pack()))


async def landed(flight: Flight[T]) -> T:
    """What arrives, or the error raised."""
    arrived = asyncio.get_running_loop().create_future()
    flight.when_done(lambda: arrived.set_result(None))
    await arrived
    return flight.result()


def addresses(response: Response) -> list[str]:
    """The addresses of an answer."""
    return [str(record.rdata) for record in dnslib.DNSRecord.parse(response.message).rr]


def where(upstream: FakeUpstream) -> Upstream:
    """An upstream of a test, as a forwarder knows it."""
    return Upstream(upstream.host, upstream.port)


@asynccontextmanager
async def forwarding(
    *upstreams: FakeUpstream, settings: Settings | None = None, choose: Choose = choose_first
) -> AsyncIterator[Forwarder]:
    """A forwarder that begins with the first upstream, closed at the end."""
    forwarder = Forwarder([where(upstream) for upstream in upstreams], settings, choose=choose)
    try:
        yield forwarder
    finally:
        await forwarder.close()


def first(what: Do | bytes, *, times: int = 1) -> Callable[[Asked], Do | bytes]:
    """Do this with the first questions, and answer those behind."""
    left = [what] * times
    return lambda asked: left.pop() if left else Do.ANSWER


def only(transport: Transport) -> Callable[[Asked], Do]:
    """Answers over one transport, and is silent over the other."""
    return lambda asked: Do.ANSWER if asked.transport == transport else Do.DROP


def names(upstream: FakeUpstream) -> list[str]:
    """What it was asked, but for health checks."""
    return [asked.name for asked in upstream.asked if asked.name != "."]


def checks(upstream: FakeUpstream) -> int:
    return sum(asked.name == "." for asked in upstream.asked)
