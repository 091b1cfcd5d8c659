"""The template directive: which questions it answers, with what, and what is behind the CNAMEs that it makes."""

from __future__ import annotations

import dns.flags
import dns.rcode
import pytest

from clusterdns.directives.chain import Reply, client_view
from clusterdns.errors import UpstreamFailure
from tests.support.chain import FOUND, NXDOMAIN, FakeHandler, Says, answer, read, records, request
from tests.support.directive import handler


def _ask(lines: str, name: str, qtype: str = "A", behind: FakeHandler | None = None, client: str = "10.0.0.7") -> Reply:
    following = behind or FakeHandler(otherwise=FOUND)
    return answer(handler(lines, following.handle)(request(name, qtype, client=client)))


ZONE = """
template IN SOA engineering.example. {
  match ^engineering\\.example\\.$
  answer "{{ .Zone }} 3600 IN SOA ns1.{{ .Zone }} admin.{{ .Zone }} (1 60 120 86400 3600)"
  fallthrough
}
template IN SOA engineering.example. {
  authority "{{ .Zone }} 3600 IN SOA ns1.{{ .Zone }} admin.{{ .Zone }} (1 60 120 86400 3600)"
}
"""
ZONE_SOA = "engineering.example. 3600 IN SOA ns1.engineering.example. admin.engineering.example. 1 60 120 86400 3600"
INVALID = """
template ANY ANY invalid {
  rcode NXDOMAIN
  authority "invalid. 60 {{ .Class }} SOA ns.invalid. hostmaster.invalid. (1 60 60 60 60)"
  ederror 21 "Blocked according to RFC2606"
}
"""
INVALID_SOA = "invalid. 60 IN SOA ns.invalid. hostmaster.invalid. 1 60 60 60 60"
COMPLETION = """
template IN ANY example.com {
  match "example\\.com\\.(dc1\\.example\\.com\\.)$"
  rcode NXDOMAIN
  authority "{{ index .Match 1 }} 60 IN SOA ns.{{ index .Match 1 }} hostmaster.{{ index .Match 1 }} (1 60 60 60 60)"
  fallthrough
}
"""
ADDRESSES = """
template IN A example {
  match (^|[.])ip-(?P<a>[0-9]*)-(?P<b>[0-9]*)-(?P<c>[0-9]*)-(?P<d>[0-9]*)[.]example[.]$
  answer "{{ .Name }} 60 IN A {{ .Group.a }}.{{ .Group.b }}.{{ .Group.c }}.{{ .Group.d }}"
  fallthrough
}
template IN PTR in-addr.arpa {
  match ^(?P<d>[0-9]*)[.](?P<c>[0-9]*)[.](?P<b>[0-9]*)[.](?P<a>[0-9]*)[.]in-addr[.]arpa[.]$
  answer "{{ .Name }} 60 IN PTR ip-{{ .Group.a }}-{{ .Group.b }}-{{ .Group.c }}-{{ .Group.d }}.example."
}
"""
HEX = """
template IN A example {
  match "^ip0a(?P<b>[a-f0-9]{2})(?P<c>[a-f0-9]{2})(?P<d>[a-f0-9]{2})[.]example[.]$"
  answer "{{ .Name }} 60 IN A 10.{{ parseInt .Group.b 16 8 }}.{{ parseInt .Group.c 16 8 }}.{{ parseInt .Group.d 16 8 }}"
  fallthrough
}
"""
TWO_PATTERNS = """
template IN A example {
  match "^ip-(?P<a>10)-(?P<b>[0-9]*)[.]dc[.]example[.]$" "^(?P<a>[0-9]*)[.](?P<b>[0-9]*)[.]ext[.]example[.]$"
  answer "{{ .Name }} 60 IN A {{ .Group.a}}.{{ .Group.b }}.0.1"
  fallthrough
}
"""
MAIL = """
template IN MX example {
  match ^ip-10-(?P<b>[0-9]*)-(?P<c>[0-9]*)-(?P<d>[0-9]*)[.]example[.]$
  answer "{{ .Name }} 60 IN MX 10 {{ .Name }}"
  additional "{{ .Name }} 60 IN A 10.{{ .Group.b }}.{{ .Group.c }}.{{ .Group.d }}"
  authority "example. 60 IN NS ns0.example."
  authority "example. 60 IN NS ns1.example."
  additional "ns0.example. 60 IN A 203.0.113.8"
  fallthrough
}
"""
LAST_BYTE = """
template IN A {
  match ^(.*)\\.$
  answer "{{ .Name }} IN A 10.0.0.{{ parseInt (index .Match 1) 16 8 }}"
}
"""
NO_IPV6 = """
template IN AAAA {
  authority "{{ .Zone }} 60 IN SOA ns.invalid. hostmaster.invalid. 1 60 60 60 60"
}
"""
NO_IPV6_SOA = ". 60 IN SOA ns.invalid. hostmaster.invalid. 1 60 60 60 60"
NO_AAAA = "template IN AAAA {\n rcode NOERROR\n}"

