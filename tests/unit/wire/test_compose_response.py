"""A response that is composed is the one that reading it back gives; and every owner is where its pointer says."""

from __future__ import annotations

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.wire import numbers
from clusterdns.wire.names import name_from_text
from clusterdns.wire.query import Query
from clusterdns.wire.records import Record, compose, compose_response, read_sections, soa_rdata
from clusterdns.wire.response import read_response

ASKED = "Web.shop.svc.cluster.local"
# The question's name, names above, below and beside it, and one whose bytes only look like its end.
NAMES = [
    ASKED,
    "shop.svc.cluster.local",
    "local",
    ".",
    "a.Web.shop.svc.cluster.local",
    "b.web.shop.svc.cluster.local",
    "x.cluster.local",
    "Web.Shop.svc.cluster.local",
    r"z\004shop.svc.cluster.local",
    "example.com",
    "www.example.com",
]
SOA = soa_rdata(b"\2ns\0", b"\1h\0", 1, 2, 3, 4, 5)
_RDATA = {
    numbers.A: bytes(4),
    numbers.AAAA: bytes(16),
    numbers.SOA: SOA,
    numbers.CNAME: b"\3www\0",
    numbers.TXT: b"\1x",
}


def _records(max_size: int) -> st.SearchStrategy[list[Record]]:
    record = st.builds(
        lambda owner, rtype, ttl: Record(name_from_text(owner), rtype, ttl, _RDATA[rtype]),
        st.sampled_from(NAMES),
        st.sampled_from(sorted(_RDATA)),
        st.sampled_from([0, 5, 30, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]),
    )
    return st.lists(record, max_size=max_size)


@given(
    st.sampled_from(NAMES),
    st.sampled_from([numbers.A, numbers.AAAA, numbers.ANY, numbers.SOA]),
    st.sampled_from([numbers.NOERROR, numbers.NXDOMAIN, numbers.SERVFAIL, numbers.REFUSED, numbers.BADVERS]),
    _records(4),
    _records(2),
    _records(4),
)
def test_composed_and_read_back(
    asked: str, qtype: int, rcode: int, answer: list[Record], authority: list[Record], additional: list[Record]
) -> None:
    name = name_from_text(asked)
    query = Query(7, numbers.RD, name, name.lower(), qtype, numbers.IN, None)
    sections = {"answer": answer, "authority": authority, "additional": additional}
    made = compose_response(query, rcode=rcode, flags=numbers.AA, **sections)
    assert made == read_response(made.message)
    assert made.message == compose(query, rcode=rcode, flags=numbers.AA, **sections)
    read = read_sections(made.message)
    for found, given_records in zip((read.answer, read.authority, read.additional), sections.values(), strict=True):
        # A pointer leads to the spelling that stands there already.
        assert [each._replace(owner=each.owner.lower()) for each in found] == [
            each._replace(owner=each.owner.lower()) for each in given_records
        ]


@pytest.mark.parametrize(("owner", "size"), [(ASKED, 2), ("svc.cluster.local", 2), ("local", 2), (".", 1)])
def test_a_name_of_the_question_is_one_pointer(owner: str, size: int) -> None:
    name = name_from_text(ASKED)
    query = Query(7, 0, name, name.lower(), numbers.A, numbers.IN, None)
    message = compose(query, answer=[Record(name_from_text(owner), numbers.A, 5, bytes(4))])
    assert len(message) == 12 + len(name) + 4 + size + 14
    assert dns.message.from_wire(message).answer[0].name.to_text() == (owner if owner == "." else owner + ".")
