"""One DNS server, from a message's bytes to its answer's: refusals, routing, sizes, EDNS, late answers."""

from __future__ import annotations

import logging
from dataclasses import replace

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest

from clusterdns.directives import dispatch
from clusterdns.directives.acl import Dropped
from clusterdns.directives.traffic import OTHER_TYPE
from clusterdns.errors import UpstreamFailure
from clusterdns.flight import Flight
from clusterdns.limits import QUERIES_IN_FLIGHT
from clusterdns.listen.respond import Peer
from tests.support import garbage, messages
from tests.support.chain import FOUND, NXDOMAIN, FakeHandler, Says
from tests.support.server import PEER, WEB, Server, read

transports = pytest.mark.parametrize("transport", ["udp", "tcp"])


@transports
@pytest.mark.parametrize(("message", "allowed"), garbage.ROWS.values(), ids=garbage.ROWS)
def test_garbage(transport: str, message: bytes, allowed: tuple[int | None, ...]) -> None:
    server = Server()
    answer = server.respond(message, transport)
    rcode = None
    if answer is not None:
        found = dns.message.from_wire(answer)
        rcode = int(found.rcode())
        assert answer[:2] == message[:2]
        assert found.flags & dns.flags.QR
        # Opcode and RD as asked.
        assert answer[2] & 0x79 == message[2] & 0x79
        assert found.answer == found.authority == found.additional == []
    assert rcode in allowed
    assert server.behind.asked == []
    assert len(server.packets) == 0
    assert server.traffic.panics == 0


@transports
@pytest.mark.parametrize("message", messages.QUERIES.values(), ids=messages.QUERIES)
def test_queries_cut_at_every_offset(transport: str, message: bytes) -> None:
    server = Server()
    for end in range(len(message)):
        answer = server.respond(message[:end], transport)
        if end < 12:
            assert answer is None
        else:
            assert answer is not None
            assert (answer[:2], answer[3] & 15) == (message[:2], garbage.FORMERR)
    assert (server.behind.asked, server.late, server.traffic.panics) == ([], [], 0)
    assert server.traffic.malformed == len(message)


@transports
@pytest.mark.parametrize("message", messages.RESPONSES.values(), ids=messages.RESPONSES)
def test_responses_are_never_answered(transport: str, message: bytes) -> None:
    server = Server()
    assert [server.respond(message[:end], transport) for end in range(len(message) + 1)] == [None] * (len(message) + 1)
    assert (server.behind.asked, server.late) == ([], [])


# What no chain is asked: the query, the rcode, and whether the answer has OPT.
REFUSAL_ROWS: dict[str, tuple[bytes, str, bool]] = {
    "class CH": (messages.query("version.bind.", "TXT", qclass="CH"), "REFUSED", False),
    "class ANY": (messages.query(qclass="ANY", payload=1232), "REFUSED", True),
    "AXFR": (messages.query(qtype="AXFR"), "REFUSED", False),
    "IXFR": (messages.QUERIES["ixfr"], "REFUSED", False),
    "no zone": (messages.query("www.example."), "REFUSED", False),
    "no zone, EDNS": (messages.query("www.example.", dnssec_ok=True), "REFUSED", True),
    "above the zone": (messages.query("local."), "REFUSED", False),
    "the root": (messages.query("."), "REFUSED", False),
    "not at a label's start": (messages.query("notcluster.local."), "REFUSED", False),
}


@transports
@pytest.mark.parametrize(("message", "rcode", "opt"), REFUSAL_ROWS.values(), ids=REFUSAL_ROWS)
def test_refusals(transport: str, message: bytes, rcode: str, opt: bool) -> None:
    behind = FakeHandler()
    server = Server({"cluster.local": behind})
    answer = server.ask(message, transport)
    assert dns.rcode.to_text(answer.rcode()) == rcode
    assert answer.question == dns.message.from_wire(message).question
    assert (answer.edns == 0) is opt
    assert bool(answer.ednsflags & dns.flags.DO) is bool(dns.message.from_wire(message).ednsflags & dns.flags.DO)
    assert behind.asked == []
    assert server.responses == {("", answer.rcode()): 1}
    assert len(server.packets) == 0