# Directives, name, type, rcode, answer, authority, additional.
ROWS: dict[str, tuple[str, str, str, str, list[str], list[str], list[str]]] = {
    "everything": ("template ANY ANY {\n rcode NXDOMAIN\n}", "a.b.", "MX", "NXDOMAIN", [], [], []),
    "SOA": (ZONE, "engineering.example.", "SOA", "NOERROR", [ZONE_SOA], [], []),
    "SOA, the next template": (ZONE, "x.engineering.example.", "SOA", "NOERROR", [], [ZONE_SOA], []),
    "no IPv6, as docs/corefile.md has it": (NO_IPV6, "web.example.", "AAAA", "NOERROR", [], [NO_IPV6_SOA], []),
    "class": (INVALID, "x.Invalid.", "A", "NXDOMAIN", [], [INVALID_SOA], []),
    "group by number": (
        COMPLETION,
        "x.example.com.dc1.example.com.",
        "A",
        "NXDOMAIN",
        [],
        ["dc1.example.com. 60 IN SOA ns.dc1.example.com. hostmaster.dc1.example.com. 1 60 60 60 60"],
        [],
    ),
    "groups by name": (
        ADDRESSES,
        "a.ip-10-1-2-3.example.",
        "A",
        "NOERROR",
        ["a.ip-10-1-2-3.example. 60 IN A 10.1.2.3"],
        [],
        [],
    ),
    "PTR": (
        ADDRESSES,
        "3.2.1.10.in-addr.arpa.",
        "PTR",
        "NOERROR",
        ["3.2.1.10.in-addr.arpa. 60 IN PTR ip-10-1-2-3.example."],
        [],
        [],
    ),
    "the client's spelling": (
        ADDRESSES,
        "IP-10-1-2-3.Example.",
        "A",
        "NOERROR",
        ["IP-10-1-2-3.Example. 60 IN A 10.1.2.3"],
        [],
        [],
    ),
    "ANY is every type": (
        ADDRESSES,
        "ip-10-1-2-3.example.",
        "ANY",
        "NOERROR",
        ["ip-10-1-2-3.example. 60 IN A 10.1.2.3"],
        [],
        [],
    ),
    "parseInt": (HEX, "ip0a7b7bff.example.", "A", "NOERROR", ["ip0a7b7bff.example. 60 IN A 10.123.123.255"], [], []),
    "first pattern": (
        TWO_PATTERNS,
        "ip-10-1.dc.example.",
        "A",
        "NOERROR",
        ["ip-10-1.dc.example. 60 IN A 10.1.0.1"],
        [],
        [],
    ),
    "second pattern": (TWO_PATTERNS, "7.8.ext.example.", "A", "NOERROR", ["7.8.ext.example. 60 IN A 7.8.0.1"], [], []),
    "all sections": (
        MAIL,
        "ip-10-1-2-3.example.",
        "MX",
        "NOERROR",
        ["ip-10-1-2-3.example. 60 IN MX 10 ip-10-1-2-3.example."],
        ["example. 60 IN NS ns0.example.", "example. 60 IN NS ns1.example."],
        ["ip-10-1-2-3.example. 60 IN A 10.1.2.3", "ns0.example. 60 IN A 203.0.113.8"],
    ),
    "NODATA for one type": (NO_AAAA, "x.example.", "AAAA", "NOERROR", [], [], []),
    "no TTL, no class, no last dot": (
        'template IN MX {\n answer "{{ .Name }} MX 10 mail"\n}',
        "x.",
        "MX",
        "NOERROR",
        ["x. 3600 IN MX 10 mail."],
        [],
        [],
    ),
    "type and whole match": (
        'template IN ANY {\n answer "{{ .Name }} 1 IN TXT {{ .Type }} \\"{{ index .Match 0 }}\\""\n}',
        "x.",
        "TXT",
        "NOERROR",
        ['x. 1 IN TXT "TXT" "x."'],
        [],
        [],
    ),
    "the longest zone": (
        'template IN TXT a b.a {\n answer "{{ .Name }} 1 TXT {{ .Zone }}"\n}',
        "c.b.a.",
        "TXT",
        "NOERROR",
        ['c.b.a. 1 IN TXT "b.a."'],
        [],
        [],
    ),
    "escaped bytes of the name": (
        'template IN TXT {\n answer "{{ .Name }} 1 TXT ok"\n}',
        "a\\.b\\032c.",
        "TXT",
        "NOERROR",
        ['a\\.b\\032c. 1 IN TXT "ok"'],
        [],
        [],
    ),
    "SERVFAIL has no records": (
        'template IN A {\n rcode SERVFAIL\n answer "x. 1 IN A 10.0.0.1"\n}',
        "x.",
        "A",
        "SERVFAIL",
        [],
        [],
        [],
    ),
    "no pattern matches": ("template IN A {\n match ^y\n rcode NXDOMAIN\n}", "x.", "A", "SERVFAIL", [], [], []),
    "no pattern matches, another zone falls through": (
        "template IN A {\n match ^y\n rcode NXDOMAIN\n fallthrough z\n}",
        "x.",
        "A",
        "SERVFAIL",
        [],
        [],
        [],
    ),
}


