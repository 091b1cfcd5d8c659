"""The transfer directive: who gets a zone, in what messages, and who gets nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import dns.message
import pytest

from clusterdns.cache.packet_cache import PacketCache
from clusterdns.directives.chain import Reply, Request
from clusterdns.directives.dispatch import Dispatcher
from clusterdns.directives.transfer import Contents
from clusterdns.wire.names import name_from_text
from clusterdns.wire.query import read_query
from clusterdns.wire.records import Record, records_from_text
from tests.support import messages
from tests.support.chain import FOUND, FakeHandler, answer, records
from tests.support.directive import handler
from tests.support.server import PEER

SERIAL = 1000
ZONE = "a.example."
TO_ALL = "transfer a.example {\n to *\n}"
(SOA,) = records_from_text(f"{ZONE} 30 IN SOA ns.{ZONE} h.{ZONE} {SERIAL} 7200 1800 86400 30")


class Source:
    """A directive with the zone `a.example.`: how often all of it was wanted, and how many records have been read."""

    def __init__(self, names: int = 3, synced: bool = True) -> None:
        self.synced = synced
        self.wanted = self.read = 0
        self._names = names

    @property
    def whole_zones(self) -> tuple[bytes, ...]:
        return (name_from_text(ZONE),)

    def serial(self, zone: bytes) -> int:
        return SERIAL

    def contents(self, zone: bytes) -> Contents:
        return Contents(SOA, SERIAL, self._whole)

    def _whole(self) -> Iterator[Record]:
        self.wanted += 1
        return self._records()

    def _records(self) -> Iterator[Record]:
        for number in range(self._names):
            self.read = number + 1
            yield Record(name_from_text(f"n{number}.{ZONE}"), 1, 30, bytes((10, 0, number >> 8, number & 255)))


def asked(message: bytes, client: str, transport: str = "tcp") -> Request:
    return Request(read_query(message), client, transport, 100.0)


def answers_of(bodies: Iterable[bytes]) -> list[str]:
    """The answers of further messages, which hold nothing else."""
    found = []
    for body in bodies:
        message = dns.message.from_wire(b"\0\0" + body, one_rr_per_rrset=True)
        assert (message.question, message.authority, message.additional) == ([], [], [])
        found += [rrset.to_text() for rrset in message.answer]
    return found


def outcome(reply: Reply) -> str:
    if reply.source == "fake":
        return "passed"
    if reply.response.rcode:
        return {2: "servfail", 5: "refused"}[reply.response.rcode]
    return "soa" if reply.more is None else "whole"


AXFR = messages.query(ZONE, "AXFR")
SOME = "transfer {\n to 192.0.2.1 198.51.100.0/24\n to 2001:db8::/32 [fd00::1]:5353 10.0.0.1:53\n}"
NESTED = f"{TO_ALL}\ntransfer x.a.example {{\n to 192.0.2.1\n}}\ntransfer example {{\n to 192.0.2.2\n}}"

ROWS: list[tuple[str, str, bytes, str, str, str]] = [
    ("anyone", TO_ALL, AXFR, "203.0.113.7", "tcp", "whole"),
    ("anyone, IPv6", TO_ALL, AXFR, "2001:db8::7", "tcp", "whole"),
    ("spelled otherwise", TO_ALL, messages.query("A.Example.", "AXFR"), "203.0.113.7", "tcp", "whole"),
    ("over UDP", TO_ALL, AXFR, "203.0.113.7", "udp", "refused"),
    ("address", SOME, AXFR, "192.0.2.1", "tcp", "whole"),
    ("network", SOME, AXFR, "198.51.100.77", "tcp", "whole"),
    ("IPv6 network", SOME, AXFR, "2001:db8:1::1", "tcp", "whole"),
    ("IPv6 address and port", SOME, AXFR, "fd00::1", "tcp", "whole"),
    ("address and port", SOME, AXFR, "10.0.0.1", "tcp", "whole"),
    ("another address", SOME, AXFR, "192.0.2.2", "tcp", "refused"),
    ("another IPv6 address", SOME, AXFR, "fd00::2", "tcp", "refused"),
    ("the longest zone decides", NESTED, AXFR, "192.0.2.9", "tcp", "whole"),
    ("a zone that nobody has", NESTED, messages.query("x.a.example.", "AXFR"), "192.0.2.1", "tcp", "refused"),
    ("below the zone", TO_ALL, messages.query("n1.a.example.", "AXFR"), "192.0.2.1", "tcp", "refused"),
    ("zone not named", "transfer b.example {\n to *\n}", AXFR, "192.0.2.1", "tcp", "refused"),
    ("the same version", TO_ALL, messages.ixfr(ZONE, SERIAL), "192.0.2.1", "tcp", "soa"),
    ("a newer version, of another replica", TO_ALL, messages.ixfr(ZONE, SERIAL + 5), "192.0.2.1", "tcp", "soa"),
    ("an older version", TO_ALL, messages.ixfr(ZONE, SERIAL - 1), "192.0.2.1", "tcp", "whole"),
    ("a serial from before it went round", TO_ALL, messages.ixfr(ZONE, 0xFFFFFFFF), "192.0.2.1", "tcp", "whole"),
    ("IXFR without a version", TO_ALL, messages.query(ZONE, "IXFR"), "192.0.2.1", "tcp", "whole"),
    ("older, over UDP", TO_ALL, messages.ixfr(ZONE, 1), "192.0.2.1", "udp", "soa"),
    ("IXFR by a stranger", SOME, messages.ixfr(ZONE, SERIAL), "192.0.2.2", "tcp", "refused"),
    ("any other question", SOME, messages.query(ZONE, "SOA"), "192.0.2.2", "tcp", "passed"),
]


@pytest.mark.parametrize(
    ("lines", "message", "client", "transport", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_who_gets_what(lines: str, message: bytes, client: str, transport: str, expected: str) -> None:
    behind = FakeHandler(otherwise=FOUND)
    source = Source()
    handle = handler(lines, behind.handle, zones=("a.example",), transferable=[source])
    assert outcome(answer(handle(asked(message, client, transport)))) == expected
    assert source.wanted == (expected == "whole"), "who has the zone costs nothing"
    assert bool(behind.asked) is (expected == "passed")


def test_until_it_is_synced_it_is_servfail() -> None:
    handle = handler(TO_ALL, transferable=[Source(synced=False)])
    assert outcome(answer(handle(asked(AXFR, "192.0.2.1")))) == "servfail"


@pytest.mark.parametrize("names", [0, 1, 3, 2000])
def test_the_soa_comes_first_and_last_and_nothing_twice(names: int) -> None:
    source = Source(names)
    reply = answer(handler(TO_ALL, transferable=[source])(asked(AXFR, "192.0.2.1")))
    assert reply.more is not None
    bodies = list(reply.more)
    got = records(reply) + answers_of(bodies)
    assert (len(got), len(set(got)), got[0]) == (names + 2, names + 1, got[-1])
    assert got[0].startswith("a.example. 30 IN SOA ")
    assert all(len(body) + 2 <= 16384 for body in bodies)
    assert len(bodies) == (1 if names < 2000 else 3)


def test_records_are_made_as_they_are_read() -> None:
    source = Source(1_000_000)
    reply = answer(handler(TO_ALL, transferable=[source])(asked(AXFR, "192.0.2.1")))
    assert source.read == 0
    assert reply.more is not None
    next(reply.more)
    assert 0 < source.read < 1000


# Through the dispatcher.


def dispatcher(source: Source, transfers: tuple[str, ...] = (ZONE,)) -> Dispatcher:
    handle = handler(TO_ALL, FakeHandler(otherwise=FOUND).handle, transferable=[source])
    packets = PacketCache(views_of=lambda client: ())
    return Dispatcher({name_from_text(ZONE): handle}, packets, lambda: 100.0, tuple(map(name_from_text, transfers)))


@pytest.mark.parametrize("payload", [None, 1232], ids=["plain", "EDNS"])
def test_messages_have_the_id_of_their_question(payload: int | None) -> None:
    message = messages.query(ZONE, "AXFR", message_id=4711, payload=payload)
    answered = dispatcher(Source(2000)).respond_tcp(message, PEER, lambda answer, to: None)
    assert answered is not None
    assert not isinstance(answered, bytes)
    read = [dns.message.from_wire(each) for each in answered]
    assert {each.id for each in read} == {4711}
    # "SHOULD include one OPT RR in the first response message and MAY do so in subsequent" ones (RFC 5936).
    assert [each.edns for each in read] == [0 if payload else -1, -1, -1, -1]
    assert [len(each.question) for each in read] == [1, 0, 0, 0]


def test_without_the_directive_no_chain_is_asked() -> None:
    answered = dispatcher(Source(), transfers=()).respond_tcp(AXFR, PEER, lambda answer, to: None)
    assert isinstance(answered, bytes)
    assert dns.message.from_wire(answered).rcode() == dns.rcode.REFUSED


def test_over_udp_there_is_one_message() -> None:
    server = dispatcher(Source())
    for message in (AXFR, messages.ixfr(ZONE, 1)):
        answered = server.respond_udp(message, PEER, lambda answer, to: None)
        assert answered is not None
        assert len(dns.message.from_wire(answered).answer) == (message != AXFR)
