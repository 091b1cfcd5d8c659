"""Failures that are remembered (RFC 9520): for how long, for whom, and that they hide nothing."""

from __future__ import annotations

import pytest

from clusterdns.cache.lifetime import DENIAL
from clusterdns.directives.config.cache import Config, Part, ServeStale
from clusterdns.limits import CACHE_SERVFAIL_SECONDS
from tests.support.chain import FOUND, NXDOMAIN, Says
from tests.unit.directives.caching import DEAD, WEB, Asked, Scene

SERVFAIL = Says(rcode="SERVFAIL")
REFUSED = Says(rcode="REFUSED")


def _ask(scene: Scene, **parameters: str) -> Asked:
    asked = scene.ask(**parameters)
    scene.pass_time(0)
    return asked


@pytest.mark.parametrize(
    ("servfail", "says", "seconds"),
    [
        (5, SERVFAIL, 5),
        (0, SERVFAIL, 0),
        (0.5, SERVFAIL, 0.5),
        (CACHE_SERVFAIL_SECONDS.maximum, SERVFAIL, 300),
        # Silence: "at least 1 second" (RFC 9520 section 3.2), as it may be over then.
        (5, DEAD, 1),
        (0.5, DEAD, 0.5),
        (0, DEAD, 0),
        (5, REFUSED, 0),
        (5, Says(error=ZeroDivisionError("ours")), 0),
    ],
)
def test_for_how_long(servfail: float, says: Says, seconds: float) -> None:
    scene = Scene(Config(servfail=servfail), answers={WEB: says})
    scene.upstream.delay = 0
    _ask(scene)
    if seconds:
        scene.pass_time(seconds - 0.01)
        again = _ask(scene)
        assert len(scene.upstream.asked) == 1
        if says is SERVFAIL:
            assert (again.reply.response.rcode, again.reply.source, again.reply.fresh_until) == (2, "cache", 0.0)
        else:
            assert str(again.error) == "upstream 192.0.2.1:53: no answer"
        scene.pass_time(0.01)
    _ask(scene)
    assert len(scene.upstream.asked) == 2


def test_a_remembered_failure_is_counted_as_a_hit_of_a_denial() -> None:
    scene = Scene(answers={WEB: SERVFAIL})
    scene.get()
    scene.get()
    counters = scene.messages.counters
    assert (counters.misses, counters.denial_hits, counters.success_hits) == (1, 1, 0)
    assert (scene.messages.success_entries, scene.messages.denial_entries) == (0, 0)


@pytest.mark.parametrize("other", [{"qtype": "AAAA"}, {"dnssec_ok": True}, {"flags": "RD CD"}, {"name": "b.example."}])
def test_another_question_is_asked(other: dict[str, str]) -> None:
    scene = Scene(answers={WEB: SERVFAIL})
    scene.get()
    scene.get(**other)
    assert len(scene.upstream.asked) == 2


def test_a_failure_does_not_outlive_an_answer_that_came_since() -> None:
    scene = Scene(Config(servfail=300), answers={WEB: SERVFAIL})
    scene.get()
    scene.pass_time(300)
    scene.upstream.answers[WEB] = FOUND
    scene.get()
    scene.pass_time(60)
    scene.upstream.answers[WEB] = NXDOMAIN
    assert scene.get().response.rcode == 3


def test_an_answer_wipes_the_failure_out() -> None:
    scene = Scene(Config(servfail=300), answers={WEB: SERVFAIL}, views_of=lambda client: (client.encode(),))
    scene.upstream.answers[WEB] = SERVFAIL.replying(view=b"10.0.0.1")
    assert scene.get(client="10.0.0.1").response.rcode == 2
    scene.upstream.answers[WEB] = FOUND
    # It was one client's failure; what another gets is for everyone, and so for that one.
    assert scene.get(client="10.0.0.2").response.rcode == 0
    assert scene.get(client="10.0.0.1").response.rcode == 0


@pytest.mark.parametrize("failure", [SERVFAIL, DEAD], ids=["SERVFAIL", "silence"])
def test_a_failure_neither_displaces_nor_hides_what_is_kept(failure: Says) -> None:
    # The answer is prefetched, is stale, and is gone: only then is there nothing better than the failure.
    scene = Scene(Config(serve_stale=ServeStale(seconds=100, recheck=0), servfail=300), answers={WEB: FOUND})
    scene.get()
    scene.upstream.answers[WEB] = failure
    for at in (30, 59, 61, 100, 150, 159):
        scene.pass_time(100 + at - scene.clock.now)
        assert scene.get().response.rcode == 0
    scene.pass_time(5)
    if failure is DEAD:
        assert _ask(scene).done is False
    else:
        assert scene.get().response.rcode == 2


def test_failures_have_a_limit_too() -> None:
    scene = Scene(Config(denial=Part(1024, DENIAL)), answers={})
    scene.upstream.otherwise = SERVFAIL
    scene.upstream.delay = 0
    names = [f"n{number}.example." for number in range(1025)]
    for name in (*names, *reversed(names)):
        scene.ask(name)
    # The first to fail had to go.
    assert [name for _, name in scene.upstream.asked] == [*names, names[0]]
