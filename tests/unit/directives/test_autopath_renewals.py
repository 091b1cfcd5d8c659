"""A search that is asked for all the time: done again shortly before its decision ends, which goes on if nothing has
changed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import dns.rcode
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterdns.directives.chain import Reply
from clusterdns.errors import UpstreamFailure
from clusterdns.flight import Flight
from clusterdns.limits import AUTOPATH_DECISION_SECONDS, AUTOPATH_LATER_SECONDS
from clusterdns.wire.names import name_to_text
from tests.support.chain import FOUND, NODATA, NXDOMAIN, Says, read, records
from tests.unit.directives.searching import (
    BARE,
    FAILS,
    FIRST,
    FOUND_V6,
    POD,
    POD_V6,
    SECOND,
    SERVFAIL,
    THIRD,
    WALK,
    Scene,
)

LIFE = AUTOPATH_DECISION_SECONDS.default
REPEATED = LIFE - AUTOPATH_LATER_SECONDS.default
"""So long after a decision a packet cache repeats what the search came to."""
LASTING = FOUND.replying(fresh_until=1000.0)


class Renewing(Scene):
    """A search for `FIRST` has ended at `BARE` at 100 s; questions come so many seconds later."""

    def __init__(self, *, denied: Mapping[str, Says] | None = None, **choices: Any) -> None:
        super().__init__({**(denied or {}), BARE: LASTING}, **choices)
        self.ask_at(0)

    def begin_at(self, seconds: float) -> Flight[Reply]:
        self.now = 100.0 + seconds
        return self.begin()

    def ask_at(self, seconds: float, qtype: str = "A", client: str = POD) -> Reply:
        self.now = 100.0 + seconds
        return self.ask(qtype, client=client)


def found_at(reply: Reply) -> str:
    """The name that the CNAME of an answer leads to."""
    return next((line.split()[-1] for line in records(reply) if " CNAME " in line), "")


# The questions behind the first one, with their times in seconds; what the last one asks.
TIMES: dict[str, tuple[list[tuple[float, str]], list[str]]] = {
    "a packet cache repeats it still": ([(REPEATED - 0.01, "A")], [BARE]),
    "nobody repeats it any more": ([(REPEATED, "A")], WALK),
    "one of those who ask": ([(REPEATED, "A"), (REPEATED + 0.1, "A")], [BARE]),
    "it holds for as long again": ([(REPEATED, "A"), (2 * REPEATED - 0.1, "A")], [BARE]),
    "and again": ([(REPEATED, "A"), (2 * REPEATED, "A")], WALK),
    "the other half of a look-up": ([(REPEATED, "AAAA")], [BARE]),
    "another half than that": ([(1, "AAAA"), (REPEATED, "AAAA")], WALK),
    "what is no half of one": ([(REPEATED, "TXT")], [BARE]),
    "too late": ([(LIFE, "A")], WALK),
}


@pytest.mark.parametrize(("questions", "asked"), TIMES.values(), ids=TIMES)
def test_when_the_search_is_done_again(questions: list[tuple[float, str]], asked: list[str]) -> None:
    scene = Renewing()
    for seconds, qtype in questions:
        assert found_at(scene.ask_at(seconds, qtype)) == BARE
    assert scene.behind.asked == asked


@pytest.mark.parametrize("asks_ahead", [False, True])
def test_what_is_found_again_may_be_repeated_again(asks_ahead: bool) -> None:
    scene = Renewing(asks_ahead=asks_ahead)
    reply = scene.ask_at(REPEATED)
    assert (found_at(reply), reply.forget_at, reply.view) == (BARE, 100.0 + 2 * REPEATED, b"shop")
    assert (scene.behind.asked, scene.autopath.counters.walks) == (WALK, 2)
    assert scene.ask_at(REPEATED + 0.1, client=POD_V6).forget_at == 100.0 + 2 * REPEATED


# What the names say when the search is done again; where the search after that ends.
CHANGES: dict[str, tuple[dict[str, Says], str]] = {
    "a name before it has come into being": ({SECOND: LASTING, BARE: LASTING}, SECOND),
    "the first name has": ({FIRST: LASTING, BARE: LASTING}, ""),
    "the first name can't be asked for": ({FIRST: SERVFAIL, BARE: LASTING}, ""),
    "a name before it can't be asked for": ({THIRD: FAILS, BARE: LASTING}, ""),
    "a name before it is denied to this client only": (
        {SECOND: NXDOMAIN.replying(view=POD.encode()), BARE: LASTING},
        BARE,
    ),
}


@pytest.mark.parametrize(("says", "then"), CHANGES.values(), ids=CHANGES)
def test_a_search_that_ends_elsewhere_waits_for_the_end_of_the_decision(says: dict[str, Says], then: str) -> None:
    scene = Renewing()
    scene.behind.answers = says
    reply = scene.ask_at(REPEATED)
    # Nobody repeats it; and nobody tries again.
    assert (found_at(reply), reply.forget_at) == (BARE, 100.0 + REPEATED)
    assert found_at(scene.ask_at(LIFE - 0.01)) == BARE
    assert scene.behind.asked == [BARE]
    assert found_at(scene.ask_at(LIFE)) == then


def test_the_first_name_fails_while_the_search_is_done_again() -> None:
    scene = Renewing()
    scene.behind.answers = {FIRST: FAILS, BARE: LASTING}
    assert found_at(scene.ask_at(REPEATED)) == BARE


def test_the_name_that_was_found_is_gone() -> None:
    scene = Renewing()
    scene.behind.answers = {}
    reply = scene.ask_at(REPEATED)
    assert (read(reply).rcode(), records(reply)) == (dns.rcode.NOERROR, [])


@pytest.mark.parametrize("answers", [{}, {FIRST: LASTING}, {SECOND: SERVFAIL, BARE: LASTING}])
def test_a_search_that_found_nothing_ends_with_its_decision(answers: dict[str, Says]) -> None:
    scene = Renewing()
    scene.now += LIFE
    scene.behind.answers = answers
    scene.ask_at(LIFE)
    scene.ask_at(LIFE + REPEATED)
    assert scene.behind.asked == [FIRST]


def test_whoever_asks_meanwhile_gets_what_was_decided() -> None:
    scene = Renewing()
    arrives: Flight[None] = Flight()
    scene.behind.answers = {SECOND: Says(answer=FOUND.answer, waits_for=arrives), BARE: LASTING}
    again = scene.begin_at(REPEATED)
    assert found_at(scene.ask_at(REPEATED + 0.1, client=POD_V6)) == BARE
    arrives.land(None)
    assert found_at(again.result()) == BARE


def test_a_search_that_is_over_too_late_renews_nothing() -> None:
    scene = Renewing()
    arrives: Flight[None] = Flight()
    scene.behind.answers = {SECOND: Says(rcode="NXDOMAIN", waits_for=arrives), BARE: LASTING}
    again = scene.begin_at(REPEATED)
    # Its decision has ended, and another search is the one that counts.
    scene.behind.answers = {THIRD: LASTING}
    assert found_at(scene.ask_at(LIFE)) == THIRD
    scene.behind.answers = {BARE: LASTING, THIRD: FOUND_V6}
    arrives.land(None)
    reply = again.result()
    assert (found_at(reply), reply.forget_at) == (BARE, 100.0 + REPEATED)
    assert found_at(scene.ask_at(LIFE + 0.1, "AAAA")) == THIRD


def test_what_is_current_by_watch_now() -> None:
    scene = Renewing()
    scene.behind.answers = {FIRST: NXDOMAIN.replying(cacheable=False), BARE: LASTING}
    assert not scene.ask_at(REPEATED - 0.1).watched
    assert scene.ask_at(REPEATED).watched


# As the cluster's own zone says it, and as others say it.
WEB_OF_SHOP = (b"\x03web\x04shop",)
BY_WATCH = NXDOMAIN.replying(cacheable=False, watched=WEB_OF_SHOP, fresh_until=math.inf)
DENIED = dict.fromkeys(WALK[:-1], BY_WATCH)

# Who denied the names of the first search; what the second one asks if nothing changes.
SOURCES: dict[str, tuple[dict[str, Says], list[str]]] = {
    "the cluster's zone": (DENIED, [BARE]),
    "another server, once": ({**DENIED, SECOND: NXDOMAIN}, WALK),
    "the zone, for so long": ({**DENIED, THIRD: NXDOMAIN.replying(watched=WEB_OF_SHOP, fresh_until=130.0)}, WALK),
    "the zone, to be forgotten": ({**DENIED, THIRD: BY_WATCH.replying(forget_at=130.0)}, WALK),
    "others": ({}, WALK),
}


@pytest.mark.parametrize(("denied", "asked"), SOURCES.values(), ids=SOURCES)
def test_what_is_denied_as_long_as_nothing_changes_is_not_asked_for_again(
    denied: dict[str, Says], asked: list[str]
) -> None:
    scene = Renewing(denied=denied)
    for number in (1, 2):
        reply = scene.ask_at(number * REPEATED)
        assert scene.behind.asked == asked
        assert (found_at(reply), reply.forget_at) == (BARE, 100.0 + (number + 1) * REPEATED)
    scene.watched.forget_about((b"another",))
    assert found_at(scene.ask_at(3 * REPEATED)) == BARE
    assert scene.behind.asked == asked
    scene.watched.forget_about(WEB_OF_SHOP)
    assert found_at(scene.ask_at(4 * REPEATED)) == BARE
    assert scene.behind.asked == WALK
    scene.ask_at(5 * REPEATED)
    assert scene.behind.asked == asked


def test_a_change_before_the_search_is_over_counts() -> None:
    scene = Renewing(denied=DENIED)
    arrives: Flight[None] = Flight()
    scene.behind.answers[BARE] = Says(answer=FOUND.answer, waits_for=arrives)
    scene.begin_at(LIFE)
    scene.watched.forget()
    arrives.land(None)
    scene.ask_at(LIFE + REPEATED)
    assert scene.behind.asked == WALK


def test_a_name_that_could_not_exist_may_exist_now() -> None:
    impossible = {THIRD}
    scene = Renewing(denied=DENIED, can_exist=lambda folded: name_to_text(folded) not in impossible)
    scene.behind.answers[THIRD] = LASTING
    impossible.clear()
    assert found_at(scene.ask_at(REPEATED)) == BARE
    assert found_at(scene.ask_at(LIFE)) == THIRD


@pytest.mark.parametrize("says", [NXDOMAIN, SERVFAIL, Says(answer=("@ 60 IN A 10.0.0.1",))])
def test_the_name_itself_is_asked_for_again(says: Says) -> None:
    scene = Renewing(denied=DENIED)
    scene.behind.answers[BARE] = says
    scene.ask_at(REPEATED)
    assert (scene.autopath.counters.walks, scene.behind.asked[0]) == (2, BARE)
    scene.ask_at(LIFE)
    assert scene.behind.asked == ([BARE] if says.rcode == "NOERROR" else WALK)


@settings(max_examples=400, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("stranger")),
            st.tuples(st.just("wait"), st.sampled_from((0.1, 0.25, 1.7))),
            st.tuples(st.just("change"), st.sampled_from(WALK), st.sampled_from((None, LASTING, NODATA, FAILS))),
        ),
        max_size=40,
    ),
    delay=st.integers(0, 3),
    first=st.sampled_from(("A", "AAAA")),
)
def test_a_look_up_that_began_with_a_repeat_ends_where_it_began(
    steps: list[tuple[Any, ...]], delay: int, first: str
) -> None:
    """Behind a packet cache: what it repeats and what is asked a moment later lead to one name."""
    scene = Renewing()
    kept: dict[str, Reply] = {}

    def look_up(qtype: str) -> tuple[str, bool]:
        """What a client is told, and whether that is a repeat."""
        reply = kept.get(qtype)
        is_repeat = reply is not None and scene.now < min(reply.fresh_until, reply.forget_at)
        if reply is None or not is_repeat:
            try:
                reply = kept[qtype] = scene.ask(qtype)
            except UpstreamFailure:
                return "SERVFAIL", False
        return found_at(reply) or dns.rcode.to_text(read(reply).rcode()), is_repeat

    second = "AAAA" if first == "A" else "A"
    for place, (kind, *arguments) in enumerate(steps):
        if kind == "stranger":
            look_up(first)
        elif kind == "wait":
            scene.now += arguments[0]
        else:
            scene.behind.answers[arguments[0]] = arguments[1] or NXDOMAIN
        if place % 4 == delay:
            one, is_repeat = look_up(first)
            scene.now += min(AUTOPATH_LATER_SECONDS.default - 0.001, 0.05 * place)
            other, _ = look_up(second)
            # Without a CNAME: a name that has no such record, or is gone, or can't be asked for.
            assert not is_repeat or one == other or {one, other} & {"NOERROR", "SERVFAIL"}
