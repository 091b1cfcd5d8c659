"""DNS bytes: what dnspython sends is understood, what it reads is right, and garbage gets FORMERR or silence."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import pytest
from hypothesis import given
from hypothesis import strategies as st

from externaldns.providers.privatezone.emulator.answer import Labels
from externaldns.providers.privatezone.emulator.message import respond
from externaldns.providers.privatezone.emulator.rows import Record, Zone

ZONE = Zone("z", "demo.internal", "FAST_ZONE", "ZONE", "", "", 0, 7, 0, 0)


def row(type: str, value: str, priority: int | None = None) -> Record:
    return Record(0, "z", "", type, value, 60, priority, "default", 1, "ENABLE", "", 0, 0)


class Names:
    """A view of one zone made of a dictionary."""

    rows: dict[str, list[Record]] = {
        "@": [row("MX", "mail.demo.internal", 10), row("MX", "mail.example.com", 20)],
        "web": [row("A", "10.0.0.1"), row("AAAA", "fd00::1")],
        "alias": [row("CNAME", "web.demo.internal.")],
        "srv": [row("SRV", "1 2 8080 web.demo.internal")],
        "ptr": [row("PTR", "web.demo.internal")],
        "text": [row("TXT", "plain text"), row("TXT", '"quoted, text"'), row("TXT", '"two" "strings"')],
        "odd": [row("TXT", '"open'), row("TXT", 'a "b" c')],
        "large": [row("A", f"10.1.0.{number}") for number in range(100)],
        "any": [row("TXT", "its wildcard's closest encloser")],
        "*.any": [row("A", "10.0.0.2")],
        "far": [row("PTR", f"{host}.{number}.example.com") for number in range(900) for host in ("one", "two")],
    }

    def zone_of(self, name: Labels) -> Zone | None:
        return ZONE if name[-2:] == ("demo", "internal") else None

    def records_at(self, zone: Zone, rr: str) -> Sequence[Record]:
        return [replace(record, rr=rr) for record in self.rows.get(rr, [])]

    def has_enabled_below(self, zone: Zone, rr: str) -> bool:
        return False

    def is_weighted(self, zone: Zone, record: Record) -> bool:
        return False


def ask(name: str, qtype: str, *, tcp: bool = False, **query: Any) -> dns.message.Message:
    wire = dns.message.make_query(name, qtype, **query).to_wire()
    answer = respond(wire, Names(), 0, tcp=tcp)
    assert answer is not None
    return dns.message.from_wire(answer)


def texts(message: dns.message.Message) -> list[str]:
    return [line for rrset in message.answer for line in rrset.to_text().splitlines()]


@pytest.mark.parametrize(
    ("name", "qtype", "answer"),
    [
        ("web.demo.internal", "A", ["web.demo.internal. 60 IN A 10.0.0.1"]),
        ("WEB.demo.Internal", "A", ["WEB.demo.Internal. 60 IN A 10.0.0.1"]),
        ("web.demo.internal", "AAAA", ["web.demo.internal. 60 IN AAAA fd00::1"]),
        (
            "alias.demo.internal",
            "A",
            ["alias.demo.internal. 60 IN CNAME web.demo.internal.", "web.demo.internal. 60 IN A 10.0.0.1"],
        ),
        (
            "demo.internal",
            "MX",
            ["demo.internal. 60 IN MX 10 mail.demo.internal.", "demo.internal. 60 IN MX 20 mail.example.com."],
        ),
        ("srv.demo.internal", "SRV", ["srv.demo.internal. 60 IN SRV 1 2 8080 web.demo.internal."]),
        ("ptr.demo.internal", "PTR", ["ptr.demo.internal. 60 IN PTR web.demo.internal."]),
        (
            "text.demo.internal",
            "TXT",
            [
                'text.demo.internal. 60 IN TXT "plain text"',
                'text.demo.internal. 60 IN TXT "quoted, text"',
                'text.demo.internal. 60 IN TXT "two" "strings"',
            ],
        ),
        (
            "odd.demo.internal",
            "TXT",
            ['odd.demo.internal. 60 IN TXT "\\"open"', 'odd.demo.internal. 60 IN TXT "a \\"b\\" c"'],
        ),
        ("demo.internal", "NS", ["demo.internal. 5 IN NS privatezone.invalid."]),
        (
            "demo.internal",
            "SOA",
            ["demo.internal. 5 IN SOA privatezone.invalid. hostmaster.privatezone.invalid. 7 3600 1200 3600 5"],
        ),
        ("web.demo.internal", "TYPE65", []),
    ],
)
def test_records(name: str, qtype: str, answer: list[str]) -> None:
    message = ask(name, qtype)
    assert message.rcode() == dns.rcode.NOERROR
    assert texts(message) == answer


def test_header_bits() -> None:
    message = ask("web.demo.internal", "A", flags=dns.flags.RD | dns.flags.CD | dns.flags.AD)
    assert message.flags == dns.flags.QR | dns.flags.AA | dns.flags.RD | dns.flags.CD
    refused = ask("www.example.com", "A")
    assert (refused.rcode(), refused.flags & 0xFFF0) == (dns.rcode.REFUSED, dns.flags.QR | dns.flags.RD)
    negative = ask("gone.demo.internal", "A")
    assert negative.rcode() == dns.rcode.NXDOMAIN
    assert negative.flags & 0xFFF0 == dns.flags.QR | dns.flags.AA | dns.flags.RD
    assert negative.authority[0].ttl == 5


@pytest.mark.parametrize(
    ("query", "rcode", "edns"),
    [
        ({}, dns.rcode.NOERROR, -1),
        ({"use_edns": 0}, dns.rcode.NOERROR, 0),
        ({"use_edns": 0, "options": [dns.edns.ECSOption("10.0.0.0", 24)]}, dns.rcode.NOERROR, 0),
        ({"use_edns": 1}, dns.rcode.BADVERS, 0),
        ({"rdclass": "CH"}, dns.rcode.REFUSED, -1),
    ],
)
def test_edns_and_class(query: dict[str, Any], rcode: int, edns: int) -> None:
    message = ask("web.demo.internal", "A", **query)
    assert (message.rcode(), message.edns) == (rcode, edns)
    assert bool(message.answer) == (rcode == dns.rcode.NOERROR)
    assert message.options == ()


def test_dnssec_ok_comes_back() -> None:
    assert ask("web.demo.internal", "A", want_dnssec=True).ednsflags & dns.flags.DO


@pytest.mark.parametrize("qtype", ["AXFR", "IXFR", "OPT"])
def test_refused_types(qtype: str) -> None:
    assert ask("demo.internal", qtype).rcode() == dns.rcode.REFUSED


@pytest.mark.parametrize(
    ("payload", "tcp", "most", "records"),
    [
        (None, False, 512, 29),
        (100, False, 512, 29),
        (1232, False, 1232, 74),
        (4096, False, 1232, 74),
        (None, True, 65535, 100),
        (100, True, 65535, 100),
    ],
)
def test_truncation(payload: int | None, tcp: bool, most: int, records: int) -> None:
    edns = {} if payload is None else {"use_edns": 0, "payload": payload}
    wire = dns.message.make_query("large.demo.internal", "A", **edns).to_wire()  # type: ignore[arg-type]
    answer = respond(wire, Names(), 0, tcp=tcp)
    assert answer is not None
    assert len(answer) <= most
    message = dns.message.from_wire(answer)
    assert bool(message.flags & dns.flags.TC) == (records < 100)
    assert len(texts(message)) == records


@pytest.mark.parametrize(
    ("count", "tcp", "truncated"),
    [
        # 16 bytes a record, 12 of the header and 24 of the question: 65,524 bytes.
        (4093, True, False),
        (4094, True, True),
        (4093, False, True),
        # More than the header's 16 bits can count.
        (70000, True, True),
        (70000, False, True),
    ],
)
def test_a_message_has_at_most_65535_bytes(count: int, tcp: bool, truncated: bool) -> None:
    class Many(Names):
        rows = {"huge": [row("A", f"10.1.{number >> 8 & 255}.{number & 255}") for number in range(count)]}

    answer = respond(dns.message.make_query("huge.demo.internal", "A").to_wire(), Many(), 0, tcp=tcp)
    assert answer is not None
    # What else would fit is there: no room is left for one more record.
    most = 65535 if tcp else 512
    assert most - 16 < len(answer) <= most
    message = dns.message.from_wire(answer)
    assert bool(message.flags & dns.flags.TC) == truncated
    assert len(texts(message)) == (len(answer) - 36) // 16


def test_names_beyond_the_reach_of_a_pointer_are_written_out() -> None:
    message = ask("far.demo.internal", "PTR", tcp=True)
    assert not message.flags & dns.flags.TC
    assert sorted(texts(message)) == sorted(
        f"far.demo.internal. 60 IN PTR {host}.{number}.example.com." for number in range(900) for host in ("one", "two")
    )


HEADER = struct.Struct("!6H")
QUESTION = b"\x03web\x04demo\x08internal\x00\x00\x01\x00\x01"
OPT = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"
# The data of one record is a chain of 5,000 pointers, each to the one before it; the next record's name is its end.
CHAIN_START = 12 + 5 + 11
CHAIN = b"".join(struct.pack("!H", 0xC000 | (CHAIN_START + 2 * n - 2 if n else 12)) for n in range(5000))
DEEP = b"".join(
    [
        b"\x00\x00\x01\x00\x01",
        b"\x00\xff\x00\x00\x01\x00\x00\x00\x00" + struct.pack("!H", len(CHAIN)),
        CHAIN,
        struct.pack("!H", 0xC000 | (CHAIN_START + len(CHAIN) - 2)),
        OPT[1:],
    ]
)


def query(body: bytes, bits: int = 0x0100, qd: int = 1, an: int = 0, ns: int = 0, ar: int = 0) -> bytes:
    return HEADER.pack(0xABCD, bits, qd, an, ns, ar) + body


GARBAGE: list[tuple[str, bytes, int | None]] = [
    ("empty", b"", None),
    ("one byte", b"\x00", None),
    ("11 bytes", query(b"")[:11], None),
    ("an answer", query(QUESTION, bits=0x8180), None),
    ("header only, QDCOUNT 0", query(b"", qd=0), dns.rcode.FORMERR),
    ("header only, QDCOUNT 1", query(b""), dns.rcode.FORMERR),
    ("QDCOUNT 2", query(QUESTION * 2, qd=2), dns.rcode.FORMERR),
    ("QDCOUNT 65535", query(QUESTION, qd=65535), dns.rcode.FORMERR),
    ("ANCOUNT 1", query(QUESTION, an=1), dns.rcode.FORMERR),
    ("ARCOUNT 65535", query(QUESTION, ar=65535), dns.rcode.FORMERR),
    ("OPT promised, not there", query(QUESTION, ar=1), dns.rcode.FORMERR),
    ("two OPT", query(QUESTION + OPT * 2, ar=2), dns.rcode.FORMERR),
    ("OPT with a name", query(QUESTION + b"\x01a" + OPT, ar=1), dns.rcode.FORMERR),
    ("OPT cut", query(QUESTION + OPT[:-1], ar=1), dns.rcode.FORMERR),
    ("OPT option longer than OPT", query(QUESTION + OPT[:-2] + b"\x00\x05\x00\x08\x00\x99\x00", ar=1),
     dns.rcode.FORMERR),
    ("pointer to itself", query(b"\xc0\x0c\x00\x01\x00\x01"), dns.rcode.FORMERR),
    ("pointer forwards", query(b"\xc0\x20\x00\x01\x00\x01"), dns.rcode.FORMERR),
    ("pointer loop of two", query(b"\x01a\xc0\x0c\x00\x01\x00\x01"), dns.rcode.FORMERR),
    ("pointer into the header", query(b"\xc0\x00\x00\x01\x00\x01"), dns.rcode.FORMERR),
    ("thousands of pointers", query(DEEP, ar=2), dns.rcode.FORMERR),
    ("reserved label type", query(b"\x40" + b"a" * 64 + b"\x00\x00\x01\x00\x01"), dns.rcode.FORMERR),
    ("name of 256 bytes", query(b"\x3f" + b"a" * 63 + b"\x3f" + b"b" * 63 + b"\x3f" + b"c" * 63 + b"\x3f" + b"d" * 63
     + b"\x00\x00\x01\x00\x01"), dns.rcode.FORMERR),
    ("name without end", query(b"\x3f" + b"a" * 63), dns.rcode.FORMERR),
    ("NOTIFY", query(QUESTION, bits=0x2000), dns.rcode.NOTIMP),
    ("opcode 15", query(QUESTION, bits=0x7800), dns.rcode.NOTIMP),
    ("UPDATE without sections", query(b"", bits=0x2800, qd=0), dns.rcode.NOTIMP),
]  # fmt: skip


@pytest.mark.parametrize(("what", "wire", "rcode"), GARBAGE, ids=[entry[0] for entry in GARBAGE])
@pytest.mark.parametrize("tcp", [False, True])
def test_garbage(what: str, wire: bytes, rcode: int | None, tcp: bool) -> None:
    answer = respond(wire, Names(), 0, tcp=tcp)
    if rcode is None:
        assert answer is None
    else:
        assert answer is not None
        ident, bits, *counts = HEADER.unpack(answer)
        assert (ident, bits & 0x8000, bits & 0xF, counts) == (0xABCD, 0x8000, rcode, [0, 0, 0, 0])


def test_a_name_of_255_bytes_is_a_name() -> None:
    name = dns.name.Name([b"a" * 63, b"b" * 63, b"c" * 63, b"d" * 47, b"demo", b"internal", b""])
    assert len(name.to_wire()) == 255  # type: ignore[arg-type]
    assert ask(name.to_text(), "A").rcode() == dns.rcode.NXDOMAIN


# "any binary string whatever can be used as the label of any resource record" (RFC 2181 section 11).
@pytest.mark.parametrize("label", ["we\\.b", "sp\\032ace", "\\255\\254", "\\000", "\\195\\137", "b\\\\ack"])
def test_labels_of_any_bytes_are_names(label: str) -> None:
    assert ask(f"{label}.demo.internal", "A").rcode() == dns.rcode.NXDOMAIN
    assert ask(label, "A").rcode() == dns.rcode.REFUSED
    (wildcard,) = ask(f"{label}.any.demo.internal", "A").answer
    assert wildcard.to_text() == f"{label}.any.demo.internal. 60 IN A 10.0.0.2"


def test_other_records_of_a_query_are_walked_over() -> None:
    # Its data is not what a CAA record has; nobody looks.
    caa = b"\x00\x01\x01\x00\x01\x00\x00\x00\x05\x00\x04\x00\x02\xff\xff"
    answer = respond(query(QUESTION + caa + OPT, ar=2), Names(), 0, tcp=False)
    assert answer is not None
    assert texts(dns.message.from_wire(answer)) == ["web.demo.internal. 60 IN A 10.0.0.1"]


@pytest.mark.parametrize("tcp", [False, True])
def test_every_cut_of_a_query_is_refused_or_silent(tcp: bool) -> None:
    wire = dns.message.make_query("web.demo.internal", "A", use_edns=0).to_wire()
    for length in range(len(wire)):
        answer = respond(wire[:length], Names(), 0, tcp=tcp)
        if length < 12:
            assert answer is None
        else:
            assert answer is not None
            assert answer[3] & 0xF == dns.rcode.FORMERR


def _valid_queries() -> Iterator[bytes]:
    yield dns.message.make_query("web.demo.internal", "A", use_edns=0, want_dnssec=True, id=1).to_wire()
    yield dns.message.make_query("alias.demo.internal", "ANY", id=2).to_wire()
    yield query(QUESTION + OPT, ar=1)


@given(st.binary(max_size=600))
def test_random_bytes_never_raise(wire: bytes) -> None:
    respond(wire, Names(), 0, tcp=True)


@given(
    st.sampled_from(list(_valid_queries())),
    st.lists(st.tuples(st.integers(0, 80), st.integers(0, 255)), max_size=6),
    st.binary(max_size=20),
)
def test_damaged_queries_never_raise(wire: bytes, changes: list[tuple[int, int]], tail: bytes) -> None:
    damaged = bytearray(wire + tail)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    answer = respond(bytes(damaged), Names(), 0, tcp=False)
    assert answer is None or (answer[:2] == damaged[:2] and answer[2] & 0x80)
