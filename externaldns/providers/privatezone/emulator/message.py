"""DNS messages of the emulator: query bytes in, answer bytes out, or nothing.

Between the sockets of `dns.py` and the decision of `answer.py`. Pure. Messages are dnslib's; what it raises on
garbage is caught here, in one place. RFC 1035 section 4, RFC 6891 (EDNS), RFC 9619 (QDCOUNT is 1).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from dnslib import (
    AAAA,
    CLASS,
    CNAME,
    MX,
    NS,
    PTR,
    QTYPE,
    RCODE,
    RR,
    SOA,
    SRV,
    TXT,
    A,
    DNSError,
    DNSHeader,
    DNSLabel,
    DNSQuestion,
    DNSRecord,
)
from dnslib.label import DNSBuffer

from clusterdns.limits import LABEL_BYTES, NAME_BYTES, TCP_MESSAGE_BYTES, UDP_EDNS_BYTES, UDP_PLAIN_BYTES
from externaldns.providers.privatezone.emulator.answer import Answer, AnswerRow, Labels, ZoneView, answer_question

HEADER = struct.Struct("!6H")
QR, AA, TC, RD, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0010
BADVERS = 16  # Its upper bits live in the OPT record (RFC 6891 section 6.1.3); dnslib has no name for it.
DO = 0x8000
REFUSED_TYPES = frozenset({"IXFR", "AXFR", "OPT"})

# A compression pointer has 14 bits, but dnslib points at names beyond that: none is remembered from here on.
LAST_POINTED_NAME = 0x3FFF - NAME_BYTES.maximum

# What dnslib raises on bytes that are no message: its own error; UnicodeError, a ValueError, for a CAA that is no text;
# RecursionError for a chain of compression pointers as long as a TCP message can hold.
NOT_A_MESSAGE = (DNSError, ValueError, RecursionError)

_QUOTED = re.compile(r'"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Edns:
    """The client's OPT record."""

    udp_bytes: int
    version: int
    dnssec_ok: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A well-formed query. `bits` is the header's second word."""

    ident: int
    bits: int
    question: DNSQuestion
    edns: Edns | None


def respond(wire: bytes, view: ZoneView, turn: int, *, tcp: bool) -> bytes | None:
    """Answer one message; None means silence: too short for an ID to answer to, or itself an answer."""
    if len(wire) < HEADER.size:
        return None
    ident, bits, questions, answers, authority, additional = HEADER.unpack_from(wire)
    if bits & QR:
        return None
    if bits >> 11 & 0xF:  # An opcode other than QUERY.
        return _header_only(ident, bits, RCODE.NOTIMP)
    # RFC 9619 section 4: "QDCOUNT > 1 MUST be treated as an incorrectly formatted message". The other bounds are
    # those of real queries (an IXFR's SOA; OPT and TSIG), and keep dnslib from reading thousands of records.
    if questions != 1 or answers != 0 or authority > 1 or additional > 2:
        return _header_only(ident, bits, RCODE.FORMERR)
    try:
        query = _parse(wire, ident, bits)
    except NOT_A_MESSAGE:
        return _header_only(ident, bits, RCODE.FORMERR)

    if query.edns and query.edns.version > 0:
        return _encode(query, Answer("REFUSED"), BADVERS, int(UDP_PLAIN_BYTES.default))
    qtype = str(QTYPE.get(query.question.qtype))
    if query.question.qclass != CLASS.IN or qtype in REFUSED_TYPES:
        answer = Answer("REFUSED")
    else:
        answer = answer_question(view, _labels(query.question.qname.label), qtype, turn)
    return _encode(query, answer, RCODE.reverse[answer.rcode], _room(query, tcp=tcp))


def _parse(wire: bytes, ident: int, bits: int) -> Query:
    record = DNSRecord.parse(wire)
    question = record.questions[0]
    labels = question.qname.label
    # dnslib reads names and labels of any length.
    if sum(len(label) + 1 for label in labels) + 1 > NAME_BYTES.maximum:
        raise ValueError("the name is too long")
    if any(len(label) > LABEL_BYTES.maximum for label in labels):
        raise ValueError("a label is too long")
    options = [extra for extra in record.ar if extra.rtype == QTYPE.OPT]
    # RFC 6891 section 6.1.1: more than one OPT is FORMERR; section 6.1.2: its name is the root.
    if len(options) > 1 or any(option.rname.label for option in options):
        raise ValueError("bad OPT record")
    edns = None
    if options:
        ttl = options[0].ttl
        edns = Edns(udp_bytes=options[0].rclass, version=ttl >> 16 & 0xFF, dnssec_ok=bool(ttl & DO))
    return Query(ident, bits, question, edns)


