"""DNS messages of the emulator: query bytes in, answer bytes out, or nothing.

Between the sockets of `dns.py` and the decision of `answer.py`. Pure. `clusterdns.wire` reads and writes the bytes;
what is made here are records, out of PrivateZone's rows. RFC 1035 section 3.3 (the forms of their data).
"""

from __future__ import annotations

import re
import struct
from ipaddress import IPv4Address, IPv6Address

from clusterdns.errors import MalformedMessage
from clusterdns.limits import TCP_MESSAGE_BYTES
from clusterdns.wire import numbers
from clusterdns.wire.names import labels, name_from_text
from clusterdns.wire.query import HEADER_BYTES, Query, read_query
from clusterdns.wire.records import Record, compose, soa_rdata, srv_rdata, txt_rdata
from clusterdns.wire.reply import finish, refuse, udp_limit
from clusterdns.wire.response import read_response
from externaldns.providers.privatezone.emulator.answer import Answer, AnswerRow, Labels, ZoneView, answer_question

REFUSED_TYPES = frozenset({numbers.IXFR, numbers.AXFR, numbers.OPT})

# No record is shorter than a pointer, its fixed fields and a byte of data. A set may have more rows than a header can
# count; more than these fit in no message, so leaving the rest out changes nothing: the answer is cut anyway.
MOST_RECORDS = TCP_MESSAGE_BYTES.default_int // 12

_TYPES = {
    numbers.type_name(number): number
    for number in (
        *(numbers.A, numbers.AAAA, numbers.CNAME, numbers.MX, numbers.NS),
        *(numbers.PTR, numbers.SOA, numbers.SRV, numbers.TXT),
    )
}
_PREFERENCE = struct.Struct("!H")
_QUOTED = re.compile(r'"([^"]*)"')


def respond(message: bytes, view: ZoneView, turn: int, *, tcp: bool) -> bytes | None:
    """Answer one message; None means silence: too short for an ID to answer to, or itself an answer."""
    if len(message) < HEADER_BYTES or message[2] & 0x80:
        return None
    if message[2] & 0x78:  # An opcode other than QUERY.
        return refuse(message, numbers.NOTIMP)
    try:
        query = read_query(message)
    except MalformedMessage:
        return refuse(message, numbers.FORMERR)
    if query.edns is not None and query.edns.version > 0:
        return refuse(message, numbers.BADVERS, query=query)
    if query.qclass != numbers.IN or query.qtype in REFUSED_TYPES:
        return refuse(message, numbers.REFUSED, query=query)
    name = tuple(label.decode("latin-1").replace(".", "\\.") for label in labels(query.folded))
    answer = answer_question(view, name, numbers.type_name(query.qtype), turn)
    if answer.rcode == "REFUSED":
        return refuse(message, numbers.REFUSED, query=query)
    return _encode(query, name, answer, TCP_MESSAGE_BYTES.default_int if tcp else udp_limit(query))


def _encode(query: Query, name: Labels, answer: Answer, limit: int) -> bytes:
    """The message of at most `limit` bytes; what does not fit is left out, with TC set."""
    message = compose(
        query,
        rcode=numbers.NXDOMAIN if answer.rcode == "NXDOMAIN" else numbers.NOERROR,
        flags=numbers.AA,
        answer=[_record(row, query, name) for row in answer.answer[:MOST_RECORDS]],
        authority=[_record(row, query, name) for row in answer.authority],
    )
    return finish(query, read_response(message), limit=limit)


def _record(row: AnswerRow, query: Query, name: Labels) -> Record:
    # The client's own spelling of the name it asked for, so that the pointer to the question serves.
    owner = query.name if row.owner == name else name_from_text(".".join(row.owner))
    return Record(owner, _TYPES[row.type], row.ttl, _rdata(row))


def _rdata(row: AnswerRow) -> bytes:
    match row.type:
        case "A":
            return IPv4Address(row.value).packed
        case "AAAA":
            return IPv6Address(row.value).packed
        case "TXT":
            return txt_rdata(*_strings(row.value))
        case "MX":
            return _PREFERENCE.pack(row.priority) + name_from_text(row.value)
        case "SRV":
            priority, weight, port, target = row.value.split(" ")
            return srv_rdata(int(priority), int(weight), int(port), name_from_text(target))
        case "SOA":
            server, mailbox, *times = row.value.split(" ")
            return soa_rdata(name_from_text(server), name_from_text(mailbox), *map(int, times))
        case _:
            return name_from_text(row.value)


def _strings(value: str) -> list[bytes]:
    """Return a TXT value's character-strings: the quoted ones if it is written so, else the whole text as one.

    The rules keep a value within the 255 bytes that one string can have (RFC 1035 section 3.3).
    """
    quoted = value.startswith('"') and not _QUOTED.sub("", value).strip()
    return [string.encode("ascii") for string in (_QUOTED.findall(value) if quoted else [value])]
