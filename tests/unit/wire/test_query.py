"""A client's message to a `Query`: every sample against dnspython, and what is FORMERR."""

from __future__ import annotations

import struct

import dns.flags
import dns.message
import dns.rdatatype
import pytest

from clusterdns.errors import MalformedMessage
from clusterdns.wire import numbers
from clusterdns.wire.edns import ClientSubnet
from clusterdns.wire.names import name_from_text
from clusterdns.wire.query import read_query
from tests.support.messages import OPT_RECORD, QUERIES, RESPONSES, query, record, with_records


@pytest.mark.parametrize("sample", QUERIES.values(), ids=QUERIES)
def test_reads_what_dnspython_reads(sample: bytes) -> None:
    expected = dns.message.from_wire(sample, keyring=False)
    question = expected.question[0]
    found = read_query(sample)
    assert found.id == expected.id
    assert found.flags == int.from_bytes(sample[2:4], "big") == expected.flags
    assert found.name == question.name.to_wire()
    assert found.folded == question.name.canonicalize().to_wire()
    assert (found.qtype, found.qclass) == (question.rdtype, question.rdclass)
    assert sample[12:].startswith(found.question)
    assert found.checking_disabled is bool(expected.flags & dns.flags.CD)
    if expected.edns < 0:
        assert found.edns is None
        assert found.dnssec_ok is False
    else:
        assert found.edns is not None
        assert found.edns.payload_bytes == expected.payload
        assert found.edns.version == expected.edns
        assert found.edns.dnssec_ok is found.dnssec_ok is bool(expected.ednsflags & dns.flags.DO)
        assert found.edns.has_options is bool(expected.options)


@pytest.mark.parametrize("sample", QUERIES.values(), ids=QUERIES)
def test_a_query_cut_at_any_offset_is_malformed(sample: bytes) -> None:
    for end in range(len(sample)):
        with pytest.raises(MalformedMessage):
            read_query(sample[:end])


@pytest.mark.parametrize("sample", QUERIES.values(), ids=QUERIES)
@pytest.mark.parametrize("rest", [b"\0", b"\xff", OPT_RECORD, bytes(600)])
def test_a_query_with_bytes_behind_it_is_malformed(sample: bytes, rest: bytes) -> None:
    with pytest.raises(MalformedMessage, match="behind the message"):
        read_query(sample + rest)


def test_every_opcode_and_flag_is_left_to_the_caller() -> None:
    message = query()
    for flags in (0x0000, 0x2100, 0x2800, 0x7800, 0x8180, 0xFFFF):
        assert read_query(message[:2] + flags.to_bytes(2, "big") + message[4:]).flags == flags


PLAIN = query()
QUESTION_END = len(PLAIN)
A_RECORD = record(b"\xc0\x0c", 1, 0, b"\x7f\0\0\1")


def opt(rdata: bytes, *, owner: bytes = b"\0") -> bytes:
    return record(owner, numbers.OPT, 0, rdata, 1232)


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        pytest.param(b"", "too early", id="empty"),
        pytest.param(bytes(12), "0 questions", id="no question"),
        pytest.param(PLAIN[:4] + b"\0\2" + PLAIN[6:] + PLAIN[12:], "2 questions", id="two questions"),
        pytest.param(PLAIN[:4] + b"\xff\xff" + PLAIN[6:], "65535 questions", id="many questions"),
        pytest.param(PLAIN[:6] + b"\xff\xff" * 3 + PLAIN[12:], "too early", id="many records, none there"),
        pytest.param(PLAIN[:12] + b"\xc0\x0c\0\1\0\1", "compressed", id="question points to itself"),
        pytest.param(PLAIN[:12] + b"\x01a\xc0\x0c\0\1\0\1", "compressed", id="question points to its start"),
        pytest.param(PLAIN[:12] + b"\x41" + b"a" * 65 + b"\0\0\1\0\1", "compressed", id="label type 01"),
        pytest.param(PLAIN[:12] + b"\x01a" * 128 + b"\0\0\1\0\1", "too long", id="name of 257 bytes"),
        pytest.param(PLAIN[:12] + b"\x01a" * 126 + b"\x02ab\0\0\1\0\1", "too long", id="name of 256 bytes"),
        pytest.param(with_records(PLAIN, 2, OPT_RECORD, OPT_RECORD), "OPT", id="two OPT"),
        pytest.param(with_records(PLAIN, 0, OPT_RECORD), "OPT", id="OPT as answer"),
        pytest.param(with_records(PLAIN, 1, OPT_RECORD), "OPT", id="OPT as authority"),
        pytest.param(with_records(PLAIN, 2, opt(b"", owner=b"\x01a\0")), "OPT", id="OPT with a name"),
        pytest.param(with_records(PLAIN, 2, opt(b"", owner=b"\xc0\x0c")), "OPT", id="OPT with a pointer"),
        pytest.param(with_records(PLAIN, 2, A_RECORD[:-4]), "longer than its message", id="rdata missing"),
        pytest.param(with_records(PLAIN, 2, b"\xc0\xff" + A_RECORD[2:]), "pointer", id="owner points forward"),
        pytest.param(with_records(PLAIN, 2, opt(b"\0\x0a\0")), "cut short", id="option header cut"),
        pytest.param(with_records(PLAIN, 2, opt(b"\0\x0a\0\x09" + bytes(8))), "longer", id="option longer than OPT"),
        pytest.param(with_records(PLAIN, 2, opt(b"\0\x08\0\4\0\1\0\0" * 2)), "two EDNS Client", id="two subnets"),
        pytest.param(
            with_records(PLAIN, 2, opt(ClientSubnet(b"\x0a\0\0\1", 32, 32).encode())), "scope in a query", id="scope"
        ),
    ],
)
def test_formerr(message: bytes, complaint: str) -> None:
    with pytest.raises(MalformedMessage, match=complaint):
        read_query(message)


