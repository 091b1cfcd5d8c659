"""The wire code against garbage. The invariant: parses or raises MalformedMessage, nothing else.

It holds for `read_query`, `read_response`, `read_sections` and the names in them, and `matches` never raises at all.
Whatever was read can be answered: `finish`, `truncate`, `refuse` and `compose` make messages that read back.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from typing import TypeVar

import dns.message
import dns.name
import dns.rrset
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clusterdns.errors import MalformedMessage
from clusterdns.wire import numbers
from clusterdns.wire.edns import ClientSubnet, Edns, read_client_subnet
from clusterdns.wire.names import name_from_text, name_to_text, read_name, skip_name
from clusterdns.wire.query import Query, read_query
from clusterdns.wire.records import Record, Sections, compose, read_sections
from clusterdns.wire.reply import finish, refuse, truncate
from clusterdns.wire.response import Response, age, matches, read_response
from tests.support.messages import QUERIES, RESPONSES, query, response, with_records

T = TypeVar("T")
SAMPLES = [*QUERIES.values(), *RESPONSES.values()]


def parse(read: Callable[[bytes], T], message: bytes) -> T | None:
    """The invariant itself: any other exception fails the test."""
    try:
        return read(message)
    except MalformedMessage:
        return None


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid message with a few bytes changed: lengths, pointers and counts are where the parsers can go wrong."""
    message = bytearray(draw(st.sampled_from(SAMPLES)))
    telling = st.sampled_from([0, 1, 0x0C, 0x29, 0x3F, 0x40, 0x80, 0xC0, 0xFF])
    for _ in range(draw(st.integers(1, 6))):
        message[draw(st.integers(0, len(message) - 1))] = draw(telling | st.integers(0, 255))
    return bytes(message)


@st.composite
def spliced(draw: st.DrawFn) -> bytes:
    """The beginning of one valid message and the end of another."""
    first, second = draw(st.sampled_from(SAMPLES)), draw(st.sampled_from(SAMPLES))
    return first[: draw(st.integers(0, len(first)))] + second[draw(st.integers(0, len(second))) :]


@st.composite
def looping(draw: st.DrawFn) -> bytes:
    """A header with likely counts, then labels and pointers into the message, so that names run in circles."""
    counts = [1, *draw(st.lists(st.integers(0, 3), min_size=3, max_size=3))]
    header = struct.pack("!HHHHHH", 1, draw(st.sampled_from([0x0100, 0x8180, 0x8183])), *counts)
    pointer = st.integers(0, 60).map(lambda target: (0xC000 | target).to_bytes(2, "big"))
    head = st.builds(
        lambda rtype, length: struct.pack("!HHIH", rtype, 1, 5, length),
        st.sampled_from([1, 2, 5, 6, 15, 33, 35, 41]),
        st.integers(0, 30),
    )
    pieces = st.lists(pointer | head | st.sampled_from([b"\0", b"\x01a", b"\x02bc", b"\0\1\0\1"]), max_size=20)
    return header + draw(st.sampled_from([b"", b"\x01a\0\0\1\0\1"])) + b"".join(draw(pieces))


@st.composite
def padded(draw: st.DrawFn) -> bytes:
    """A valid message with records of random rdata behind it, counted."""
    rtypes = st.sampled_from([1, 2, 5, 6, 15, 24, 26, 30, 33, 35, 41, 250]) | st.integers(0, 65535)
    owners = st.sampled_from([b"\0", b"\xc0\x0c", b"\x01a\xc0\x0c", b"\xc0\x20"])
    records = [
        draw(owners) + struct.pack("!HHIH", draw(rtypes), 1, draw(st.integers(0, 2**32 - 1)), len(rdata)) + rdata
        for rdata in draw(st.lists(st.binary(max_size=40), min_size=1, max_size=4))
    ]
    return with_records(draw(st.sampled_from(SAMPLES)), draw(st.integers(0, 2)), *records)


messages = st.binary(max_size=120) | mutated() | spliced() | looping() | padded()
limits = st.integers(512, 1232) | st.just(65535)
subnets = st.none() | st.builds(ClientSubnet, st.binary(min_size=4, max_size=4), st.just(32), st.integers(0, 32))


