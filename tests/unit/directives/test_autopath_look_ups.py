"""A and AAAA of one look-up: they end at the same name, whatever happens between them."""

from __future__ import annotations

from dataclasses import replace

import dns.rcode
import pytest

from clusterdns.directives.chain import Reply
from clusterdns.errors import UpstreamFailure
from clusterdns.flight import Flight, start
from clusterdns.search.lists import OFF
from tests.support.chain import FOUND, NODATA, NXDOMAIN, FakeHandler, Says, answer, read, records, request
from tests.unit.directives.searching import (
    BARE,
    FAILS,
    FIRST,
    FOUND_V6,
    OTHER_POD,
    POD,
    POD_V6,
    SECOND,
    SERVFAIL,
    THIRD,
    WALK,
    Scene,
    autopath,
    search_list,
)

AT_BARE = [f"{FIRST} 60 IN CNAME {BARE}", f"{BARE} 60 IN A 10.0.0.1"]


def _rcode(reply: Reply) -> str:
    return dns.rcode.to_text(read(reply).rcode())


# What the names say to the first question and to the second; what the second one asks and is told.
CHANGES: dict[str, tuple[dict[str, Says], dict[str, Says], list[str], str, list[str]]] = {
    "nothing changes": (
        {BARE: FOUND},
        {BARE: FOUND_V6},
        [BARE],
        "NOERROR",
        [f"{FIRST} 60 IN CNAME {BARE}", f"{BARE} 60 IN AAAA fd00::1"],
    ),
    "the name has no such record": ({BARE: FOUND}, {BARE: NODATA}, [BARE], "NOERROR", []),
    "a name before it comes into being": (
        {THIRD: FOUND},
        {SECOND: FOUND_V6, THIRD: FOUND_V6},
        [THIRD],
        "NOERROR",
        [f"{FIRST} 60 IN CNAME {THIRD}", f"{THIRD} 60 IN AAAA fd00::1"],
    ),
    # musl takes NXDOMAIN to either question for the end of both.
    "the name is gone": ({SECOND: FOUND}, {BARE: FOUND_V6}, [SECOND], "NOERROR", []),
    "the name fails": ({BARE: FOUND}, {BARE: SERVFAIL}, [BARE], "SERVFAIL", []),
    "the first name existed": ({FIRST: FOUND}, {BARE: FOUND_V6}, [FIRST], "NXDOMAIN", []),
    "no name existed": ({}, {BARE: FOUND_V6}, [FIRST], "NXDOMAIN", []),
    "the first name could not be asked": ({FIRST: SERVFAIL}, {BARE: FOUND_V6}, [FIRST], "NXDOMAIN", []),
    "a name could not be asked": ({THIRD: FAILS}, {BARE: FOUND_V6}, [FIRST], "NXDOMAIN", []),
}


