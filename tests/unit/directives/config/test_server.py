"""Server blocks: keys, known directives, and what two blocks must not share."""

from __future__ import annotations

import pytest

from clusterdns.corefile.parse import parse
from clusterdns.directives.config import bind, cache, errors, forward, log
from clusterdns.directives.config.absent import INSTEAD
from clusterdns.directives.config.server import STANDARD, ServerConfig, load
from clusterdns.errors import ConfigError


def _load(text: str, default_port: int = 53) -> tuple[ServerConfig, ...]:
    return load(parse(text, "Corefile", environ={}), STANDARD, default_port=default_port)


def test_keys_zones_and_ports() -> None:
    (server,) = _load("a.example, b.example:1053 a.example:54 10.0.0.0/7 {\n}", default_port=5300)
    assert [str(key) for key in server.keys] == [
        "dns://a.example.:5300",
        "dns://b.example.:1053",
        "dns://a.example.:54",
        "dns://10.in-addr.arpa.:5300",
        "dns://11.in-addr.arpa.:5300",
    ]
    assert server.zones == ("a.example.", "b.example.", "10.in-addr.arpa.", "11.in-addr.arpa.")
    assert (server.position.line, server.position.column) == (1, 1)


def test_directives_by_type_and_in_order() -> None:
    (server,) = _load(
        ". {\n bind 127.0.0.1\n forward a 192.0.2.1\n errors\n bind ::1 127.0.0.1\n"
        " forward . 192.0.2.2\n log a\n log b\n}"
    )
    assert list(server.directives) == ["bind", "forward", "errors", "log"]
    assert server.addresses == ("127.0.0.1", "::1")
    assert [config.zones for config in server.all(forward.Config)] == [("a.",), (".",)]
    assert [config.zones for config in server.all(log.Config)] == [("a.",), ("b.",)]
    assert len(server.all(bind.Config)) == 2
    assert server.one(errors.Config) == errors.Config()
    assert server.one(cache.Config) is None


@pytest.mark.parametrize(
    "text",
    [
        "a {\n}\nb {\n}",
        "a:53 {\n}\na:54 {\n}",
        "a {\n}\nb.a {\n}",
        "a {\n bind 127.0.0.1\n}\na {\n bind 127.0.0.2\n}",
        "a {\n bind 127.0.0.1\n}\na {\n bind ::1\n}",
    ],
)
def test_blocks_side_by_side(text: str) -> None:
    assert len(_load(text)) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'Corefile:1:1: there is no server block: write at least ". { ... }"'),
        (". {\n cach 30\n}", 'Corefile:2:2: unknown directive "cach"; did you mean "cache"?'),
        (". {\n xyzzy\n}", 'Corefile:2:2: unknown directive "xyzzy"'),
        (". {\n chaos v1 admin\n}", "Corefile:2:2: the directive chaos of CoreDNS is not supported here"),
        (". {\n kubernetes cluster.local\n}", "Corefile:2:2: the directive kubernetes of CoreDNS is not"),
        (". {\n cache\n cache\n}", "Corefile:3:2: cache is in this server block twice; it can be there once"),
        (". {\n cache {\n  sucess 1\n }\n}", 'Corefile:3:3: unknown option "sucess" of cache; did you mean "success"?'),
        ("tls://. {\n}", "Corefile:1:1: tls:// is not supported here"),
        ("a A {\n}", "Corefile:1:3: dns://a.:53 is here twice"),
        ("10.0.0.0/7 10.0.0.0/8 {\n}", "Corefile:1:12: dns://10.in-addr.arpa.:53 is here twice"),
        ("a {\n}\nb a.:53 {\n}", "Corefile:3:1: dns://a.:53 is already served by the block at Corefile:1:1"),
        ("a {\n bind ::1\n}\na {\n}", "Corefile:4:1: dns://a.:53 is already served by the block at Corefile:1:1"),
        ("a {\n bind ::1\n}\na {\n bind 127.0.0.1 ::1\n}", "Corefile:4:1: dns://a.:53 is already served"),
        ("a {\n bind 0.0.0.0\n}\na {\n bind 127.0.0.1\n}", "Corefile:4:1: dns://a.:53 is already served"),
    ],
)  # fmt: skip
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(text)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("kubernetes", "remove it, or run autopath, which has it"),
        ("proxy", 'write "forward"'),
        ("file", 'remove it, and forward its zones to a server that has them, as in "forward example.org 192.0.2.53"'),
    ],
)
def test_what_to_do_instead(name: str, instead: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(f". {{\n {name} a\n}}")
    assert str(caught.value).startswith(
        f"Corefile:2:2: the directive {name} of CoreDNS is not supported here; {instead}"
    )


def test_no_directive_is_both_there_and_not() -> None:
    assert not set(INSTEAD) & set(STANDARD)
