"""An answer to a `Response`: its kind (RFC 2308 section 2), its lifetime, its TTL fields, and OPT taken out."""

from __future__ import annotations

import dns.message
import dns.rrset
import pytest

from clusterdns.errors import MalformedMessage
from clusterdns.wire import numbers
from clusterdns.wire.edns import ClientSubnet, encode_opt
from clusterdns.wire.query import read_query
from clusterdns.wire.response import Kind, age, matches, read_response
from tests.support.messages import OPT_RECORD, QUERIES, RESPONSES, query, record, response, with_records

AN_EXAMPLE = query("an.example.", "A")
CNAME = "an.example. 300 IN CNAME tripple.xx."
SOA = "xx. 300 IN SOA ns1.xx. hostmaster.ns1.xx. 1 7200 1800 86400 60"
NS = "xx. 300 IN NS ns1.xx."
GLUE = "ns1.xx. 300 IN A 127.0.0.2"
ADDRESS = "tripple.xx. 300 IN A 192.0.2.1"


# The responses of RFC 2308 section 2 by their names there, then the others that servers send.
@pytest.mark.parametrize(
    ("rcode", "answer", "authority", "additional", "kind", "ttl"),
    [
        pytest.param("NXDOMAIN", (CNAME,), (SOA, NS), (GLUE,), Kind.NXDOMAIN, 60, id="NXDOMAIN type 1"),
        pytest.param("NXDOMAIN", (CNAME,), (SOA,), (), Kind.NXDOMAIN, 60, id="NXDOMAIN type 2"),
        pytest.param("NXDOMAIN", (CNAME,), (), (), Kind.INCOMPLETE, 300, id="NXDOMAIN type 3"),
        pytest.param("NXDOMAIN", (CNAME,), (NS,), (GLUE,), Kind.INCOMPLETE, 300, id="NXDOMAIN type 4"),
        pytest.param("NOERROR", (CNAME,), (NS,), (GLUE,), Kind.INCOMPLETE, 300, id="2.1 referral"),
        pytest.param("NXDOMAIN", (), (SOA,), (), Kind.NXDOMAIN, 60, id="NXDOMAIN without CNAME"),
        pytest.param("NXDOMAIN", (), (), (), Kind.INCOMPLETE, 0, id="NXDOMAIN alone"),
        pytest.param("NOERROR", (), (SOA, NS), (GLUE,), Kind.NODATA, 60, id="NODATA type 1"),
        pytest.param("NOERROR", (), (SOA,), (), Kind.NODATA, 60, id="NODATA type 2"),
        pytest.param("NOERROR", (), (), (), Kind.INCOMPLETE, 0, id="NODATA type 3"),
        pytest.param("NOERROR", (), (NS,), (GLUE,), Kind.INCOMPLETE, 300, id="2.2 referral"),
        pytest.param("NOERROR", (CNAME,), (SOA,), (), Kind.NODATA, 60, id="NODATA behind a CNAME"),
        pytest.param("NOERROR", (CNAME, ADDRESS), (NS,), (GLUE,), Kind.ANSWER, 300, id="CNAME and address"),
        pytest.param("NOERROR", (CNAME, ADDRESS), (SOA,), (), Kind.ANSWER, 300, id="answer with an SOA beside it"),
        pytest.param("NOERROR", (CNAME,), (), (), Kind.INCOMPLETE, 300, id="CNAME alone"),
        pytest.param("NOERROR", (), (), (SOA,), Kind.INCOMPLETE, 300, id="an SOA that is only additional"),
        pytest.param("NXDOMAIN", (SOA,), (), (), Kind.INCOMPLETE, 300, id="an SOA as answer"),
        pytest.param("SERVFAIL", (), (), (), Kind.FAILURE, 0, id="SERVFAIL"),
        pytest.param("REFUSED", (), (SOA,), (), Kind.FAILURE, 60, id="REFUSED with an SOA"),
        pytest.param("YXDOMAIN", (CNAME,), (), (), Kind.FAILURE, 300, id="YXDOMAIN"),
    ],
)
@pytest.mark.parametrize("edns", [False, True])
def test_kind_and_ttl(
    rcode: str,
    answer: tuple[str, ...],
    authority: tuple[str, ...],
    additional: tuple[str, ...],
    kind: Kind,
    ttl: int,
    edns: bool,
) -> None:
    message = response(AN_EXAMPLE, answer=answer, authority=authority, additional=additional, rcode=rcode, edns=edns)
    found = read_response(message)
    assert (found.kind, found.ttl) == (kind, ttl)
    assert len(found.ttl_offsets) == len(answer) + len(authority) + len(additional)


