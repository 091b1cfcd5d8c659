"""Prefetch: what is popular, when it is asked for again, and how often."""

from __future__ import annotations

import pytest

from clusterdns.cache.packet_cache import PacketCache
from clusterdns.directives.chain import Reply, Request
from clusterdns.directives.config.cache import Config, Prefetch, ServeStale
from clusterdns.directives.dispatch import Dispatcher
from tests.support import messages
from tests.support.chain import FOUND, NODATA, Says
from tests.unit.directives.caching import DEAD, WEB, Scene

MOVED = Says(answer=("@ 60 IN A 10.0.0.2",))


def _scene(amount: int = 2, window: float = 60, percent: int = 10, says: Says = FOUND) -> Scene:
    return Scene(Config(prefetch=Prefetch(amount, window, percent)), answers={WEB: says})


# When it is asked (seconds after the first answer, which lives for 60), and when a prefetch goes upstream.
ROWS: dict[str, tuple[Prefetch, list[float], list[float]]] = {
    "popular and late": (Prefetch(2), [1, 55], [55]),
    "exactly when 10% are left": (Prefetch(2), [1, 53.9, 54], [54]),
    "30% are left": (Prefetch(2, 60, 30), [1, 41, 42], [42]),
    "not late": (Prefetch(2), [1, 2, 3, 4, 50], []),
    "not popular": (Prefetch(3), [1, 55], []),
    "popular in the end": (Prefetch(4), [1, 54, 55, 56, 57], [56]),
    "gaps too long": (Prefetch(2, 10), [1, 11, 21, 55], []),
    "no gap too long": (Prefetch(3, 10), [30, 39, 47, 56], [56]),
    "of one query": (Prefetch(1), [55], [55]),
}


@pytest.mark.parametrize(("prefetch", "asked", "prefetched"), ROWS.values(), ids=ROWS)
def test_prefetch(prefetch: Prefetch, asked: list[float], prefetched: list[float]) -> None:
    scene = Scene(Config(prefetch=prefetch), answers={WEB: FOUND})
    scene.upstream.delay = 0
    scene.get()
    for at in asked:
        scene.pass_time(100 + at - scene.clock.now)
        reply = scene.ask().reply
        assert reply.source == "cache"
        # The packet cache may have it until it is late, and not a moment longer.
        late = 60 - 60 * prefetch.percent / 100
        assert reply.fresh_until in (0.0, *(100 + began + late for began in (0, *prefetched)))
    assert [at - 100 for at, _ in scene.upstream.asked[1:]] == pytest.approx(prefetched)
    assert scene.messages.counters.prefetches == len(prefetched)


def test_one_prefetch_at_a_time_and_all_are_answered_meanwhile() -> None:
    scene = _scene()
    scene.get()
    scene.pass_time(50)
    scene.get()
    scene.upstream.delay = 1.0
    scene.upstream.answers[WEB] = MOVED
    scene.pass_time(5)
    for _ in range(10):
        asked = scene.ask()
        assert (asked.seconds, asked.reply.source, asked.reply.fresh_until) == (0, "cache", 0.0)
        scene.pass_time(0.05)
    assert (len(scene.upstream.asked), scene.messages.counters.prefetches) == (2, 1)
    scene.pass_time(0.5)
    assert scene.ask().reply.response.message.endswith(bytes((10, 0, 0, 2)))


def test_who_misses_while_a_prefetch_is_under_way_shares_it() -> None:
    scene = _scene()
    scene.get()
    scene.pass_time(50)
    scene.get()
    scene.upstream.delay = 1.0
    scene.pass_time(9.7)
    scene.get()
    scene.pass_time(0.5)
    asked = scene.ask()
    scene.pass_time(1)
    assert asked.seconds is not None
    assert asked.seconds < 0.6
    assert len(scene.upstream.asked) == 2


def test_what_is_prefetched_stays_popular() -> None:
    scene = _scene(amount=10)
    for _ in range(10):
        scene.get()
        scene.pass_time(0.1)
    for _ in range(5):
        # One query for each lifetime is enough now.
        scene.pass_time(55)
        assert scene.get().source == "cache"
        scene.pass_time(0.01)
    assert scene.messages.counters.prefetches == 5


@pytest.mark.parametrize("says", [DEAD, Says(rcode="SERVFAIL")], ids=["silence", "SERVFAIL"])
def test_a_prefetch_that_fails_leaves_what_is_kept_and_is_not_repeated_at_once(says: Says) -> None:
    scene = _scene()
    scene.get()
    scene.pass_time(50)
    scene.get()
    scene.upstream.answers[WEB] = says
    scene.pass_time(5)
    for _ in range(40):
        assert scene.ask().reply.response.rcode == 0
        scene.pass_time(0.1)
    # Silent upstreams are tried once a second.
    assert len(scene.upstream.asked) == (1 + 4 if says is DEAD else 2)


def test_a_denial_takes_the_place_of_what_is_popular() -> None:
    scene = _scene()
    scene.get()
    scene.pass_time(50)
    scene.get()
    scene.upstream.answers[WEB] = NODATA
    scene.pass_time(5)
    scene.get()
    scene.pass_time(0.01)
    assert scene.get().response.message[6:8] == b"\0\0"


def test_prefer_positive_holds_for_prefetches_too() -> None:
    config = Config(prefetch=Prefetch(2), serve_stale=ServeStale(prefer_positive=True))
    scene = Scene(config, answers={WEB: FOUND})
    scene.get()
    scene.pass_time(50)
    scene.get()
    scene.upstream.answers[WEB] = NODATA
    scene.pass_time(5)
    scene.get()
    scene.pass_time(0.01)
    assert scene.get().response.message[6:8] == b"\0\1"


def test_the_packet_cache_in_front_does_not_hide_that_a_name_is_popular() -> None:
    scene = _scene(amount=5)
    asked = []

    async def chain(request: Request) -> Reply:
        asked.append(request)
        return await scene.cache.handle(request)

    dispatcher = Dispatcher({b"\0": chain}, PacketCache(), scene.clock)
    query = messages.query(WEB)
    # Ten times a second for five minutes: a lifetime of 60 s is renewed 6 s before it ends, and never ends.
    for _ in range(3000):
        dispatcher.respond_udp(query, ("10.0.0.1", 5353), lambda answer, peer: None)
        scene.pass_time(0.1)
    times = [at - 100 for at, _ in scene.upstream.asked]
    assert times == pytest.approx([0, 54, 108, 162, 216, 270], abs=1)
    assert scene.messages.counters.misses == 1
    assert len(asked) < 100
