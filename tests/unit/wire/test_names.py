"""Names: text to wire and back, limits, compression."""

from __future__ import annotations

import dns.name
import pytest

from clusterdns.errors import MalformedMessage
from clusterdns.wire import names

LONGEST = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])

# text, wire form, text that comes back
ROUND_TRIPS = [
    (".", b"\0", "."),
    ("", b"\0", "."),
    ("web", b"\x03web\0", "web."),
    ("web.", b"\x03web\0", "web."),
    ("Web.SHOP.", b"\x03Web\x04SHOP\0", "Web.SHOP."),
    ("_http._tcp.web", b"\x05_http\x04_tcp\x03web\0", "_http._tcp.web."),
    ("*.shop", b"\x01*\x04shop\0", "*.shop."),
    ("10-0-0-1.shop.pod", b"\x0810-0-0-1\x04shop\x03pod\0", "10-0-0-1.shop.pod."),
    (r"a\.b.c", b"\x03a.b\x01c\0", r"a\.b.c."),
    (r"a\\b.c", b"\x03a\\b\x01c\0", r"a\\b.c."),
    (r"\065.c", b"\x01A\x01c\0", "A.c."),
    (r"\000.\255", b"\x01\0\x01\xff\0", r"\000.\255."),
    (r"a\032b", b"\x03a b\0", r"a\032b."),
    (r"a\;b\"c\@\$\(\)", b'\x09a;b"c@$()\0', r"a\;b\"c\@\$\(\)."),
    (r"a\.", b"\x02a.\0", r"a\.."),
    (r"\046.", b"\x01.\0", r"\.."),
    ("caf\u00e9", b"\x05caf\xc3\xa9\0", r"caf\195\169."),
    ("a" * 63, b"\x3f" + b"a" * 63 + b"\0", "a" * 63 + "."),
    (LONGEST, names.name_from_text(LONGEST), LONGEST + "."),
]


@pytest.mark.parametrize(("text", "wire", "back"), ROUND_TRIPS)
def test_text_and_wire(text: str, wire: bytes, back: str) -> None:
    assert names.name_from_text(text) == wire
    assert names.name_to_text(wire) == back
    assert names.name_from_text(back) == wire
    # dnspython reads our text as the same name.
    assert dns.name.from_text(back).to_wire() == wire


def test_the_longest_name_has_255_bytes() -> None:
    assert len(names.name_from_text(LONGEST)) == 255


@pytest.mark.parametrize("byte", range(256))
def test_each_byte_survives_as_text(byte: int) -> None:
    wire = b"\x03a" + bytes((byte,)) + b"z\x01c\0"
    text = names.name_to_text(wire)
    assert text.isprintable()
    assert text.isascii()
    assert names.name_from_text(text) == wire
    assert dns.name.from_text(text).to_wire() == wire


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("..", "label of 0 bytes"),
        (".a", "label of 0 bytes"),
        ("a..b", "label of 0 bytes"),
        ("a..", "label of 0 bytes"),
        (r"a\065..", "label of 0 bytes"),
        (r".\065", "label of 0 bytes"),
        ("a" * 64, "label of 64 bytes"),
        ("\u00e9" * 32, "label of 64 bytes"),
        (LONGEST + "d", "256 bytes"),
        (".".join(["a"] * 128), "257 bytes"),
        ("a\\", "ends in a backslash"),
        (r"\256", r"\\256"),
        (r"\06", r"\\06"),
        (r"\06x", r"\\06x"),
        (r"\0" + "\u0661\u0662", "three digits"),
    ],
)
def test_refuses_text(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        names.name_from_text(text)


@pytest.mark.parametrize(
    ("name", "zone", "expected"),
    [
        ("a.shop.local", "shop.local", True),
        ("shop.local", "shop.local", True),
        ("a.b.c.shop.local", "shop.local", True),
        ("shop.local", ".", True),
        (".", ".", True),
        (".", "local", False),
        ("local", "shop.local", False),
        ("myshop.local", "shop.local", False),
        (r"a\004shop.local", "shop.local", False),
        ("shop.local.net", "shop.local", False),
    ],
)
def test_is_at_or_below(name: str, zone: str, expected: bool) -> None:
    assert names.is_at_or_below(names.name_from_text(name), names.name_from_text(zone)) is expected
    assert dns.name.from_text(name).is_subdomain(dns.name.from_text(zone)) is expected


def test_parents_end_at_the_root() -> None:
    assert list(names.parents(b"\x01a\x02bc\0")) == [b"\x01a\x02bc\0", b"\x02bc\0", b"\0"]
    assert list(names.parents(b"\0")) == [b"\0"]


def test_labels() -> None:
    assert names.labels(b"\x01a\x02bc\0") == [b"a", b"bc"]
    assert names.labels(b"\0") == []


def test_fold_changes_ascii_letters_and_nothing_else() -> None:
    name = b"\x3f" + bytes(range(0x80, 0xBF)) + b"\x04AZ[@\0"
    assert names.fold(name) == name[:-5] + b"az[@\0"


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        ("web", "shop.svc", "web.shop.svc"),
        (".", "shop.svc", "shop.svc"),
        ("web", ".", "web"),
        (LONGEST[:-2], "d", LONGEST[:-2] + ".d"),
        (LONGEST[:-1], "d", None),
    ],
)
def test_join(first: str, second: str, joined: str | None) -> None:
    expected = names.name_from_text(joined) if joined else None
    assert names.join(names.name_from_text(first), names.name_from_text(second)) == expected


