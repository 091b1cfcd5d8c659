"""An answer to a `Response`: what kind it is, how long it lives and where its TTLs stand (RFC 1035, 2181, 2308).

Each answer of an upstream or of our own zones passes here once; caches then keep its bytes and patch the TTLs at
the offsets found. OPT is hop-by-hop (RFC 6891 section 6.1.1) and taken out on the way in.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass

from clusterdns.errors import MalformedMessage
from clusterdns.wire import numbers
from clusterdns.wire.edns import ClientSubnet, read_edns
from clusterdns.wire.names import MAX_LABEL, MAX_NAME, skip_name
from clusterdns.wire.query import HEADER, HEADER_BYTES, Query

_RECORD_HEAD = struct.Struct("!HHIH")
_COUNT = struct.Struct("!H")
_TTL = struct.Struct("!I")
MAX_TTL = 0x7FFFFFFF


class Kind(enum.Enum):
    """What an answer means to a cache and to the search walk (RFC 2308 section 2)."""

    ANSWER = "answer"
    NODATA = "nodata"
    NXDOMAIN = "nxdomain"
    INCOMPLETE = "incomplete"
    """A referral, or a negative answer or CNAME without SOA: true for now, but nothing says for how long."""
    FAILURE = "failure"


# Python 3.11 takes ten times as long to find them in their class.
_ANSWER, _NODATA, _NXDOMAIN, _INCOMPLETE, _FAILURE = Kind


@dataclass(slots=True)
class Response:
    """A whole answer without OPT. Treat it as immutable.

    `message` starts with the ID and holds the question once; `ttl_offsets` are the places of its TTL fields in bytes
    from its start; `ttl` is the lowest of them in seconds, for negative answers no more than the SOA's minimum.
    `subnet` is the EDNS Client Subnet option that came with it.
    """

    message: bytes
    question_end: int
    ttl_offsets: tuple[int, ...]
    ttl: int
    rcode: int
    kind: Kind
    subnet: ClientSubnet | None = None

    @property
    def flags(self) -> int:
        return self.message[2] << 8 | self.message[3]

    @property
    def truncated(self) -> bool:
        return bool(self.message[2] & 0x02)


def read_response(message: bytes) -> Response:
    """Read one answer with exactly one question. Raises MalformedMessage for anything else."""
    try:
        return _read_response(message)
    except (IndexError, struct.error):
        raise MalformedMessage("the message ends too early") from None


def matches(message: bytes, query: Query) -> bool:
    """True if `message` answers `query`: a response with the same question; the ID is the connection's matter.

    "MUST match responses to all of the following attributes of the query" … name, class, type (RFC 5452 section 9.1).
    An upstream may echo the name in another case. An error may come without the question (FORMERR: it could not even
    be read); `read_response` refuses that one.
    """
    if len(message) < HEADER_BYTES or not message[2] & 0x80:
        return False
    if message[4:6] == b"\0\0":
        return message[3] & numbers.RCODE in (numbers.FORMERR, numbers.NOTIMP, numbers.SERVFAIL, numbers.REFUSED)
    end = HEADER_BYTES + len(query.name)
    return (
        message[4:6] == b"\0\1"
        and message[HEADER_BYTES:end].lower() == query.folded
        and message[end : end + 4] == query.question[-4:]
    )


def age(response_message: bytes, ttl_offsets: tuple[int, ...], ttl: int) -> bytes:
    """The message with each TTL set to `ttl` seconds, as CoreDNS's cache does: one lifetime for the whole answer."""
    aged = bytearray(response_message)
    for offset in ttl_offsets:
        _TTL.pack_into(aged, offset, ttl)
    return bytes(aged)


def _read_response(message: bytes) -> Response:
    _id, flags, questions, answers, authorities, additionals = HEADER.unpack_from(message)
    if not flags & numbers.QR:
        raise MalformedMessage("a query where an answer was expected")
    if questions != 1:
        raise MalformedMessage(f"{questions} questions; an answer repeats one")
    offset = HEADER_BYTES
    while length := message[offset]:
        if length > MAX_LABEL:
            raise MalformedMessage("the question's name is compressed")
        offset += 1 + length
    if offset - HEADER_BYTES >= MAX_NAME:
        raise MalformedMessage("the question's name is too long")
    qtype = message[offset + 1] << 8 | message[offset + 2]
    question_end = offset = offset + 5

    offsets = []
    ttl = minimum = MAX_TTL
    rcode = flags & numbers.RCODE
    has_type = has_soa = False
    opt_start = 0
    subnet = None
    behind_answers = answers + authorities
    for index in range(behind_answers + additionals):
        start = offset
        offset = skip_name(message, offset)
        rtype, _class, record_ttl, length = _RECORD_HEAD.unpack_from(message, offset)
        end = offset + 10 + length
        if end > len(message):
            raise MalformedMessage("a record is longer than its message")
        if rtype == numbers.OPT:
            if opt_start or index < behind_answers or message[start]:
                raise MalformedMessage("a second or misplaced OPT record")
            opt_start = start
            subnet = read_edns(message, offset + 2, end).subnet
            rcode |= message[offset + 4] << 4
            offset = end
            continue
        if opt_start:
            # A record behind OPT (TSIG, or a careless server). Names in it may point to each other, so it goes too:
            # additional records are optional, OPT's removal is not.
            offset = end
            continue
        # "Implementations should treat TTL values received with the most significant bit set as if the entire value
        # received was zero" (RFC 2181 section 8).
        ttl = min(ttl, record_ttl if record_ttl <= MAX_TTL else 0)
        offsets.append(offset + 4)
        if index < answers:
            has_type = has_type or rtype == qtype or qtype == numbers.ANY
        elif index < behind_answers and rtype == numbers.SOA:
            has_soa = True
            # "the minimum of the MINIMUM field of the SOA record and the TTL of the SOA itself" (RFC 2308 section 3);
            # MINIMUM is the last field of the record.
            if length < 22:
                raise MalformedMessage("an SOA record that is too short")
            minimum = min(minimum, int.from_bytes(message[end - 4 : end], "big"))
        offset = end
    if offset > len(message):
        raise MalformedMessage("the message ends too early")
    if offset < len(message):
        raise MalformedMessage(f"{len(message) - offset} bytes behind the message")
    if opt_start:
        # Each record that stays has one TTL.
        additionals = len(offsets) - behind_answers
        message = message[:10] + _COUNT.pack(additionals) + message[12:opt_start]
    kind = kind_of(rcode, has_type, has_soa)
    if kind is not _ANSWER:
        ttl = min(ttl, minimum)
    return Response(
        message,
        question_end,
        tuple(offsets),
        ttl if offsets else 0,
        rcode,
        kind,
        subnet,
    )


def kind_of(rcode: int, has_type: bool, has_soa: bool) -> Kind:
    """The kind of an answer with or without records of the type asked for, and an SOA in its authority section."""
    if rcode == numbers.NXDOMAIN:
        return _NXDOMAIN if has_soa else _INCOMPLETE
    if rcode != numbers.NOERROR:
        return _FAILURE
    if has_type:
        return _ANSWER
    # "NODATA … indicated by an answer with the RCODE set to NOERROR and no relevant answers in the answer section"
    # (RFC 2308 section 2.2); a CNAME may stand there. Without an SOA it "SHOULD NOT be cached" (section 5).
    return _NODATA if has_soa else _INCOMPLETE
