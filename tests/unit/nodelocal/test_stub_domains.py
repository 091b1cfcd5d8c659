"""The kube-dns ConfigMap: what is taken, what is refused and how, and that nothing else can come of any JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clusterdns.corefile.parse import parse as parse_corefile
from clusterdns.directives.config.server import STANDARD, load
from clusterdns.errors import ConfigError
from clusterdns.forward.upstreams import Upstream
from nodelocal.stub_domains import KubeDns, parse
from nodelocal.template import Variables, render

READ: list[tuple[dict[str, str], KubeDns]] = [
    ({}, KubeDns()),
    # The documentation's own example.
    ({"stubDomains": '{"acme.local": ["1.2.3.4"]}\n', "upstreamNameservers": '["8.8.8.8", "8.8.4.4"]\n'},
     KubeDns((("acme.local", (Upstream("1.2.3.4", 53),)),), (Upstream("8.8.8.8", 53), Upstream("8.8.4.4", 53)))),
    ({"stubDomains": '{"b": ["10.0.0.1:5353"], "a-1.b": ["fd00::1", "[FD00:0::2]:5353", "fd00::1"]}'},
     KubeDns((("a-1.b", (Upstream("fd00::1", 53), Upstream("fd00::2", 5353))), ("b", (Upstream("10.0.0.1", 5353),))))),
    ({"upstreamNameservers": '["10.0.0.1", "10.0.0.2:54", "::1"]'},
     KubeDns((), (Upstream("10.0.0.1", 53), Upstream("10.0.0.2", 54), Upstream("::1", 53)))),
    ({"stubDomains": "", "upstreamNameservers": " \n"}, KubeDns()),
    ({"stubDomains": "null", "upstreamNameservers": "null"}, KubeDns()),
    ({"stubDomains": "{}", "upstreamNameservers": "[]"}, KubeDns()),
    ({"federations": '{"a": "b"}', "StubDomains": "{"}, KubeDns(ignored=("StubDomains", "federations"))),
]  # fmt: skip


@pytest.mark.parametrize(("data", "found"), READ)
def test_read(data: dict[str, str], found: KubeDns) -> None:
    assert parse(data, "/cm") == found


NO_SERVER = (
    "is no server: write an IP address, with or without a port, such as 10.0.0.1, 10.0.0.1:5353 or [fd00::1]:5353"
)
NO_DOMAIN = "is no domain name: write lower case letters, digits, hyphens and dots, such as acme.example"
NO_NAME = "is no domain name: it has at most 253 characters, 63 between dots, and is no address"
# The key, its value, and what is said of it behind "/cm/KEY".
MISTAKES: list[tuple[str, str, str]] = [
    ("stubDomains", "{\n  'a': []}", ":2:3: not JSON: Expecting property name enclosed in double quotes"),
    ("stubDomains", "[" * 100_000, ": not usable JSON: maximum recursion depth exceeded"),
    ("stubDomains", '["acme.example"]',
     ': ["acme.example"] is no object: write {"acme.example": ["10.0.0.1"]}, domains and their servers'),
    ("stubDomains", '{"a": "10.0.0.1"}', ': "a": "10.0.0.1" is no list of servers: write it as ["10.0.0.1"]'),
    ("stubDomains", '{"a": []}', ': "a": [] is no list of servers: write it as ["10.0.0.1"]'),
    ("stubDomains", '{"a": null}', ': "a": null is no list of servers: write it as ["10.0.0.1"]'),
    ("stubDomains", '{"a": ["dns.example"]}', f': "a": "dns.example" {NO_SERVER}'),
    ("stubDomains", '{"a": ["10.0.0.1:0"]}', f': "a": "10.0.0.1:0" {NO_SERVER}'),
    ("stubDomains", '{"a": ["10.0.0.1:65536"]}', f': "a": "10.0.0.1:65536" {NO_SERVER}'),
    ("stubDomains", '{"a": ["10.0.0.1 10.0.0.2"]}', f': "a": "10.0.0.1 10.0.0.2" {NO_SERVER}'),
    ("stubDomains", '{"a": ["tls://10.0.0.1"]}', f': "a": "tls://10.0.0.1" {NO_SERVER}'),
    ("stubDomains", '{"a": ["/etc/resolv.conf"]}', f': "a": "/etc/resolv.conf" {NO_SERVER}'),
    ("stubDomains", '{"a": [["10.0.0.1"]]}', f': "a": ["10.0.0.1"] {NO_SERVER}'),
    ("stubDomains", '{"a": [1]}', f': "a": 1 {NO_SERVER}'),
    ("stubDomains", '{"": ["10.0.0.1"]}', f': "" {NO_DOMAIN}'),
    ("stubDomains", '{"Acme.example": ["10.0.0.1"]}', f': "Acme.example" {NO_DOMAIN}'),
    ("stubDomains", '{"acme.example.": ["10.0.0.1"]}', f': "acme.example." {NO_DOMAIN}'),
    ("stubDomains", '{"-a": ["10.0.0.1"]}', f': "-a" {NO_DOMAIN}'),
    ("stubDomains", '{"a_b": ["10.0.0.1"]}', f': "a_b" {NO_DOMAIN}'),
    ("stubDomains", '{"a {\\n}": ["10.0.0.1"]}', f': "a {{\\n}}" {NO_DOMAIN}'),
    ("stubDomains", '{"a\\n": ["10.0.0.1"]}', f': "a\\n" {NO_DOMAIN}'),
    ("stubDomains", '{"\\ud800": ["10.0.0.1"]}', f': "\\ud800" {NO_DOMAIN}'),
    ("stubDomains", '{"10.0.0.1": ["10.0.0.1"]}', f': "10.0.0.1" {NO_NAME}'),
    ("stubDomains", f'{{"{64 * "a"}": ["10.0.0.1"]}}', f': "{64 * "a"}" {NO_NAME}'),
    ("stubDomains", f'{{"{128 * "a."}a": ["10.0.0.1"]}}', f': "{39 * "a."}a... {NO_NAME}'),
    ("upstreamNameservers", '"10.0.0.1"', ': "10.0.0.1" is no list of servers: write it as ["10.0.0.1"]'),
    ("upstreamNameservers", '{"a": 1}', ': {"a": 1} is no list of servers: write it as ["10.0.0.1"]'),
    ("upstreamNameservers", '["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]',
     ': 4 servers; 3 is the most: ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]'),
    ("upstreamNameservers", '["example.org"]', f': "example.org" {NO_SERVER}'),
    ("upstreamNameservers", '["%s"]' % (200 * "x"), f': "{79 * "x"}... {NO_SERVER}'),
    ("upstreamNameservers", "9" * 5000, ": not usable JSON: Exceeds the limit"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "message"), MISTAKES)
def test_mistakes(key: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse({key: value}, "/cm")
    assert str(raised.value).startswith(f"/cm/{key}{message}")


_SERVERS = ["10.0.0.1", "10.0.0.2:54", "fd00::1", "[fd00::1]:53", "fe80::1%eth0", "::", "a", "", "10.0.0.1:", "1:2:3"]
_DOMAINS = ["acme.example", "a", "b.c", "1", "1.2.3.4", "xn--a", "", ".", "a..b", "A", 63 * "a", ".".join(200 * "a")]
_STRINGS = st.sampled_from([*_SERVERS, *_DOMAINS]) | st.text(max_size=8)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _STRINGS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_STRINGS, inner, max_size=4),
    max_leaves=12,
)
_SHAPED = st.dictionaries(_STRINGS, st.lists(st.sampled_from(_SERVERS), max_size=3), max_size=3)
_LISTS = st.lists(st.sampled_from(_SERVERS), max_size=4)


def outcome(data: dict[str, str]) -> KubeDns | ConfigError:
    try:
        return parse(data, "/cm")
    except ConfigError as error:
        return error


@given(_SHAPED | _JSON, _LISTS | _JSON)
@example({"a": ["fe80::1%eth0"]}, [])
def test_any_json_is_taken_and_runs_or_is_refused(stubs: Any, upstreams: Any) -> None:
    found = outcome({"stubDomains": json.dumps(stubs), "upstreamNameservers": json.dumps(upstreams)})
    if isinstance(found, ConfigError):
        assert found.source in ("/cm/stubDomains", "/cm/upstreamNameservers")
        return
    # What was taken never breaks the Corefile that it gets into.
    base = ". {\n  forward . __PILLAR__UPSTREAM__SERVERS__\n}\n"
    text = render(base, "base", Variables(("10.0.0.9",), (), found)).text
    servers = load(parse_corefile(text, "base", environ={}), STANDARD)
    assert len(servers) == 1 + len(stubs or {})


@given(st.sampled_from(["stubDomains", "upstreamNameservers"]), st.text())
def test_any_text_is_taken_or_refused(key: str, text: str) -> None:
    found = outcome({key: text})
    assert isinstance(found, KubeDns) or found.source == f"/cm/{key}"