HEADER = bytes(12)
LABEL_63 = b"\x3f" + b"a" * 63

# bytes behind a header, where the name starts, the name, where it ends; counted from the message's start
COMPRESSED = [
    (b"\x01a\0", 12, b"\x01a\0", 15),
    (b"\x01a\0\xc0\x0c", 15, b"\x01a\0", 17),
    (b"\x01a\0\x01b\xc0\x0c", 15, b"\x01b\x01a\0", 19),
    (b"\x01a\0\x01b\xc0\x0c\x01c\xc0\x0f", 19, b"\x01c\x01b\x01a\0", 23),
    (b"\x01a\0\xc0\x0c\xc0\x0f", 17, b"\x01a\0", 19),
    (b"\0\xc0\x0c", 13, b"\0", 15),
    (b"\x01a\x01b\0\xc0\x0e", 17, b"\x01b\0", 19),
    (LABEL_63 * 3 + b"\x3d" + b"b" * 61 + b"\0\xc0\x0c", 267, LABEL_63 * 3 + b"\x3d" + b"b" * 61 + b"\0", 269),
    (LABEL_63 * 3 + b"\0\x3d" + b"b" * 61 + b"\xc0\x0c", 205, b"\x3d" + b"b" * 61 + LABEL_63 * 3 + b"\0", 269),
]


@pytest.mark.parametrize(("body", "start", "name", "end"), COMPRESSED)
def test_reads_and_skips_compressed_names(body: bytes, start: int, name: bytes, end: int) -> None:
    message = HEADER + body
    assert names.read_name(message, start) == (name, end)
    assert names.skip_name(message, start) == end
    assert dns.name.from_wire(message, start)[0].to_wire() == name


# Refused by both: what the name's own bytes show.
@pytest.mark.parametrize(
    ("body", "start"),
    [
        pytest.param(b"\xc0\x0c", 12, id="to itself"),
        pytest.param(b"\x01a\xc0\x0c", 12, id="to the start of its own name"),
        pytest.param(b"\x01a\0\x01b\x01c\xc0\x11", 15, id="into its own name"),
        pytest.param(b"\xc0\x0e\x01a\0", 12, id="forward"),
        pytest.param(b"\xff\xff", 12, id="behind the message"),
        pytest.param(b"\x01a\0\xc0\x00", 15, id="into the header"),
        pytest.param(b"\x01a\0\xc0\x0b", 15, id="to the header's last byte"),
        pytest.param(b"\x40a\0", 12, id="label type 01"),
        pytest.param(b"\x80a\0", 12, id="label type 10"),
        pytest.param(LABEL_63 * 4 + b"\0", 12, id="257 bytes"),
        pytest.param(LABEL_63 * 3 + b"\x3e" + b"b" * 62 + b"\0", 12, id="256 bytes"),
        pytest.param(b"\x01a" * 127 + b"\x01a\0", 12, id="128 labels"),
        pytest.param(b"\0" + LABEL_63 * 4 + b"\xc0\x0c", 13, id="256 bytes before a pointer"),
    ],
)
def test_refuses_names(body: bytes, start: int) -> None:
    for read in (names.read_name, names.skip_name):
        with pytest.raises(MalformedMessage):
            read(HEADER + body, start)


# Refused only by the reader that follows pointers; the last number is how many bytes of the message the name takes.
@pytest.mark.parametrize(
    ("body", "start", "size"),
    [
        pytest.param(b"\xc0\x0e\xc0\x0c", 14, 2, id="a loop of two"),
        pytest.param(b"\xc0\x0c\xc0\x0c", 14, 2, id="to a pointer to itself"),
        pytest.param(b"\x40\xc0\x0c", 13, 2, id="to label type 01"),
        pytest.param(b"\x03a\xc0\x0c\0", 14, 2, id="to a label that runs over the pointer"),
        pytest.param(bytes(188) + b"\xc0\xc0\xc8", 201, 2, id="to a pointer that overlaps it"),
        pytest.param(LABEL_63 * 3 + b"\0\x3e" + b"b" * 62 + b"\xc0\x0c", 205, 65, id="256 bytes once expanded"),
    ],
)
def test_refuses_what_pointers_lead_to(body: bytes, start: int, size: int) -> None:
    message = HEADER + body
    assert names.skip_name(message, start) == start + size
    with pytest.raises(MalformedMessage):
        names.read_name(message, start)


def test_no_name_takes_more_steps_than_it_can_have_labels() -> None:
    # 16,000 bytes of pointers, each to the one before: the last name would take 8,000 steps, its neighbours as many.
    chain = [b"\0", b"\xc0\x0c"]
    while len(chain) < 8000:
        chain.append((0xC000 | 13 + 2 * (len(chain) - 2)).to_bytes(2, "big"))
    message = HEADER + b"".join(chain)
    hops = 0
    offset = 13
    while offset < len(message):
        try:
            names.read_name(message, offset)
        except MalformedMessage:
            break
        hops += 1
        offset += 2
    assert hops == 127


@pytest.mark.parametrize("body", [b"", b"\x01", b"\x01a", b"\x01a\xc0", b"\x3faaa", b"\x01a\x01b"])
def test_a_name_cut_short(body: bytes) -> None:
    for read in (names.read_name, names.skip_name):
        with pytest.raises((MalformedMessage, IndexError)):
            read(HEADER + body, 12)