@pytest.mark.parametrize(
    ("lines", "name", "qtype", "rcode", "section", "authority", "additional"), ROWS.values(), ids=ROWS
)
def test_answers(
    lines: str, name: str, qtype: str, rcode: str, section: list[str], authority: list[str], additional: list[str]
) -> None:
    behind = FakeHandler()
    reply = _ask(lines, name, qtype, behind)
    assert dns.rcode.to_text(read(reply).rcode()) == rcode
    assert (records(reply), records(reply, "authority"), records(reply, "additional")) == (
        section,
        authority,
        additional,
    )
    assert dns.flags.to_text(read(reply).flags) == ("QR RD" if rcode == "SERVFAIL" else "QR AA RD")
    assert (reply.source, reply.view, reply.fresh_until) == ("template", None, 0.0)
    assert behind.asked == []


@pytest.mark.parametrize(
    ("lines", "name", "qtype"),
    [
        (INVALID, "invalid.example.", "A"),
        (ADDRESSES, "www.example.", "A"),
        (ADDRESSES, "ip-10-1-2-3.example.", "AAAA"),
        (NO_AAAA, "x.example.", "A"),
        ("template IN A {\n match ^y\n rcode NXDOMAIN\n fallthrough x z\n}", "a.X.", "A"),
    ],
)
def test_what_goes_on(lines: str, name: str, qtype: str) -> None:
    behind = FakeHandler(otherwise=FOUND)
    _ask(lines, name, qtype, behind)
    assert behind.asked == [name]


@pytest.mark.parametrize(
    ("rcode", "options", "error"),
    [
        ("NXDOMAIN", "ederror 21", (21, "")),
        ("NXDOMAIN", 'ederror 21 "Not here"', (21, "Not here")),
        ("SERVFAIL", "ederror 2", (2, "")),
        ("NXDOMAIN", "", None),
    ],
)
def test_an_extended_error(rcode: str, options: str, error: tuple[int, str] | None) -> None:
    lines = f"template IN A x. {{\n rcode {rcode}\n {options}\n}}"
    assert _ask(lines, "web.x.").error == error
    assert _ask(lines, "web.y.").error is None