@pytest.mark.parametrize(("before", "after", "asked", "rcode", "section"), CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("seconds", [0.0, 1.9, 4.9])
def test_the_second_question_ends_where_the_first_did(
    before: dict[str, Says], after: dict[str, Says], asked: list[str], rcode: str, section: list[str], seconds: float
) -> None:
    scene = Scene(before)
    scene.ask("A")
    scene.behind.answers = after
    scene.now += seconds
    reply = scene.ask("AAAA")
    assert (scene.behind.asked, _rcode(reply), records(reply)) == (asked, rcode, section)
    assert [rrset.to_text() for rrset in read(reply).question] == [f"{FIRST} IN AAAA"]
    assert scene.autopath.counters.shared == 1


def test_the_second_question_of_a_name_that_fails_is_a_failure() -> None:
    scene = Scene({BARE: FOUND})
    scene.ask("A")
    scene.behind.answers = {BARE: FAILS}
    with pytest.raises(UpstreamFailure):
        scene.ask("AAAA")


def test_an_error_of_the_first_name_decides_too() -> None:
    scene = Scene({FIRST: FAILS})
    with pytest.raises(UpstreamFailure):
        scene.ask("A")
    scene.behind.answers = {BARE: FOUND_V6}
    assert _rcode(scene.ask("AAAA")) == "NXDOMAIN"


# The questions of a scene, each with its time; the last one walks anew or not.
TIMES: dict[str, tuple[list[tuple[float, str]], bool]] = {
    "another look-up within the time": ([(0, "A"), (1.7, "A")], False),
    "another look-up later": ([(0, "A"), (2, "A")], True),
    "other types share, too": ([(0, "A"), (1, "TXT")], False),
    "but not later": ([(0, "A"), (2, "TXT")], True),
    "the other half comes late": ([(0, "A"), (4.9, "AAAA")], False),
    "the other half comes too late": ([(0, "A"), (5, "AAAA")], True),
    "the other way round": ([(0, "AAAA"), (4.9, "A")], False),
    "both halves were there": ([(0, "A"), (0, "AAAA"), (2, "A")], True),
    "both halves were there, the other one is first": ([(0, "A"), (0, "AAAA"), (2, "AAAA")], True),
    "the half of a later look-up": ([(0, "A"), (0, "AAAA"), (1.9, "A"), (2.1, "AAAA")], False),
    "one half each": ([(0, "A"), (0, "AAAA"), (1.7, "A"), (2.1, "AAAA"), (2.2, "AAAA")], True),
}


@pytest.mark.parametrize(("questions", "walks"), TIMES.values(), ids=TIMES)
def test_how_long_questions_belong_together(questions: list[tuple[float, str]], walks: bool) -> None:
    scene = Scene({BARE: FOUND})
    for seconds, qtype in questions:
        scene.now = 100.0 + seconds
        scene.ask(qtype)
    assert scene.behind.asked == (WALK if walks else [BARE])


def test_the_time_counts_from_the_decision() -> None:
    arrives: Flight[None] = Flight()
    scene = Scene({BARE: Says(answer=FOUND.answer, waits_for=arrives)})
    flight = start(scene.autopath.handle(request(FIRST)))
    scene.now += 1.9
    arrives.land(None)
    assert flight.done
    scene.now += 1.9
    scene.ask("TXT")
    assert scene.behind.asked == [BARE]


def test_questions_that_race_share_the_walk_s_place() -> None:
    arrives: Flight[None] = Flight()
    scene = Scene({SECOND: Says(rcode="NXDOMAIN", waits_for=arrives), BARE: FOUND})
    first = start(scene.autopath.handle(request(FIRST, "A")))
    second = start(scene.autopath.handle(request(FIRST, "AAAA")))
    # The second one need not ask for the first name again, and waits for nobody.
    assert scene.behind.asked == [FIRST, SECOND, SECOND]
    arrives.land(None)
    assert records(first.result()) == AT_BARE
    assert records(second.result())[0] == f"{FIRST} 60 IN CNAME {BARE}"
    assert scene.autopath.counters.walks == 1


def test_a_race_that_one_side_decides() -> None:
    slow: Flight[None] = Flight()
    quick: Flight[None] = Flight()
    scene = Scene({SECOND: Says(rcode="NXDOMAIN", waits_for=slow), BARE: FOUND})
    first = start(scene.autopath.handle(request(FIRST, "A")))
    # The other type exists already where the first is still waiting for a denial.
    scene.behind.answers[SECOND] = Says(answer=FOUND_V6.answer, waits_for=quick)
    second = start(scene.autopath.handle(request(FIRST, "AAAA")))
    quick.land(None)
    assert records(second.result())[0] == f"{FIRST} 60 IN CNAME {SECOND}"
    slow.land(None)
    assert (_rcode(first.result()), records(first.result())) == ("NOERROR", [])


def test_a_failure_that_loses_the_race() -> None:
    slow: Flight[None] = Flight()
    scene = Scene({SECOND: Says(error=FAILS.error, waits_for=slow), BARE: FOUND})
    first = start(scene.autopath.handle(request(FIRST, "A")))
    scene.behind.answers = {BARE: FOUND_V6}
    second = answer(scene.autopath.handle(request(FIRST, "AAAA")))
    assert records(second)[0] == f"{FIRST} 60 IN CNAME {BARE}"
    scene.behind.answers = {BARE: FOUND}
    slow.land(None)
    assert records(first.result()) == AT_BARE
    assert scene.autopath.counters.given_up == 0


# Who asks next, after a pod of `shop` has walked; whether the walk is theirs, too.
NEXT = {
    "the pod": (POD, "shop", True),
    "another pod of the namespace": (POD_V6, "shop", True),
    "the address has a pod of another namespace": (POD, "blog", False),
}


@pytest.mark.parametrize(("client", "namespace", "is_shared"), NEXT.values(), ids=NEXT)
def test_a_walk_is_for_those_with_the_same_search_list(client: str, namespace: str, is_shared: bool) -> None:
    scene = Scene({BARE: FOUND})
    scene.ask("A")
    scene.lists.known[client] = search_list(namespace)
    reply = scene.ask("AAAA", client=client)
    assert scene.behind.asked == ([BARE] if is_shared else [FIRST])
    assert reply.synthesised is is_shared


def test_a_namespace_s_new_search_list_begins_a_new_walk() -> None:
    scene = Scene({BARE: FOUND})
    scene.ask("A")
    scene.lists.known[POD] = search_list("shop")._replace(domains=search_list("shop").domains[:1])
    scene.ask("AAAA")
    assert scene.behind.asked == [FIRST, BARE]


@pytest.mark.parametrize("unknown", [None, OFF])
def test_a_pod_that_becomes_known_between_the_two_questions(unknown: object | None) -> None:
    scene = Scene({BARE: FOUND})
    del scene.lists.known[POD]
    if unknown is not None:
        scene.lists.known[POD] = OFF
    reply = scene.ask("A")
    assert (_rcode(reply), reply.forget_at) == ("NXDOMAIN", 0.0)
    scene.lists.known[POD] = search_list("shop")
    scene.now += 1.9
    assert _rcode(scene.ask("AAAA")) == "NXDOMAIN"
    assert (scene.behind.asked, scene.autopath.counters.held) == ([FIRST], 1)
    scene.now += 0.2
    assert records(scene.ask("A")) == AT_BARE


def test_each_unknown_client_is_held_on_its_own() -> None:
    scene = Scene({BARE: FOUND})
    scene.ask("A", client="10.0.0.9")
    scene.lists.known["10.0.0.9"] = search_list("shop")
    assert records(scene.ask("A")) == AT_BARE
    assert _rcode(scene.ask("AAAA", client="10.0.0.9")) == "NXDOMAIN"


def test_a_step_that_is_for_one_client_keeps_the_walk_to_that_client() -> None:
    # An acl by networks makes it so.
    scene = Scene({SECOND: NXDOMAIN.replying(view=POD.encode()), BARE: FOUND})
    assert scene.ask("A").view == POD.encode()
    assert scene.ask("A", client=POD_V6).view == POD_V6.encode()
    assert scene.behind.asked == WALK
    for client in (POD, POD_V6):
        assert scene.ask("AAAA", client=client).view == client.encode()
        assert scene.behind.asked == [BARE]


def test_a_walk_for_a_client_by_a_node_is_not_the_client_s_own() -> None:
    # An acl by networks lets the node have it.
    node = "192.0.2.1"
    behind = FakeHandler({FIRST: NXDOMAIN.replying(view=node.encode()), BARE: FOUND})
    directive = autopath(behind, trusted=[node])
    for qtype, asked in (("A", WALK), ("AAAA", [BARE])):
        behind.asked.clear()
        answer(directive.handle(request(FIRST, qtype, client=node, subnet=f"{POD}/32")))
        assert behind.asked == asked
    behind.answers[FIRST] = Says(rcode="REFUSED", reply={"view": POD.encode()})
    assert _rcode(answer(directive.handle(request(FIRST)))) == "REFUSED"


def test_who_joined_a_walk_that_turns_out_to_be_for_one_client() -> None:
    arrives: Flight[None] = Flight()
    scene = Scene({SECOND: Says(rcode="NXDOMAIN", waits_for=arrives, reply={"view": POD.encode()}), BARE: FOUND})
    first = start(scene.autopath.handle(request(FIRST)))
    second = start(scene.autopath.handle(request(FIRST, "AAAA", client=POD_V6)))
    arrives.land(None)
    assert (first.result().view, second.result().view) == (POD.encode(), POD_V6.encode())


def test_a_walk_that_is_one_client_s_stays_so_when_another_is_refused_what_it_had() -> None:
    late, soon, found = Flight[None](), Flight[None](), Flight[None]()
    scene = Scene(
        {SECOND: replace(NXDOMAIN.replying(view=POD.encode()), waits_for=late), BARE: replace(FOUND, waits_for=found)}
    )
    first = start(scene.autopath.handle(request(FIRST)))
    scene.behind.answers[SECOND] = replace(NXDOMAIN.replying(view=POD_V6.encode()), waits_for=soon)
    second = start(scene.autopath.handle(request(FIRST, "AAAA", client=POD_V6)))
    for flight in (soon, late, found):
        flight.land(None)
    assert (first.result().view, second.result().view) == (POD.encode(), POD_V6.encode())


def test_walks_of_other_namespaces_are_their_own() -> None:
    scene = Scene({BARE: FOUND})
    scene.ask("A")
    name = FIRST.replace("shop", "blog")
    scene.behind.answers = {SECOND: FOUND}
    assert records(scene.ask("A", name, OTHER_POD))[0] == f"{name} 60 IN CNAME {SECOND}"
