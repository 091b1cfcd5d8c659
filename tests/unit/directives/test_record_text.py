"""Records from text: each type as dnspython reads it, and what is refused."""

from __future__ import annotations

import contextlib

import dns.rdata
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.directives.record_text import read_record
from clusterdns.wire.names import name_from_text, name_to_text

# Text, owner, TTL, type, rdata as dnspython reads it.
ROWS: list[tuple[str, str, int, str, str]] = [
    ("x. 60 IN A 10.0.0.1", "x.", 60, "A", "10.0.0.1"),
    ("x.y A 10.0.0.1", "x.y.", 3600, "A", "10.0.0.1"),
    ("X. IN 60 a 10.0.0.1", "X.", 60, "A", "10.0.0.1"),
    ("x. in AAAA fd00::1", "x.", 3600, "AAAA", "fd00::1"),
    ("x. 1h30m AAAA ::ffff:10.0.0.1", "x.", 5400, "AAAA", "::ffff:10.0.0.1"),
    ("x. 1W CNAME y", "x.", 604800, "CNAME", "y."),
    ("x. 0 NS ns.y.", "x.", 0, "NS", "ns.y."),
    ("x. DNAME y.", "x.", 3600, "DNAME", "y."),
    ("1.0.0.10.in-addr.arpa. 5 IN PTR ip-10.example.", "1.0.0.10.in-addr.arpa.", 5, "PTR", "ip-10.example."),
    ("x. 5 MX 10 mail", "x.", 5, "MX", "10 mail."),
    ("x. 5 SRV 1 2 65535 y.", "x.", 5, "SRV", "1 2 65535 y."),
    ("x. 5 SOA ns. root. (1 60 2m 86400 3600)", "x.", 5, "SOA", "ns. root. 1 60 120 86400 3600"),
    ("x. 5 SOA ns. root. 4294967295 1 2 3 4", "x.", 5, "SOA", "ns. root. 4294967295 1 2 3 4"),
    ('x. 5 TXT "a b" c', "x.", 5, "TXT", '"a b" "c"'),
    ('x. 5 TXT "a\\"b\\065\\\\"', "x.", 5, "TXT", '"a\\"bA\\\\"'),
    ('x. 5 TXT ""', "x.", 5, "TXT", '""'),
    ("x. 5 TXT grün", "x.", 5, "TXT", '"gr\\195\\188n"'),
    ('x. 5 CAA 0 issue "ca.example"', "x.", 5, "CAA", '0 issue "ca.example"'),
    ('x. 5 IN NAPTR 1 2 "s" "x" "" y.', "x.", 5, "NAPTR", '1 2 "s" "x" "" y.'),
    ("x. 5 IN HTTPS 1 . alpn=h2", "x.", 5, "HTTPS", '1 . alpn="h2"'),
    (". 5 IN A 10.0.0.1", ".", 5, "A", "10.0.0.1"),
    ("a\\.b\\032c\\(.x. 5 IN A 10.0.0.1", "a\\.b\\032c\\(.x.", 5, "A", "10.0.0.1"),
]


@pytest.mark.parametrize(("text", "owner", "ttl", "rtype", "rdata"), ROWS, ids=[row[0] for row in ROWS])
def test_read(text: str, owner: str, ttl: int, rtype: str, rdata: str) -> None:
    record = read_record(text)
    assert (name_to_text(record.owner), record.ttl, record.rclass) == (owner, ttl, 1)
    read = dns.rdata.from_wire("IN", dns.rdatatype.RdataType.make(record.rtype), record.rdata, 0, len(record.rdata))
    assert (dns.rdatatype.to_text(read.rdtype), read.to_text()) == (rtype, rdata)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "it ends too early"),
        ("x.", "it ends too early"),
        ("x. 60", "it ends too early"),
        ("x. 60 IN", "it ends too early"),
        ("x. 60 IN A", "it ends too early"),
        ("x. 60 IN MX 10", "it ends too early"),
        ("x. 60 IN SOA a. b. 1 2 3 4", "it ends too early"),
        ("x. 60 IN TXT", "it ends too early"),
        ("x. 60 IN A 10.0.0.1 10.0.0.2", '"10.0.0.2" is too much'),
        ("x. 60 IN A 10.0.0.256", "10.0.0.256"),
        ("x. 60 IN A 010.0.0.1", "010.0.0.1"),
        ("x. 60 IN A fd00::1", "fd00::1"),
        ("x. 60 IN AAAA 1::2::3", "1::2::3"),
        ("x. 60 IN AAAA fe80::1%eth0", "has a zone"),
        ("x. 60 IN AAAA 10.0.0.1", "10.0.0.1"),
        ("x. 60 IN MX 65536 a.", '"65536" is no number of 16 bits'),
        ("x. 60 IN MX -1 a.", '"-1" is no number of 16 bits'),
        ("x. 60 IN SOA a. b. 4294967296 1 2 3 4", '"4294967296" is no number of 32 bits'),
        ("x. 60 IN SOA a. b. 1 x 2 3 4", '"x" is no TTL'),
        ("x. 60 CH TXT a", '"CH" is no type'),
        ("x. 60 IN NOPE a", '"NOPE" is no type'),
        ("x. 2147483648 IN A 10.0.0.1", '"2147483648" is no TTL'),
        ("x. 6y IN A 10.0.0.1", '"6y" is no TTL'),
        ("x. 60 IN CNAME a..b", "label of 0 bytes"),
        ("x. 60 IN CNAME " + "a" * 64, "label of 64 bytes"),
        ("x. 60 IN TXT " + "a" * 256, "256 bytes"),
        ('x. 60 IN TXT "\\256"', "is no byte"),
        ('x. 60 IN TXT "a', "can't be read"),
        ("x. 60 IN A 10.0.0.1 ; comment", "can't be read"),
        ("x. 60 IN CAA 0", "not a record"),
    ],
)
def test_refused(text: str, error: str) -> None:
    with pytest.raises(ValueError, match="is not a record") as refusal:
        read_record(text)
    assert error in str(refusal.value)


@given(st.binary(min_size=1, max_size=63), st.sampled_from(["A 10.0.0.1", "CNAME {}", "TXT {}", 'TXT "{}"', "MX 1 {}"]))
def test_every_name_may_stand_anywhere(label: bytes, form: str) -> None:
    """What a client asks for is put into templates as text: it comes out as the same name, and as nothing else."""
    name = bytes((len(label),)) + label + b"\0"
    text = name_to_text(name)
    record = read_record(f"{text} 60 IN {form.format(text)}")
    assert record.owner == name
    if "CNAME" in form or "MX" in form:
        assert record.rdata.endswith(name_from_text(text))


@given(st.text(alphabet='aAI N0123456789.\\"();$\n-:/é', max_size=60))
def test_any_text_is_a_record_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        read_record(f"x. CAA {text}")
    for candidate in (text, f"x. 60 IN A {text}", f"x. TXT {text}", f"x. SOA {text}"):
        record = None
        with contextlib.suppress(ValueError):
            record = read_record(candidate)
        # What we read ourselves is a record that others can read, too.
        if record is not None:
            dns.rdata.from_wire("IN", dns.rdatatype.RdataType.make(record.rtype), record.rdata, 0, len(record.rdata))