def question_of(found: Response, edns: Edns | None, flags: int) -> Query:
    """The query that `found` would answer, from a client with `edns` or without."""
    question = found.message[12 : found.question_end]
    qtype, qclass = struct.unpack("!HH", question[-4:])
    return Query(0xBEEF, flags, question[:-4], question[:-4].lower(), qtype, qclass, edns)


@given(messages)
@example(b"")
@example(bytes(12))
@example(bytes(4) + b"\0\1" + bytes(6) + b"\xc0\x0c\0\1\0\1")
def test_a_query_parses_or_is_malformed_and_can_be_refused(message: bytes) -> None:
    asked = parse(read_query, message)
    if asked is None:
        if len(message) >= 12:
            assert len(refuse(message, numbers.FORMERR)) == 12
        return
    assert message[12:].startswith(asked.question)
    for rcode in (numbers.SERVFAIL, numbers.BADVERS):
        sent = refuse(message, rcode, query=asked)
        refused = read_response(sent)
        assert sent[:2] == message[:2]
        assert sent[12 : refused.question_end] == asked.question
        assert refused.rcode == (rcode if asked.edns else rcode & 15)
        assert matches(sent, asked)


@given(messages, limits, st.booleans(), subnets, st.integers(0, 65535))
def test_a_response_parses_or_is_malformed_and_can_be_sent(
    message: bytes, limit: int, edns: bool, subnet: ClientSubnet | None, flags: int
) -> None:
    found = parse(read_response, message)
    if found is None:
        return
    asked = question_of(found, Edns(1232, 0, bool(flags & 1), None, False) if edns else None, flags)
    assert matches(found.message, asked)
    sent = finish(asked, found, limit=limit, subnet=subnet)
    assert len(sent) <= limit
    again = read_response(sent)
    assert sent[:2] == b"\xbe\xef"
    assert sent[12 : again.question_end] == asked.question
    assert (again.flags ^ asked.flags) & (numbers.RD | numbers.CD) == 0
    assert again.subnet == (subnet if edns else None)
    assert (len(again.message) != len(sent)) is edns
    if not again.truncated:
        assert again.message[again.question_end :] == found.message[found.question_end :]
        assert (again.ttl, again.ttl_offsets) == (found.ttl, found.ttl_offsets)


@given(messages, st.integers(0, 1232))
def test_whatever_was_read_is_cut_to_whole_records(message: bytes, room: int) -> None:
    found = parse(read_response, message)
    if found is None:
        return
    limit = found.question_end + room
    cut = read_response(truncate(found.message, limit, found.question_end))
    assert cut.truncated
    assert len(cut.message) <= limit
    assert found.message[12:].startswith(cut.message[12:])
    assert cut.ttl_offsets == found.ttl_offsets[: len(cut.ttl_offsets)]


@given(messages, st.integers(0, 2**31 - 1))
def test_ageing_changes_ttl_fields_only(message: bytes, ttl: int) -> None:
    found = parse(read_response, message)
    if found is None:
        return
    aged = read_response(age(found.message, found.ttl_offsets, ttl))
    assert aged.ttl_offsets == found.ttl_offsets
    ttl_bytes = {place for offset in found.ttl_offsets for place in range(offset, offset + 4)}
    different = {place for place, byte in enumerate(found.message) if aged.message[place] != byte}
    assert different <= ttl_bytes
    assert len(aged.message) == len(found.message)


@given(messages)
def test_sections_parse_or_are_malformed_and_can_be_composed_again(message: bytes) -> None:
    found = parse(read_sections, message)
    if found is None:
        return
    asked = read_query(query("a."))
    again = compose(asked, answer=found.answer, authority=found.authority, additional=found.additional)
    assert read_sections(again) == found


@given(messages, st.sampled_from(SAMPLES))
def test_matches_never_raises(message: bytes, sample: bytes) -> None:
    asked = read_query(sample)
    if matches(message, asked) and message[4:6] == b"\0\1":
        assert message[12 : 12 + len(asked.name)].lower() == asked.folded


@given(messages, st.integers(0, 130))
def test_a_name_is_read_or_refused_and_what_is_read_can_be_skipped(message: bytes, offset: int) -> None:
    try:
        name, end = read_name(message, offset)
    except (MalformedMessage, IndexError):
        return
    assert skip_name(message, offset) == end
    assert len(name) <= 255
    assert name_from_text(name_to_text(name)) == name
    with contextlib.suppress(dns.name.PointerChainTooLong):  # dnspython follows 16 pointers
        assert dns.name.from_wire(message, offset)[0].to_wire() == name


