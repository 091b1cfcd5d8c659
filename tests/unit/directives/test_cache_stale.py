"""Stale answers (RFC 8767), on virtual time: who gets one, when, for how long, and what ends it."""

from __future__ import annotations

import logging

import pytest

from clusterdns.directives.config.cache import Config, ServeStale
from clusterdns.wire.edns import STALE_ANSWER, STALE_NXDOMAIN_ANSWER
from clusterdns.wire.names import name_from_text
from tests.support.chain import FOUND, NODATA, NXDOMAIN, Says, records
from tests.unit.directives.caching import DEAD, WEB, Scene

VERIFY = Config(serve_stale=ServeStale())
IMMEDIATE = Config(serve_stale=ServeStale(mode="immediate"))
MOVED = Says(answer=("@ 60 IN A 10.0.0.2",))
SERVFAIL = Says(rcode="SERVFAIL")


def _scene(config: Config = VERIFY, says: Says = FOUND) -> Scene:
    """`WEB` is kept, and 60 s later (5 s for denials) it is stale."""
    scene = Scene(config, answers={WEB: says})
    scene.get()
    scene.pass_time(60)
    return scene


def test_off_by_default() -> None:
    scene = _scene(Config())
    scene.upstream.die()
    asked = scene.ask()
    scene.pass_time(2)
    assert asked.error is not None
    assert scene.messages.success_entries == 0


def test_verify_asks_first_and_has_the_new_answer() -> None:
    scene = _scene()
    scene.upstream.answers[WEB] = MOVED
    asked = scene.ask()
    scene.pass_time(0.09)
    assert asked.seconds == pytest.approx(0.01)
    assert (asked.reply.source, records(asked.reply)) == ("upstream", [f"{WEB} 60 IN A 10.0.0.2"])
    assert scene.get().source == "cache"
    assert scene.messages.counters.served_stale == 0


@pytest.mark.parametrize(
    ("stale", "seconds"),
    [
        (ServeStale(), 0.1),
        (ServeStale(verify_seconds=0.5), 0.5),
        (ServeStale(verify_seconds=0), 1.5),  # as long as the upstream takes to fail
        (ServeStale(mode="immediate"), 0.0),
    ],
    ids=["verify", "verify 500ms", "verify 0", "immediate"],
)
def test_dead_upstreams_and_the_first_stale_answer(stale: ServeStale, seconds: float) -> None:
    scene = _scene(Config(serve_stale=stale))
    scene.upstream.die()
    asked = scene.ask()
    scene.pass_time(3)
    assert asked.seconds == pytest.approx(seconds)
    assert (asked.reply.source, asked.reply.fresh_until, asked.reply.error) == ("cache", 0.0, STALE_ANSWER)
    assert records(asked.reply) == [f"{WEB} 30 IN A 10.0.0.1"]
    assert (scene.messages.counters.served_stale, scene.clock.pending) == (1, 0)


def test_a_stale_denial_says_so_too() -> None:
    scene = _scene(says=NXDOMAIN)
    assert scene.get().error is None
    scene.pass_time(60)
    scene.upstream.die()
    assert scene.get().error == STALE_NXDOMAIN_ANSWER


@pytest.mark.parametrize(
    ("seconds", "ttl", "answered"),
    [(3600, 30, 3599.9), (10, 1, 9.9), (60, 0, 59.9)],
)
def test_stale_answers_end(seconds: float, ttl: int, answered: float) -> None:
    scene = _scene(Config(serve_stale=ServeStale(seconds=seconds, ttl=ttl)))
    scene.upstream.die()
    scene.pass_time(answered)
    assert scene.get().response.ttl == ttl
    scene.pass_time(seconds - answered)
    asked = scene.ask()
    scene.pass_time(2)
    assert asked.error is not None


def test_a_verify_that_takes_too_long_goes_on_and_what_it_brings_is_kept() -> None:
    scene = _scene()
    scene.upstream.answers[WEB] = MOVED
    scene.upstream.delay = 1.0
    asked = scene.ask()
    scene.pass_time(0.1)
    assert records(asked.reply) == [f"{WEB} 30 IN A 10.0.0.1"]
    scene.pass_time(0.9)
    late = scene.ask()
    assert (late.seconds, records(late.reply)) == (0, [f"{WEB} 60 IN A 10.0.0.2"])


def test_who_comes_later_waits_for_the_rest_of_the_same_moment() -> None:
    scene = _scene()
    scene.upstream.die()
    asked = []
    for _ in range(8):
        asked.append(scene.ask())
        scene.pass_time(0.02)
    assert [round(each.seconds, 2) for each in asked if each.seconds is not None] == [
        0.1, 0.08, 0.06, 0.04, 0.02, 0, 0, 0
    ]  # fmt: skip
    assert len(scene.upstream.asked) == 2


