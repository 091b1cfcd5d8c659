"""The walk on a node: what is asked at once, what waits for a denial, and what is never asked."""

from __future__ import annotations

import dns.rcode
import pytest

from clusterdns.directives.chain import Reply
from clusterdns.errors import UpstreamFailure
from clusterdns.flight import Flight, start
from clusterdns.limits import AUTOPATH_DECISION_SECONDS
from clusterdns.wire.names import name_from_text
from tests.support.chain import FOUND, NXDOMAIN, SOA, FakeHandler, Says, answer, read, records, request
from tests.unit.directives.searching import BARE, FAILS, FIRST, SECOND, THIRD, autopath


class Scene:
    """A server block for cluster.local, and another one for the root; a denial of the first name waits for `gate`."""

    def __init__(self, inside: dict[str, Says], outside: dict[str, Says], *impossible: str) -> None:
        self.gate: Flight[None] = Flight()
        self.inside = FakeHandler(inside)
        self.outside = FakeHandler(outside)
        never = {name_from_text(name) for name in impossible}
        self.autopath = autopath(
            self.inside,
            elsewhere={name_from_text(BARE): self.outside.handle},
            can_exist=lambda folded: folded not in never,
            asks_ahead=True,
        )

    def ask(self, qtype: str = "A") -> Flight[Reply]:
        return start(self.autopath.handle(request(FIRST, qtype)))


def _held(says: Says, gate: Flight[None]) -> Says:
    return Says(says.answer, says.rcode, says.authority, waits_for=gate)


def test_names_of_the_cluster_are_asked_at_once_and_others_behind_them() -> None:
    scene = Scene({}, {BARE: FOUND})
    scene.inside.answers = {name: _held(NXDOMAIN, scene.gate) for name in (FIRST, SECOND, THIRD)}
    coming = scene.ask()
    assert scene.inside.asked == [FIRST, SECOND, THIRD]
    assert scene.outside.asked == []
    assert not coming.done
    scene.gate.land(None)
    assert scene.outside.asked == [BARE]
    assert records(coming.result())[0] == f"{FIRST} 60 IN CNAME {BARE}"


# What the cluster's names say, and the name that answers, however early another one did.
ORDERS: dict[str, tuple[dict[str, Says], str]] = {
    "the first": ({FIRST: FOUND, SECOND: FOUND, THIRD: FOUND}, FIRST),
    "the second": ({SECOND: FOUND, THIRD: FOUND}, SECOND),
    "the third": ({THIRD: FOUND}, THIRD),
    "none of them": ({}, BARE),
}


@pytest.mark.parametrize(("inside", "found"), ORDERS.values(), ids=ORDERS)
def test_the_first_in_order_decides(inside: dict[str, Says], found: str) -> None:
    gate: Flight[None] = Flight()
    scene = Scene({**inside, FIRST: _held(inside.get(FIRST, NXDOMAIN), gate)}, {BARE: FOUND})
    coming = scene.ask()
    gate.land(None)
    assert records(coming.result())[-1] == f"{found} 60 IN A 10.0.0.1"
    assert scene.outside.asked == ([BARE] if found == BARE else [])


def test_the_other_question_of_the_look_up_asks_nothing_ahead() -> None:
    scene = Scene({}, {BARE: FOUND})
    answer(scene.autopath.handle(request(FIRST)))
    scene.inside.asked.clear()
    answer(scene.autopath.handle(request(FIRST, "AAAA")))
    assert scene.inside.asked == []
    assert scene.outside.asked == [BARE, BARE]


def test_a_failure_that_nobody_waits_for_is_nobodys() -> None:
    scene = Scene({FIRST: FOUND, SECOND: FAILS, THIRD: FAILS}, {})
    assert records(scene.ask().result()) == [f"{FIRST} 60 IN A 10.0.0.1"]


