"""Server block keys and the reverse zones of networks."""

from __future__ import annotations

import pytest

from clusterdns.corefile.keys import listen_keys
from clusterdns.corefile.lexer import Position, Token
from clusterdns.corefile.zones import zones_from_text
from clusterdns.errors import ConfigError


def _token(text: str) -> Token:
    return Token(text, "word", Position("f", 3, 5), 3)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (".", ["dns://.:53"]),
        (".:1053", ["dns://.:1053"]),
        (":1053", ["dns://.:1053"]),
        ("dns://.:1053", ["dns://.:1053"]),
        ("DNS://.", ["dns://.:53"]),
        ("cluster.local:53", ["dns://cluster.local.:53"]),
        ("Cluster.Local.", ["dns://cluster.local.:53"]),
        ("in-addr.arpa", ["dns://in-addr.arpa.:53"]),
        ("_tcp.example", ["dns://_tcp.example.:53"]),
        ("10.0.0.0/8", ["dns://10.in-addr.arpa.:53"]),
        ("10.0.0.0/8:1053", ["dns://10.in-addr.arpa.:1053"]),
        ("2001:db8::/32", ["dns://8.b.d.0.1.0.0.2.ip6.arpa.:53"]),
        ("dns://2001:db8::/32:1053", ["dns://8.b.d.0.1.0.0.2.ip6.arpa.:1053"]),
        ("10.0.0.0/7", ["dns://10.in-addr.arpa.:53", "dns://11.in-addr.arpa.:53"]),
        (".:0", ["dns://.:0"]),
    ],
)
def test_keys(text: str, keys: list[str]) -> None:
    assert [str(key) for key in listen_keys(_token(text))] == keys


def test_the_default_port_is_the_callers() -> None:
    assert [key.port for text in ("a", "a:53") for key in listen_keys(_token(text), 1053)] == [1053, 53]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tls://.:853", "f:3:5: tls:// is not supported here: listen for plain DNS, as in dns://.:853"),
        ("https://.", "f:3:5: https:// is not supported here"),
        ("grpc://.", "f:3:5: grpc:// is not supported here"),
        ("quic://.", "f:3:5: quic:// is not supported here"),
        ("dsn://.", 'f:3:5: unknown transport "dsn://"; did you mean "dns://"?'),
        ("://.", 'f:3:5: unknown transport "://"'),
        (".:99999", "f:3:5: port is 99999, but must be between 0 and 65535"),
        (".:http", 'f:3:5: ".:http" is no key: "http" is no port number'),
        (".:", 'f:3:5: ".:" is no key: "" is no port number'),
        ("dns://", "f:3:5: the name is empty"),
        ("a..b", "f:3:5: 'a..b' has a label of 0 bytes"),
        ("a" * 64, "f:3:5: "),
        (".".join(["a" * 60] * 5), "f:3:5: "),
        ("10.0.0.1", 'f:3:5: "10.0.0.1" is an address, not a zone; for its reverse zone write 10.0.0.1/32'),
        ("10.0.0.0/33", 'f:3:5: "10.0.0.0/33" is no network'),
        ("10.0.0/8", 'f:3:5: "10.0.0/8" is no network'),
        ("10.0.0.0/255.0.0.0", 'f:3:5: "10.0.0.0/255.0.0.0" is no network'),
        ("fe80::%eth0/64", 'f:3:5: "fe80::%eth0/64" is no network'),
        ("/", 'f:3:5: "/" is no network'),
        ("example.org{", "f:3:5: \"example.org{\" is no domain name: '{' does not belong there"),
        ("::1", 'f:3:5: "::1" is no key: ":1" is no port number'),
    ],
)
def test_keys_that_are_none(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        listen_keys(_token(text))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("network", "zones"),
    [
        ("0.0.0.0/0", ["in-addr.arpa."]),
        ("10.0.0.1/8", ["10.in-addr.arpa."]),
        ("192.168.1.0/24", ["1.168.192.in-addr.arpa."]),
        ("192.0.2.1/32", ["1.2.0.192.in-addr.arpa."]),
        ("10.96.0.0/15", ["96.10.in-addr.arpa.", "97.10.in-addr.arpa."]),
        ("::/0", ["ip6.arpa."]),
        ("fd00::/8", ["d.f.ip6.arpa."]),
        ("fe80::/10", [f"{digit}.e.f.ip6.arpa." for digit in "89ab"]),
        ("2001:db8::1/128", [".".join(["1", *"0" * 23, *"8bd01002"]) + ".ip6.arpa."]),
    ],
)
def test_reverse_zones(network: str, zones: list[str]) -> None:
    assert list(zones_from_text(network)) == zones


def test_a_network_off_the_boundary_is_all_of_its_zones() -> None:
    assert len(zones_from_text("10.0.0.0/1")) == 128
    assert zones_from_text("172.16.0.0/12")[-1] == "31.172.in-addr.arpa."
