"""Records as values, and messages made of them: for answers that we compose ourselves.

The zone of the cluster, hosts and the search walk's CNAME are made here. Rdata is kept in wire form without
compression, so that it means the same in every message (RFC 3597 section 4): names in it are expanded on the way in,
and only owner names are compressed on the way out. Rdata of other types comes from dnslib.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

import dnslib

from clusterdns.errors import MalformedMessage
from clusterdns.wire import numbers
from clusterdns.wire.names import name_from_text, read_name
from clusterdns.wire.query import HEADER, HEADER_BYTES, Query
from clusterdns.wire.response import MAX_TTL, Kind, Response, kind_of

_RECORD_HEAD = struct.Struct("!HHIH")
_POINTER_AND_HEAD = struct.Struct("!HHHIH")
_POINTER = 0xC000
_RESPONSE = numbers.QR
_ECHOED = numbers.OPCODE | numbers.RD
"""What a response takes over from its query."""
_SRV = struct.Struct("!HHH")
_SOA_NUMBERS = struct.Struct("!IIIII")

# Where names stand in the rdata of types that may be compressed: (bytes before the first name, number of names, bytes
# behind them or None for any number). RFC 1035 section 3.3, and the later types that old servers compressed: receivers
# "SHOULD also decompress RRs of type RP, AFSDB, RT, SIG, PX, NXT, NAPTR, and SRV" (RFC 3597 section 4).
_NAMES_IN_RDATA: dict[int, tuple[int, int, int | None]] = {
    numbers.NS: (0, 1, 0),
    3: (0, 1, 0),  # MD
    4: (0, 1, 0),  # MF
    numbers.CNAME: (0, 1, 0),
    numbers.SOA: (0, 2, 20),
    7: (0, 1, 0),  # MB
    8: (0, 1, 0),  # MG
    9: (0, 1, 0),  # MR
    numbers.PTR: (0, 1, 0),
    14: (0, 2, 0),  # MINFO
    numbers.MX: (2, 1, 0),
    17: (0, 2, 0),  # RP
    18: (2, 1, 0),  # AFSDB
    21: (2, 1, 0),  # RT
    24: (18, 1, None),  # SIG
    26: (2, 2, 0),  # PX
    30: (0, 1, None),  # NXT
    numbers.SRV: (6, 1, 0),
    36: (2, 1, 0),  # KX
    numbers.DNAME: (0, 1, 0),
}
_NAPTR = 35


class Record(NamedTuple):
    """One resource record; `owner` and `rdata` are uncompressed wire bytes, `ttl` seconds."""

    owner: bytes
    rtype: int
    ttl: int
    rdata: bytes
    rclass: int = numbers.IN


@dataclass(slots=True)
class Sections:
    """The records of a message. OPT is not among them."""

    answer: list[Record]
    authority: list[Record]
    additional: list[Record]


def address_record(owner: bytes, address: IPv4Address | IPv6Address, ttl: int) -> Record:
    """The A or AAAA record of `address`."""
    return Record(owner, numbers.A if address.version == 4 else numbers.AAAA, ttl, address.packed)


def soa_rdata(mname: bytes, rname: bytes, serial: int, refresh: int, retry: int, expire: int, minimum: int) -> bytes:
    """RFC 1035 section 3.3.13; times in seconds."""
    return mname + rname + _SOA_NUMBERS.pack(serial & 0xFFFFFFFF, refresh, retry, expire, minimum)


def srv_rdata(priority: int, weight: int, port: int, target: bytes) -> bytes:
    """RFC 2782."""
    return _SRV.pack(priority, weight, port) + target


def txt_rdata(*strings: bytes) -> bytes:
    """RFC 1035 section 3.3.14: character strings of at most 255 bytes each."""
    return b"".join(bytes((len(string),)) + string for string in strings)


def records_from_text(text: str) -> list[Record]:
    """Records in zone-file format (RFC 1035 section 5), one or more lines. Raises ValueError saying what is wrong.

    Names without a last dot are below `$ORIGIN`, or else the root; TTLs are seconds, 0 without `$TTL`. dnslib reads
    rdata leniently (`1::2::3` is an IPv6 address to it, and `@` and escapes in names mean nothing there), so this is
    for text of our own.
    """
    records = []
    try:
        for record in dnslib.RR.fromZone(text):
            if type(record.rdata) is dnslib.RD and record.rtype in dnslib.QTYPE.forward:
                # dnslib would take the last word for hexadecimal digits, which `TYPE65280 \# 1 ff` alone means.
                raise ValueError(f"rdata of {numbers.type_name(record.rtype)} cannot be read from text")
            buffer = dnslib.DNSBuffer()
            # dnslib compresses the second name of an SOA against the first: a pointer that means nothing elsewhere.
            buffer.encode_name = buffer.encode_name_nocompress
            record.rdata.pack(buffer)
            owner = name_from_text(str(record.rname))
            records.append(Record(owner, record.rtype, record.ttl, bytes(buffer.data), record.rclass))
    except Exception as error:  # dnslib raises whatever its rdata classes do
        raise ValueError(f"{text.strip()!r} is not a record in zone-file format: {error}") from None
    return records


def read_sections(message: bytes) -> Sections:
    """Every record of `message`, names expanded. Raises MalformedMessage."""
    try:
        _id, _flags, questions, *counts = HEADER.unpack_from(message)
        offset = HEADER_BYTES
        for _ in range(questions):
            offset = read_name(message, offset)[1] + 4
        sections: list[list[Record]] = []
        for count in counts:
            records = []
            for _ in range(count):
                record, offset = _read_record(message, offset)
                if record.rtype != numbers.OPT:
                    records.append(record)
            sections.append(records)
        if offset != len(message):
            raise MalformedMessage("the message is shorter or longer than what it counts")
    except (IndexError, struct.error):
        raise MalformedMessage("the message ends too early") from None
    return Sections(*sections)


def compose(
    query: Query,
    *,
    rcode: int = numbers.NOERROR,
    flags: int = 0,
    answer: Sequence[Record] = (),
    authority: Sequence[Record] = (),
    additional: Sequence[Record] = (),
) -> bytes:
    """A response to `query`, ID 0, with RD as asked and no OPT. `flags` are the header bits to set (AA, RA).

    Owner names, and only they, are compressed: against the question and against each other.
    """
    return _write(query, rcode, flags, answer, authority, additional)[0]


def compose_response(
    query: Query,
    *,
    rcode: int = numbers.NOERROR,
    flags: int = 0,
    answer: Sequence[Record] = (),
    authority: Sequence[Record] = (),
    additional: Sequence[Record] = (),
) -> Response:
    """What `read_response` makes of `compose`, without reading what was just written."""
    rcode &= numbers.RCODE
    message, offsets, ttl = _write(query, rcode, flags, answer, authority, additional)
    qtype = query.qtype
    has_type = has_soa = False
    for record in answer:
        if record.rtype == qtype or qtype == numbers.ANY:
            has_type = True
            break
    minimum = MAX_TTL
    for record in authority:
        if record.rtype == numbers.SOA:
            has_soa = True
            minimum = min(minimum, int.from_bytes(record.rdata[-4:], "big"))
    kind = kind_of(rcode, has_type, has_soa)
    if minimum < ttl and kind is not Kind.ANSWER:
        ttl = minimum
    question_end = HEADER_BYTES + len(query.name) + 4
    return Response(message, question_end, offsets, ttl if offsets else 0, rcode, kind)


def compose_many(records: Iterable[Record], *, flags: int, size: int) -> Iterator[bytes]:
    """Messages without a question whose answers are `records`, each of at most `size` bytes and without its ID.

    They are the further ones of a zone transfer: "MAY copy the Question section", or leave it out (RFC 5936 section
    2.2.1). A record that is larger has a message of its own.
    """
    message = bytearray(HEADER_BYTES)
    places: dict[bytes, int] = {}
    count = 0
    for record in records:
        if count and len(message) + len(record.owner) + _RECORD_HEAD.size + len(record.rdata) > size:
            yield HEADER.pack(0, numbers.QR | flags, 0, count, 0, 0)[2:] + message[HEADER_BYTES:]
            del message[HEADER_BYTES:]
            places.clear()
            count = 0
        _write_owner(message, places, record.owner)
        message += _RECORD_HEAD.pack(record.rtype, record.rclass, record.ttl, len(record.rdata))
        message += record.rdata
        count += 1
    yield HEADER.pack(0, numbers.QR | flags, 0, count, 0, 0)[2:] + message[HEADER_BYTES:]


def _write(
    query: Query,
    rcode: int,
    flags: int,
    answer: Sequence[Record],
    authority: Sequence[Record],
    additional: Sequence[Record],
) -> tuple[bytes, tuple[int, ...], int]:
    """The message, where its TTLs stand, and the lowest of them."""
    name = query.name
    flags |= _RESPONSE | query.flags & _ECHOED | rcode & numbers.RCODE
    head = HEADER.pack(0, flags, 1, len(answer), len(authority), len(additional))
    message = bytearray(head + query.question)
    offsets: list[int] = []
    lowest = MAX_TTL
    # Nearly every owner is the name that was asked for, or stands above it: then one pointer says it.
    own_place = HEADER_BYTES if len(name) > 1 else 0
    places: dict[bytes, int] | None = None
    for section in (answer, authority, additional):
        for owner, rtype, ttl, rdata, rclass in section:
            if ttl < lowest or ttl > MAX_TTL:
                # "the most significant bit set as if the entire value received was zero" (RFC 2181 section 8).
                lowest = ttl if ttl <= MAX_TTL else 0
            place = 0
            if places is None:
                place = own_place if owner is name else _place_in_question(name, owner)
            if place:
                offsets.append(len(message) + 6)
                message += _POINTER_AND_HEAD.pack(_POINTER | place, rtype, rclass, ttl, len(rdata))
            else:
                if places is None:
                    places = {}
                    _remember(places, name, HEADER_BYTES)
                _write_owner(message, places, owner)
                offsets.append(len(message) + 4)
                message += _RECORD_HEAD.pack(rtype, rclass, ttl, len(rdata))
            message += rdata
    return bytes(message), tuple(offsets), lowest


def _place_in_question(name: bytes, owner: bytes) -> int:
    """Where in the message `owner` stands as the end of the question's name; 0 if it does not, and for the root."""
    if len(owner) == 1 or not name.endswith(owner):
        return 0
    boundary = len(name) - len(owner)
    offset = 0
    while offset < boundary:
        offset += 1 + name[offset]
    return HEADER_BYTES + offset if offset == boundary else 0