@pytest.mark.parametrize(
    ("qtype", "answer", "kind"),
    [
        ("CNAME", CNAME, Kind.ANSWER),
        ("A", CNAME, Kind.INCOMPLETE),
        ("ANY", CNAME, Kind.ANSWER),
        # RFC 8482 section 4.2: an answer to ANY may be one HINFO.
        ("ANY", r"an.example. 300 IN HINFO RFC8482 \"\"", Kind.ANSWER),
        ("ANY", None, Kind.INCOMPLETE),
        ("AAAA", ADDRESS, Kind.INCOMPLETE),
        ("TYPE65280", r"an.example. 300 IN TYPE65280 \# 0", Kind.ANSWER),
        # A zone transfer of many messages is no answer to keep.
        ("AXFR", SOA, Kind.INCOMPLETE),
    ],
)
def test_what_answers_a_type(qtype: str, answer: str | None, kind: Kind) -> None:
    message = response(query("an.example.", qtype), answer=(answer,) if answer else ())
    assert read_response(message).kind is kind


MSB = 0x80000000


@pytest.mark.parametrize(
    ("rcode", "answer_ttl", "soa_ttl", "minimum", "ttl"),
    [
        pytest.param("NXDOMAIN", None, 300, 60, 60, id="minimum below the SOA's TTL"),
        pytest.param("NXDOMAIN", None, 60, 300, 60, id="SOA's TTL below the minimum"),
        pytest.param("NXDOMAIN", None, 0, 300, 0, id="SOA's TTL zero"),
        pytest.param("NXDOMAIN", None, 300, 0, 0, id="minimum zero"),
        pytest.param("NXDOMAIN", None, MSB, 300, 0, id="SOA's TTL with its first bit set"),
        pytest.param("NXDOMAIN", None, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFF, id="both as large as can be"),
        pytest.param("NXDOMAIN", 5, 300, 60, 5, id="CNAME below both"),
        pytest.param("NXDOMAIN", MSB | 5, 300, 60, 0, id="CNAME's TTL with its first bit set"),
        pytest.param("NOERROR", 30, 300, 60, 30, id="NODATA behind a CNAME"),
        pytest.param("NOERROR", 90, 300, 60, 60, id="NODATA behind a long-lived CNAME"),
    ],
)
def test_ttl_of_negative_answers(rcode: str, answer_ttl: int | None, soa_ttl: int, minimum: int, ttl: int) -> None:
    soa = b"\0\0" + bytes(16) + minimum.to_bytes(4, "big")
    message = response(AN_EXAMPLE, rcode=rcode)
    if answer_ttl is not None:
        message = with_records(message, 0, record(b"\xc0\x0c", numbers.CNAME, answer_ttl, b"\0"))
    message = with_records(message, 1, record(b"\0", numbers.SOA, soa_ttl, soa))
    assert read_response(message).ttl == ttl


def test_an_nxdomain_lives_by_its_soa_even_with_the_type_asked_for_in_it() -> None:
    soa = record(b"\0", numbers.SOA, 300, b"\0\0" + bytes(16) + b"\0\0\0\x07")
    message = response(query("an.example.", "CNAME"), answer=(CNAME,), rcode="NXDOMAIN")
    found = read_response(with_records(message, 1, soa))
    assert (found.kind, found.ttl) == (Kind.NXDOMAIN, 7)


