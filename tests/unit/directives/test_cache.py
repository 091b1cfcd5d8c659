"""The cache directive: what is asked behind it, what comes back, and how long it may be repeated."""

from __future__ import annotations

from collections.abc import Sequence

import dns.edns
import dns.flags
import dns.message
import pytest

from clusterdns.cache.message_cache import MessageCache
from clusterdns.directives.cache import Cache
from clusterdns.directives.config.cache import Config
from clusterdns.errors import UpstreamFailure
from clusterdns.flight import Flight, start
from clusterdns.wire.names import name_from_text
from clusterdns.wire.query import read_query
from clusterdns.wire.reply import finish
from tests.support import messages as wire
from tests.support.chain import FOUND, NODATA, NXDOMAIN, FakeHandler, Says, answer, records, request
from tests.unit.directives.caching import Scene

WEB = "web.shop.svc.cluster.local."
ROOT = name_from_text(".")


class Clock:
    """The time that the test sets."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def _cache(
    behind: FakeHandler, clock: Clock, *, zones: Sequence[bytes] = (ROOT,), messages: MessageCache | None = None
) -> Cache:
    return Cache(zones, messages or MessageCache(), clock, behind.handle)


@pytest.mark.parametrize(
    ("says", "seconds"), [(FOUND, 60), (NXDOMAIN, 5), (NODATA, 5)], ids=["found", "nxdomain", "nodata"]
)
def test_asked_once_as_long_as_it_lives(says: Says, seconds: int) -> None:
    behind = FakeHandler({WEB: says})
    clock = Clock()
    cache = _cache(behind, clock)
    first = answer(cache.handle(request(now=100.0)))
    # Not for the packet cache yet: most names are asked for once.
    assert (first.source, first.fresh_until, first.response.ttl) == ("fake", 0.0, seconds)
    clock.now = 101.5
    again = answer(cache.handle(request(now=101.5)))
    assert (again.source, again.fresh_until, again.response.ttl) == ("cache", 100.0 + seconds, seconds - 1)
    assert behind.asked == [WEB]
    answer(cache.handle(request(now=100.0 + seconds)))
    assert behind.asked == [WEB, WEB]


@pytest.mark.parametrize(
    "says",
    [
        Says(rcode="REFUSED"),
        Says(rcode="NXDOMAIN"),
        Says(),
        Says(answer=("@ 60 IN CNAME www.example.",)),
        Says(answer=("@ 60 IN A 10.0.0.1",), flags="QR TC RD RA"),
        FOUND.replying(cacheable=False),
        NXDOMAIN.replying(cacheable=False),
    ],
    ids=["refused", "no SOA", "empty", "CNAME only", "truncated", "current by watch", "denial current by watch"],
)
def test_not_kept_and_not_repeated(says: Says) -> None:
    behind = FakeHandler({WEB: says})
    messages = MessageCache()
    cache = _cache(behind, Clock(), messages=messages)
    reply = answer(cache.handle(request()))
    assert (reply.source, reply.fresh_until) == ("fake", 0.0)
    assert reply.response == answer(FakeHandler({WEB: says}).handle(request())).response
    answer(cache.handle(request()))
    assert behind.asked == [WEB, WEB]
    assert messages.success_entries + messages.denial_entries == 0


def test_an_answer_s_life_begins_when_it_arrives() -> None:
    arrives: Flight[None] = Flight()
    behind = FakeHandler({WEB: Says(answer=FOUND.answer, waits_for=arrives)})
    clock = Clock(100.0)
    cache = _cache(behind, clock)
    flight = start(cache.handle(request(now=100.0)))
    assert not flight.done
    clock.now = 103.0
    arrives.land(None)
    assert flight.result().response.ttl == 60
    assert answer(cache.handle(request(now=103.0))).fresh_until == 163.0


def test_zones_that_are_not_cached() -> None:
    behind = FakeHandler(otherwise=FOUND)
    cache = _cache(behind, Clock(), zones=[name_from_text("cluster.local")])
    for name in ("www.example.", "notcluster.local.", "Web.CLUSTER.local."):
        answer(cache.handle(request(name)))
        answer(cache.handle(request(name.lower())))
    assert behind.asked == ["www.example."] * 2 + ["notcluster.local."] * 2 + ["Web.CLUSTER.local."]


def test_a_failure_passes_through_and_keeps_what_is_there() -> None:
    behind = FakeHandler({WEB: FOUND, "down.example.": Says(error=UpstreamFailure("192.0.2.1", "no answer"))})
    cache = _cache(behind, Clock())
    answer(cache.handle(request(WEB)))
    with pytest.raises(UpstreamFailure):
        answer(cache.handle(request("down.example.")))
    assert answer(cache.handle(request(WEB))).source == "cache"


def test_another_spelling_is_the_same_question() -> None:
    behind = FakeHandler({WEB: FOUND})
    cache = _cache(behind, Clock())
    answer(cache.handle(request("WEB.shop.SVC.cluster.local.")))
    assert answer(cache.handle(request(WEB))).source == "cache"


VIEWS = {"10.0.0.1": (b"10.0.0.1",), "10.0.0.2": (b"10.0.0.2",)}


def test_an_answer_for_one_client_reaches_that_client_only() -> None:
    behind = FakeHandler({WEB: FOUND.replying(view=b"10.0.0.1", scope=32)})
    cache = _cache(behind, Clock(), messages=MessageCache(views_of=VIEWS.__getitem__))
    first = answer(cache.handle(request(client="10.0.0.1")))
    assert (first.view, first.scope, first.fresh_until) == (b"10.0.0.1", 32, 0.0)
    behind.answers[WEB] = NXDOMAIN
    other = answer(cache.handle(request(client="10.0.0.2")))
    assert (other.view, other.response.rcode) == (b"10.0.0.2", 3)
    again = answer(cache.handle(request(client="10.0.0.1")))
    assert (again.source, again.view, again.fresh_until) == ("cache", b"10.0.0.1", 160.0)
    assert records(again) == [f"{WEB} 60 IN A 10.0.0.1"]
    assert len(behind.asked) == 2


def test_with_keepttl_the_ttl_stays_and_the_packet_cache_does_not_count_it_down() -> None:
    scene = Scene(Config(keepttl=True), answers={WEB: FOUND})
    scene.get(WEB)
    for _ in range(5):
        scene.pass_time(10)
        reply = scene.get(WEB)
        assert (reply.source, reply.response.ttl, reply.fresh_until) == ("cache", 60, 0.0)
    scene.pass_time(10)
    assert scene.get(WEB).source == "upstream"


DISABLED = {
    "success": (Config(disable_success=("cluster.local.",)), WEB, FOUND, False),
    "success, a denial": (Config(disable_success=("cluster.local.",)), WEB, NXDOMAIN, True),
    "denial": (Config(disable_denial=("cluster.local.",)), WEB, NXDOMAIN, False),
    "denial, no data": (Config(disable_denial=("cluster.local.",)), WEB, NODATA, False),
    "denial, a success": (Config(disable_denial=("cluster.local.",)), WEB, FOUND, True),
    "denial, a failure": (Config(disable_denial=("cluster.local.",)), WEB, Says(rcode="SERVFAIL"), False),
    "denial, no answer": (Config(disable_denial=(".",)), WEB, Says(error=UpstreamFailure("192.0.2.1", "-")), False),
    "another zone": (Config(disable_success=("example.",), disable_denial=("local.example.",)), WEB, FOUND, True),
    "a whole server": (Config(disable_success=(".",)), "www.example.", FOUND, False),
    "another spelling": (Config(disable_success=("Cluster.LOCAL.",)), WEB.upper(), FOUND, False),
}


@pytest.mark.parametrize(("config", "name", "says", "kept"), DISABLED.values(), ids=DISABLED)
def test_disabled_zones(config: Config, name: str, says: Says, kept: bool) -> None:
    scene = Scene(config, answers={name.lower(): says})
    for _ in range(2):
        asked = scene.ask(name)
        scene.pass_time(0.01)
        assert asked.done
    assert len(scene.upstream.asked) == (1 if kept else 2)


CLUSTER = {
    # The cap's floor is 0: what the zone itself says may be less than CoreDNS's minimum of 5 s.
    "a denial": (WEB, NXDOMAIN, 2),
    "no data": (WEB, NODATA, 2),
    "a denial of no lifetime": (WEB, Says(rcode="NXDOMAIN", authority=(wire.SOA_TEXT.replace(" 30 ", " 0 "),)), 0),
    "a success": (WEB, FOUND, 60),
    "a failure": (WEB, Says(rcode="SERVFAIL"), 2),
    "a denial elsewhere": ("www.example.", NXDOMAIN, 5),
    "a failure elsewhere": ("www.example.", Says(rcode="SERVFAIL"), 5),
}


@pytest.mark.parametrize(("name", "says", "seconds"), CLUSTER.values(), ids=CLUSTER)
def test_what_the_cluster_s_zones_deny_is_believed_for_two_seconds(name: str, says: Says, seconds: int) -> None:
    zones = [name_from_text("cluster.local."), name_from_text("10.in-addr.arpa.")]
    scene = Scene(answers={name: says}, cluster_zones=zones)
    scene.upstream.delay = 0
    scene.ask(name)
    if seconds:
        scene.pass_time(seconds - 0.01)
        scene.ask(name)
        assert len(scene.upstream.asked) == 1
        scene.pass_time(0.01)
    scene.ask(name)
    assert len(scene.upstream.asked) == 2


def test_the_cap_does_not_lengthen_what_is_configured() -> None:
    scene = Scene(answers={WEB: NXDOMAIN}, cluster_zones=[name_from_text("local.")], denial_cap_seconds=1)
    assert scene.get().response.ttl == 5
    assert scene.get(WEB).response.ttl == 1


EXPIRED = "@ 60 IN RRSIG A 8 2 60 20250101000000 20241201000000 1 example.org. c2ln"
SIGNED = "@ 60 IN RRSIG A 8 2 60 20260101000000 20251201000000 1 example.org. c2ln"


@pytest.mark.parametrize(
    ("signature", "wall", "seconds"),
    [
        (SIGNED, 1767225600 - 3600, 60),  # 2026-01-01T00:00:00Z
        (SIGNED, 1767225600 - 20, 20),
        (SIGNED, 1767225600, 0),
        (EXPIRED, 1767225600, 0),
    ],
    ids=["valid", "about to expire", "just expired", "expired long ago"],
)
def test_an_answer_lives_no_longer_than_its_signatures(signature: str, wall: float, seconds: int) -> None:
    scene = Scene(answers={WEB: Says(answer=(*FOUND.answer, signature))}, wall=lambda: wall)
    scene.get(WEB, dnssec_ok=True)
    reply = scene.get(WEB, dnssec_ok=True)
    assert (reply.source, reply.response.ttl) == (("cache", seconds) if seconds else ("upstream", 60))


def _with_cookie() -> bytes:
    query = dns.message.from_wire(wire.query())
    query.use_edns(0, options=[dns.edns.GenericOption(dns.edns.OptionType.COOKIE, b"12345678")])
    return query.to_wire()


def test_each_client_gets_ad_and_its_cookie_s_answer_as_it_asked() -> None:
    # AD is there for whoever asked for it; a cookie is between a client and a server, and we have none.
    scene = Scene(answers={WEB: Says(answer=FOUND.answer, flags="QR RD RA AD")})
    seen = []
    for number, query in enumerate(
        (
            wire.query(flags="RD AD"),
            wire.query(),
            wire.query(dnssec_ok=True),
            _with_cookie(),
            wire.query(payload=1232),
        )
    ):
        asked = read_query(query)
        reply = scene.get(WEB, dnssec_ok=asked.dnssec_ok)
        message = dns.message.from_wire(finish(asked, reply.response, limit=1232))
        seen.append((reply.source, bool(message.flags & dns.flags.AD), message.edns))
        assert message.options == ()
        assert len(message.answer) == 1, number
    assert seen == [
        ("upstream", True, -1), ("cache", False, -1), ("upstream", True, 0), ("cache", False, 0), ("cache", False, 0)
    ]  # fmt: skip
