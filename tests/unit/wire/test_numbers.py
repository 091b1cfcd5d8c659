"""The numbers against dnspython's tables, and their names."""

from __future__ import annotations

import dns.flags
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import pytest

from clusterdns.wire import numbers


@pytest.mark.parametrize("flag", ["QR", "AA", "TC", "RD", "RA", "AD", "CD"])
def test_flags(flag: str) -> None:
    assert getattr(numbers, flag) == dns.flags.from_text(flag)


def test_opcode_rcode_and_flags_cover_the_header_but_the_z_bit() -> None:
    flags = numbers.QR | numbers.AA | numbers.TC | numbers.RD | numbers.RA | numbers.AD | numbers.CD
    assert flags | numbers.OPCODE | numbers.RCODE == 0xFFFF - 0x40
    assert dns.opcode.from_flags(numbers.OPCODE) == 15


@pytest.mark.parametrize(
    "name",
    ["A", "NS", "CNAME", "SOA", "PTR", "MX", "TXT", "AAAA", "SRV", "DNAME", "OPT", "TSIG", "IXFR", "AXFR", "ANY"],
)
def test_types(name: str) -> None:
    number = getattr(numbers, name)
    assert number == dns.rdatatype.from_text(name)
    assert numbers.type_name(number) == name


@pytest.mark.parametrize("name", ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "BADVERS"])
def test_rcodes(name: str) -> None:
    assert getattr(numbers, name) == dns.rcode.from_text(name)


@pytest.mark.parametrize(("number", "name"), [(0, "TYPE0"), (65, "HTTPS"), (257, "CAA"), (65280, "TYPE65280")])
def test_type_names(number: int, name: str) -> None:
    assert numbers.type_name(number) == name


@pytest.mark.parametrize(
    ("number", "name"), [(0, "NOERROR"), (3, "NXDOMAIN"), (5, "REFUSED"), (9, "NOTAUTH"), (4095, "RCODE4095")]
)
def test_rcode_names(number: int, name: str) -> None:
    assert numbers.rcode_name(number) == name


def test_class() -> None:
    assert dns.rdataclass.IN == numbers.IN