@pytest.mark.parametrize(("ttls", "lowest"), [((30, 300), 30), ((300, 30), 30), ((0, 30), 0), ((MSB, 30), 0)])
@pytest.mark.parametrize("section_index", [0, 1, 2])
def test_ttl_is_the_lowest_of_all_sections(ttls: tuple[int, int], lowest: int, section_index: int) -> None:
    message = with_records(response(AN_EXAMPLE), 0, record(b"\xc0\x0c", numbers.A, ttls[0], b"\x0a\0\0\1"))
    message = with_records(message, section_index, record(b"\xc0\x0c", numbers.A, ttls[1], b"\x0a\0\0\2"))
    assert read_response(message).ttl == lowest


@pytest.mark.parametrize("sample", RESPONSES.values(), ids=RESPONSES)
def test_a_response_cut_at_any_offset_is_malformed(sample: bytes) -> None:
    for end in range(len(sample)):
        with pytest.raises(MalformedMessage):
            read_response(sample[:end])


@pytest.mark.parametrize("sample", RESPONSES.values(), ids=RESPONSES)
@pytest.mark.parametrize("rest", [b"\0", OPT_RECORD, bytes(600)])
def test_a_response_with_bytes_behind_it_is_malformed(sample: bytes, rest: bytes) -> None:
    with pytest.raises(MalformedMessage, match="behind the message"):
        read_response(sample + rest)


@pytest.mark.parametrize("sample", QUERIES.values(), ids=QUERIES)
def test_a_query_is_no_answer(sample: bytes) -> None:
    with pytest.raises(MalformedMessage, match="a query where an answer"):
        read_response(sample)


PLAIN = response(AN_EXAMPLE)


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        pytest.param(PLAIN[:4] + b"\0\0" + PLAIN[6:12], "0 questions", id="no question"),
        pytest.param(PLAIN[:4] + b"\0\2" + PLAIN[6:] + PLAIN[12:], "2 questions", id="two questions"),
        pytest.param(PLAIN[:12] + b"\xc0\x0c\0\1\0\1", "compressed", id="question compressed"),
        pytest.param(PLAIN[:12] + b"\x01a" * 126 + b"\x02ab\0\0\1\0\1", "too long", id="question of 256 bytes"),
        pytest.param(PLAIN[:-1], "too early", id="question cut"),
        pytest.param(with_records(PLAIN, 1, record(b"\0", numbers.SOA, 1, bytes(21))), "SOA", id="SOA too short"),
        pytest.param(with_records(PLAIN, 0, OPT_RECORD), "OPT", id="OPT as answer"),
        pytest.param(with_records(PLAIN, 1, OPT_RECORD), "OPT", id="OPT as authority"),
        pytest.param(with_records(PLAIN, 2, OPT_RECORD, OPT_RECORD), "OPT", id="two OPT"),
        pytest.param(with_records(PLAIN, 2, b"\xc0\x0c" + OPT_RECORD[1:]), "OPT", id="OPT with a name"),
        pytest.param(with_records(PLAIN, 0, record(b"\xc0\x1c", 1, 1, b"")), "pointer", id="owner points to itself"),
        pytest.param(with_records(PLAIN, 0, record(b"\x01a\xc0\x1c", 1, 1, b"")), "pointer", id="owner in itself"),
        pytest.param(
            with_records(PLAIN, 2, encode_opt(subnet=ClientSubnet(b"\x0a\0\0\1", 32))[:-1]), "longer", id="subnet cut"
        ),
    ],
)
def test_malformed(message: bytes, complaint: str) -> None:
    with pytest.raises(MalformedMessage, match=complaint):
        read_response(message)


@pytest.mark.parametrize("sample", RESPONSES.values(), ids=RESPONSES)
def test_opt_is_taken_out_and_the_rest_stays(sample: bytes) -> None:
    expected = dns.message.from_wire(sample, keyring=False)
    found = read_response(sample)
    assert found.rcode == expected.rcode()
    assert found.truncated is bool(expected.flags & 0x0200)
    assert found.flags == int.from_bytes(sample[2:4], "big")
    left = dns.message.from_wire(found.message)
    assert left.edns < 0
    assert (left.question, left.answer, left.authority) == (expected.question, expected.answer, expected.authority)
    assert found.message[12 : found.question_end] == sample[12 : found.question_end]
    again = read_response(found.message)
    assert (again.message, again.ttl_offsets, again.ttl) == (found.message, found.ttl_offsets, found.ttl)


