"""Answers made of others' records: what was found further down the search list, under the name that the client asked
for, and the denial of one name for another.

A CNAME from the client's name to the name that was found leads to the records (RFC 1034 section 3.6.2). It is made
for each answer and never cached: what is cached are the answers of the real names, which are the same for everyone.
"""

from __future__ import annotations

from clusterdns.wire import numbers
from clusterdns.wire.names import is_at_or_below
from clusterdns.wire.query import Query
from clusterdns.wire.records import Record, compose_response, read_sections
from clusterdns.wire.response import Response


def synthesise(query: Query, found: bytes, response: Response, *, flatten: bool = False) -> Response:
    """The answer to `query` out of `response`, which answers the name `found`. No CNAME leads to NODATA.

    A name that a walk has found exists: should it be gone by the time that the look-up's other question asks for it,
    that one is answered NODATA, and not with the opposite of what the first one was told. With `flatten` the records
    stand under the client's name, without any CNAME. Raises MalformedMessage if a name inside a record of `response`
    can't be read.
    """
    sections = read_sections(response.message)
    answer = sections.answer
    if flatten:
        answer = _flat(query, answer)
    elif answer:
        answer = [Record(query.name, numbers.CNAME, answer[0].ttl, found), *answer]
    return compose_response(
        query,
        rcode=numbers.NOERROR if response.rcode == numbers.NXDOMAIN else response.rcode,
        # AD says that the answer was validated; this one was put together here. TC stays: what is missing from
        # `response` is missing from this one too.
        flags=response.flags & (numbers.AA | numbers.TC | numbers.RA),
        answer=answer,
        authority=sections.authority,
        additional=sections.additional,
    )


def deny(query: Query, response: Response) -> Response | None:
    """The denial of another name as the answer to `query`; None if it is not of the same zone, by its SOA.

    Raises MalformedMessage if a name inside a record of `response` can't be read.
    """
    authority = [record for record in read_sections(response.message).authority if record.rtype == numbers.SOA]
    if not authority or not is_at_or_below(query.folded, authority[0].owner.lower()):
        return None
    return compose_response(query, rcode=response.rcode, flags=response.flags & numbers.RA, authority=authority)


def _flat(query: Query, answer: list[Record]) -> list[Record]:
    """The records of the wanted type, for no longer than the CNAMEs that led to them; signatures are of other names."""
    ttl = min((record.ttl for record in answer), default=0)
    return [Record(query.name, query.qtype, ttl, record.rdata) for record in answer if record.rtype == query.qtype]
