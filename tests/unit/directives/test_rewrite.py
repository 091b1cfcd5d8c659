"""The rewrite directive: what is asked in the client's place, and what the client is answered."""

from __future__ import annotations

import dns.flags
import dns.rcode
import pytest

from clusterdns.directives.chain import Reply, Request
from clusterdns.errors import UpstreamFailure
from clusterdns.wire.names import name_to_text
from clusterdns.wire.response import Kind
from tests.support.chain import NXDOMAIN, FakeHandler, Says, answer, read, records, request
from tests.support.directive import handler

ADDRESS = Says(answer=("@ 60 IN A 10.0.0.1",))


def _ask(lines: str, name: str, qtype: str = "A", behind: FakeHandler | None = None) -> Reply:
    following = behind or FakeHandler(otherwise=ADDRESS)
    return answer(handler(lines, following.handle)(request(name, qtype)))


IN_BRACES = r"""
rewrite stop {
    name regex (.*)-(us-west-1)\.coredns\.rocks {1}.service.{2}.consul
    answer name (.*)\.service\.(us-west-1)\.consul {1}-{2}.coredns.rocks
}
"""

# Directives, the name that a client asks for, the name that is asked in its place, the owner in its answer.
NAMES: dict[str, tuple[str, str, str, str]] = {
    "exact": ("rewrite name example.net example.org", "example.net.", "example.org.", "example.net."),
    "exact, dots and case": (
        "rewrite name exact Example.net. EXAMPLE.org.",
        "eXample.NET.",
        "example.org.",
        "eXample.NET.",
    ),
    "exact, another name": (
        "rewrite name example.net example.org",
        "a.example.net.",
        "a.example.net.",
        "a.example.net.",
    ),
    "prefix": ("rewrite name prefix web app", "web.example.", "app.example.", "app.example."),
    "prefix means whole labels": (
        "rewrite name prefix web app",
        "website.example.",
        "website.example.",
        "website.example.",
    ),
    "prefix, auto": ("rewrite name prefix web. app. answer auto", "Web.example.", "app.example.", "Web.example."),
    "suffix": (
        "rewrite name suffix .schmoogle.com. .google.com.",
        "www.schmoogle.com.",
        "www.google.com.",
        "www.google.com.",
    ),
    "suffix, auto": (
        "rewrite name suffix .coredns.rocks .service.consul answer auto",
        "ftp.coredns.rocks.",
        "ftp.service.consul.",
        "ftp.coredns.rocks.",
    ),
    "suffix, not inside": ("rewrite name suffix .b.example .c", "b.example.d.", "b.example.d.", "b.example.d."),
    "substring": (
        "rewrite name substring service.us-west-1.example.org service.us-west-1.consul",
        "ftp.service.us-west-1.example.org.",
        "ftp.service.us-west-1.consul.",
        "ftp.service.us-west-1.consul.",
    ),
    "substring, every time": ("rewrite name substring a. b.", "a.x.a.", "b.x.b.", "b.x.b."),
    "substring, auto": ("rewrite name substring a. b. answer auto", "a.x.a.", "b.x.b.", "a.x.a."),
    "regex": (
        r"rewrite name regex (.*)-(us-west-1)\.example\.org {1}.service.{2}.consul",
        "ftp-us-west-1.example.org.",
        "ftp.service.us-west-1.consul.",
        "ftp.service.us-west-1.consul.",
    ),
    "regex, auto": (r"rewrite name regex ^(\w+)\.old\. {1}.new answer auto", "web.old.", "web.new.", "web.old."),
    "regex, whole match": (r"rewrite name regex ^web\.$ {0}example", "web.", "web.example.", "web.example."),
    "regex, a group that took no part": (
        r"rewrite name regex ^(x)?web\.$ a{1}b.example",
        "web.",
        "ab.example.",
        "ab.example.",
    ),
    "regex in lower case": (r"rewrite name regex ^web\. app.", "WEB.example.", "app.", "app."),
    "answer name": (
        IN_BRACES,
        "ftp-us-west-1.coredns.rocks.",
        "ftp.service.us-west-1.consul.",
        "ftp-us-west-1.coredns.rocks.",
    ),
    "answer name, on one line": (
        r"rewrite name regex (.*)\.a\. {1}.b answer name (.*)\.b\. {1}.a",
        "x.a.",
        "x.b.",
        "x.a.",
    ),
    "answer name that does not match": (r"rewrite name suffix .a .b answer name ^nothing$ c", "x.a.", "x.b.", "x.b."),
    "stop": ("rewrite name a b\nrewrite name b c", "a.", "b.", "a."),
    "continue": ("rewrite continue name a b\nrewrite name b c", "a.", "c.", "a."),
    "continue, only the second matches": ("rewrite continue name x y\nrewrite name a b", "a.", "b.", "a."),
    "three lines, the second stops": (
        "rewrite continue name a b\nrewrite stop name b c\nrewrite name c d",
        "a.",
        "c.",
        "a.",
    ),
    "to the root": ("rewrite name a.example .", "a.example.", ".", "a.example."),
    "a name to itself": ("rewrite name suffix .arpa .arpa answer auto", "1.arpa.", "1.arpa.", "1.arpa."),
}