def _write_owner(message: bytearray, places: dict[bytes, int], owner: bytes) -> None:
    start = len(message)
    offset = 0
    while length := owner[offset]:
        known = places.get(owner[offset:])
        if known is not None:
            message += owner[:offset]
            message += (_POINTER | known).to_bytes(2, "big")
            break
        offset += 1 + length
    else:
        message += owner
    _remember(places, owner, start)


def _remember(places: dict[bytes, int], name: bytes, start: int) -> None:
    """Note where each suffix of `name` stands, for pointers: 14 bits reach no further than 16,383."""
    offset = 0
    while (length := name[offset]) and start + offset < 0x4000:
        suffix = name[offset:]
        if suffix in places:
            return
        places[suffix] = start + offset
        offset += 1 + length


def _read_record(message: bytes, offset: int) -> tuple[Record, int]:
    owner, offset = read_name(message, offset)
    rtype, rclass, ttl, length = _RECORD_HEAD.unpack_from(message, offset)
    offset += 10
    end = offset + length
    if end > len(message):
        raise MalformedMessage("a record is longer than its message")
    layout = _NAMES_IN_RDATA.get(rtype)
    if rtype == _NAPTR:
        layout = _naptr_layout(message, offset)
    if layout is None:
        return Record(owner, rtype, ttl, message[offset:end], rclass), end
    before, names, behind = layout
    parts = [message[offset : offset + before]]
    position = offset + before
    for _ in range(names):
        name, position = read_name(message, position)
        parts.append(name)
    if position > end or (behind is not None and end - position != behind):
        raise MalformedMessage(f"{numbers.type_name(rtype)} rdata of a wrong length")
    parts.append(message[position:end])
    return Record(owner, rtype, ttl, b"".join(parts), rclass), end


def _naptr_layout(message: bytes, offset: int) -> tuple[int, int, int]:
    """Two numbers and three character strings stand before the name (RFC 3403 section 4.1)."""
    position = offset + 4
    for _ in range(3):
        position += 1 + message[position]
    return position - offset, 1, 0
