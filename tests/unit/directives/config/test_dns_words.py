"""Words of the DNS in a Corefile: types, rcodes and networks."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from clusterdns.corefile.lexer import Position, Token
from clusterdns.directives.config import dns_words
from clusterdns.errors import ConfigError


def _token(text: str) -> Token:
    return Token(text, "word", Position("f", 1, 1), 1)


@pytest.mark.parametrize(
    ("text", "number"), [("A", 1), ("aaaa", 28), ("ANY", 255), ("TYPE65280", 65280), ("type0", 0), ("TYPE65535", 65535)]
)
def test_types(text: str, number: int) -> None:
    assert dns_words.record_type(_token(text)) == number


@pytest.mark.parametrize("text", ["", "AA", "TYPE", "TYPE65536", "TYPE-1", "1", "TYPE\u0661"])
def test_no_types(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^f:1:1: .* is no record type"):
        dns_words.record_type(_token(text))


@pytest.mark.parametrize(("text", "number"), [("NOERROR", 0), ("nxdomain", 3), ("5", 5), ("NOTZONE", 10), ("10", 10)])
def test_rcodes(text: str, number: int) -> None:
    assert dns_words.rcode(_token(text)) == number


@pytest.mark.parametrize("text", ["", "NXDOMAN", "11", "16", "-1", "1.0", "\u0663", "BADVERS"])
def test_no_rcodes(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^f:1:1: .* is no rcode"):
        dns_words.rcode(_token(text))


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("192.0.2.1", "192.0.2.1/32"),
        ("fd00::1/8", "fd00::/8"),
        ("::/0", "::/0"),
        ("::1", "::1/128"),
    ],
)
def test_networks(text: str, network: str) -> None:
    assert dns_words.network(_token(text)) == ip_network(network)


@pytest.mark.parametrize("text", ["", "10.0.0.0/33", "10.0.0", "fd00::/129", "x", "10.0.0.0/8/8", "*"])
def test_no_networks(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^f:1:1: .* is no network"):
        dns_words.network(_token(text))
