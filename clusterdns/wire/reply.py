"""The last step of an answer: from a `Response` and the query to the bytes that this client gets.

The ID and the question are the client's own, flags follow the query, OPT is there exactly if the client sent one,
and an answer too large for UDP is cut to whole records with TC set (RFC 2181 section 9).
"""

from __future__ import annotations

import struct

from clusterdns.limits import UDP_EDNS_BYTES, UDP_PLAIN_BYTES
from clusterdns.wire import numbers
from clusterdns.wire.edns import ClientSubnet, ExtendedError, encode_opt
from clusterdns.wire.names import skip_name
from clusterdns.wire.query import HEADER, HEADER_BYTES, Query
from clusterdns.wire.response import Response

_COUNT = struct.Struct("!H")
_HEAD = struct.Struct("!HH")
_ECHOED = numbers.RD | numbers.CD
"""What an answer takes over from its query."""
_OURS = 0xFFFF & ~(_ECHOED | numbers.RCODE)
_PLAIN_LIMIT = UDP_PLAIN_BYTES.default_int
_EDNS_LIMIT = UDP_EDNS_BYTES.default_int


def udp_limit(query: Query) -> int:
    """The largest UDP answer for this client: its EDNS size, no more than ours, or 512 without EDNS."""
    if query.edns is None:
        return _PLAIN_LIMIT
    return min(query.edns.payload_bytes, _EDNS_LIMIT)


def finish(
    query: Query,
    response: Response,
    *,
    limit: int,
    subnet: ClientSubnet | None = None,
    error: ExtendedError | None = None,
) -> bytes:
    """The message for the client. `limit` in bytes; `subnet` is the EDNS Client Subnet option to answer with.

    `error` is left out where there is no room for it.
    """
    body = response.message
    rcode = response.rcode
    edns = query.edns
    if rcode > numbers.RCODE and edns is None:
        # Its upper bits are in OPT. The lower bits alone mean something else: those of BADVERS are NOERROR.
        rcode = numbers.SERVFAIL
    flags = (body[2] << 8 | body[3]) & _OURS | query.flags & _ECHOED | rcode & numbers.RCODE
    # "SHOULD only set the AD bit when a response both meets the conditions … and the request contained either a set DO
    # bit or a set AD bit" (RFC 6840 section 5.8).
    if flags & numbers.AD and not (query.flags & numbers.AD or query.dnssec_ok):
        flags &= ~numbers.AD
    message = _HEAD.pack(query.id, flags) + body[4:HEADER_BYTES] + query.question + body[response.question_end :]
    opt = b""
    if edns is not None:
        opt = encode_opt(rcode=rcode, dnssec_ok=edns.dnssec_ok, subnet=subnet, error=error)
        if error is not None and len(message) + len(opt) > limit:
            opt = encode_opt(rcode=rcode, dnssec_ok=edns.dnssec_ok, subnet=subnet)
    if len(message) + len(opt) > limit:
        message = truncate(message, limit - len(opt), response.question_end)
    if opt:
        additionals = (message[10] << 8 | message[11]) + 1
        message = message[:10] + _COUNT.pack(additionals) + message[12:] + opt
    return message


def truncate(message: bytes, limit: int, question_end: int) -> bytes:
    """As many whole answer records as fit in `limit` bytes, TC set, nothing else.

    TC is set also where only authority or additional records went, as CoreDNS does: which of them are "required as a
    part of the response" (RFC 2181 section 9) is not known here.
    """
    message_id, flags, questions, answers, _authorities, _additionals = HEADER.unpack_from(message)
    kept = 0
    end = offset = question_end
    for _ in range(answers):
        offset = skip_name(message, offset)
        offset += 10 + (message[offset + 8] << 8 | message[offset + 9])
        if offset > limit:
            break
        end = offset
        kept += 1
    return HEADER.pack(message_id, flags | numbers.TC, questions, kept, 0, 0) + message[HEADER_BYTES:end]


def refuse(message: bytes, rcode: int, *, query: Query | None = None) -> bytes:
    """An answer without records: FORMERR for a message whose header alone could be read, or any rcode for a `query`.

    Opcode, RD, CD and DO are the client's; the question is repeated only if it was understood. Never answer a message
    that has QR set: two servers would send each other errors for ever.
    """
    # "MUST copy the setting of the CD bit from a query to the corresponding response" (RFC 4035 section 3.2.2), and
    # "The DO bit of the query MUST be copied in the response" (RFC 3225 section 3).
    kept = (message[2] << 8 | message[3]) & (numbers.OPCODE | numbers.RD | numbers.CD)
    flags = numbers.QR | kept | rcode & numbers.RCODE
    if query is None:
        return message[:2] + flags.to_bytes(2, "big") + bytes(8)
    opt = encode_opt(rcode=rcode, dnssec_ok=query.dnssec_ok) if query.edns is not None else b""
    return HEADER.pack(query.id, flags, 1, 0, 0, 1 if opt else 0) + query.question + opt
