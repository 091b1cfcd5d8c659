"""A search that found nothing is remembered: the steps that its client takes next cost nothing."""

from __future__ import annotations

from typing import Any

import dns.rcode
import pytest

from clusterdns.directives.autopath import Autopath
from clusterdns.directives.chain import Reply
from tests.support.chain import FOUND, NODATA, NXDOMAIN, FakeHandler, Says, answer, read, request
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
    FakeSearchLists,
    autopath,
    search_list,
)

SHORTER = Says(rcode="NXDOMAIN", authority=(". 86400 IN SOA a.example. b.example. 1 1800 900 604800 3",))
NO_SOA = Says(rcode="NXDOMAIN")
BY_WATCH = NXDOMAIN.replying(cacheable=False)


class Scene:
    """An autopath with a clock that a test moves."""

    def __init__(self, answers: dict[str, Says] | None = None) -> None:
        self.now = 100.0
        self.behind = FakeHandler(answers)
        self.lists = FakeSearchLists()
        self.autopath: Autopath = autopath(self.behind, lists=self.lists, clock=lambda: self.now)

    def ask(self, name: str = FIRST, qtype: str = "A", client: str = POD, **query: Any) -> Reply:
        self.behind.asked.clear()
        return answer(self.autopath.handle(request(name, qtype, client=client, now=self.now, **query)))


@pytest.mark.parametrize("qtype", ["A", "AAAA", "TXT"])
@pytest.mark.parametrize("name", [SECOND, THIRD, BARE, "AliYun.COM.svc.cluster.LOCAL."])
def test_the_client_s_next_steps_are_answered_from_memory(name: str, qtype: str) -> None:
    scene = Scene()
    scene.ask()
    scene.now += 1.5
    reply = scene.ask(name, qtype)
    assert (scene.behind.asked, scene.autopath.counters.remembered) == ([], 1)
    assert (dns.rcode.to_text(read(reply).rcode()), reply.response.ttl) == ("NXDOMAIN", 3)
    assert (reply.source, reply.view, reply.fresh_until) == ("autopath", b"shop", 105.0)


# What the names say, the seconds that have passed, and the name that is asked then; whether it is remembered.
MEMORY: dict[str, tuple[dict[str, Says], float, str, bool]] = {
    "for as long as the denial lives": ({}, 4.9, BARE, True),
    "and no longer": ({}, 5, BARE, False),
    "for as long as the shortest of them": ({BARE: SHORTER}, 2.9, SECOND, True),
    "and no longer than that": ({BARE: SHORTER}, 3, SECOND, False),
    "also if the first is the shortest": ({FIRST: SHORTER}, 3, BARE, False),
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
    scene.ask(name)
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
    scene.ask(BARE, client=client)
    assert scene.behind.asked == ([] if is_remembered else [BARE])


def test_what_holds_for_one_client_is_remembered_for_that_one() -> None:
    scene = Scene({SECOND: NXDOMAIN.replying(view=POD.encode())})
    scene.ask()
    scene.ask(BARE, client=POD_V6)
    assert scene.behind.asked == [BARE]
    assert scene.ask(BARE).view == POD.encode()
    assert scene.behind.asked == []


@pytest.mark.parametrize("query", [{"dnssec_ok": True}, {"flags": "RD CD"}])
def test_who_wants_proofs_is_not_answered_from_memory(query: dict[str, Any]) -> None:
    scene = Scene()
    scene.ask()
    scene.ask(BARE, **query)
    assert scene.behind.asked == [BARE]
    scene = Scene()
    scene.ask(**query)
    scene.ask(BARE)
    assert scene.behind.asked == [BARE]


def test_the_next_walk_skips_what_is_remembered() -> None:
    scene = Scene({FIRST: BY_WATCH, SECOND: BY_WATCH, THIRD: BY_WATCH})
    scene.ask()
    assert scene.behind.asked == WALK
    scene.now += 2.5
    scene.ask()
    assert scene.behind.asked == [FIRST, SECOND, THIRD]


def test_the_view_of_a_remembered_denial_below_the_zones() -> None:
    scene = Scene()
    scene.ask()
    assert scene.ask(SECOND).view == b"shop"
    assert scene.ask(SECOND, client=OTHER_POD).view == b"blog"
