"""The answer under the client's name, made of the answer for the name that was found."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import pytest

from clusterdns.errors import MalformedMessage
from clusterdns.search.synthesis import deny, synthesise
from clusterdns.wire.response import Kind, Response, read_response
from tests.support import messages
from tests.support.chain import FOUND, NODATA, NXDOMAIN, SOA, Says, request, response_to

ASKED = "AliYun.com.shop.svc.cluster.local."
FOUND_NAME = "AliYun.com."


def _synthesise(says: Says, qtype: str = "A", flags: str = "RD", *, flatten: bool = False) -> Response:
    asked = request(ASKED, qtype, flags=flags)
    found = asked.ask_for(request(FOUND_NAME).query.name)
    return synthesise(asked.query, found.query.name, response_to(found, says), flatten=flatten)


def _texts(response: Response, section: str) -> list[str]:
    message = dns.message.from_wire(response.message, one_rr_per_rrset=True)
    return [rrset.to_text() for rrset in getattr(message, section)]


# What the found name says, and the answer section under the client's name.
ANSWER_ROWS: dict[str, tuple[Says, str, list[str]]] = {
    "one address": (
        FOUND,
        "A",
        [f"{ASKED} 60 IN CNAME {FOUND_NAME}", f"{FOUND_NAME} 60 IN A 10.0.0.1"],
    ),
    "the CNAME comes first, with the first record's TTL": (
        Says(answer=("@ 20 IN A 10.0.0.1", "@ 40 IN A 10.0.0.2")),
        "A",
        [
            f"{ASKED} 20 IN CNAME {FOUND_NAME}",
            f"{FOUND_NAME} 20 IN A 10.0.0.1",
            f"{FOUND_NAME} 40 IN A 10.0.0.2",
        ],
    ),
    "a chain of CNAMEs": (
        Says(answer=("@ 30 IN CNAME www.example.", "www.example. 60 IN AAAA fd00::1")),
        "AAAA",
        [
            f"{ASKED} 30 IN CNAME {FOUND_NAME}",
            f"{FOUND_NAME} 30 IN CNAME www.example.",
            "www.example. 60 IN AAAA fd00::1",
        ],
    ),
    "names inside records": (
        Says(answer=("@ 30 IN MX 10 mail.example.",)),
        "MX",
        [f"{ASKED} 30 IN CNAME {FOUND_NAME}", f"{FOUND_NAME} 30 IN MX 10 mail.example."],
    ),
    "NODATA": (NODATA, "A", []),
}


@pytest.mark.parametrize(("says", "qtype", "answer"), ANSWER_ROWS.values(), ids=ANSWER_ROWS)
def test_answer_section(says: Says, qtype: str, answer: list[str]) -> None:
    response = _synthesise(says, qtype)
    assert _texts(response, "answer") == answer
    assert _texts(response, "question") == [f"{ASKED} IN {qtype}"]


FLAT_ROWS: dict[str, tuple[Says, str, list[str]]] = {
    "one address": (FOUND, "A", [f"{ASKED} 60 IN A 10.0.0.1"]),
    "several, for as long as the shortest": (
        Says(answer=("@ 20 IN A 10.0.0.1", "@ 40 IN A 10.0.0.2")),
        "A",
        [f"{ASKED} 20 IN A 10.0.0.1", f"{ASKED} 20 IN A 10.0.0.2"],
    ),
    "a chain of CNAMEs": (
        Says(answer=("@ 30 IN CNAME www.example.", "www.example. 60 IN AAAA fd00::1")),
        "AAAA",
        [f"{ASKED} 30 IN AAAA fd00::1"],
    ),
    "a chain that ends in nothing": (Says(answer=("@ 30 IN CNAME www.example.",)), "A", []),
    "the CNAME itself": (Says(answer=("@ 30 IN CNAME www.example.",)), "CNAME", [f"{ASKED} 30 IN CNAME www.example."]),
    "NODATA": (NODATA, "A", []),
}


@pytest.mark.parametrize(("says", "qtype", "answer"), FLAT_ROWS.values(), ids=FLAT_ROWS)
def test_flat_answer_section(says: Says, qtype: str, answer: list[str]) -> None:
    assert _texts(_synthesise(says, qtype, flatten=True), "answer") == answer


@pytest.mark.parametrize("flatten", [False, True])
def test_a_name_that_is_gone_is_nodata(flatten: bool) -> None:
    response = _synthesise(NXDOMAIN, flatten=flatten)
    assert (response.kind, _texts(response, "authority")) == (Kind.NODATA, [SOA])


def test_authority_and_additional_stay() -> None:
    authority = ("com. 30 IN NS ns1.example.",)
    additional = ("ns1.example. 30 IN A 192.0.2.1", "ns1.example. 30 IN AAAA 2001:db8::1")
    response = _synthesise(Says(answer=FOUND.answer, authority=authority, additional=additional))
    assert tuple(_texts(response, "authority")) == authority
    assert tuple(_texts(response, "additional")) == additional


def test_nodata_stays_nodata_with_its_soa() -> None:
    response = _synthesise(NODATA)
    assert response.kind is Kind.NODATA
    assert _texts(response, "authority") == [SOA]
    assert response.ttl == 5


FLAG_ROWS = [
    ("QR RD RA", "RD", "QR RD RA"),
    ("QR AA RD RA", "RD", "QR AA RD RA"),
    ("QR RD", "RD", "QR RD"),
    ("QR RD RA AD", "RD AD", "QR RD RA"),
    # A part of the answer is missing, whatever name it is under.
    ("QR TC RD RA", "RD", "QR TC RD RA"),
    ("QR RD RA", "", "QR RA"),
]


@pytest.mark.parametrize(("found_flags", "asked_flags", "flags"), FLAG_ROWS)
def test_flags(found_flags: str, asked_flags: str, flags: str) -> None:
    response = _synthesise(Says(answer=FOUND.answer, flags=found_flags), flags=asked_flags)
    assert dns.flags.to_text(dns.message.from_wire(response.message).flags) == flags


def test_a_record_whose_name_can_not_be_read() -> None:
    asked = request(ASKED, "CNAME")
    found = asked.ask_for(request(FOUND_NAME).query.name)
    question = messages.query(FOUND_NAME, "CNAME")
    broken = messages.with_records(messages.response(question), 0, messages.record(b"\xc0\x0c", 5, 60, b"\xc0\xff"))
    with pytest.raises(MalformedMessage):
        synthesise(asked.query, found.query.name, read_response(broken))


# Records of the denial of one name, and the authority section of the denial of another one; None if it is no denial.
DENIALS: dict[str, tuple[tuple[str, ...], list[str] | None]] = {
    "of its zone": ((SOA,), [SOA]),
    "of the root": ((". 9 IN SOA a.example. b.example. 1 1 1 1 3",), [". 9 IN SOA a.example. b.example. 1 1 1 1 3"]),
    "with others": ((SOA, "cluster.local. 30 IN NS ns.dns.cluster.local."), [SOA]),
    "of another zone": (("shop.svc.cluster.local. 9 IN SOA a.example. b.example. 1 1 1 1 3",), None),
    "without a zone": ((), None),
}


@pytest.mark.parametrize(("authority", "denied"), DENIALS.values(), ids=DENIALS)
def test_the_denial_of_one_name_for_another(authority: tuple[str, ...], denied: list[str] | None) -> None:
    first = response_to(request(ASKED), Says(rcode="NXDOMAIN", authority=authority))
    asked = request("AliYun.com.cluster.local.", "AAAA").query
    response = deny(asked, first)
    assert (response is None) is (denied is None)
    if response is None:
        return
    assert response == read_response(response.message)
    assert (response.kind, response.rcode, response.ttl) == (Kind.NXDOMAIN, dns.rcode.NXDOMAIN, first.ttl)
    assert _texts(response, "question") == ["AliYun.com.cluster.local. IN AAAA"]
    assert _texts(response, "authority") == denied