@pytest.mark.parametrize("sample", RESPONSES)
def test_a_response_has_the_shape_of_a_query(sample: str) -> None:
    """QR is the listener's to see: it must stay silent, as an answer to an answer starts a loop."""
    assert read_query(RESPONSES[sample]).flags & numbers.QR


@pytest.mark.parametrize(
    ("sent", "meant"), [(0, 512), (511, 512), (512, 512), (1232, 1232), (4096, 4096), (65535, 65535)]
)
def test_payload_below_512_means_512(sent: int, meant: int) -> None:
    edns = read_query(with_records(PLAIN, 2, record(b"\0", numbers.OPT, 0, b"", sent))).edns
    assert edns is not None
    assert edns.payload_bytes == meant


@pytest.mark.parametrize(
    ("ttl", "version", "dnssec_ok"),
    [
        (0x00000000, 0, False),
        (0x00008000, 0, True),
        (0x00010000, 1, False),
        (0x00FF8000, 255, True),
        # The upper bits of an rcode and the Z bits mean nothing in a query.
        (0xFF007FFF, 0, False),
    ],
)
def test_the_ttl_of_opt_is_version_and_flags(ttl: int, version: int, dnssec_ok: bool) -> None:
    edns = read_query(with_records(PLAIN, 2, record(b"\0", numbers.OPT, ttl, b"", 1232))).edns
    assert edns is not None
    assert (edns.version, edns.dnssec_ok) == (version, dnssec_ok)


def test_other_records_are_walked_over() -> None:
    many = [A_RECORD] * 300
    found = read_query(
        with_records(with_records(with_records(PLAIN, 0, *many), 1, *many), 2, *many, OPT_RECORD, A_RECORD)
    )
    assert found.edns is not None
    assert found.question == PLAIN[12:QUESTION_END]


@pytest.mark.parametrize("qtype", [0, 1, 251, 252, 255, 65280, 65535])
@pytest.mark.parametrize("qclass", [0, 1, 3, 255, 65535])
def test_any_type_and_class_is_a_question(qtype: int, qclass: int) -> None:
    found = read_query(PLAIN[:-4] + struct.pack("!HH", qtype, qclass))
    assert (found.qtype, found.qclass) == (qtype, qclass)


def test_ask_for_another_name() -> None:
    asked = read_query(query("web.", "AAAA", dnssec_ok=True, message_id=9, flags="RD CD"))
    other = asked.ask_for(name_from_text("Web.Shop"))
    assert (other.name, other.folded, other.qtype) == (b"\x03Web\x04Shop\0", b"\x03web\x04shop\0", numbers.AAAA)
    assert (other.id, other.flags, other.qclass, other.edns) == (asked.id, asked.flags, asked.qclass, asked.edns)
    assert asked.ask_for(other.name, numbers.CNAME).qtype == numbers.CNAME
    assert asked.name == b"\x03web\0"