@transports
def test_an_edns_version_of_the_future(transport: str) -> None:
    server = Server()
    message = bytearray(messages.query(payload=1232))
    message[-5] = 1
    answer = server.ask(bytes(message), transport)
    assert (dns.rcode.to_text(answer.rcode()), answer.edns) == ("BADVERS", 0)
    assert server.behind.asked == []


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("web.shop.svc.cluster.local.", "cluster.local"),
        ("CLUSTER.local.", "cluster.local"),
        ("www.corp.Example.", "corp.example"),
        ("www.example.", "example"),
        ("notcorp.example.", "example"),
        ("example.", "example"),
        ("other.", "."),
        (".", "."),
        ("10.in-addr.arpa.", "."),
    ],
)
def test_the_longest_zone_answers(name: str, zone: str) -> None:
    chains = {each: FakeHandler(otherwise=FOUND) for each in (".", "example", "corp.example", "cluster.local")}
    Server(chains).ask(messages.query(name))
    assert {each: handler.asked for each, handler in chains.items() if handler.asked} == {zone: [name]}


@transports
@pytest.mark.parametrize("peer", [("10.0.0.7", 5353), ("fd00::7", 5353, 0, 0), ("fe80::7%eth0", 5353, 0, 2)])
def test_what_the_chain_learns_of_a_query(transport: str, peer: Peer) -> None:
    server = Server()
    message = messages.query("WeB.shop.svc.cluster.local.", "AAAA")
    server.ask(message, transport, peer)
    (asked,) = server.behind.requests
    client = str(peer[0]).partition("%")[0]
    assert (asked.client, asked.port, asked.transport, asked.now) == (client, 5353, transport, 100.0)
    assert (asked.size, asked.query.qtype, asked.query.id) == (len(message), 28, 0x1234)


MANY = Says(answer=tuple(f"@ 60 IN A 10.0.{number >> 8}.{number & 255}" for number in range(1000)))
SOME = Says(answer=tuple(f"@ 60 IN A 10.0.0.{number}" for number in range(1, 60)))


@pytest.mark.parametrize(
    ("says", "transport", "payload", "limit", "cut"),
    [
        (SOME, "udp", None, 512, True),
        (SOME, "udp", 512, 512, True),
        (SOME, "udp", 100, 512, True),
        (SOME, "udp", 1232, 1232, False),
        (MANY, "udp", 1232, 1232, True),
        (MANY, "udp", 65535, 1232, True),
        (SOME, "tcp", None, 65535, False),
        (MANY, "tcp", None, 65535, False),
        (MANY, "tcp", 512, 65535, False),
    ],
)
def test_sizes(says: Says, transport: str, payload: int | None, limit: int, cut: bool) -> None:
    server = Server()
    server.behind.answers[WEB] = says.replying(fresh_until=160.0)
    message = messages.query(payload=payload)
    wire = server.respond(message, transport)
    assert wire is not None
    assert len(wire) <= limit
    answer = read(message, wire)
    assert bool(answer.flags & dns.flags.TC) is cut
    assert (answer.edns == 0) is (payload is not None)
    if cut:
        # As much as fits: one more record of 16 bytes would not have.
        assert len(wire) + 16 > limit
        assert len(server.packets) == 0
    else:
        assert len(answer.answer[0]) == len(says.answer)


@transports
def test_a_truncated_answer_is_not_repeated_to_a_client_that_takes_more(transport: str) -> None:
    server = Server()
    server.behind.answers[WEB] = SOME.replying(fresh_until=160.0)
    assert server.ask(messages.query()).flags & dns.flags.TC
    answer = server.ask(messages.query(), "tcp")
    assert (answer.flags & dns.flags.TC, len(answer.answer[0])) == (0, 59)


