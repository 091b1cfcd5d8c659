"""Arguments and options: each kind of value read right, and refused with its place."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clusterdns.corefile import reading
from clusterdns.corefile.lexer import Position, Token
from clusterdns.corefile.parse import parse
from clusterdns.corefile.tree import Directive
from clusterdns.errors import ConfigError
from clusterdns.limit import Limit

LIMIT = Limit("wait", 5, 1, 3600, "seconds", "test")
Read = Callable[[Token], object]


def _token(text: str) -> Token:
    return Token(text, "word", Position("f", 3, 5), 3)


def _directive(text: str) -> Directive:
    return parse(f". {{\n{text}\n}}", "f", environ={}).server_blocks[0].directives[0]


def _integer(token: Token) -> object:
    return reading.integer(token, LIMIT)


def _seconds(token: Token) -> object:
    return reading.seconds(token, LIMIT)


def _endpoint(token: Token) -> object:
    found = reading.endpoint(token, 9153)
    return (found.host, found.port)


def _host(token: Token) -> object:
    return reading.host_and_port(token, 53)


def _network(token: Token) -> object:
    return str(reading.network(token))


def _policy(token: Token) -> object:
    return reading.keyword(token, ("random", "sequential"), "policy")


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (_integer, "1", 1),
        (_integer, "3600", 3600),
        (_seconds, "1s", 1.0),
        (_seconds, "1m30s", 90.0),
        (reading.address, "192.0.2.1", "192.0.2.1"),
        (reading.address, "2001:DB8:0::1", "2001:db8::1"),
        (reading.address, "fe80::1%eth0", "fe80::1%eth0"),
        (_network, "10.0.0.0/8", "10.0.0.0/8"),
        (_network, "10.0.0.1", "10.0.0.1/32"),
        (_network, "fd00::/8", "fd00::/8"),
        (_endpoint, ":9253", ("", 9253)),
        (_endpoint, "127.0.0.1:9253", ("127.0.0.1", 9253)),
        (_endpoint, "127.0.0.1", ("127.0.0.1", 9153)),
        (_endpoint, "localhost:9253", ("localhost", 9253)),
        (_endpoint, "localhost", ("localhost", 9153)),
        (_endpoint, "[::1]:9253", ("::1", 9253)),
        (_endpoint, "[::1]", ("::1", 9153)),
        (_endpoint, "127.0.0.1:0", ("127.0.0.1", 0)),
        (_host, "2001:4860:4860::8888", ("2001:4860:4860::8888", 53)),
        (_host, "[2001:DB8::1]:1053", ("2001:db8::1", 1053)),
        (_host, "192.0.2.1:1053", ("192.0.2.1", 1053)),
        (reading.name, "Example.ORG", "example.org."),
        (reading.name, ".", "."),
        (reading.path, "/etc/resolv.conf", "/etc/resolv.conf"),
        (_policy, "sequential", "sequential"),
    ],
)
def test_reads(read: Read, text: str, value: object) -> None:
    assert read(_token(text)) == value


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (_integer, "x", 'wait needs a whole number, not "x"'),
        (_integer, "", 'wait needs a whole number, not ""'),
        (_integer, "1.5", 'wait needs a whole number, not "1.5"'),
        (_integer, "\u0661", "wait needs a whole number"),
        (_integer, "1_0", "wait needs a whole number"),
        (_integer, "9" * 5000, "wait needs a whole number"),
        (_integer, "0", "wait is 0, but must be between 1 and 3600 seconds"),
        (_integer, "-1", "wait is -1, but must be between 1 and 3600 seconds"),
        (_seconds, "5", 'wait: "5" is not a duration: write a number with its unit'),
        (_seconds, "2h", "wait is 7200, but must be between 1 and 3600 seconds"),
        (reading.address, "eth0", '"eth0" is no IP address'),
        (reading.address, "1.2.3", '"1.2.3" is no IP address'),
        (reading.address, "fe80::1%a b", '"fe80::1%a b" is no IP address'),
        (_network, "10.0.0.1/8", "10.0.0.1/8 has host bits set: write it as"),
        (_network, "all", '"all" is no network'),
        (_endpoint, ":http", '":http": "http" is no port number'),
        (_endpoint, "a b:80", '"a b:80" is no address to listen on'),
        (_endpoint, ":99999", "port is 99999"),
        (_endpoint, "fd00::a:8080", '"fd00::a:8080" may mean two things: write an IPv6 address in brackets'),
        (_endpoint, "[::1:80", "is no address"),
        (_endpoint, "[127.0.0.1]:80", "is no address"),
        (_endpoint, "1:2:3:80", "is no address"),
        (_host, "192.0.2.1:", '"192.0.2.1:": "" is no port number'),
        (reading.name, "", "the name is empty"),
        (reading.name, "a b", "is no domain name"),
        (reading.path, "", "a file name is needed here"),
        (_policy, "randon", 'unknown policy "randon": write random or sequential; did you mean "random"?'),
        (_policy, "x", 'unknown policy "x": write random or sequential'),
    ],
)
def test_refuses_with_the_place(read: Read, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(_token(text))
    assert str(caught.value).startswith("f:3:5: ")
    assert message in str(caught.value)


def test_zones_of_several_words() -> None:
    assert reading.zones([_token("A.example"), _token("10.0.0.0/7")]) == (
        "a.example.",
        "10.in-addr.arpa.",
        "11.in-addr.arpa.",
    )


@pytest.mark.parametrize(
    ("text", "minimum", "maximum", "message"),
    [
        ("d a", 0, 0, "f:2:3: d takes no arguments, but has 1"),
        ("d", 1, 1, "f:2:1: d takes 1 argument, but has 0"),
        ("d a b c", 2, 2, "f:2:7: d takes 2 arguments, but has 3"),
        ("d", 2, None, "f:2:1: d takes at least 2 arguments, but has 0"),
        ("d a b", 0, 1, "f:2:5: d takes at most 1 argument, but has 2"),
        ("d a b c d", 1, 3, "f:2:9: d takes 1 to 3 arguments, but has 4"),
    ],
)
def test_counts_arguments(text: str, minimum: int, maximum: int | None, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        reading.arguments(_directive(text), minimum, maximum)
    assert str(caught.value) == message


def test_arguments_within_the_count_are_returned() -> None:
    assert [token.text for token in reading.arguments(_directive("d a b"), 1, None)] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cache {\n sucess\n}", 'f:3:2: unknown option "sucess" of cache; did you mean "success"?'),
        ("cache {\n zzz\n}", 'f:3:2: unknown option "zzz" of cache'),
        ("cache {\n later\n}", "f:3:2: the option later of cache is not supported here; remove it"),
        ("cache {\n success {\n }\n}", 'f:3:2: success has no options: remove its "{ }"'),
    ],
)
def test_options_that_are_none(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        list(reading.options(_directive(text), ("success", "denial"), refused=("later",)))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "names"),
    [("cache", []), ("cache {\n}", []), ("cache {\n denial 1\n success\n}", ["denial", "success"])],
)
def test_options(text: str, names: list[str]) -> None:
    assert [option.name for option in reading.options(_directive(text), ("success", "denial"))] == names