def test_a_failure_on_the_way_leaves_the_search_to_the_client() -> None:
    scene = Scene({SECOND: FAILS}, {BARE: FOUND})
    assert dns.rcode.to_text(read(scene.ask().result()).rcode()) == "NXDOMAIN"
    assert scene.outside.asked == []


# Names that can't exist, what the bare name says, what is asked inside, and the answer.
IMPOSSIBLE: dict[str, tuple[tuple[str, ...], Says, list[str], str]] = {
    "behind the first": ((SECOND, THIRD), FOUND, [FIRST], "NOERROR"),
    "all of the cluster's": ((FIRST, SECOND, THIRD), FOUND, [], "NOERROR"),
    # Somebody has to say for how long it does not exist.
    "all of the cluster's, and the bare name is missing": ((FIRST, SECOND, THIRD), NXDOMAIN, [FIRST], "NXDOMAIN"),
    "one": ((THIRD,), FOUND, [FIRST, SECOND], "NOERROR"),
}


@pytest.mark.parametrize(("never", "bare", "asked", "rcode"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_can_not_exist_costs_no_query(never: tuple[str, ...], bare: Says, asked: list[str], rcode: str) -> None:
    scene = Scene({}, {BARE: bare}, *never)
    assert dns.rcode.to_text(read(scene.ask().result()).rcode()) == rcode
    assert scene.inside.asked == asked


# The name that the client asks behind a failed search, what the first one said, and whether that is asked upstream.
REMEMBERED: dict[str, tuple[str, Says, bool]] = {
    "one that can not exist": (SECOND, NXDOMAIN, False),
    "another one": (THIRD, NXDOMAIN, False),
    "its spelling is the client's": (THIRD.upper(), NXDOMAIN, False),
    "the denial is of nobody's zone": (SECOND, Says(rcode="NXDOMAIN"), True),
    "the denial is current by watch": (SECOND, NXDOMAIN.replying(cacheable=False), True),
}


@pytest.mark.parametrize(("name", "first", "is_asked"), REMEMBERED.values(), ids=REMEMBERED)
@pytest.mark.parametrize("qtype", ["A", "AAAA"])
def test_the_denial_of_the_first_name_serves_for_those_that_can_not_exist(
    name: str, first: Says, is_asked: bool, qtype: str
) -> None:
    scene = Scene({FIRST: first}, {BARE: NXDOMAIN}, SECOND, THIRD)
    scene.ask().result()
    assert scene.inside.asked == [FIRST]
    reply = answer(scene.autopath.handle(request(name, qtype)))
    assert scene.inside.asked == ([FIRST, name] if is_asked else [FIRST])
    assert dns.rcode.to_text(read(reply).rcode()) == "NXDOMAIN"
    remembered = f" {AUTOPATH_DECISION_SECONDS.default_int} "
    assert is_asked or records(reply, "authority") == [SOA.replace(" 30 ", remembered, 1)]


def test_it_does_so_also_if_the_first_name_can_not_exist_either() -> None:
    scene = Scene({}, {BARE: NXDOMAIN}, FIRST, SECOND, THIRD)
    scene.ask().result()
    answer(scene.autopath.handle(request(SECOND)))
    assert scene.inside.asked == [FIRST]


def test_nothing_is_denied_for_another_where_the_first_name_exists_by_now() -> None:
    scene = Scene({FIRST: FOUND}, {BARE: NXDOMAIN}, FIRST, SECOND, THIRD)
    assert dns.rcode.to_text(read(scene.ask().result()).rcode()) == "NOERROR"
    answer(scene.autopath.handle(request(SECOND)))
    assert scene.inside.asked == [FIRST, SECOND]


def test_all_the_cluster_fails_and_the_client_is_told() -> None:
    scene = Scene(dict.fromkeys((FIRST, SECOND, THIRD), FAILS), {BARE: FOUND})
    with pytest.raises(UpstreamFailure):
        scene.ask().result()
    assert scene.outside.asked == []
