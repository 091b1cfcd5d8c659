"""The cache directive: what is asked behind it, what comes back, and how long it may be repeated."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from clusterdns.cache.message_cache import MessageCache
from clusterdns.directives.cache import Cache
from clusterdns.errors import UpstreamFailure
from clusterdns.flight import Flight, start
from clusterdns.wire.names import name_from_text
from tests.support.chain import FOUND, NODATA, NXDOMAIN, FakeHandler, Says, answer, records, request

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
    assert (first.source, first.fresh_until, first.response.ttl) == ("fake", 100.0 + seconds, seconds)
    clock.now = 101.5
    again = answer(cache.handle(request(now=101.5)))
    assert (again.source, again.fresh_until, again.response.ttl) == ("cache", 100.0 + seconds, seconds - 1)
    assert behind.asked == [WEB]
    answer(cache.handle(request(now=100.0 + seconds)))
    assert behind.asked == [WEB, WEB]


@pytest.mark.parametrize(
    "says",
    [
        Says(rcode="SERVFAIL"),
        Says(rcode="NXDOMAIN"),
        Says(),
        Says(answer=("@ 60 IN CNAME www.example.",)),
        Says(answer=("@ 60 IN A 10.0.0.1",), flags="QR TC RD RA"),
        FOUND.replying(cacheable=False),
        NXDOMAIN.replying(cacheable=False),
    ],
    ids=["servfail", "no SOA", "empty", "CNAME only", "truncated", "current by watch", "denial current by watch"],
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
    assert flight.result().fresh_until == 163.0


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
    assert (first.view, first.scope, first.fresh_until) == (b"10.0.0.1", 32, 160.0)
    behind.answers[WEB] = NXDOMAIN
    other = answer(cache.handle(request(client="10.0.0.2")))
    assert (other.view, other.response.rcode) == (b"10.0.0.2", 3)
    again = answer(cache.handle(request(client="10.0.0.1")))
    assert (again.source, again.view) == ("cache", b"10.0.0.1")
    assert records(again) == [f"{WEB} 60 IN A 10.0.0.1"]
    assert len(behind.asked) == 2
