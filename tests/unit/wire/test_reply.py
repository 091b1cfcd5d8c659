"""What leaves: the client's ID, question and flags, OPT as asked, never over the limit, whole records."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import pytest

from clusterdns.errors import MalformedMessage
from clusterdns.wire import numbers
from clusterdns.wire.edns import ClientSubnet, ExtendedError, encode_opt
from clusterdns.wire.names import name_from_text
from clusterdns.wire.query import read_query
from clusterdns.wire.records import Record, compose, read_sections, txt_rdata
from clusterdns.wire.reply import finish, refuse, truncate, udp_limit
from clusterdns.wire.response import read_response
from tests.support.messages import QUERIES, RESPONSES, query, response, with_records

WEB = "web.shop.svc.cluster.local."
POSITIVE = read_response(RESPONSES["positive"])


@pytest.mark.parametrize(
    ("asked", "limit"),
    [
        (query(), 512),
        (query(payload=100), 512),
        (query(payload=512), 512),
        (query(payload=1000), 1000),
        (query(payload=1232), 1232),
        (query(payload=4096), 1232),
        (query(payload=65535), 1232),
    ],
)
def test_udp_limit(asked: bytes, limit: int) -> None:
    assert udp_limit(read_query(asked)) == limit


@pytest.mark.parametrize("sample", RESPONSES.values(), ids=RESPONSES)
@pytest.mark.parametrize("dnssec_ok", [None, False, True])
def test_dnspython_reads_what_leaves(sample: bytes, dnssec_ok: bool | None) -> None:
    """Whatever upstream sent, the client gets its own ID, flags and OPT, and every record that stood before OPT."""
    found = read_response(sample)
    inner = dns.message.from_wire(found.message)
    question = inner.question[0]
    asked = query(str(question.name), question.rdtype.name, message_id=0xBEEF, flags="")
    if dnssec_ok is not None:
        asked = with_records(asked, 2, encode_opt(dnssec_ok=dnssec_ok))
    sent = dns.message.from_wire(finish(read_query(asked), found, limit=65535))
    assert sent.id == 0xBEEF
    assert (sent.question, sent.answer, sent.authority) == (inner.question, inner.answer, inner.authority)
    assert sent.additional == inner.additional
    assert not sent.flags & dns.flags.RD
    if dnssec_ok is None:
        assert sent.edns == -1
        # BADVERS cannot be said without OPT.
        assert sent.rcode() == (found.rcode if found.rcode < 16 else numbers.SERVFAIL)
    else:
        assert (sent.edns, sent.payload) == (0, 1232)
        assert bool(sent.ednsflags & dns.flags.DO) is dnssec_ok
        assert not sent.options
        assert sent.rcode() == found.rcode


@pytest.mark.parametrize("name", [WEB, "WEB.Shop.svc.cluster.LOCAL."])
@pytest.mark.parametrize("answered_for", [WEB, "wEb.sHoP.sVc.cLuStEr.lOcAl."])
def test_the_question_keeps_the_spelling_of_the_client(name: str, answered_for: str) -> None:
    upstream = response(query(answered_for), answer=(f"{answered_for} 30 IN A 10.0.0.1",))
    asked = query(name)
    message = finish(read_query(asked), read_response(upstream), limit=512)
    assert message[12:].startswith(asked[12:])
    # The owner is a pointer to the question, so the spelling there follows.
    assert read_sections(message).answer == [Record(name_from_text(name), numbers.A, 30, b"\x0a\0\0\1")]


@pytest.mark.parametrize(
    ("asked", "upstream", "sent"),
    [
        # RD and CD are the client's.
        ("RD", "QR RD RA", "QR RD RA"),
        ("", "QR RD RA", "QR RA"),
        ("RD CD", "QR RD RA", "QR RD RA CD"),
        ("RD", "QR RD RA CD", "QR RD RA"),
        # AA and RA are the server's.
        ("RD", "QR AA RD", "QR AA RD"),
        ("RD AA RA TC", "QR RD", "QR RD"),
        # AD only for those who can tell what it means.
        ("RD", "QR RD RA AD", "QR RD RA"),
        ("RD AD", "QR RD RA AD", "QR RD RA AD"),
        ("RD AD", "QR RD RA", "QR RD RA"),
        ("RD", "QR TC RD RA", "QR TC RD RA"),
    ],
)
def test_flags(asked: str, upstream: str, sent: str) -> None:
    found = read_response(response(query(), flags=upstream))
    message = finish(read_query(query(flags=asked)), found, limit=512)
    assert dns.message.from_wire(message).flags == dns.flags.from_text(sent)


def test_ad_for_a_client_that_sets_do() -> None:
    found = read_response(response(query(), flags="QR RD RA AD"))
    asked = query(dnssec_ok=True)
    assert dns.message.from_wire(finish(read_query(asked), found, limit=512)).flags & dns.flags.AD


@pytest.mark.parametrize("subnet", [ClientSubnet(b"\x0a\0\0\1", 32, 32), ClientSubnet(bytes(16), 128, 0)])
def test_the_subnet_goes_to_clients_with_edns_only(subnet: ClientSubnet) -> None:
    with_edns = finish(read_query(query(payload=1232)), POSITIVE, limit=512, subnet=subnet)
    assert read_response(with_edns).subnet == subnet
    without = finish(read_query(query()), POSITIVE, limit=512, subnet=subnet)
    assert read_response(without).subnet is None
    assert without[10:12] == b"\0\0"


@pytest.mark.parametrize("error", [ExtendedError(3), ExtendedError(21, "not here: \u00e4")])
def test_an_extended_error_goes_to_clients_with_edns_and_where_there_is_room(error: ExtendedError) -> None:
    asked = read_query(query(payload=1232))
    found = finish(asked, POSITIVE, limit=512, error=error)
    (option,) = dns.message.from_wire(found).options
    assert isinstance(option, dns.edns.EDEOption)
    assert ExtendedError(option.code, option.text or "") == error
    assert finish(asked, POSITIVE, limit=len(found), error=error) == found
    assert finish(asked, POSITIVE, limit=len(found) - 1, error=error) == finish(asked, POSITIVE, limit=512)
    assert finish(read_query(query()), POSITIVE, limit=512, error=error)[10:12] == b"\0\0"


@pytest.mark.parametrize("rcode", [16, 23, 4095])
def test_an_extended_rcode_without_edns_is_servfail(rcode: int) -> None:
    upstream = with_records(response(query()), 2, encode_opt(rcode=rcode))
    upstream = upstream[:3] + bytes((upstream[3] | rcode & 15,)) + upstream[4:]
    found = read_response(upstream)
    assert dns.message.from_wire(finish(read_query(query()), found, limit=512)).rcode() == numbers.SERVFAIL
    assert dns.message.from_wire(finish(read_query(query(payload=512)), found, limit=512)).rcode() == rcode


MANY = read_response(RESPONSES["several addresses"])
MANY_BYTES = len(MANY.message)
ADDRESS_BYTES = 16


@pytest.mark.parametrize("edns", [False, True])
@pytest.mark.parametrize("spare", range(-40, 41))
def test_whole_records_up_to_the_limit(spare: int, edns: bool) -> None:
    asked = read_query(query(payload=1232 if edns else None))
    opt = 11 if edns else 0
    limit = MANY_BYTES + opt + spare
    message = finish(asked, MANY, limit=limit)
    assert len(message) <= limit
    sent = dns.message.from_wire(message)
    missing = 0 if spare >= 0 else -(spare // ADDRESS_BYTES)
    assert len(sent.answer[0]) == 40 - missing
    assert bool(sent.flags & dns.flags.TC) is bool(missing)
    assert (sent.edns == 0) is edns
    assert len(message) == MANY_BYTES + opt - missing * ADDRESS_BYTES


@pytest.mark.parametrize("sample", RESPONSES.values(), ids=RESPONSES)
def test_truncate_keeps_whole_records_at_every_limit(sample: bytes) -> None:
    found = read_response(sample)
    whole = read_sections(found.message)
    for limit in range(found.question_end, len(found.message) + 1):
        message = truncate(found.message, limit, found.question_end)
        assert len(message) <= limit
        left = read_response(message)
        assert left.truncated
        assert left.flags & ~numbers.TC == found.flags & ~numbers.TC
        sections = read_sections(message)
        assert sections.answer == whole.answer[: len(sections.answer)]
        assert not sections.authority
        assert not sections.additional
    assert read_sections(truncate(found.message, len(found.message), found.question_end)).answer == whole.answer


def test_the_longest_name_and_subnet_fit_in_512_bytes_with_nothing_else() -> None:
    asked = read_query(QUERIES["longest name"])
    edns = read_query(with_records(QUERIES["longest name"], 2, encode_opt())).edns
    assert edns is not None
    asked.edns = edns
    message = compose(asked, answer=[Record(asked.name, numbers.TXT, 5, txt_rdata(b"x" * 255))])
    sent = finish(asked, read_response(message), limit=512, subnet=ClientSubnet(bytes(16), 128, 128))
    assert len(sent) == 12 + 255 + 4 + 11 + 4 + 4 + 16
    assert read_response(sent).truncated


def test_over_tcp_opt_must_fit_in_65535_bytes_too() -> None:
    asked = read_query(query("big.", "TXT", payload=1232))
    big = Record(asked.name, numbers.TXT, 5, txt_rdata(*[b"x" * 255] * 100))
    small = Record(asked.name, numbers.TXT, 5, bytes(65535 - 21 - 2 * (12 + 25600) - 12))
    whole = compose(asked, answer=[big, big, small])
    assert len(whole) == 65535
    sent = finish(asked, read_response(whole), limit=65535)
    assert len(sent) == 65535 - len(small.rdata) - 12 + 11
    assert read_response(sent).truncated
    plain = finish(read_query(query("big.", "TXT")), read_response(whole), limit=65535)
    assert len(plain) == 65535
    assert not read_response(plain).truncated


@pytest.mark.parametrize("sample", QUERIES.values(), ids=QUERIES)
@pytest.mark.parametrize("rcode", [numbers.FORMERR, numbers.SERVFAIL, numbers.NOTIMP, numbers.REFUSED])
def test_refuse_repeats_the_question(sample: bytes, rcode: int) -> None:
    asked = read_query(sample)
    message = refuse(sample, rcode, query=asked)
    sent = read_response(message)
    assert sent.rcode == rcode
    assert message[:2] == sample[:2]
    assert message[12 : sent.question_end] == asked.question
    expected = numbers.QR | asked.flags & (numbers.RD | numbers.CD) | rcode
    assert sent.flags == expected
    parsed = dns.message.from_wire(message)
    assert parsed.edns == (-1 if asked.edns is None else 0)
    assert bool(parsed.ednsflags & dns.flags.DO) is asked.dnssec_ok
    assert not parsed.options


def test_refuse_an_edns_version() -> None:
    sample = with_records(query(), 2, b"\0\0\x29\x04\xd0\0\1\0\0\0\0")
    sent = dns.message.from_wire(refuse(sample, numbers.BADVERS, query=read_query(sample)))
    # "it MUST respond with RCODE=BADVERS", and OPT says which version we know (RFC 6891 section 6.1.3).
    assert (sent.rcode(), sent.edns) == (numbers.BADVERS, 0)


@pytest.mark.parametrize("opcode", range(16))
def test_refuse_by_the_header_alone(opcode: int) -> None:
    header = b"\xbe\xef" + (opcode << 11 | 0x0330).to_bytes(2, "big") + b"\0\7\0\7\0\7\0\7"
    with pytest.raises(MalformedMessage):
        read_query(header)
    flags = 0x8111 | opcode << 11
    assert refuse(header, numbers.FORMERR) == b"\xbe\xef" + flags.to_bytes(2, "big") + bytes(8)
