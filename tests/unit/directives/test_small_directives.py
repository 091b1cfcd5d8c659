"""any, bufsize, local, minimal and whoami: what they answer, what they pass on, and what caches may have."""

from __future__ import annotations

import dns.flags
import dns.rcode
import pytest

from clusterdns.directives.chain import Reply, client_view
from clusterdns.wire.records import read_sections
from clusterdns.wire.reply import finish, udp_limit
from clusterdns.wire.response import Kind
from tests.support.chain import FOUND, NODATA, NXDOMAIN, FakeHandler, Says, answer, read, records, request
from tests.support.directive import handler


def _ask(lines: str, name: str, qtype: str, behind: FakeHandler | None = None, **query: object) -> Reply:
    following = (behind or FakeHandler()).handle
    return answer(handler(lines, following)(request(name, qtype, **query)))  # type: ignore[arg-type]


def test_any_answers_any() -> None:
    behind = FakeHandler()
    reply = _ask("any", "Example.org.", "ANY", behind)
    assert records(reply) == ['Example.org. 8482 IN HINFO "RFC8482" ""']
    assert (reply.fresh_until, reply.view, reply.cacheable) == (100.0 + 8482, None, False)
    assert behind.asked == []


def test_any_passes_the_rest_on() -> None:
    behind = FakeHandler(otherwise=FOUND)
    assert records(_ask("any", "example.org.", "A", behind)) == ["example.org. 60 IN A 10.0.0.1"]


# Name, type, rcode, answer, authority.
SOA = " 604800 IN SOA localhost. root.localhost. 1 0 0 0 604800"
ONE = f"1.{'0.' * 31}ip6.arpa."
LOCAL_ROWS: dict[str, tuple[str, str, str, list[str], list[str]]] = {
    "A": ("localhost.", "A", "NOERROR", ["localhost. 604800 IN A 127.0.0.1"], []),
    "AAAA": ("LocalHost.", "AAAA", "NOERROR", ["LocalHost. 604800 IN AAAA ::1"], []),
    "another type": ("localhost.", "MX", "NOERROR", [], ["localhost." + SOA]),
    "SOA": ("localhost.", "SOA", "NOERROR", ["localhost." + SOA], []),
    "NS": ("localhost.", "NS", "NOERROR", ["localhost. 604800 IN NS localhost."], []),
    "below": ("a.b.localhost.", "A", "NOERROR", ["a.b.localhost. 604800 IN A 127.0.0.1"], []),
    "below, NS": ("a.localhost.", "NS", "NOERROR", [], ["localhost." + SOA]),
    "below, another type": ("a.LocalHost.", "TXT", "NOERROR", [], ["LocalHost." + SOA]),
    "in front of a search domain": (
        "localhost.default.svc.cluster.local.",
        "AAAA",
        "NOERROR",
        ["localhost.default.svc.cluster.local. 604800 IN AAAA ::1"],
        [],
    ),
    "in front, another type": ("localhost.corp.", "MX", "NOERROR", [], ["localhost.corp." + SOA]),
    "PTR": ("1.0.0.127.in-addr.arpa.", "PTR", "NOERROR", ["1.0.0.127.in-addr.arpa. 604800 IN PTR localhost."], []),
    "PTR, another type": ("1.0.0.127.in-addr.arpa.", "A", "NOERROR", [], ["127.in-addr.arpa." + SOA]),
    "PTR of another address": ("2.0.0.127.IN-ADDR.arpa.", "PTR", "NXDOMAIN", [], ["127.IN-ADDR.arpa." + SOA]),
    "above a PTR": ("0.127.in-addr.arpa.", "PTR", "NOERROR", [], ["127.in-addr.arpa." + SOA]),
    "apex": ("127.in-addr.arpa.", "A", "NOERROR", [], ["127.in-addr.arpa." + SOA]),
    "apex, NS": ("0.in-addr.arpa.", "NS", "NOERROR", ["0.in-addr.arpa. 604800 IN NS localhost."], []),
    "0/8": ("1.2.3.0.in-addr.arpa.", "PTR", "NXDOMAIN", [], ["0.in-addr.arpa." + SOA]),
    "255/8": ("255.255.255.255.in-addr.arpa.", "PTR", "NXDOMAIN", [], ["255.in-addr.arpa." + SOA]),
    "PTR, IPv6": (ONE, "PTR", "NOERROR", [f"{ONE} 604800 IN PTR localhost."], []),
    "PTR of ::": (f"{'0.' * 32}ip6.arpa.", "PTR", "NOERROR", [], [f"{'0.' * 32}ip6.arpa." + SOA]),
}


