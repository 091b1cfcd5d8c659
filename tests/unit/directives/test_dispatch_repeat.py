"""What a server answers again without asking its chain: the packet cache in front of it."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from typing import Any

import dns.rcode
import pytest

from clusterdns.listen.respond import VIEWED
from clusterdns.wire.response import read_response
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


# What is put in for a client of `shop`, and the seconds that pass; what is known at once then, and for whom.
AT_ONCE: dict[str, tuple[dict[str, Any], float, dict[str, bool]]] = {
    "nothing that may be repeated": ({"view": b"shop"}, 0, {"10.0.0.1": False}),
    "for its view": (
        {"view": b"shop", "fresh_until": 160.0},
        0.5,
        {"10.0.0.1": True, "10.0.0.2": True, "10.0.0.3": False, "10.0.0.9": False},
    ),
    "its TTL is another one by now": ({"view": b"shop", "fresh_until": 160.0}, 1, {"10.0.0.1": True}),
    "it is over": ({"view": b"shop", "forget_at": 100.5, "fresh_until": 160.0}, 0.5, {"10.0.0.1": False}),
    "for one client": ({"view": b"10.0.0.1", "fresh_until": 160.0}, 0.5, {"10.0.0.1": False, "10.0.0.2": False}),
}


@pytest.mark.parametrize(("fields", "seconds", "known"), AT_ONCE.values(), ids=AT_ONCE)
def test_what_is_known_at_once_for_the_clients_of_a_view(
    fields: dict[str, Any], seconds: float, known: dict[str, bool]
) -> None:
    server = Server(says=FOUND.replying(**fields))
    message = messages.query()
    server.ask(message, peer=("10.0.0.1", 5353))
    server.now += seconds
    asked = len(server.behind.asked)
    expected = server.dispatcher.packets.get(message[2:], "10.0.0.1", server.now)
    hits = server.traffic.packet_cache_hits
    for client, is_known in known.items():
        body = server.dispatcher.repeat_to(message[2:], ip_address(client).packed)
        assert body == (expected if is_known else None)
        assert server.dispatcher.repeat(message[2:]) is (VIEWED if "fresh_until" in fields else None)
    assert server.traffic.packet_cache_hits - hits == sum(known.values())
    assert len(server.behind.asked) == asked


def test_what_everyone_gets_is_known_without_asking_who_it_is() -> None:
    server = Server(says=FRESH)
    message = messages.query()
    assert server.dispatcher.repeat(message[2:]) is None
    server.ask(message)
    for server.now, ttl in ((100.0, 60), (100.5, 60), (101.0, 59), (129.9, 31)):
        body = server.dispatcher.repeat(message[2:])
        assert body is not None
        assert read_response(b"\0\0" + body).ttl == ttl
    server.now = 130.0  # it leaves the packet cache
    assert server.dispatcher.repeat(message[2:]) is None
    assert (server.traffic.packet_cache_hits, len(server.behind.asked)) == (4, 1)


@pytest.mark.parametrize("view", [None, b"shop"])
def test_addresses_take_turns_in_what_is_known_at_once(view: bytes | None) -> None:
    two = Says(answer=("@ 60 IN A 10.0.0.1", "@ 60 IN A 10.0.0.2"))
    server = Server(says=two.replying(fresh_until=160.0, rotates=True, view=view))
    query = messages.query()[2:]
    server.ask(messages.query(), peer=("10.0.0.1", 5353))
    client = ip_address("10.0.0.2").packed
    known = server.dispatcher
    bodies = [known.repeat(query) if view is None else known.repeat_to(query, client) for _ in range(4)]
    assert len({body[-4:] for body in bodies if body}) == 2
    assert bodies[:2] == bodies[2:]


def test_a_denial_is_repeated_with_its_soa() -> None:
    server = Server(otherwise=NODATA.replying(fresh_until=105.0))
    message = messages.query("other.cluster.local.", "AAAA", payload=1232)
    server.ask(message)
    server.now = 103.0
    again = server.ask(message)
    assert (again.authority[0].ttl, again.edns, len(server.behind.asked)) == (2, 0, 1)