@pytest.mark.parametrize(("lines", "name", "asked", "owner"), NAMES.values(), ids=NAMES)
def test_names(lines: str, name: str, asked: str, owner: str) -> None:
    behind = FakeHandler(otherwise=ADDRESS)
    reply = _ask(lines, name, behind=behind)
    assert behind.asked == [asked]
    assert records(reply) == [f"{owner} 60 IN A 10.0.0.1"]
    assert name_to_text(reply.response.message[12 : reply.response.question_end - 4]) == name


@pytest.mark.parametrize(
    "lines",
    [
        f"rewrite name prefix a. {'b' * 64}.",
        f"rewrite name prefix a. {'b.' * 100}",
        "rewrite name prefix a. b..",
        "rewrite name regex ^(.*)$ {1}.{1}",
    ],
)
def test_what_makes_no_name_is_a_failure(lines: str) -> None:
    behind = FakeHandler(otherwise=ADDRESS)
    with pytest.raises(UpstreamFailure, match="rewrite makes no name"):
        _ask(lines, "a." + "c." * 60, behind=behind)
    assert behind.asked == []


# Type, records with `b.example.` in the answer, what becomes of them with a.example → b.example.
TARGETS = [
    ("CNAME", "x.b.example. 60 IN CNAME b.example.", "x.a.example. 60 IN CNAME a.example."),
    ("MX", "b.example. 60 IN MX 10 mail.b.example.", "a.example. 60 IN MX 10 mail.a.example."),
    ("SRV", "b.example. 60 IN SRV 1 2 3 b.example.", "a.example. 60 IN SRV 1 2 3 a.example."),
    ("NS", "b.example. 60 IN NS ns.b.example.", "a.example. 60 IN NS ns.a.example."),
    ("DNAME", "b.example. 60 IN DNAME c.b.example.", "a.example. 60 IN DNAME c.a.example."),
    ("PTR", "b.example. 60 IN PTR B.EXAMPLE.", "a.example. 60 IN PTR a.example."),
    (
        "SOA",
        "b.example. 60 IN SOA b.example. root.b.example. 1 2 3 4 5",
        "a.example. 60 IN SOA a.example. root.b.example. 1 2 3 4 5",
    ),
    ("NAPTR", 'b.example. 60 IN NAPTR 1 2 "s" "x" "" b.example.', 'a.example. 60 IN NAPTR 1 2 "s" "x" "" a.example.'),
    ("TXT", 'b.example. 60 IN TXT "b.example."', 'a.example. 60 IN TXT "b.example."'),
    ("MX", "notb.example. 60 IN MX 10 notb.example.", "notb.example. 60 IN MX 10 notb.example."),
]


