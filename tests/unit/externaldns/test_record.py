"""Names, targets and types of records: one form for what is equal."""

from __future__ import annotations

import pytest

from externaldns.record import Endpoint, find_fault, normalize_name, same_targets, suitable_type


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("web.example.org", "web.example.org"),
        (" Web.Example.ORG. ", "web.example.org"),
        ("*.example.org", "*.example.org"),
        ("_srv._tcp.example.org", "_srv._tcp.example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("STRASSE.straße.example", "strasse.strasse.example"),
        ("例え.example", "xn--r8jz45g.example"),
        ("\ud800.example", "\ud800.example"),
        ("", ""),
    ],
)
def test_a_name_has_one_form(written: str, normal: str) -> None:
    assert normalize_name(written) == normal
    assert normalize_name(normal) == normal


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (("1.1.1.1",), ("1.1.1.1",), True),
        (("1.1.1.1", "2.2.2.2"), ("2.2.2.2", "1.1.1.1"), True),
        (("FD00::0:1",), ("fd00::1",), True),
        (("LB.example.org.",), ("lb.example.org",), True),
        # An equal pair in two spellings must not hide the pair after it.
        (("fd00::0:1", "fd00::2"), ("fd00::1", "fd00::3"), False),
        (("1.1.1.1",), ("1.1.1.1", "1.1.1.1"), False),
        ((), ("1.1.1.1",), False),
    ],
)
def test_targets_are_the_same_whatever_their_spelling_and_order(
    left: tuple[str, ...], right: tuple[str, ...], equal: bool
) -> None:
    assert same_targets(left, right) is equal
    assert same_targets(right, left) is equal


@pytest.mark.parametrize(
    ("target", "record_type"),
    [
        ("10.0.0.1", "A"),
        ("fd00::1", "AAAA"),
        ("::ffff:10.0.0.1", "AAAA"),
        ("lb.example.org", "CNAME"),
        ("10.0", "CNAME"),
    ],
)
def test_the_target_decides_the_type(target: str, record_type: str) -> None:
    assert suitable_type(target) == record_type


@pytest.mark.parametrize(
    ("name", "targets", "record_type", "fault"),
    [
        ("web.example.org", ("1.1.1.1",), "A", None),
        (f"{'a' * 63}.example.org", ("1.1.1.1",), "A", None),
        (f"{'a' * 64}.example.org", ("1.1.1.1",), "A", "64 characters"),
        (".".join(["a" * 49] * 5) + ".abc", ("1.1.1.1",), "A", None),
        (".".join(["a" * 49] * 5) + ".abcd", ("1.1.1.1",), "A", "254 characters"),
        ("", ("1.1.1.1",), "A", "0 characters"),
        ("web..example.org", ("1.1.1.1",), "A", "label ''"),
        ("we b.example.org", ("1.1.1.1",), "A", "no DNS name can have"),
        ("\u00fc.example.org", ("1.1.1.1",), "A", "no DNS name can have"),
        ("web.example.org", (), "A", "target is empty"),
        ("web.example.org", ("",), "CNAME", "target is empty"),
        ("web.example.org", ("WEB.example.org.",), "CNAME", "itself"),
        ("web.example.org", ("192.0.2.x",), "A", "no IPv4 address"),
        ("web.example.org", ("fd00::1", "10.0.0.1"), "AAAA", "no IPv6 address"),
        ("web.example.org", ("LB_1.example.org.",), "CNAME", None),
        ("web.example.org", ("b\u00fccher.example",), "CNAME", None),
        ("web.example.org", ("999.1.1.1",), "CNAME", "neither an address nor a name"),
        ("web.example.org", ("fe80::1%eth0",), "CNAME", "neither an address nor a name"),
        ("web.example.org", ("10.0.",), "CNAME", "neither an address nor a name"),
        ("web.example.org", ("lb..example.org",), "CNAME", "label ''"),
        ("web.example.org", ("lb example.org",), "CNAME", "a name has no spaces"),
        ("web.example.org", (".",), "CNAME", "0 characters"),
        ("web.example.org", ("ns." + "a" * 64,), "NS", "64 characters"),
        ("1.2.0.192.in-addr.arpa", ("web.example.org",), "PTR", None),
        ("web.example.org", ("10 mail.example.org",), "MX", None),
        ("web.example.org", ("0 .",), "MX", None),
        ("web.example.org", ("mail.example.org",), "MX", "1 numbers below 65536 and a name are needed"),
        ("_a._tcp.example.org", ("0 50 80 web.example.org.",), "SRV", None),
        ("_a._tcp.example.org", ("0 50 65536 web.example.org.",), "SRV", "3 numbers"),
        ("_a._tcp.example.org", ("0 50 80",), "SRV", "3 numbers"),
        ("web.example.org", ("any words",), "TXT", None),
        ("web.example.org", ("192.0.2.1",), "SPF", "no record type"),
    ],
)
def test_what_cannot_be_a_record_says_why(
    name: str, targets: tuple[str, ...], record_type: str, fault: str | None
) -> None:
    found = find_fault(Endpoint(name, targets, record_type))
    assert (found is None) if fault is None else (fault in str(found))