# The query, and what its answer says in EDNS: (has OPT, DO, client subnet).
EDNS_ROWS: dict[str, tuple[bytes, Says, tuple[bool, bool, str | None]]] = {
    "no EDNS": (messages.query(), FOUND, (False, False, None)),
    "EDNS": (messages.query(payload=4096), FOUND, (True, False, None)),
    "DO": (messages.query(dnssec_ok=True), FOUND, (True, True, None)),
    "cookie and padding are not echoed": (messages.QUERIES["cookie, subnet, padding"], FOUND, (True, False, None)),
    "a subnet that nobody looked at": (messages.query(subnet="10.0.0.1/32"), FOUND, (True, False, None)),
    "a subnet with its scope": (
        messages.query(subnet="10.0.0.1/32"),
        FOUND.replying(scope=32),
        (True, False, "ECS 10.0.0.1/32 scope/32"),
    ),
    "a subnet without meaning": (
        messages.query(subnet="10.0.0.0/24"),
        FOUND.replying(scope=0),
        (True, False, "ECS 10.0.0.0/24 scope/0"),
    ),
    "IPv6": (
        messages.query(subnet="fd00::7/128"),
        NXDOMAIN.replying(scope=128),
        (True, False, "ECS fd00::7/128 scope/128"),
    ),
    "a scope that nobody asked for": (messages.query(payload=1232), FOUND.replying(scope=32), (True, False, None)),
    "a scope for a query without EDNS": (messages.query(), FOUND.replying(scope=32), (False, False, None)),
}


@transports
@pytest.mark.parametrize(("message", "says", "expected"), EDNS_ROWS.values(), ids=EDNS_ROWS)
def test_edns(transport: str, message: bytes, says: Says, expected: tuple[bool, bool, str | None]) -> None:
    server = Server(otherwise=says)
    server.behind.answers[WEB] = says
    answer = server.ask(message, transport)
    subnets = [option.to_text() for option in answer.options if isinstance(option, dns.edns.ECSOption)]
    assert len(answer.options) == len(subnets)
    opt, dnssec_ok, subnet = expected
    assert (answer.edns == 0, bool(answer.ednsflags & dns.flags.DO)) == (opt, dnssec_ok)
    assert subnets == ([] if subnet is None else [subnet])


FAILURE = UpstreamFailure("192.0.2.1:53", "no answer")


@transports
@pytest.mark.parametrize("message", [messages.query(), messages.query(dnssec_ok=True)], ids=["plain", "EDNS"])
def test_an_upstream_s_failure_is_servfail(transport: str, message: bytes, caplog: pytest.LogCaptureFixture) -> None:
    server = Server(says=Says(error=FAILURE))
    answer = server.ask(message, transport)
    assert dns.rcode.to_text(answer.rcode()) == "SERVFAIL"
    assert answer.question == dns.message.from_wire(message).question
    assert answer.edns == dns.message.from_wire(message).edns
    assert server.responses == {("", 2): 1}
    assert (server.traffic.panics, caplog.records, len(server.packets)) == (0, [], 0)


