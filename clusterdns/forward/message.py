"""The message that an upstream gets: a header and an OPT record of our own, and the question.

Nothing else of the client's message goes on: its EDNS options are between it and us (RFC 6891 section 6.1.1), and its
spelling of the name is put back when the answer leaves. So questions that are alike are the same bytes.
"""

from __future__ import annotations

import struct

from clusterdns.wire import numbers
from clusterdns.wire.edns import ClientSubnet, encode_opt
from clusterdns.wire.query import Query

_TYPE_AND_CLASS = struct.Struct("!HH")
_HEAD = struct.Struct("!HHHHH")
HEAD_BYTES = _HEAD.size
"""The header behind the ID, in bytes."""

# "setting the AD bit in a query" says "that the requester understands and is interested in the value of the AD bit"
# (RFC 6840 section 5.7). Someone who shares the answer may be; the reply clears it for the others.
_FLAGS = numbers.RD | numbers.AD
_HEADS = (_HEAD.pack(_FLAGS, 1, 0, 0, 1), _HEAD.pack(_FLAGS | numbers.CD, 1, 0, 0, 1))
_OPTS = (encode_opt(), encode_opt(dnssec_ok=True))


def compose_question(query: Query) -> bytes:
    """The question as it is sent: the name in lower case, type and class."""
    return query.folded + _TYPE_AND_CLASS.pack(query.qtype, query.qclass)


def compose_body(query: Query, question: bytes, subnet: ClientSubnet | None = None) -> bytes:
    """The message behind its ID; `question` is that of `compose_question`, DO and CD are the client's."""
    edns = query.edns
    dnssec_ok = edns is not None and edns.dnssec_ok
    return (
        _HEADS[query.flags & numbers.CD != 0]
        + question
        + (_OPTS[dnssec_ok] if subnet is None else encode_opt(dnssec_ok=dnssec_ok, subnet=subnet))
    )


def without_edns(body: bytes, question: bytes) -> bytes:
    """The same message without its OPT record, for a server that does not know EDNS."""
    return body[: HEAD_BYTES - 2] + b"\0\0" + question


def compose_check(name: bytes, *, recursion_desired: bool) -> tuple[Query, bytes]:
    """A health check, the question NS of `name` (folded wire form), and its message behind the ID."""
    flags = numbers.RD if recursion_desired else 0
    query = Query(0, flags, name, name, numbers.NS, numbers.IN, None)
    return query, _HEAD.pack(flags, 1, 0, 0, 0) + compose_question(query)