def test_everyone_who_waits_has_the_new_answer() -> None:
    scene = _scene()
    scene.upstream.answers[WEB] = MOVED
    asked = [scene.ask() for _ in range(5)]
    scene.pass_time(0.01)
    assert [records(each.reply) for each in asked] == [[f"{WEB} 60 IN A 10.0.0.2"]] * 5
    assert len(scene.upstream.asked) == 2


def test_immediate_answers_and_asks_behind_it() -> None:
    scene = _scene(IMMEDIATE)
    scene.upstream.answers[WEB] = MOVED
    asked = [scene.ask() for _ in range(3)]
    assert [records(each.reply) for each in asked] == [[f"{WEB} 30 IN A 10.0.0.1"]] * 3
    assert len(scene.upstream.asked) == 2
    scene.pass_time(0.01)
    assert records(scene.ask().reply) == [f"{WEB} 60 IN A 10.0.0.2"]


@pytest.mark.parametrize("config", [VERIFY, IMMEDIATE], ids=["verify", "immediate"])
def test_a_name_that_is_answered_with_an_error_is_left_alone_for_thirty_seconds(config: Config) -> None:
    scene = _scene(config, FOUND)
    scene.upstream.answers[WEB] = SERVFAIL
    for _ in range(90):
        assert scene.get().response.rcode == 0
        scene.pass_time(1)
    times = [round(at - 160, 1) for at, _ in scene.upstream.asked[1:]]
    assert times == pytest.approx([0, 30, 60], abs=2.1)


def test_recheck_as_configured() -> None:
    scene = _scene(Config(serve_stale=ServeStale(recheck=0)))
    scene.upstream.answers[WEB] = SERVFAIL
    for _ in range(5):
        scene.get()
    assert len(scene.upstream.asked) == 6


def test_silent_upstreams_are_asked_once_a_second_and_are_fresh_soon_after_they_are_back() -> None:
    names = [f"n{number}.example." for number in range(10)]
    scene = Scene(VERIFY, answers=dict.fromkeys(names, FOUND))
    for name in names:
        scene.get(name)
    scene.pass_time(60)
    scene.upstream.die()
    began = scene.clock.now
    # Each is tried once, then one of them a second.
    while scene.clock.now < began + 20:
        for name in names:
            assert scene.get(name).source == "cache"
        scene.pass_time(0.25)
    tried = [at for at, _ in scene.upstream.asked if at > began]
    assert 18 <= len(tried) <= 30
    scene.upstream.answers = dict.fromkeys(names, MOVED)
    scene.upstream.delay = 0.01
    back = scene.clock.now
    while any(records(scene.get(name))[0].endswith("10.0.0.1") for name in names):
        scene.pass_time(0.25)
    assert scene.clock.now - back < 5


@pytest.mark.parametrize(
    ("before", "after", "rcode", "source"),
    [
        (FOUND, NXDOMAIN, 3, "upstream"),
        (FOUND, NODATA, 0, "upstream"),
        (NXDOMAIN, FOUND, 0, "upstream"),
        (NXDOMAIN, SERVFAIL, 3, "cache"),
        (FOUND, SERVFAIL, 0, "cache"),
        (FOUND, Says(rcode="REFUSED"), 0, "cache"),
        (FOUND, Says(rcode="NXDOMAIN"), 0, "cache"),  # without SOA
        (FOUND, Says(), 0, "cache"),
        (FOUND, Says(answer=FOUND.answer, flags="QR TC RD RA"), 0, "cache"),
        (FOUND, DEAD, 0, "cache"),
        (FOUND, Says(error=ZeroDivisionError("ours")), 0, "cache"),
    ],
)
def test_what_takes_the_place_of_a_stale_answer(before: Says, after: Says, rcode: int, source: str) -> None:
    scene = _scene(says=before)
    scene.upstream.answers[WEB] = after
    for _ in range(2):
        reply = scene.get()
        assert (reply.response.rcode, reply.source) == (rcode, source)
        source = "cache"


def test_an_answer_that_is_not_for_keeping_takes_its_place_too() -> None:
    scene = _scene()
    scene.upstream.answers[WEB] = MOVED.replying(cacheable=False)
    assert records(scene.get()) == [f"{WEB} 60 IN A 10.0.0.2"]
    assert scene.messages.success_entries == 0


