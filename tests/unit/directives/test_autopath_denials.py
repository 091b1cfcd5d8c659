"""A search that found nothing is remembered: the steps that its client takes next cost nothing."""

from __future__ import annotations

from typing import Any

import dns.rcode
import pytest

from clusterdns.limits import AUTOPATH_DECISION_SECONDS
from tests.support.chain import FOUND, NODATA, NXDOMAIN, Says, read
from tests.unit.directives.searching import (
    BARE,
    FAILS,
    FIRST,
    OTHER_POD,
    POD,
    POD_V6,
    SECOND,
    THIRD,
    WALK,
    Scene,
    search_list,
)

SHORTER = Says(rcode="NXDOMAIN", authority=(". 86400 IN SOA a.example. b.example. 1 1800 900 604800 1",))
NO_SOA = Says(rcode="NXDOMAIN")
BOUND = AUTOPATH_DECISION_SECONDS.default
BY_WATCH = NXDOMAIN.replying(cacheable=False)


@pytest.mark.parametrize("qtype", ["A", "AAAA", "TXT"])
@pytest.mark.parametrize("name", [SECOND, THIRD, BARE, "AliYun.COM.svc.cluster.LOCAL."])
def test_the_client_s_next_steps_are_answered_from_memory(name: str, qtype: str) -> None:
    scene = Scene()
    scene.ask()
    scene.now += 0.5
    reply = scene.ask(qtype, name)
    assert (scene.behind.asked, scene.autopath.counters.remembered) == ([], 1)
    assert (dns.rcode.to_text(read(reply).rcode()), reply.response.ttl) == ("NXDOMAIN", 1)
    assert (reply.source, reply.view, reply.fresh_until) == ("autopath", b"shop", 100.0 + BOUND)


# What the names say, the seconds that have passed, and the name that is asked then; whether it is remembered.
MEMORY: dict[str, tuple[dict[str, Says], float, str, bool]] = {
    "as long as a decision holds": ({}, BOUND - 0.1, BARE, True),
    "and no longer, though the denial lives": ({}, BOUND, BARE, False),
    "nor the cluster's names": ({}, BOUND, SECOND, False),
    "for as long as the shortest of them": ({BARE: SHORTER}, 0.9, SECOND, True),
    "and no longer than that": ({BARE: SHORTER}, 1, SECOND, False),
    "also if the first is the shortest": ({FIRST: SHORTER}, 1, BARE, False),
    "one says nothing of its life": ({THIRD: NO_SOA}, 0, BARE, False),
    "one is current by watch": ({SECOND: BY_WATCH}, 0, SECOND, False),
    "the others are kept": ({FIRST: BY_WATCH, SECOND: BY_WATCH, THIRD: BY_WATCH}, 0, BARE, True),
    "the walk found something": ({BARE: FOUND}, 0, SECOND, False),
    "the walk found no records": ({THIRD: NODATA}, 0, SECOND, False),
    "a step could not be asked": ({BARE: FAILS}, 0, SECOND, False),
    "another name": ({}, 0, "aliyun.net.", False),
}


@pytest.mark.parametrize(("answers", "seconds", "name", "is_remembered"), MEMORY.values(), ids=MEMORY)
def test_what_is_remembered(answers: dict[str, Says], seconds: float, name: str, is_remembered: bool) -> None:
    scene = Scene(answers)
    scene.ask()
    scene.now += seconds
    scene.ask(name=name)
    assert scene.behind.asked == ([] if is_remembered else [name])


@pytest.mark.parametrize(
    ("client", "namespace", "is_remembered"),
    [(POD, "shop", True), (POD_V6, "shop", True), (OTHER_POD, "blog", False), (POD, "blog", False), (POD, "", False)],
)
def test_for_whom(client: str, namespace: str, is_remembered: bool) -> None:
    scene = Scene()
    scene.ask()
    scene.lists.known.pop(client)
    if namespace:
        scene.lists.known[client] = search_list(namespace)
    scene.ask(name=BARE, client=client)
    assert scene.behind.asked == ([] if is_remembered else [BARE])


def test_what_holds_for_one_client_is_remembered_for_that_one() -> None:
    scene = Scene({SECOND: NXDOMAIN.replying(view=POD.encode())})
    scene.ask()
    scene.ask(name=BARE, client=POD_V6)
    assert scene.behind.asked == [BARE]
    assert scene.ask(name=BARE).view == POD.encode()
    assert scene.behind.asked == []


@pytest.mark.parametrize("query", [{"dnssec_ok": True}, {"flags": "RD CD"}])
def test_who_wants_proofs_is_not_answered_from_memory(query: dict[str, Any]) -> None:
    scene = Scene()
    scene.ask()
    scene.ask(name=BARE, **query)
    assert scene.behind.asked == [BARE]
    scene = Scene()
    scene.ask(**query)
    scene.ask(name=BARE)
    assert scene.behind.asked == [BARE]


def test_a_search_that_comes_by_a_remembered_name_skips_it() -> None:
    others = [f"aliyun.com.svc.{domain}" for domain in ("shop.svc.cluster.local.", "svc.cluster.local.", "")]
    scene = Scene(dict.fromkeys(others, BY_WATCH))
    scene.ask()
    assert scene.behind.asked == WALK
    scene.ask(name=others[0])
    assert scene.behind.asked == others  # between the last two is the second name of the walk before


def test_the_next_search_asks_for_all_names_again() -> None:
    scene = Scene({FIRST: BY_WATCH, SECOND: BY_WATCH, THIRD: BY_WATCH})
    scene.ask()
    scene.now += BOUND
    scene.ask()
    assert scene.behind.asked == WALK


def test_what_came_to_exist_is_found_as_soon_as_the_decision_ends() -> None:
    scene = Scene()
    scene.ask()
    scene.behind.answers[BARE] = FOUND
    scene.now += BOUND - 0.1
    assert dns.rcode.to_text(read(scene.ask()).rcode()) == "NXDOMAIN"
    scene.now += 0.1
    assert dns.rcode.to_text(read(scene.ask()).rcode()) == "NOERROR"


def test_the_view_of_a_remembered_denial_below_the_zones() -> None:
    scene = Scene()
    scene.ask()
    assert scene.ask(name=SECOND).view == b"shop"
    assert scene.ask(name=SECOND, client=OTHER_POD).view == b"blog"
