"""A client's message to a `Query`: header, question and EDNS straight from the bytes (RFC 1035 section 4.1).

First step behind a miss of the packet cache. No object per record: records that a query may carry beside its
question (an IXFR's SOA, a TSIG) are walked over, and only OPT is read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from clusterdns.errors import MalformedMessage
from clusterdns.wire import numbers
from clusterdns.wire.edns import Edns, read_edns
from clusterdns.wire.names import MAX_LABEL, MAX_NAME, skip_name

HEADER = struct.Struct("!HHHHHH")
HEADER_BYTES = 12
_QUESTION_TAIL = struct.Struct("!HH")
_RECORD_HEAD = struct.Struct("!HHIH")
_SOA_NUMBERS_BYTES = 20


@dataclass(slots=True)
class Query:
    """One question as a client asked it. Treat it as immutable; it is not frozen because that costs a microsecond.

    `name` is in wire form in the client's spelling, `folded` in lower case. `question` is name, type and class as
    bytes, which an answer repeats. `flags` are the header's second 16 bits. `serial` is that of an SOA which came with
    the question: the version of the zone that an IXFR's client has (RFC 1995 section 3).
    """

    id: int
    flags: int
    name: bytes
    folded: bytes
    qtype: int
    qclass: int
    edns: Edns | None
    serial: int | None = None

    @property
    def question(self) -> bytes:
        return self.name + _QUESTION_TAIL.pack(self.qtype, self.qclass)

    @property
    def dnssec_ok(self) -> bool:
        return self.edns is not None and self.edns.dnssec_ok

    @property
    def checking_disabled(self) -> bool:
        return bool(self.flags & numbers.CD)

    def ask_for(self, name: bytes, qtype: int | None = None) -> Query:
        """The same query for another name (and type), as the search walk and CNAME chasing ask."""
        return Query(self.id, self.flags, name, name.lower(), qtype or self.qtype, self.qclass, self.edns)


def read_query(message: bytes) -> Query:
    """Read a query; any opcode, any EDNS version, as the caller answers those by rcode.

    Raises MalformedMessage for whatever is not one whole message with exactly one question: FORMERR.
    """
    try:
        return _read_query(message)
    except (IndexError, struct.error):
        raise MalformedMessage("the message ends too early") from None


def _read_query(message: bytes) -> Query:
    query_id, flags, questions, answers, authorities, additionals = HEADER.unpack_from(message)
    # "A DNS message with OPCODE = 0 and QDCOUNT > 1 MUST be treated as an incorrectly formatted message" (RFC 9619
    # section 4); 0 is only for cookies (RFC 7873 section 5.4).
    if questions != 1:
        raise MalformedMessage(f"{questions} questions; one is allowed")
    offset = HEADER_BYTES
    # A question is the first name of its message: there is nothing before it that a pointer could mean.
    while length := message[offset]:
        if length > MAX_LABEL:
            raise MalformedMessage("the question's name is compressed")
        offset += 1 + length
    name = message[HEADER_BYTES : offset + 1]
    if len(name) > MAX_NAME:
        raise MalformedMessage("the question's name is too long")
    qtype, qclass = _QUESTION_TAIL.unpack_from(message, offset + 1)
    offset += 5
    edns = serial = None
    if answers or authorities or additionals:
        edns, serial, offset = _read_other_records(message, offset, answers + authorities, additionals)
    if offset != len(message):
        raise MalformedMessage(f"{len(message) - offset} bytes behind the message")
    return Query(query_id, flags, name, name.lower(), qtype, qclass, edns, serial)


def _read_other_records(
    message: bytes, offset: int, others: int, additionals: int
) -> tuple[Edns | None, int | None, int]:
    edns = serial = None
    for index in range(others + additionals):
        owner = offset
        offset = skip_name(message, offset)
        rtype, _class, _ttl, length = _RECORD_HEAD.unpack_from(message, offset)
        end = offset + 10 + length
        if end > len(message):
            raise MalformedMessage("a record is longer than its message")
        if rtype == numbers.OPT:
            # "If a query message with more than one OPT RR is received, a FORMERR (RCODE=1) MUST be returned", and its
            # NAME "MUST be 0 (root domain)" (RFC 6891 sections 6.1.1 and 6.1.2).
            if edns is not None or index < others or message[owner]:
                raise MalformedMessage("a second or misplaced OPT record")
            edns = read_edns(message, offset + 2, end)
            # "In queries, it MUST be set to 0" (RFC 7871 section 6).
            if edns.subnet is not None and edns.subnet.scope:
                raise MalformedMessage("an EDNS Client Subnet option with a scope in a query")
        elif rtype == numbers.SOA and length >= _SOA_NUMBERS_BYTES:
            serial = int.from_bytes(message[end - _SOA_NUMBERS_BYTES : end - _SOA_NUMBERS_BYTES + 4], "big")
        offset = end
    return edns, serial, offset
