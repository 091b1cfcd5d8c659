"""EDNS and Client Subnet: every prefix length, against dnspython, and what does not fit."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import dns.edns
import dns.message
import pytest

from clusterdns.errors import MalformedMessage
from clusterdns.wire.edns import ClientSubnet, encode_opt, read_client_subnet

PREFIXES = [(4, bits) for bits in range(33)] + [(6, bits) for bits in range(129)]


def network(version: int, bits: int) -> ClientSubnet:
    """All ones, then zeros behind the prefix: a mistake by one bit shows."""
    whole = "255.255.255.255" if version == 4 else "ffff:" * 7 + "ffff"
    return ClientSubnet(ip_network(f"{whole}/{bits}", strict=False).network_address.packed, bits)


@pytest.mark.parametrize(("version", "bits"), PREFIXES)
def test_client_subnet_there_and_back(version: int, bits: int) -> None:
    subnet = network(version, bits)
    option = subnet.encode()
    assert read_client_subnet(option[4:]) == subnet
    assert subnet.is_host is (bits == len(subnet.address) * 8)
    by_dnspython = dns.edns.ECSOption(subnet.text(), bits)
    assert option[4:] == by_dnspython.to_wire()
    assert option[:4] == b"\0\x08" + len(option[4:]).to_bytes(2, "big")


@pytest.mark.parametrize(("version", "bits"), PREFIXES)
def test_a_prefix_of_another_length_does_not_fit(version: int, bits: int) -> None:
    data = network(version, bits).encode()[4:]
    with pytest.raises(MalformedMessage):
        read_client_subnet(data + b"\0")
    for end in range(len(data)):
        with pytest.raises(MalformedMessage):
            read_client_subnet(data[:end])
    if bits % 8:
        with pytest.raises(MalformedMessage, match="behind its prefix"):
            read_client_subnet(data[:-1] + bytes((data[-1] | 1,)))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\0\3\0\0", id="unknown family"),
        pytest.param(b"\x01\0\0\0", id="family 256"),
        pytest.param(b"\0\0\1\0\x80", id="family 0 with a prefix"),
        pytest.param(b"\0\0\0\1", id="family 0 with a scope"),
        pytest.param(b"\0\1\x21\0\x0a\0\0\1\0", id="v4 prefix over 32"),
        pytest.param(b"\0\1\x20\x21\x0a\0\0\1", id="v4 scope over 32"),
        pytest.param(b"\0\2\x81\0" + bytes(17), id="v6 prefix over 128"),
        pytest.param(b"\0\2\x80\x81" + bytes(16), id="v6 scope over 128"),
    ],
)
def test_refuses_a_client_subnet(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        read_client_subnet(data)


@pytest.mark.parametrize("scope", [0, 1, 24, 32])
def test_scope(scope: int) -> None:
    subnet = ClientSubnet(b"\x0a\0\0\1", 32, scope)
    assert read_client_subnet(subnet.encode()[4:]).scope == scope


def test_dig_asks_with_family_0_not_to_pass_an_address_on() -> None:
    subnet = read_client_subnet(b"\0\0\0\0")
    assert subnet == ClientSubnet(b"", 0)
    assert not subnet.is_host
    assert subnet.text() == ""
    assert subnet.encode() == b"\0\x08\0\4\0\0\0\0"


@pytest.mark.parametrize("address", ["10.0.0.1", "0.0.0.0", "fd00::1", "::", "::ffff:10.0.0.1"])
def test_of_names_one_client(address: str) -> None:
    parsed: IPv4Address | IPv6Address = ip_address(address)
    subnet = ClientSubnet.of(parsed, scope=8)
    assert subnet.is_host
    assert subnet.scope == 8
    assert subnet.text() == parsed.compressed
    assert ip_address(subnet.address) == parsed


@pytest.mark.parametrize("rcode", [0, 3, 15, 16, 23, 4095])
@pytest.mark.parametrize("dnssec_ok", [False, True])
@pytest.mark.parametrize("subnet", [None, ClientSubnet(b"\x0a\1\2\0", 24, 24), ClientSubnet(bytes(16), 128)])
def test_dnspython_reads_our_opt(rcode: int, dnssec_ok: bool, subnet: ClientSubnet | None) -> None:
    header = b"\0\1" + (0x8000 | rcode & 15).to_bytes(2, "big") + b"\0\0\0\0\0\0\0\1"
    message = dns.message.from_wire(header + encode_opt(rcode=rcode, dnssec_ok=dnssec_ok, subnet=subnet))
    assert message.edns == 0
    assert message.payload == 1232
    assert message.rcode() == rcode
    assert message.ednsflags & 0xFFFF == (0x8000 if dnssec_ok else 0)
    expected = [dns.edns.ECSOption(subnet.text(), subnet.source, subnet.scope)] if subnet else []
    assert list(message.options) == expected