@pytest.mark.parametrize(("qtype", "before", "after"), TARGETS)
def test_names_in_records_come_back(qtype: str, before: str, after: str) -> None:
    extra = "b.example. 5 IN A 10.0.0.9"
    behind = FakeHandler(otherwise=Says(answer=(before,), additional=(extra,), authority=(extra,)))
    reply = _ask("rewrite name a.example b.example", "a.example.", qtype, behind)
    assert records(reply) == [after]
    assert records(reply, "authority") == records(reply, "additional") == ["a.example. 5 IN A 10.0.0.9"]


def test_answer_value() -> None:
    behind = FakeHandler(otherwise=Says(answer=("@ 60 IN PTR ftp-us-west-1.service.consul.",)))
    lines = (
        "rewrite stop {\n name suffix .arpa .arpa\n answer name auto\n"
        r" answer value (.*)\.service\.consul\. {1}.coredns.rocks."
        "\n}"
    )
    reply = _ask(lines, "30.30.30.10.in-addr.arpa.", "PTR", behind)
    assert records(reply) == ["30.30.30.10.in-addr.arpa. 60 IN PTR ftp-us-west-1.coredns.rocks."]


def test_several_answer_rules() -> None:
    behind = FakeHandler(otherwise=Says(answer=("@ 60 IN CNAME host.b.",)))
    lines = r"rewrite name regex (.*)\.a\.$ {1}.b answer name (.*)\.b\.$ {1}.a value ^host\.(b)\.$ {1}.host"
    assert records(_ask(lines, "x.a.", "CNAME", behind)) == ["x.a. 60 IN CNAME b.host."]


# Directives, TTLs before, TTLs after.
@pytest.mark.parametrize(
    ("lines", "name", "after"),
    [
        ("rewrite continue {\n ttl regex (.*)\\.coredns\\.rocks 15\n}", "a.coredns.rocks.", [15, 15, 15]),
        ("rewrite ttl example.com. 30-300", "example.com.", [30, 60, 300]),
        ("rewrite ttl example.com. -30", "example.com.", [5, 30, 30]),
        ("rewrite ttl example.com. 30-", "example.com.", [30, 60, 7200]),
        ("rewrite ttl example.com. 0", "example.com.", [0, 0, 0]),
        ("rewrite ttl suffix .com 30", "example.com.", [30, 30, 30]),
        ("rewrite ttl prefix example 30", "example.com.", [30, 30, 30]),
        ("rewrite ttl substring ample.c 30", "example.com.", [5, 60, 7200]),
        ("rewrite ttl substring ample.com 30", "example.com.", [30, 30, 30]),
        ("rewrite ttl example.com. 30", "www.example.com.", [5, 60, 7200]),
        ("rewrite continue ttl example.com. 30\nrewrite ttl example.com. 40", "example.com.", [40, 40, 40]),
        ("rewrite ttl example.com. 30\nrewrite ttl example.com. 40", "example.com.", [30, 30, 30]),
        ("rewrite continue name example.com b\nrewrite ttl b 9", "example.com.", [9, 9, 9]),
    ],
)
def test_ttls(lines: str, name: str, after: list[int]) -> None:
    says = Says(answer=("@ 5 IN A 10.0.0.1",), authority=("a. 60 IN NS b.",), additional=("b. 7200 IN A 10.0.0.2",))
    reply = _ask(lines, name, behind=FakeHandler(otherwise=says))
    ttls = [records(reply, section)[0].split()[1] for section in ("answer", "authority", "additional")]
    assert [int(ttl) for ttl in ttls] == after
    assert reply.response.ttl == min(after)