def test_records_before_opt_stay_and_those_behind_it_go() -> None:
    first = record(b"\xc0\x0c", numbers.A, 30, b"\x0a\0\0\1")
    dropped = record(b"\xc0\x0c", numbers.A, 0, b"\x0a\0\0\2")
    found = read_response(with_records(response(AN_EXAMPLE), 2, first, OPT_RECORD, dropped, dropped))
    assert found.message == with_records(response(AN_EXAMPLE), 2, first)
    # A TTL that is not in the message does not count.
    assert found.ttl == 30


@pytest.mark.parametrize("rcode", [0, 2, 3, 16, 23, 4095])
def test_the_upper_bits_of_rcode_are_in_opt(rcode: int) -> None:
    message = with_records(response(AN_EXAMPLE), 2, encode_opt(rcode=rcode))
    message = message[:3] + bytes((message[3] & 0xF0 | rcode & 15,)) + message[4:]
    found = read_response(message)
    assert found.rcode == rcode
    assert (found.kind is Kind.FAILURE) is (rcode not in (0, 3))


def test_the_scope_of_the_answer() -> None:
    subnet = ClientSubnet(b"\x0a\0\0\1", 32, 24)
    assert read_response(with_records(PLAIN, 2, encode_opt(subnet=subnet))).subnet == subnet
    assert read_response(with_records(PLAIN, 2, OPT_RECORD)).subnet is None


@pytest.mark.parametrize("ttl", [0, 1, 5, 3600, 0x7FFFFFFF])
@pytest.mark.parametrize("sample", RESPONSES.values(), ids=RESPONSES)
def test_ageing_touches_ttl_fields_only(sample: bytes, ttl: int) -> None:
    found = read_response(sample)
    before = dns.message.from_wire(found.message, one_rr_per_rrset=True)
    after = dns.message.from_wire(age(found.message, found.ttl_offsets, ttl), one_rr_per_rrset=True)
    assert (after.id, after.flags, after.question) == (before.id, before.flags, before.question)
    for old_section, new_section in zip(before.sections[1:], after.sections[1:], strict=True):
        assert [rrset.ttl for rrset in new_section] == [ttl] * len(old_section)
        # Equal RRsets have equal names, types and rdata; the TTL does not count.
        assert new_section == old_section


WEB = read_query(query("Web.Shop."))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param(response(query("Web.Shop.")), True, id="the same question"),
        pytest.param(response(query("wEB.sHOP.")), True, id="in another case"),
        pytest.param(response(query("web.shop.", message_id=1)), True, id="with another ID"),
        pytest.param(response(query("web.shop.", "AAAA")), False, id="another type"),
        pytest.param(response(query("web.shop.", qclass="CH")), False, id="another class"),
        pytest.param(response(query("web.shap.")), False, id="another name"),
        pytest.param(response(query("web.shop.example.")), False, id="a longer name"),
        pytest.param(response(query("shop.")), False, id="a shorter name"),
        pytest.param(query("web.shop."), False, id="a query"),
        pytest.param(response(query("web.shop."))[:-1], False, id="cut"),
        pytest.param(b"", False, id="empty"),
        pytest.param(b"\0\0\x80\x02", False, id="half a header"),
        pytest.param(b"\0\0\x80\x01" + bytes(8), True, id="FORMERR without a question"),
        pytest.param(b"\0\0\x80\x04" + bytes(8), True, id="NOTIMP without a question"),
        pytest.param(b"\0\0\x80\x05" + bytes(8), True, id="REFUSED without a question"),
        pytest.param(b"\0\0\x80\x00" + bytes(8), False, id="NOERROR without a question"),
        pytest.param(b"\0\0\x80\x03" + bytes(8), False, id="NXDOMAIN without a question"),
        pytest.param(b"\0\0\x00\x01" + bytes(8), False, id="FORMERR, but a query"),
        pytest.param(b"\0\0\x80\0\0\2" + bytes(6) + WEB.question * 2, False, id="the question twice"),
    ],
)
def test_matches(message: bytes, expected: bool) -> None:
    assert matches(message, WEB) is expected