def test_zones_of_the_block() -> None:
    behind = FakeHandler(otherwise=FOUND)
    handle = handler("template IN A {\n rcode NXDOMAIN\n}", behind.handle, zones=["example.", "a.test."])
    assert answer(handle(request("x.example."))).source == "template"
    assert answer(handle(request("x.test."))).source == "fake"


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (ADDRESSES, "ip-10-1-2-300.example."),
        (ADDRESSES, "ip-10-1-2-.example."),
        (LAST_BYTE, "fff."),
        (LAST_BYTE, "xyz."),
        (LAST_BYTE, "."),
        ('template IN A {\n match a (b)\n answer "{{ .Name }} IN A {{ index .Match 1 }}"\n}', "a."),
        ('template IN A {\n answer "x.{{ .Name }} IN A 10.0.0.1"\n}', "a." * 127),
    ],
)
def test_what_comes_to_no_record_is_a_failure(lines: str, name: str) -> None:
    with pytest.raises(UpstreamFailure, match="template: "):
        _ask(lines, name)


def test_the_clients_address_is_for_the_client() -> None:
    lines = 'template IN AAAA {\n answer "{{ .Name }} 60 IN AAAA {{ .Remote }}"\n}'
    reply = _ask(lines, "me.", "AAAA", client="fd00::7")
    assert records(reply) == ["me. 60 IN AAAA fd00::7"]
    assert (reply.cacheable, reply.fresh_until, reply.view) == (False, 0.0, client_view("fd00::7"))
    assert _ask(NO_AAAA, "me.", "AAAA").cacheable


FOOGLE = 'template IN ANY foogle.com {\n match "^foogle\\.com\\.$"\n answer "foogle.com 60 IN CNAME google.com"\n}'


def test_a_cname_is_followed() -> None:
    behind = FakeHandler(otherwise=FOUND.replying(view=b"shop", cacheable=False))
    reply = _ask(FOOGLE, "foogle.com.", "A", behind)
    assert records(reply) == ["foogle.com. 60 IN CNAME google.com.", "google.com. 60 IN A 10.0.0.1"]
    assert behind.asked == ["google.com."]
    assert (reply.source, reply.view, reply.cacheable) == ("template", b"shop", False)


def test_a_cname_to_nothing() -> None:
    reply = _ask(FOOGLE, "foogle.com.", "AAAA", FakeHandler(otherwise=NXDOMAIN))
    assert records(reply) == ["foogle.com. 60 IN CNAME google.com."]
    assert records(reply, "authority") == list(NXDOMAIN.authority)
    assert dns.rcode.to_text(read(reply).rcode()) == "NXDOMAIN"


def test_a_cut_answer_is_cut() -> None:
    reply = _ask(FOOGLE, "foogle.com.", "A", FakeHandler(otherwise=Says(flags="QR TC RD RA")))
    assert reply.response.truncated


def test_a_cname_that_is_asked_for_is_not_followed() -> None:
    behind = FakeHandler()
    assert records(_ask(FOOGLE, "foogle.com.", "CNAME", behind)) == ["foogle.com. 60 IN CNAME google.com."]
    assert behind.asked == []


@pytest.mark.parametrize(
    "record",
    [
        "{{ .Name }} 60 IN CNAME {{ .Name }}",
        # Ever further.
        "{{ .Name }} 60 IN CNAME x.{{ .Name }}",
    ],
)
def test_a_cname_in_a_circle_ends(record: str) -> None:
    with pytest.raises(UpstreamFailure, match="CNAMEs lead in a circle, or too far: "):
        _ask(f'template IN ANY {{\n answer "{record}"\n}}', "A.")


def test_a_cname_whose_target_fails_is_a_failure() -> None:
    behind = FakeHandler(otherwise=Says(error=UpstreamFailure("10.0.0.1", "no answer")))
    with pytest.raises(UpstreamFailure, match="no answer"):
        _ask(FOOGLE, "foogle.com.", "A", behind)