@pytest.mark.parametrize(
    ("lines", "name", "rcode"),
    [
        ("rewrite rcode example.com NXDOMAIN SERVFAIL", "example.com.", "SERVFAIL"),
        ("rewrite rcode regex .* NXDOMAIN NOERROR", "example.com.", "NOERROR"),
        ("rewrite rcode suffix .com 3 5", "example.com.", "REFUSED"),
        ("rewrite rcode example.com SERVFAIL NXDOMAIN", "example.com.", "NXDOMAIN"),
        ("rewrite rcode other.com NXDOMAIN SERVFAIL", "example.com.", "NXDOMAIN"),
        (
            "rewrite continue rcode example.com NXDOMAIN NOERROR\nrewrite rcode example.com NOERROR REFUSED",
            "example.com.",
            "REFUSED",
        ),
    ],
)
def test_rcodes(lines: str, name: str, rcode: str) -> None:
    reply = _ask(lines, name, behind=FakeHandler(otherwise=NXDOMAIN))
    assert dns.rcode.to_text(read(reply).rcode()) == rcode
    assert records(reply, "authority") == list(NXDOMAIN.authority)
    assert (reply.response.kind is Kind.NXDOMAIN) is (rcode == "NXDOMAIN")


def test_types() -> None:
    behind = FakeHandler(otherwise=Says(answer=('@ 60 IN HINFO "a" "b"',)))
    reply = _ask("rewrite type ANY HINFO", "example.org.", "ANY", behind)
    assert behind.requests[0].query.qtype == 13
    assert reply.response.message[12 : reply.response.question_end].endswith(b"\0\xff\0\1")
    assert records(reply) == ['example.org. 60 IN HINFO "a" "b"']
    behind = FakeHandler(otherwise=ADDRESS)
    _ask("rewrite type ANY HINFO", "example.org.", "A", behind)
    assert behind.requests[0].query.qtype == 1


WEB = Says(answer=("@ 60 IN CNAME cdn.example.net.", "cdn.example.net. 60 IN A 10.0.0.1"), authority=("a. 5 IN NS b.",))
OTHER = Says(answer=("@ 30 IN A 10.0.0.2",))

# Directives, what is asked behind, the answer.
CNAMES: dict[str, tuple[str, list[str], list[str]]] = {
    "exact": (
        "rewrite cname exact cdn.example.net. cdn.other.com.",
        ["www.example.", "cdn.other.com."],
        ["www.example. 60 IN CNAME cdn.other.com.", "cdn.other.com. 30 IN A 10.0.0.2"],
    ),
    "exact by default": (
        "rewrite cname cdn.example.net cdn.other.com",
        ["www.example.", "cdn.other.com."],
        ["www.example. 60 IN CNAME cdn.other.com.", "cdn.other.com. 30 IN A 10.0.0.2"],
    ),
    "prefix": (
        "rewrite cname prefix cd edge-",
        ["www.example.", "edge-n.example.net."],
        ["www.example. 60 IN CNAME edge-n.example.net.", "edge-n.example.net. 30 IN A 10.0.0.2"],
    ),
    "suffix": (
        "rewrite cname suffix .net .org",
        ["www.example.", "cdn.example.org."],
        ["www.example. 60 IN CNAME cdn.example.org.", "cdn.example.org. 30 IN A 10.0.0.2"],
    ),
    "substring": (
        "rewrite cname substring exam sam",
        ["www.example.", "cdn.sample.net."],
        ["www.example. 60 IN CNAME cdn.sample.net.", "cdn.sample.net. 30 IN A 10.0.0.2"],
    ),
    "regex": (
        r"rewrite cname regex (.*)\.example\.net\. {1}.x",
        ["www.example.", "cdn.x."],
        ["www.example. 60 IN CNAME cdn.x.", "cdn.x. 30 IN A 10.0.0.2"],
    ),
    "another target": (
        "rewrite cname exact www.example. cdn.other.com.",
        ["www.example."],
        ["www.example. 60 IN CNAME cdn.example.net.", "cdn.example.net. 60 IN A 10.0.0.1"],
    ),
    "to where it leads already": (
        "rewrite cname exact cdn.example.net cdn.example.net",
        ["www.example."],
        ["www.example. 60 IN CNAME cdn.example.net.", "cdn.example.net. 60 IN A 10.0.0.1"],
    ),
}


