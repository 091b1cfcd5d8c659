"""Records: composed and read back, against dnspython; names in rdata expanded; records from text."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import dns.message
import dns.name
import dns.rdata
import dns.rdatatype
import dns.rrset
import pytest

from clusterdns.errors import MalformedMessage
from clusterdns.wire import numbers
from clusterdns.wire.names import name_from_text as name
from clusterdns.wire.query import read_query
from clusterdns.wire.records import (
    Record,
    Sections,
    address_record,
    compose,
    read_sections,
    records_from_text,
    soa_rdata,
    srv_rdata,
    txt_rdata,
)
from tests.support.messages import OPT_RECORD, QUERIES, RESPONSES, query, record, response, with_records

WEB = name("web.shop.svc.cluster.local")
ASKED = read_query(query("Web.shop.svc.cluster.local."))
SOA = Record(
    name("cluster.local"),
    numbers.SOA,
    5,
    soa_rdata(name("ns.dns.cluster.local"), name("hostmaster.cluster.local"), 2**32 + 7, 7200, 1800, 86400, 5),
)
MANY = [address_record(name(f"pod-{number}.example"), ip_address("10.0.0.1"), 5) for number in range(800)]


def wire(value: dns.name.Name | dns.rdata.Rdata) -> bytes:
    made = value.to_wire()
    assert made is not None
    return made


def seen_by_dnspython(message: bytes) -> Sections:
    """The records of `message` as dnspython reads them, rdata without compression."""
    parsed = dns.message.from_wire(message, one_rr_per_rrset=True, keyring=False)
    sections = [
        [Record(wire(rrset.name), rrset.rdtype, rrset.ttl, wire(rrset[0]), rrset.rdclass) for rrset in rrsets]
        for rrsets in parsed.sections[1:]
    ]
    return Sections(*sections)


COMPOSED = {
    "nothing": Sections([], [], []),
    "address": Sections([address_record(WEB, ip_address("10.0.0.1"), 30)], [], []),
    "addresses": Sections(
        [address_record(WEB, ip_address(text), 30) for text in ("10.0.0.1", "10.0.0.2", "fd00::1")], [], []
    ),
    "cname chain": Sections(
        [
            Record(WEB, numbers.CNAME, 30, name("www.aliyun.com")),
            Record(name("www.aliyun.com"), numbers.CNAME, 30, name("cdn.aliyun.com")),
            address_record(name("cdn.aliyun.com"), ip_address("1.1.1.1"), 5),
        ],
        [],
        [],
    ),
    "negative": Sections([], [SOA], []),
    "srv": Sections(
        [
            Record(
                name("_http._tcp.web.shop.svc.cluster.local"), numbers.SRV, 5, srv_rdata(0, 50, 80, name("a." + host))
            )
            for host in ("web.shop.svc.cluster.local", "cluster.local")
        ],
        [],
        [
            address_record(name("a.web.shop.svc.cluster.local"), ip_address("10.0.0.1"), 5),
            address_record(name("a.cluster.local"), ip_address("fd00::1"), 5),
        ],
    ),
    "txt": Sections([Record(WEB, numbers.TXT, 0, txt_rdata(b"", b"a" * 255, bytes(range(256))[:255]))], [], []),
    "root": Sections([Record(b"\0", numbers.NS, 5, name("a.root-servers.net"))], [], [Record(b"\0", 65280, 5, b"")]),
    "other spelling": Sections([address_record(name("WEB.SHOP.svc.cluster.local"), ip_address("10.0.0.1"), 5)], [], []),
    "other class": Sections([Record(WEB, numbers.TXT, 0, txt_rdata(b"1.0"), 3)], [], []),
    "largest TTL": Sections([Record(WEB, numbers.A, 0x7FFFFFFF, bytes(4))], [], []),
    # Over 16,383 bytes: no pointer reaches further back than that.
    "large": Sections(MANY, MANY[::-1], MANY[:7]),
}


@pytest.mark.parametrize("sections", COMPOSED.values(), ids=COMPOSED)
def test_what_is_composed_reads_back(sections: Sections) -> None:
    message = compose(
        ASKED, answer=sections.answer, authority=tuple(sections.authority), additional=sections.additional
    )
    assert read_sections(message) == sections
    assert seen_by_dnspython(message) == sections


@pytest.mark.parametrize("rcode", [numbers.NOERROR, numbers.NXDOMAIN, numbers.SERVFAIL])
@pytest.mark.parametrize("flags", [0, numbers.AA, numbers.AA | numbers.RA])
@pytest.mark.parametrize("asked_flags", ["", "RD", "RD CD AD"])
def test_header_and_question(rcode: int, flags: int, asked_flags: str) -> None:
    asked = read_query(query("Web.", "AAAA", payload=1232, flags=asked_flags))
    message = compose(asked, rcode=rcode, flags=flags, authority=[SOA])
    recursion_desired = numbers.RD if "RD" in asked_flags else 0
    assert struct.unpack("!HHHHHH", message[:12]) == (0, numbers.QR | recursion_desired | flags | rcode, 1, 0, 1, 0)
    assert message[12:].startswith(asked.question)


def test_owners_are_compressed_against_the_question_and_each_other() -> None:
    below = name("a.b.shop.svc.cluster.local")
    message = compose(
        ASKED,
        answer=[
            Record(ASKED.name, 1, 0, b""),
            Record(below, 1, 0, b""),
            Record(below, 1, 0, b""),
            Record(name("c.b.shop.svc.cluster.local"), 1, 0, b""),
        ],
    )
    head = bytes((0, 1, 0, 1)) + bytes(6)
    place = 12 + len(ASKED.question) + 12
    behind_web = 0xC000 | 12 + 4
    b_label = 0xC000 | place + 2
    assert message[12 + len(ASKED.question) :] == b"".join(
        (
            *(b"\xc0\x0c", head),
            *(b"\x01a\x01b", behind_web.to_bytes(2, "big"), head),
            *((0xC000 | place).to_bytes(2, "big"), head),
            *(b"\x01c", b_label.to_bytes(2, "big"), head),
        )
    )


# What stands before the names, how many names, what stands behind them: each type whose names some server compresses.
COMPRESSIBLE = {
    "NS": (b"", 1, b""),
    "MD": (b"", 1, b""),
    "MF": (b"", 1, b""),
    "CNAME": (b"", 1, b""),
    "SOA": (b"", 2, bytes(range(20))),
    "MB": (b"", 1, b""),
    "MG": (b"", 1, b""),
    "MR": (b"", 1, b""),
    "PTR": (b"", 1, b""),
    "MINFO": (b"", 2, b""),
    "MX": (b"\0\x0a", 1, b""),
    "RP": (b"", 2, b""),
    "AFSDB": (b"\0\1", 1, b""),
    "RT": (b"\0\1", 1, b""),
    "SIG": (b"\0\1\5\2" + bytes(14), 1, b"signature"),
    "PX": (b"\0\1", 2, b""),
    "NXT": (b"", 1, b"\x40\0"),
    "SRV": (b"\0\1\0\2\0\3", 1, b""),
    "NAPTR": (b"\0\1\0\2\1u\7E2U+sip\5!a!b!", 1, b""),
    "KX": (b"\0\1", 1, b""),
    "DNAME": (b"", 1, b""),
}


def compressible(rtype: str, *names: bytes) -> bytes:
    before, count, behind = COMPRESSIBLE[rtype]
    return before + b"".join(names[:count]) + behind


@pytest.mark.parametrize("rtype", COMPRESSIBLE)
def test_names_in_rdata_are_expanded(rtype: str) -> None:
    number = int(dns.rdatatype.from_text(rtype))
    asked = query("b.example.", rtype)
    message = with_records(
        response(asked), 0, record(b"\x01a\xc0\x0c", number, 5, compressible(rtype, b"\xc0\x0c", b"\x01c\xc0\x0e"))
    )
    message = with_records(message, 1, record(b"\xc0\x0e", 1, 5, bytes(4)))
    assert read_sections(message) == Sections(
        [Record(name("a.b.example"), number, 5, compressible(rtype, name("b.example"), name("c.example")))],
        [Record(name("example"), 1, 5, bytes(4))],
        [],
    )


@pytest.mark.parametrize("rtype", COMPRESSIBLE)
def test_rdata_with_names_that_does_not_fit(rtype: str) -> None:
    number = int(dns.rdatatype.from_text(rtype))
    behind = COMPRESSIBLE[rtype][2]
    rdata = compressible(rtype, b"\xc0\x0c", b"\x01c\xc0\x0e")
    message = response(query("b.example.", rtype))
    neighbour = record(b"\0", 1, 5, bytes(40))
    # SIG and NXT end in bytes of any length.
    free = len(behind) if rtype in ("SIG", "NXT") else 0
    for end in range(len(rdata) - free):
        with pytest.raises(MalformedMessage):
            read_sections(with_records(message, 0, record(b"\0", number, 5, rdata[:end]), neighbour))
    if not free:
        with pytest.raises(MalformedMessage, match=f"{numbers.type_name(number)} rdata"):
            read_sections(with_records(message, 0, record(b"\0", number, 5, rdata + b"\0"), neighbour))


# Lines of zone-file text that dnspython compresses as far as it may.
COMPRESSED_BY_DNSPYTHON = (
    "a.example. 5 IN NS ns.a.example.",
    "a.example. 5 IN SOA ns.a.example. hostmaster.a.example. 1 2 3 4 5",
    "b.example. 5 IN CNAME a.example.",
    "1.0.0.10.in-addr.arpa. 5 IN PTR b.example.",
    "a.example. 5 IN MX 10 mx.a.example.",
    "a.example. 5 IN MX 20 mx.a.example.",
    "a.example. 5 IN RP admin.a.example. text.a.example.",
    "a.example. 5 IN AFSDB 1 ns.a.example.",
    "a.example. 5 IN RT 1 ns.a.example.",
    "a.example. 5 IN PX 1 ns.a.example. mx.a.example.",
    "_http._tcp.a.example. 5 IN SRV 1 2 3 b.a.example.",
    'a.example. 5 IN NAPTR 1 2 "u" "E2U+sip" "" ns.a.example.',
    "a.example. 5 IN KX 1 ns.a.example.",
    "a.example. 5 IN DNAME b.example.",
    "a.example. 5 IN A 10.0.0.1",
    "a.example. 5 IN AAAA fd00::1",
    r'a.example. 5 IN TXT "one" "\192\012"',
    'a.example. 5 IN CAA 0 issue "ca.example"',
    "a.example. 5 IN DS 1 8 2 " + "ab" * 32,
    "a.example. 5 IN NSEC b.example. A RRSIG NSEC",
    "a.example. 5 IN HTTPS 1 . alpn=h2 ipv4hint=10.0.0.1",
    r"a.example. 5 IN TYPE65280 \# 2 c00c",
)


@pytest.mark.parametrize("line", COMPRESSED_BY_DNSPYTHON)
def test_reads_each_type_as_dnspython_does(line: str) -> None:
    message = response(query("ns.a.example."), answer=(line,), authority=(line,), additional=(line,))
    assert read_sections(message) == seen_by_dnspython(message)


def test_reads_all_types_in_one_message_as_dnspython_does() -> None:
    message = response(
        query("ns.a.example."),
        answer=COMPRESSED_BY_DNSPYTHON,
        authority=COMPRESSED_BY_DNSPYTHON[::-1],
        additional=COMPRESSED_BY_DNSPYTHON,
        edns=True,
    )
    found = read_sections(message)
    assert found == seen_by_dnspython(message)
    assert len(found.additional) == len(COMPRESSED_BY_DNSPYTHON)


PLAIN = query()
SAMPLES = RESPONSES | {f"query: {label}": sample for label, sample in QUERIES.items() if label != "tsig"}


@pytest.mark.parametrize("label", SAMPLES)
def test_reads_the_samples_as_dnspython_does(label: str) -> None:
    found = read_sections(SAMPLES[label])
    # dnspython keeps TSIG apart from the sections.
    found.additional = [each for each in found.additional if each.rtype != numbers.TSIG]
    assert found == seen_by_dnspython(SAMPLES[label])


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_a_message_cut_at_any_offset_or_with_bytes_behind_it(sample: bytes) -> None:
    for end in range(len(sample)):
        with pytest.raises(MalformedMessage):
            read_sections(sample[:end])
    with pytest.raises(MalformedMessage, match="longer than what it counts"):
        read_sections(sample + b"\0")


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        pytest.param(with_records(PLAIN, 0, record(b"\xc0\xff", 1, 0, b"")), "pointer at", id="owner points forward"),
        pytest.param(
            with_records(PLAIN, 0, record(b"\0", numbers.NS, 0, (0xC000 | len(PLAIN) + 11).to_bytes(2, "big"))),
            "pointer at",
            id="rdata points to itself",
        ),
        pytest.param(with_records(PLAIN, 0, record(b"\0", 1, 0, bytes(4))[:-1]), "longer than its", id="rdata cut"),
        pytest.param(PLAIN[:4] + b"\xff\xff" + PLAIN[6:], "too early", id="65535 questions"),
        pytest.param(PLAIN[:6] + b"\xff\xff" + PLAIN[8:], "too early", id="65535 answers"),
        pytest.param(PLAIN[:12] + b"\x01a" * 128 + b"\0\0\1\0\1", "too long", id="name of 257 bytes"),
    ],
)
def test_malformed(message: bytes, complaint: str) -> None:
    with pytest.raises(MalformedMessage, match=complaint):
        read_sections(message)


def test_opt_is_not_among_the_records() -> None:
    message = with_records(query(), 2, OPT_RECORD, record(b"\0", 1, 7, bytes(4)))
    assert read_sections(message) == Sections([], [], [Record(b"\0", 1, 7, bytes(4))])


@pytest.mark.parametrize(
    ("address", "rtype", "rdata"),
    [("10.0.0.1", numbers.A, b"\x0a\0\0\1"), ("fd00::1", numbers.AAAA, b"\xfd" + bytes(14) + b"\1")],
)
def test_address_record(address: str, rtype: int, rdata: bytes) -> None:
    assert address_record(WEB, ip_address(address), 5) == Record(WEB, rtype, 5, rdata, numbers.IN)


# Text and the same records by dnspython.
@pytest.mark.parametrize(
    "line",
    [
        line
        for line in COMPRESSED_BY_DNSPYTHON
        if line.split()[3] not in ("AFSDB", "RT", "PX", "KX", "DNAME") and "192" not in line
    ],
)
def test_records_from_text_as_dnspython_reads_them(line: str) -> None:
    owner, ttl, rclass, rtype, rdata = line.split(maxsplit=4)
    expected = dns.rrset.from_text(owner, int(ttl), rclass, rtype, rdata)
    assert records_from_text(line) == [Record(wire(expected.name), expected.rdtype, expected.ttl, wire(expected[0]))]


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ("", []),
        ("; nothing\n\n", []),
        ("Web. A 10.0.0.1", [Record(name("Web"), 1, 0, b"\x0a\0\0\1")]),
        ("web 5 A 10.0.0.1", [Record(name("web"), 1, 5, b"\x0a\0\0\1")]),
        (".  5 IN A 10.0.0.1", [Record(b"\0", 1, 5, b"\x0a\0\0\1")]),
        (
            "$ORIGIN shop.\n$TTL 7\n@ A 10.0.0.1\nweb 9 IN CNAME shop. ; the shop\n    TXT x\nfar.away. CNAME web",
            [
                Record(name("shop"), 1, 7, b"\x0a\0\0\1"),
                Record(name("web.shop"), 5, 9, name("shop")),
                Record(name("web.shop"), 16, 7, b"\x01x"),
                Record(name("far.away"), 5, 7, name("web.shop")),
            ],
        ),
        (r"a\.b.c. A 10.0.0.1", [Record(b"\x03a.b\x01c\0", 1, 0, b"\x0a\0\0\1")]),
        (r"a\032b.c. A 10.0.0.1", [Record(b"\x03a b\x01c\0", 1, 0, b"\x0a\0\0\1")]),
        ('a. TXT "v=1; x" "\\"" ""', [Record(name("a"), 16, 0, b'\x06v=1; x\x01"\0')]),
        (
            "a. SOA n.a. h.a. (\n 1 2 3 4\n 5 )",
            [Record(name("a"), 6, 0, soa_rdata(name("n.a"), name("h.a"), 1, 2, 3, 4, 5))],
        ),
        ("version.bind. CH TXT 1.0", [Record(name("version.bind"), 16, 0, b"\x031.0", 3)]),
    ],
)
def test_records_from_text(text: str, records: list[Record]) -> None:
    assert records_from_text(text) == records


@pytest.mark.parametrize(
    "text",
    [
        "a.",
        "a. A",
        "a. A 10.0.0",
        "a. A 10.0.0.256",
        "a. AAAA 10.0.0.1",
        "a. AAAA fd00::g",
        "a. FOO 1",
        "a. 4294967296 A 10.0.0.1",
        "a. SRV 0 0 65536 b.",
        "a. SRV 0 0",
        "a. MX b.",
        "a. SOA b. c. 1 2 3 4",
        "a..b. A 10.0.0.1",
        "a" * 64 + ". A 10.0.0.1",
        "a. CNAME " + "b" * 64 + ".",
        "a. CNAME " + "b." * 128,
        "b." * 128 + " A 10.0.0.1",
        "a. TXT " + "x" * 256,
        'a. HINFO "PC" "ab"',
        "a. DNAME ab",
        'a. TXT "x',
    ],
)
def test_what_is_not_a_record(text: str) -> None:
    with pytest.raises(ValueError, match="is not a record in zone-file format"):
        records_from_text(text)
