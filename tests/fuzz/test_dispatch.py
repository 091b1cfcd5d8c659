"""Any bytes into a whole server: it answers what the RFCs say or is silent, and never raises.

The chain is the real one, from errors to hosts, with an upstream behind it that says something of every kind.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from ipaddress import IPv4Address, ip_network

import dns.flags
import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.cache.message_cache import MessageCache
from clusterdns.cache.packet_cache import PacketCache
from clusterdns.directives.autopath import Autopath
from clusterdns.directives.cache import Cache
from clusterdns.directives.chain import Reply, Request, reply_with
from clusterdns.directives.dispatch import Dispatcher
from clusterdns.directives.errors import Errors
from clusterdns.directives.hosts import Hosts, read_table
from clusterdns.directives.log import COMBINED, Log
from clusterdns.errors import UpstreamFailure
from clusterdns.listen.respond import Answer, Peer
from clusterdns.search.lists import SearchList
from clusterdns.wire import numbers
from clusterdns.wire.names import name_from_text
from clusterdns.wire.records import Record, address_record, soa_rdata
from tests.support import garbage, messages

_ROOT = name_from_text(".")
_SEARCH = tuple(name_from_text(f"{domain}cluster.local") for domain in ("shop.svc.", "svc.", ""))
_SOA = Record(_SEARCH[2], numbers.SOA, 30, soa_rdata(_ROOT, _ROOT, 1, 2, 3, 4, 5))
_PEERS: list[Peer] = [("10.0.0.1", 5353), ("fd00::1", 5353, 0, 0), ("fe80::1%eth0", 5353, 0, 2)]


class _SearchLists:
    def search_list_of(self, client: str) -> SearchList | None:
        return SearchList(b"shop", _SEARCH) if client.startswith("10.") else None

    def view_at(self, packed: bytes, /) -> bytes | None:
        return None


async def _upstream(request: Request) -> Reply:
    """Something of every kind, the same for the same question."""
    owner = request.query.name
    choice = sum(request.query.folded) % 6
    if choice == 0:
        raise UpstreamFailure("192.0.2.1:53", "no answer")
    if choice == 1:
        return reply_with(request, "fake", rcode=numbers.NXDOMAIN, authority=[_SOA])
    if choice == 2:
        return reply_with(request, "fake", authority=[_SOA], flags=numbers.AA)
    if choice == 3:
        return reply_with(request, "fake", rcode=numbers.REFUSED)
    count = 1 if choice == 4 else 200
    addresses = [address_record(owner, IPv4Address(0x0A000000 + number), 60) for number in range(count)]
    return reply_with(request, "fake", answer=addresses, additional=[_SOA])


def _dispatcher() -> Dispatcher:
    def clock() -> float:
        return 100.0

    def views_of(client: str) -> tuple[bytes, ...]:
        return (client.encode(), b"shop" if client.startswith("10.") else b"")

    zones = [_ROOT]
    table = read_table("10.1.0.1 web.shop.svc.cluster.local\n")
    hosts = Hosts(zones, table, None, _upstream, ttl=5, reload_seconds=5, reverse=True, fallthrough=zones)
    cache = Cache(zones, MessageCache(views_of=views_of), clock, hosts.handle)
    autopath = Autopath(zones, _SearchLists(), [ip_network("10.0.0.0/8")], clock, cache.handle)
    # No zone is logged whole, so that the packet cache has its part.
    log = Log([name_from_text("example")], COMBINED, ["all"], clock, autopath.handle)
    return Dispatcher({_ROOT: Errors(log.handle).handle}, PacketCache(views_of=views_of), clock)


_MUTATED = st.builds(
    lambda message, changes, end: _mutate(message, changes)[: end or len(message)],
    st.sampled_from([*messages.QUERIES.values(), *messages.RESPONSES.values()]),
    st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=6),
    st.one_of(st.none(), st.integers(0, 600)),
)
_QUERY_HEADER = st.builds(lambda rest: b"\x12\x34\x01\x00\0\1\0\0\0\0\0\0" + rest, st.binary(max_size=80))
_MESSAGES = st.one_of(st.binary(max_size=600), _MUTATED, _QUERY_HEADER)


def _mutate(message: bytes, changes: list[tuple[int, int]]) -> bytes:
    broken = bytearray(message)
    for offset, byte in changes:
        broken[offset % len(broken)] = byte
    return bytes(broken)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Failures and queries are logged by the thousand here."""
    logger = logging.getLogger("clusterdns.directives")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)


def _check(message: bytes, answer: bytes | None, transport: str) -> None:
    if len(message) < 12 or message[2] & 0x80:
        assert answer is None
        return
    assert answer is not None
    assert answer[:2] == message[:2]
    found = dns.message.from_wire(answer)
    assert found.flags & dns.flags.QR
    assert found.opcode() == (message[2] & 0x78) >> 3
    assert len(answer) <= (1232 if transport == "udp" else 65535)
    if found.question:
        assert message[12:].startswith(answer[12 : 12 + len(found.question[0].name.to_wire() or b"") + 4])
    else:
        assert int(found.rcode()) in (garbage.FORMERR, garbage.NOTIMP)


def _one(answer: Answer | None) -> bytes | None:
    assert answer is None or isinstance(answer, bytes)
    return answer


@given(stream=st.lists(st.tuples(_MESSAGES, st.sampled_from(_PEERS), st.sampled_from(["udp", "tcp"])), max_size=8))
def test_any_bytes(stream: list[tuple[bytes, Peer, str]]) -> None:
    dispatcher = _dispatcher()
    late: list[Answer] = []
    for message, peer, transport in stream:
        respond = dispatcher.respond_udp if transport == "udp" else dispatcher.respond_tcp
        answer = _one(respond(message, peer, lambda answer, _: late.append(answer)))
        _check(message, answer, transport)
        # At the same moment the same client gets the same answer, from whichever cache it comes.
        again = _one(respond(message, peer, lambda answer, _: late.append(answer)))
        _check(message, again, transport)
        if answer is not None and again is not None:
            first, second = dns.message.from_wire(answer), dns.message.from_wire(again)
            assert (first.rcode(), first.answer, first.edns) == (second.rcode(), second.answer, second.edns)
    assert dispatcher.traffic.panics == 0
    assert late == []
