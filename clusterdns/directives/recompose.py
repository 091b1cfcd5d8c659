"""A reply with other records, or to another question: for directives that change answers on their way back.

Names in a message point to each other by offset, so that a changed record means a message composed anew.
"""

from __future__ import annotations

from dataclasses import replace

from clusterdns.directives.chain import Reply
from clusterdns.wire import numbers
from clusterdns.wire.query import Query
from clusterdns.wire.records import Sections, compose_response
from clusterdns.wire.response import Kind

_KEPT = numbers.AA | numbers.TC | numbers.RA


def recompose(reply: Reply, query: Query, sections: Sections, *, rcode: int | None = None, flags: int = _KEPT) -> Reply:
    """The reply as one to `query`, with these records; everything about it that is not of its message stays.

    `rcode` replaces the reply's. `flags` are the header bits to keep: AD is not among them unless it is named, as no
    signature covers what we write (RFC 4035 section 3.2.3).
    """
    rcode = reply.response.rcode if rcode is None else rcode
    response = compose_response(
        query,
        rcode=rcode,
        flags=reply.response.flags & flags,
        answer=sections.answer,
        authority=sections.authority,
        additional=sections.additional,
    )
    if rcode > numbers.RCODE:
        # Its upper bits are not in the header (RFC 6891 section 6.1.3).
        response = replace(response, rcode=rcode, kind=Kind.FAILURE)
    return replace(reply, response=response)
