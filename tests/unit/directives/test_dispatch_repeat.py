"""What a server answers again without asking its chain: the packet cache in front of it."""

from __future__ import annotations

import struct

import dns.rcode
import pytest

from tests.support import messages
from tests.support.chain import FOUND, NODATA, NXDOMAIN, Says
from tests.support.server import WEB, Server

FRESH = FOUND.replying(fresh_until=160.0)


def with_a_record(message: bytes, data: bytes) -> bytes:
    """A query with a TXT record behind its question."""
    return message[:10] + b"\0\1" + message[12:] + b"\0" + struct.pack("!HHIH", 16, 1, 0, len(data)) + data


def test_a_repeated_query_is_answered_without_the_chain() -> None:
    server = Server(says=FRESH)
    first = server.ask(messages.query(message_id=1))
    for at, ttl in ((100.0, 60), (100.5, 60), (101.0, 59), (129.5, 31)):
        server.now = at
        again = server.ask(messages.query(message_id=2))
        assert (again.answer[0].ttl, again.answer[0][0], again.flags) == (ttl, first.answer[0][0], first.flags)
    assert (len(server.behind.asked), server.traffic.packet_cache_hits) == (1, 4)
    server.now = 130.0
    server.ask(messages.query(message_id=3))
    assert (len(server.behind.asked), server.traffic.packet_cache_hits) == (2, 4)
    assert server.requests == {("udp", 1): 2}
    assert server.responses == {("fake", 0): 2}


@pytest.mark.parametrize(
    ("says", "message"),
    [
        (FOUND, messages.query()),
        (FOUND.replying(fresh_until=100.0), messages.query()),
        (FRESH, messages.QUERIES["cookie"]),
        (FRESH, messages.query(subnet="10.0.0.1/32")),
        (NXDOMAIN, messages.query()),
        (FRESH, with_a_record(messages.query(), bytes(256))),
    ],
    ids=[
        "not fresh",
        "fresh no more",
        "a cookie",
        "a client subnet",
        "a denial that is not fresh",
        "records behind it",
    ],
)
def test_what_is_not_repeated(says: Says, message: bytes) -> None:
    server = Server(says=says)
    server.behind.otherwise = says
    first, again = server.respond(message), server.respond(message)
    assert first == again
    assert (len(server.behind.asked), len(server.packets)) == (2, 0)


def test_over_tcp_every_query_asks_the_chain() -> None:
    server = Server(says=FRESH)
    for _ in range(2):
        server.ask(messages.query(), "tcp")
    assert (len(server.behind.asked), len(server.packets)) == (2, 0)


def test_an_answer_for_one_view_is_repeated_to_that_view_only() -> None:
    server = Server(says=FOUND.replying(fresh_until=160.0, view=b"shop"))
    message = messages.query()
    server.ask(message, peer=("10.0.0.1", 5353))
    server.behind.answers[WEB] = NXDOMAIN
    assert dns.rcode.to_text(server.ask(message, peer=("10.0.0.2", 5353)).rcode()) == "NOERROR"
    for client in ("10.0.0.3", "10.0.0.9"):
        assert dns.rcode.to_text(server.ask(message, peer=(client, 5353)).rcode()) == "NXDOMAIN"
    assert server.traffic.packet_cache_hits == 1


def test_a_denial_is_repeated_with_its_soa() -> None:
    server = Server(otherwise=NODATA.replying(fresh_until=105.0))
    message = messages.query("other.cluster.local.", "AAAA", payload=1232)
    server.ask(message)
    server.now = 103.0
    again = server.ask(message)
    assert (again.authority[0].ttl, again.edns, len(server.behind.asked)) == (2, 0, 1)