@pytest.mark.parametrize(("name", "qtype", "rcode", "section", "authority"), LOCAL_ROWS.values(), ids=LOCAL_ROWS)
def test_local(name: str, qtype: str, rcode: str, section: list[str], authority: list[str]) -> None:
    behind = FakeHandler()
    reply = _ask("local", name, qtype, behind)
    assert dns.rcode.to_text(read(reply).rcode()) == rcode
    assert (records(reply), records(reply, "authority")) == (section, authority)
    assert (reply.source, reply.fresh_until, reply.view) == ("local", 100.0 + 604800, None)
    assert behind.asked == []


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ("local", "notlocalhost."),
        ("local", "localhostess.example."),
        ("local", "x.localhost.example."),
        ("local", "1.0.0.10.in-addr.arpa."),
        ("local", f"2.{'0.' * 31}ip6.arpa."),
        ("local", "in-addr.arpa."),
        ("local {\n localhost_prefix off\n}", "localhost.example."),
    ],
)
def test_local_passes_others_on(lines: str, name: str) -> None:
    behind = FakeHandler()
    _ask(lines, name, "A", behind)
    assert behind.asked == [name]


RICH = Says(
    answer=("@ 60 IN CNAME web.example.", "web.example. 30 IN A 10.0.0.1"),
    authority=("example. 5 IN NS ns.example.",),
    additional=("ns.example. 5 IN A 10.0.0.53",),
)


def test_minimal_leaves_the_answer() -> None:
    reply = _ask("minimal", "www.example.", "A", FakeHandler(otherwise=RICH.replying(fresh_until=7.0)))
    assert records(reply) == ["www.example. 60 IN CNAME web.example.", "web.example. 30 IN A 10.0.0.1"]
    assert records(reply, "authority") == records(reply, "additional") == []
    # Its lifetime is that of what is left.
    assert (reply.response.ttl, len(reply.response.ttl_offsets), reply.fresh_until) == (30, 2, 7.0)
    assert dns.flags.to_text(read(reply).flags) == "QR RD RA"


@pytest.mark.parametrize("says", [NODATA, NXDOMAIN, FOUND, Says(authority=("example. 5 IN NS ns.example.",))])
def test_minimal_leaves_denials_and_referrals_alone(says: Says) -> None:
    reply = _ask("minimal", "www.example.", "A", FakeHandler(otherwise=says))
    assert records(reply, "authority") == list(says.authority)
    assert len(records(reply)) == len(says.answer)


MANY = Says(answer=tuple(f"@ 60 IN A 10.0.0.{number}" for number in range(100)))


# Directive, what the client takes (None: no EDNS), transport, the largest answer it gets, whether it is cut.
@pytest.mark.parametrize(
    ("lines", "payload", "transport", "largest", "cut"),
    [
        ("bufsize 600", 1232, "udp", 600, True),
        ("bufsize 512", 4096, "udp", 512, True),
        ("bufsize", 4096, "udp", 1232, True),
        ("bufsize 4096", 4096, "udp", 1232, True),
        ("bufsize 1000", 800, "udp", 800, True),
        ("bufsize 1000", None, "udp", 512, True),
        ("bufsize 600", 1232, "tcp", 65535, False),
    ],
)
def test_bufsize(lines: str, payload: int | None, transport: str, largest: int, cut: bool) -> None:
    asked = request("www.example.", "A", transport=transport, payload=payload)
    reply = answer(handler(lines, FakeHandler(otherwise=MANY).handle)(asked))
    message = finish(asked.query, reply.response, limit=udp_limit(asked.query) if transport == "udp" else 65535)
    records = len(read_sections(message).answer)
    if cut:
        # One more record of 16 bytes would not fit.
        assert largest - 16 < len(message) <= largest
        assert 0 < records < 100
    else:
        assert records == 100
    assert bool(message[2] & 0x02) is cut
    assert reply.response.kind is Kind.ANSWER


def test_bufsize_leaves_room_for_the_subnet_option() -> None:
    asked = request("www.example.", "A", payload=1232, subnet="2001:db8::1/128")
    behind = FakeHandler(otherwise=MANY.replying(scope=128))
    reply = answer(handler("bufsize 600", behind.handle)(asked))
    subnet = asked.query.edns.subnet if asked.query.edns else None
    assert subnet is not None
    assert 600 - 32 < len(finish(asked.query, reply.response, limit=1232, subnet=subnet)) <= 600


@pytest.mark.parametrize(
    ("client", "transport", "name", "additional"),
    [
        (
            "10.0.0.7",
            "udp",
            "Example.org.",
            ["Example.org. 0 IN A 10.0.0.7", "_udp.Example.org. 0 IN SRV 0 0 5353 ."],
        ),
        ("fd00::7", "tcp", ".", [". 0 IN AAAA fd00::7", "_tcp. 0 IN SRV 0 0 5353 ."]),
        ("10.0.0.7", "udp", "a." * 127, ["a." * 127 + " 0 IN A 10.0.0.7"]),
    ],
)
def test_whoami(client: str, transport: str, name: str, additional: list[str]) -> None:
    reply = answer(handler("whoami")(request(name, "A", client=client, transport=transport)))
    assert records(reply) == []
    assert records(reply, "additional") == additional
    assert dns.flags.to_text(read(reply).flags) == "QR AA RD"
    assert (reply.cacheable, reply.fresh_until, reply.view) == (False, 0.0, client_view(client))