@pytest.mark.parametrize("after", [NXDOMAIN, NODATA, SERVFAIL, DEAD], ids=["nxdomain", "nodata", "servfail", "dead"])
@pytest.mark.parametrize("mode", ["verify", "immediate"])
def test_prefer_positive_keeps_the_last_known_good(after: Says, mode: str) -> None:
    stale = ServeStale(mode="verify" if mode == "verify" else "immediate", seconds=100, prefer_positive=True)
    scene = _scene(Config(serve_stale=stale))
    scene.upstream.answers[WEB] = after
    for _ in range(4):
        assert records(scene.get()) == [f"{WEB} 30 IN A 10.0.0.1"]
        scene.pass_time(24)
    scene.pass_time(4)
    asked = scene.ask()
    scene.pass_time(0.01)
    assert asked.error or asked.reply.response.rcode or not records(asked.reply)


def test_prefer_positive_has_the_new_answer_as_soon_as_there_is_one() -> None:
    scene = _scene(Config(serve_stale=ServeStale(recheck=0, prefer_positive=True)))
    scene.upstream.answers[WEB] = NXDOMAIN
    assert scene.get().source == "cache"
    scene.upstream.answers[WEB] = MOVED
    assert records(scene.get()) == [f"{WEB} 60 IN A 10.0.0.2"]


def test_prefer_positive_believes_a_denial_of_what_was_never_there() -> None:
    scene = _scene(Config(serve_stale=ServeStale(prefer_positive=True)), NODATA)
    scene.upstream.answers[WEB] = NXDOMAIN
    assert scene.get().response.rcode == 3


def test_the_cluster_s_names_are_never_stale() -> None:
    scene = Scene(VERIFY, answers={"web.cluster.local.": FOUND}, cluster_zones=[name_from_text("cluster.local.")])
    scene.get("web.cluster.local.")
    scene.pass_time(60)
    scene.upstream.die()
    asked = scene.ask("web.cluster.local.")
    scene.pass_time(2)
    assert (asked.seconds, asked.error is not None) == (1.5, True)
    assert scene.messages.counters.served_stale == 0


def test_counters() -> None:
    scene = _scene()
    scene.upstream.answers[WEB] = MOVED
    scene.get()
    scene.pass_time(60)
    scene.upstream.die()
    scene.get()
    scene.get()
    counters = scene.messages.counters
    assert (counters.misses, counters.success_hits, counters.served_stale, counters.requests) == (2, 2, 2, 4)


def test_every_failed_refresh_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "clusterdns")
    scene = _scene(Config(serve_stale=ServeStale(mode="immediate", recheck=0)))
    for says in (DEAD, SERVFAIL, Says(error=ZeroDivisionError("ours"))):
        scene.upstream.answers[WEB] = says
        scene.get()
        scene.pass_time(0.01)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", f"{WEB} could not be refreshed: upstream 192.0.2.1:53: no answer"),
        ("INFO", f"{WEB} could not be refreshed: the answer is SERVFAIL (failure)"),
        ("ERROR", f"refreshing {WEB} failed by our own fault"),
        ("INFO", f"{WEB} could not be refreshed: our own fault"),
    ]


VIEWS = {"10.0.0.1": (b"10.0.0.1", b"shop"), "10.0.0.2": (b"10.0.0.2", b"shop"), "10.0.0.3": (b"10.0.0.3", b"blog")}


def test_a_stale_answer_stays_within_its_view() -> None:
    scene = Scene(VERIFY, answers={WEB: FOUND.replying(view=b"shop")}, views_of=VIEWS.__getitem__)
    scene.get(client="10.0.0.1")
    scene.pass_time(60)
    scene.upstream.die()
    assert scene.get(client="10.0.0.2").source == "cache"
    asked = scene.ask(client="10.0.0.3")
    scene.pass_time(2)
    assert asked.error is not None


def test_a_refresh_that_brings_another_client_s_answer_is_not_for_this_one() -> None:
    scene = Scene(VERIFY, answers={WEB: FOUND}, views_of=VIEWS.__getitem__)
    scene.get(client="10.0.0.1")
    scene.pass_time(60)
    scene.upstream.answers[WEB] = MOVED.replying(view=b"10.0.0.1")
    one, other = scene.ask(client="10.0.0.1"), scene.ask(client="10.0.0.3")
    scene.pass_time(0.01)
    assert one.reply.view == b"10.0.0.1"
    scene.upstream.answers[WEB] = FOUND.replying(view=b"10.0.0.3")
    scene.pass_time(0.01)
    assert (other.reply.view, records(other.reply)) == (b"10.0.0.3", [f"{WEB} 60 IN A 10.0.0.1"])