def _labels(labels: tuple[bytes, ...]) -> Labels:
    return tuple(label.lower().decode("latin-1").replace(".", "\\.") for label in labels)


def _room(query: Query, *, tcp: bool) -> int:
    """Return the most bytes that the answer may have."""
    if tcp:
        return int(TCP_MESSAGE_BYTES.maximum)
    if query.edns is None:
        return int(UDP_PLAIN_BYTES.default)
    # RFC 6891 section 6.2.3: "Values lower than 512 MUST be treated as equal to 512."
    return int(min(max(query.edns.udp_bytes, UDP_PLAIN_BYTES.default), UDP_EDNS_BYTES.maximum))


def _header_only(ident: int, bits: int, rcode: int) -> bytes:
    """Answer a message of which nothing but the header is understood."""
    return HEADER.pack(ident, QR | bits & (0x7800 | RD | CD) | rcode, 0, 0, 0, 0)


class _Buffer(DNSBuffer):  # type: ignore[misc]  # dnslib has no types
    """dnslib's buffer, without pointers to where a pointer can't reach."""

    def encode_name(self, name: DNSLabel) -> None:
        """Write a name, compressed as far as the format can."""
        if self.offset <= LAST_POINTED_NAME or tuple(name.label) in self.names:
            super().encode_name(name)
        else:
            self.encode_name_nocompress(name)


def _encode(query: Query, answer: Answer, rcode: int, room: int) -> bytes:
    """Return the answer's bytes, cut to the question with TC set when they would be more than `room`."""
    bits = QR | query.bits & (RD | CD) | (rcode & 0xF) | (0 if answer.rcode == "REFUSED" else AA)
    wire = _encode_sections(query, answer, bits, rcode, room)
    if wire is None:
        # RFC 2181 section 9: a client that sees TC ignores what came and asks again over TCP, so nothing need come.
        wire = _encode_sections(query, Answer(answer.rcode), bits | TC, rcode, room)
    assert wire is not None  # A header, a question and an OPT are at most 12 + 259 + 11 bytes.
    return wire


def _encode_sections(query: Query, answer: Answer, bits: int, rcode: int, room: int) -> bytes | None:
    buffer = _Buffer()
    additional = 1 if query.edns else 0
    header = DNSHeader(query.ident, bits, 1, len(answer.answer), len(answer.authority), additional)
    header.pack(buffer)
    query.question.pack(buffer)
    for row in (*answer.answer, *answer.authority):
        _resource_record(row, query).pack(buffer)
        if buffer.offset > room:
            return None
    if query.edns:
        ttl = (rcode >> 4) << 24 | (DO if query.edns.dnssec_ok else 0)
        RR(DNSLabel(()), QTYPE.OPT, int(UDP_EDNS_BYTES.default), ttl, []).pack(buffer)
    return bytes(buffer.data) if buffer.offset <= room else None


def _resource_record(row: AnswerRow, query: Query) -> RR:
    # The client's own spelling of the name it asked for, so that the pointer to the question serves.
    asked = query.question.qname
    owner = asked if row.owner == _labels(asked.label) else _name(".".join(row.owner))
    return RR(owner, getattr(QTYPE, row.type), CLASS.IN, row.ttl, _rdata(row))


def _rdata(row: AnswerRow) -> A | AAAA | CNAME | MX | NS | PTR | SOA | SRV | TXT:
    match row.type:
        case "A":
            return A(tuple(IPv4Address(row.value).packed))
        case "AAAA":
            return AAAA(tuple(IPv6Address(row.value).packed))
        case "TXT":
            return TXT(_strings(row.value))
        case "MX":
            return MX(_name(row.value), row.priority)
        case "SRV":
            priority, weight, port, target = row.value.split(" ")
            return SRV(int(priority), int(weight), int(port), _name(target))
        case "SOA":
            server, mailbox, *times = row.value.split(" ")
            return SOA(_name(server), _name(mailbox), tuple(map(int, times)))
        case "NS":
            return NS(_name(row.value))
        case "PTR":
            return PTR(_name(row.value))
        case _:
            return CNAME(_name(row.value))


def _name(text: str) -> DNSLabel:
    return DNSLabel(tuple(label.encode("ascii") for label in text.removesuffix(".").split(".")))


def _strings(value: str) -> list[bytes]:
    """Return a TXT value's character-strings: the quoted ones if it is written so, else the whole text as one.

    The rules keep a value within the 255 bytes that one string can have (RFC 1035 section 3.3).
    """
    if value.startswith('"') and not _QUOTED.sub("", value).strip():
        return [string.encode("ascii") for string in _QUOTED.findall(value)]
    return [value.encode("ascii")]