@st.composite
def subnet_options(draw: st.DrawFn) -> bytes:
    """Option data whose prefix has about the right length."""
    source = draw(st.integers(0, 32) | st.integers(0, 255))
    size = (source + 7) // 8 + draw(st.sampled_from([0, 0, 0, -1, 1]))
    prefix = (
        draw(st.binary(min_size=max(size, 0), max_size=max(size, 0))) if draw(st.booleans()) else bytes(max(size, 0))
    )
    return (
        bytes((0, draw(st.sampled_from([0, 1, 1, 2, 2, 3])), source, draw(st.sampled_from([0, 0, 24, 200])))) + prefix
    )


@given(subnet_options() | st.binary(max_size=24))
def test_a_client_subnet_parses_or_is_malformed(data: bytes) -> None:
    subnet = parse(read_client_subnet, data)
    if subnet is not None:
        assert subnet.encode()[4:] == data


names = st.lists(st.binary(min_size=1, max_size=12), max_size=6).map(
    lambda labels: b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
)


@given(st.text(max_size=80) | st.text(alphabet=".\\0123456789ab-\u00e9", max_size=80))
def test_text_is_a_name_or_a_value_error(text: str) -> None:
    try:
        name = name_from_text(text)
    except ValueError:
        return
    assert name_from_text(name_to_text(name)) == name
    assert read_name(bytes(12) + name, 12) == (name, 12 + len(name))


@given(names)
def test_each_name_survives_as_text(name: bytes) -> None:
    assert name_from_text(name_to_text(name)) == name


# Types whose rdata has no names in it, so that any bytes will do.
records = st.lists(
    st.builds(
        Record,
        names,
        st.sampled_from([1, 16, 28, 65280]),
        st.integers(0, 2**31 - 1),
        st.binary(max_size=600),
        st.just(1),
    ),
    max_size=8,
)


@given(names, records, records, records)
def test_composed_records_read_back(
    name: bytes, answer: list[Record], authority: list[Record], additional: list[Record]
) -> None:
    asked = read_query(struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + name + b"\0\1\0\1")
    message = compose(asked, answer=answer, authority=authority, additional=additional)
    assert read_sections(message) == Sections(answer, authority, additional)
    found = read_response(message)
    assert [int.from_bytes(message[offset : offset + 4], "big") for offset in found.ttl_offsets] == [
        record.ttl for record in answer + authority + additional
    ]


OWNERS = ["a.", "b.a.", "c.b.a.", "www.example.", "example."]
RDATA = [
    "A 10.0.0.1",
    "AAAA fd00::1",
    "CNAME www.example.",
    "MX 10 c.b.a.",
    "SRV 0 0 80 b.a.",
    'TXT "x" "y"',
    "NS b.a.",
]
lines = st.lists(
    st.builds(
        lambda owner, ttl, rdata: f"{owner} {ttl} IN {rdata}",
        st.sampled_from(OWNERS),
        st.integers(0, 2**31 - 1),
        st.sampled_from(RDATA),
    ),
    max_size=12,
).map(tuple)


@given(st.sampled_from(OWNERS), lines, lines, lines, limits, st.booleans(), st.booleans())
def test_dnspython_reads_what_we_send_of_what_it_wrote(
    owner: str,
    answer: tuple[str, ...],
    authority: tuple[str, ...],
    additional: tuple[str, ...],
    limit: int,
    upstream_edns: bool,
    client_edns: bool,
) -> None:
    asked = query(owner, payload=1232 if client_edns else None)
    wire = response(query(owner), answer=answer, authority=authority, additional=additional, edns=upstream_edns)
    whole = dns.message.from_wire(wire, one_rr_per_rrset=True)
    sent = dns.message.from_wire(finish(read_query(asked), read_response(wire), limit=limit), one_rr_per_rrset=True)
    assert (sent.edns == 0) is client_edns
    assert sent.question == whole.question
    if sent.flags & numbers.TC:
        assert sent.answer == whole.answer[: len(sent.answer)]
    else:
        assert sent.sections[1:] == whole.sections[1:]


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_fuzzed_samples_are_valid(sample: bytes) -> None:
    """Otherwise the mutations would only ever see the first check fail."""
    assert parse(read_query, sample) or parse(read_response, sample)
    assert parse(read_sections, sample)