@transports
@pytest.mark.parametrize("error", [ZeroDivisionError(), RecursionError(), KeyError("x"), ValueError("bad")], ids=repr)
def test_a_fault_of_our_own_is_servfail_and_one_traceback(
    transport: str, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server(says=Says(error=error))
    answer = server.ask(messages.query(), transport)
    assert dns.rcode.to_text(answer.rcode()) == "SERVFAIL"
    assert (server.traffic.panics, server.responses) == (1, {("", 2): 1})
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert record.exc_info[1] is error


@transports
@pytest.mark.parametrize(
    ("says", "rcode"),
    [
        (FOUND, "NOERROR"),
        (NXDOMAIN, "NXDOMAIN"),
        (Says(error=FAILURE), "SERVFAIL"),
        (Says(error=KeyError()), "SERVFAIL"),
    ],
    ids=["found", "nxdomain", "failure", "fault"],
)
def test_late_answers(transport: str, says: Says, rcode: str) -> None:
    arrives: Flight[None] = Flight()
    waiting = Says(says.answer, says.rcode, says.authority, error=says.error, waits_for=arrives)
    server = Server(says=waiting.replying(fresh_until=160.0))
    message = messages.query()
    assert server.respond(message, transport) is None
    server.now = 104.0
    arrives.land(None)
    ((answer, peer),) = server.late
    assert peer == PEER
    assert dns.rcode.to_text(read(message, answer).rcode()) == rcode
    # What came late is repeated like any other, until the time that it says.
    assert len(server.packets) == (1 if says.error is None and transport == "udp" else 0)
    assert server.traffic.panics == isinstance(says.error, KeyError)


def test_late_answers_go_to_whom_they_belong() -> None:
    arrives: Flight[None] = Flight()
    server = Server(says=Says(answer=FOUND.answer, waits_for=arrives))
    spellings = [WEB, WEB.upper(), WEB.title()]
    queries = [messages.query(spelling, message_id=number) for number, spelling in enumerate(spellings)]
    peers = [(f"10.0.0.{number}", 1000 + number) for number in range(3)]
    for query, asker in zip(queries, peers, strict=True):
        assert server.respond(query, peer=asker) is None
    arrives.land(None)
    assert [peer for _, peer in server.late] == peers
    for query, (answer, _) in zip(queries, server.late, strict=True):
        assert answer[:2] == query[:2]
        assert answer[12:].startswith(query[12:])


def test_one_sender_s_trouble_is_not_another_s() -> None:
    arrives: Flight[None] = Flight()
    server = Server(says=Says(answer=FOUND.answer, waits_for=arrives))

    def broken(answer: bytes, peer: Peer) -> None:
        raise OSError("no way to the client")

    assert server.dispatcher.respond_udp(messages.query(), PEER, broken) is None
    assert server.respond(messages.query()) is None
    with pytest.raises(OSError, match="no way"):
        arrives.land(None)
    assert len(server.late) == 1


def test_flags_follow_the_query() -> None:
    server = Server(says=Says(answer=FOUND.answer, flags="QR AA RD RA AD CD"))
    for asked, answered in (
        ("RD", "QR AA RD RA"),
        ("", "QR AA RA"),
        ("RD CD", "QR AA RD RA CD"),
        ("RD AD", "QR AA RD RA AD"),
    ):
        answer = server.ask(messages.query(flags=asked))
        assert dns.flags.to_text(answer.flags) == answered


def test_types_without_a_name_share_a_counter() -> None:
    server = Server()
    for number in range(65280, 65300):
        server.ask(messages.query(qtype=f"TYPE{number}"))
    server.ask(messages.query(qtype="AAAA"), "tcp")
    assert server.requests == {("udp", OTHER_TYPE): 20, ("tcp", 28): 1}


def test_more_waiting_queries_than_allowed_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "QUERIES_IN_FLIGHT", replace(QUERIES_IN_FLIGHT, default=1))
    waiting: Flight[None] = Flight()
    server = Server(says=replace(FOUND, waits_for=waiting), otherwise=NXDOMAIN)
    query = messages.query(WEB)
    assert server.respond(query) is None
    assert server.ask(query).rcode() == dns.rcode.REFUSED
    waiting.land(None)
    ((late, peer),) = server.late
    assert (read(query, late).rcode(), peer) == (dns.rcode.NOERROR, PEER)
    server.late.clear()
    assert server.ask(messages.query("other.example.")).rcode() == dns.rcode.NXDOMAIN


@transports
def test_what_an_acl_drops_is_met_with_silence(transport: str) -> None:
    waiting: Flight[None] = Flight()
    for says in (Says(error=Dropped("10.0.0.7")), Says(error=Dropped("10.0.0.7"), waits_for=waiting)):
        server = Server(says=says)
        answer = server.respond(messages.query(WEB), transport)
        if says.waits_for is None:
            # Nothing to send, and nothing to wait for: a listener has its slot back.
            assert answer == b""
        else:
            assert answer is None
            waiting.land(None)
            assert server.late == [(b"", PEER)]
        assert server.dispatcher.traffic.panics == 0
        assert len(server.packets) == 0
