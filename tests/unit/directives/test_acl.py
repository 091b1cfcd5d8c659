"""The acl directive: who gets what, and that no cache hands it to someone else."""

from __future__ import annotations

import dns.flags
import dns.rcode
import pytest

from clusterdns.cache.packet_cache import PacketCache
from clusterdns.directives.acl import Dropped
from clusterdns.directives.chain import Handler, client_view
from clusterdns.directives.dispatch import Dispatcher
from tests.support.chain import FOUND, FakeHandler, answer, read, records, request
from tests.support.directive import handler
from tests.support.messages import query

EXCEPT_ONE = "acl {\n allow net 192.168.1.0/24\n block net 192.168.0.0/16\n}"
ONLY = "acl {\n allow net 192.168.0.0/24 fd00::/8\n block\n}"
TWO = "acl a.example {\n allow net 10.0.0.1\n}\nacl example {\n block\n}"

# Directives, name, type, client, what comes of it.
ROWS: dict[str, tuple[str, str, str, str, str]] = {
    "block by type and net": ("acl {\n block type A net 192.168.0.0/16\n}", "x.", "A", "192.168.3.4", "REFUSED"),
    "another type": ("acl {\n block type A net 192.168.0.0/16\n}", "x.", "AAAA", "192.168.3.4", "passed"),
    "another net": ("acl {\n block type A net 192.168.0.0/16\n}", "x.", "A", "192.169.3.4", "passed"),
    "IPv6 is no IPv4": ("acl {\n block net 0.0.0.0/0\n}", "x.", "A", "::1", "passed"),
    "several types": ("acl {\n block type A AAAA TYPE65\n}", "x.", "HTTPS", "::1", "REFUSED"),
    "any type": ("acl {\n block type A * net 10.0.0.0/8\n}", "x.", "MX", "10.1.1.1", "REFUSED"),
    "any net": ("acl {\n block type A net 10.0.0.0/8 *\n}", "x.", "A", "::1", "REFUSED"),
    "net before type": ("acl {\n block net 10.0.0.0/8 type A\n}", "x.", "A", "10.1.1.1", "REFUSED"),
    "filter": ("acl {\n filter type A net 192.168.0.0/16\n}", "x.", "A", "192.168.3.4", "NOERROR"),
    "drop": ("acl {\n drop net 192.168.0.0/16\n}", "x.", "A", "192.168.3.4", "dropped"),
    "exception": (EXCEPT_ONE, "x.", "A", "192.168.1.9", "passed"),
    "rule behind the exception": (EXCEPT_ONE, "x.", "A", "192.168.2.9", "REFUSED"),
    "outside of both": (EXCEPT_ONE, "x.", "A", "10.0.0.1", "passed"),
    "only these": (ONLY, "x.", "A", "192.168.0.1", "passed"),
    "only these, IPv6": (ONLY, "x.", "A", "fd00::1", "passed"),
    "none but these": (ONLY, "x.", "A", "192.168.7.1", "REFUSED"),
    "none but these, IPv6": (ONLY, "x.", "A", "fe80::1", "REFUSED"),
    "zone": ("acl a.example {\n block\n}", "w.A.example.", "A", "10.0.0.1", "REFUSED"),
    "another zone": ("acl a.example {\n block\n}", "w.b.example.", "A", "10.0.0.1", "passed"),
    "no rules": ("acl", "x.", "A", "10.0.0.1", "passed"),
    "allow ends all rules of the block": (TWO, "w.a.example.", "A", "10.0.0.1", "passed"),
    "the second rule": (TWO, "w.a.example.", "A", "10.0.0.2", "REFUSED"),
}


@pytest.mark.parametrize(("lines", "name", "qtype", "client", "outcome"), ROWS.values(), ids=ROWS)
def test_decisions(lines: str, name: str, qtype: str, client: str, outcome: str) -> None:
    behind = FakeHandler(otherwise=FOUND)
    handle = handler(lines, behind.handle)
    asked = request(name, qtype, client=client)
    if outcome == "dropped":
        with pytest.raises(Dropped, match=client):
            answer(handle(asked))
    else:
        reply = answer(handle(asked))
        assert reply.source == ("fake" if outcome == "passed" else "acl")
        if outcome != "passed":
            assert dns.rcode.to_text(read(reply).rcode()) == outcome
            assert (records(reply), dns.flags.to_text(read(reply).flags)) == ([], "QR RD")
            assert (reply.fresh_until, reply.cacheable) == (0.0, False)
    assert behind.asked == ([name] if outcome == "passed" else [])


# Directives, type, whom the answer of an allowed client may be repeated to.
@pytest.mark.parametrize(
    ("lines", "qtype", "view"),
    [
        ("acl {\n block net 10.9.0.0/16\n}", "A", client_view("10.0.0.7")),
        ("acl {\n drop type A net 10.9.0.0/16\n}", "A", client_view("10.0.0.7")),
        # Nobody's network was looked at.
        ("acl {\n block type MX net 10.9.0.0/16\n}", "A", None),
        ("acl {\n block type MX\n}", "A", None),
        ("acl {\n allow type A\n block net 10.9.0.0/16\n}", "A", None),
        ("acl other.example {\n block net 10.9.0.0/16\n}", "A", None),
    ],
)
def test_whom_an_answer_is_for(lines: str, qtype: str, view: bytes | None) -> None:
    behind = FakeHandler(otherwise=FOUND.replying(fresh_until=500.0))
    reply = answer(handler(lines, behind.handle)(request("x.", qtype, client="10.0.0.7")))
    assert (reply.view, reply.fresh_until) == (view, 500.0)


def test_a_client_replaces_a_wider_view() -> None:
    behind = FakeHandler(otherwise=FOUND.replying(view=b"shop"))
    reply = answer(handler("acl {\n block net 10.9.0.0/16\n}", behind.handle)(request("x.", client="10.0.0.7")))
    assert reply.view == client_view("10.0.0.7")


def _server(chain: Handler) -> Dispatcher:
    packets = PacketCache(views_of=lambda client: (client_view(client),))
    return Dispatcher({b"\0": chain}, packets, lambda: 100.0)


@pytest.mark.parametrize("first", ["10.0.0.7", "10.9.0.1"])
def test_the_packet_cache_answers_each_client_as_the_policies_say(first: str) -> None:
    """Both clients send the same bytes, in either order and twice each."""
    behind = FakeHandler(otherwise=FOUND.replying(fresh_until=500.0))
    server = _server(handler("acl {\n block net 10.9.0.0/16\n}", behind.handle))
    second = "10.9.0.1" if first == "10.0.0.7" else "10.0.0.7"
    rcodes = []
    for client in (first, second, first, second):
        sent = server.respond_udp(query("x."), (client, 5353), lambda message, peer: None)
        assert sent is not None
        rcodes.append((client, sent[3] & 15))
    assert rcodes == [(client, 5 if client == "10.9.0.1" else 0) for client in (first, second, first, second)]
    # The allowed client's second question is a hit.
    assert (server.traffic.packet_cache_hits, len(behind.asked)) == (1, 1)