@pytest.mark.parametrize(("lines", "asked", "section"), CNAMES.values(), ids=CNAMES)
def test_cnames(lines: str, asked: list[str], section: list[str]) -> None:
    behind = FakeHandler({"www.example.": WEB}, OTHER)
    reply = _ask(lines, "www.example.", behind=behind)
    assert behind.asked == asked
    assert records(reply) == section
    assert records(reply, "authority") == (list(WEB.authority) if len(asked) == 1 else [])


def test_a_cname_that_is_asked_for_leads_elsewhere_without_being_followed() -> None:
    behind = FakeHandler(otherwise=Says(answer=("@ 60 IN CNAME cdn.example.net.",)))
    reply = _ask("rewrite cname cdn.example.net a.", "www.example.", "CNAME", behind)
    assert records(reply) == ["www.example. 60 IN CNAME a."]
    assert behind.asked == ["www.example."]


def test_a_new_target_that_does_not_exist() -> None:
    behind = FakeHandler({"www.example.": WEB}, NXDOMAIN)
    reply = _ask("rewrite cname cdn.example.net gone.cluster.local", "www.example.", behind=behind)
    assert records(reply) == ["www.example. 60 IN CNAME gone.cluster.local."]
    assert dns.rcode.to_text(read(reply).rcode()) == "NXDOMAIN"
    assert records(reply, "authority") == list(NXDOMAIN.authority)


def test_a_new_target_is_asked_of_the_whole_server() -> None:
    whole = FakeHandler(otherwise=OTHER.replying(view=b"shop", fresh_until=0.0, cacheable=False))
    handle = handler("rewrite cname cdn.example.net a.", FakeHandler(otherwise=WEB).handle, resolve=whole.handle)
    reply = answer(handle(request("www.example.")))
    assert whole.asked == ["a."]
    # Whom it is for, and whether it may be kept, is as of what went into it.
    assert (reply.view, reply.cacheable, reply.source) == (b"shop", False, "fake")


def test_targets_in_a_circle_end() -> None:
    circle = {"a.": Says(answer=("@ 60 IN CNAME b.",)), "c.": Says(answer=("@ 60 IN CNAME b.",))}
    behind = FakeHandler(circle)
    with pytest.raises(UpstreamFailure, match=r"CNAMEs lead in a circle, or too far: c\."):
        _ask("rewrite cname b. c.", "a.", behind=behind)
    assert behind.asked == ["a.", "c."]


def test_what_is_not_rewritten_is_the_same_reply() -> None:
    made: list[Reply] = []

    async def behind(asked: Request) -> Reply:
        made.append(await FakeHandler(otherwise=ADDRESS.replying(fresh_until=7.0)).handle(asked))
        return made[-1]

    for lines in (
        "rewrite name a b",
        "rewrite ttl a 5",
        "rewrite rcode regex .* REFUSED SERVFAIL",
        "rewrite cname x y",
    ):
        assert answer(handler(lines, behind)(request("example."))) is made[-1]


def test_what_is_rewritten_keeps_view_and_lifetime_but_is_not_authentic() -> None:
    says = Says(answer=ADDRESS.answer, flags="QR AA RD RA AD").replying(view=b"shop", fresh_until=7.0, scope=32)
    reply = _ask("rewrite name a b", "a.", behind=FakeHandler(otherwise=says))
    assert (reply.view, reply.fresh_until, reply.scope) == (b"shop", 7.0, 32)
    assert dns.flags.to_text(read(reply).flags) == "QR AA RD RA"


def test_an_extended_rcode_stays() -> None:
    behind = FakeHandler(otherwise=ADDRESS)

    async def badcookie(asked: Request) -> Reply:
        reply = await behind.handle(asked)
        reply.response.rcode = 23
        return reply

    reply = answer(handler("rewrite name a b", badcookie)(request("a.")))
    assert (reply.response.rcode, reply.response.kind) == (23, Kind.FAILURE)
