"""The search walk on the server: which names are asked, in which order, and what the client gets."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import dns.rcode
import pytest

from clusterdns.directives.autopath import Autopath
from clusterdns.directives.chain import Request
from clusterdns.errors import UpstreamFailure
from clusterdns.flight import Flight, start
from clusterdns.search.lists import UNKNOWN_VIEW
from clusterdns.wire.edns import ExtendedError
from clusterdns.wire.names import name_from_text
from clusterdns.wire.numbers import CNAME
from clusterdns.wire.response import read_response
from tests.support import messages
from tests.support.chain import FOUND, NODATA, NXDOMAIN, FakeHandler, Says, answer, read, records, request
from tests.unit.directives.searching import (
    BARE,
    FAILS,
    FIRST,
    OTHER_POD,
    POD,
    POD_V6,
    REFUSED,
    SECOND,
    SERVFAIL,
    THIRD,
    WALK,
    ZONE,
    FakeSearchLists,
    autopath,
)

NODE = "192.0.2.1"
NODE_V6 = "2001:db8::1"


# What the names say (a name that is not here does not exist), the names asked, the rcode and the answer section.
WALK_ROWS: dict[str, tuple[dict[str, Says], list[str], str, list[str]]] = {
    "the bare name exists": (
        {BARE: FOUND},
        WALK,
        "NOERROR",
        [f"{FIRST} 60 IN CNAME {BARE}", f"{BARE} 60 IN A 10.0.0.1"],
    ),
    "the second name exists": (
        {SECOND: FOUND, BARE: FOUND},
        [FIRST, SECOND],
        "NOERROR",
        [f"{FIRST} 60 IN CNAME {SECOND}", f"{SECOND} 60 IN A 10.0.0.1"],
    ),
    "the third name exists": (
        {THIRD: FOUND, BARE: FOUND},
        [FIRST, SECOND, THIRD],
        "NOERROR",
        [f"{FIRST} 60 IN CNAME {THIRD}", f"{THIRD} 60 IN A 10.0.0.1"],
    ),
    "the first name exists": ({FIRST: FOUND, BARE: FOUND}, [FIRST], "NOERROR", [f"{FIRST} 60 IN A 10.0.0.1"]),
    "the first name has no address": ({FIRST: NODATA, BARE: FOUND}, [FIRST], "NOERROR", []),
    "the second name has no address": ({SECOND: NODATA, BARE: FOUND}, [FIRST, SECOND], "NOERROR", []),
    "no name exists": ({}, WALK, "NXDOMAIN", []),
    # The name may exist: its client goes on by itself, and ends where it would without us.
    "a step in the middle fails": ({SECOND: FAILS, BARE: FOUND}, [FIRST, SECOND], "NXDOMAIN", []),
    "a step in the middle says SERVFAIL": ({THIRD: SERVFAIL, BARE: FOUND}, [FIRST, SECOND, THIRD], "NXDOMAIN", []),
    "a step in the middle says REFUSED": ({SECOND: REFUSED, BARE: FOUND}, [FIRST, SECOND], "NXDOMAIN", []),
    "the first name says SERVFAIL": ({FIRST: SERVFAIL, BARE: FOUND}, [FIRST], "SERVFAIL", []),
    "the first name says REFUSED": ({FIRST: REFUSED, BARE: FOUND}, [FIRST], "REFUSED", []),
    "the last step fails": ({BARE: FAILS}, WALK, "NXDOMAIN", []),
    "the last step says SERVFAIL": ({BARE: SERVFAIL}, WALK, "NXDOMAIN", []),
    # A failure behind the name that answers is nobody's concern.
    "a step behind fails": (
        {SECOND: FOUND, THIRD: FAILS, BARE: FAILS},
        [FIRST, SECOND],
        "NOERROR",
        [f"{FIRST} 60 IN CNAME {SECOND}", f"{SECOND} 60 IN A 10.0.0.1"],
    ),
}


@pytest.mark.parametrize(("answers", "asked", "rcode", "section"), WALK_ROWS.values(), ids=WALK_ROWS)
def test_walk(answers: dict[str, Says], asked: list[str], rcode: str, section: list[str]) -> None:
    behind = FakeHandler(answers)
    reply = answer(autopath(behind).handle(request(FIRST)))
    assert behind.asked == asked
    assert dns.rcode.to_text(read(reply).rcode()) == rcode
    assert records(reply) == section
    assert [rrset.to_text() for rrset in read(reply).question] == [f"{FIRST} IN A"]
    assert reply.synthesised is (rcode == "NOERROR" and len(asked) > 1)


def test_four_queries_become_one_for_any_type() -> None:
    behind = FakeHandler({BARE: Says(answer=("@ 60 IN MX 10 mail.example.",))})
    reply = answer(autopath(behind).handle(request(FIRST, "MX")))
    assert records(reply) == [f"{FIRST} 60 IN CNAME {BARE}", f"{BARE} 60 IN MX 10 mail.example."]
    assert {asked.query.qtype for asked in behind.requests} == {15}


def test_the_client_s_spelling_is_asked_and_answered() -> None:
    behind = FakeHandler({BARE: FOUND})
    reply = answer(autopath(behind).handle(request("AliYun.COM.shop.svc.cluster.local.")))
    assert behind.asked[1:] == ["AliYun.COM.svc.cluster.local.", "AliYun.COM.cluster.local.", "AliYun.COM."]
    assert records(reply) == [
        "AliYun.COM.shop.svc.cluster.local. 60 IN CNAME AliYun.COM.",
        "AliYun.COM. 60 IN A 10.0.0.1",
    ]


def test_when_nothing_exists_the_first_answer_comes_back_untouched() -> None:
    behind = FakeHandler()
    first = answer(behind.handle(request(FIRST)))
    reply = answer(autopath(FakeHandler()).handle(request(FIRST)))
    assert reply.response.message == first.response.message
    assert (reply.source, reply.synthesised) == ("fake", False)


def test_the_first_question_fails() -> None:
    behind = FakeHandler({FIRST: FAILS})
    with pytest.raises(UpstreamFailure):
        answer(autopath(behind).handle(request(FIRST)))
    assert behind.asked == [FIRST]


def test_a_bug_behind_is_not_taken_for_a_failed_step() -> None:
    behind = FakeHandler({SECOND: Says(error=ZeroDivisionError())})
    with pytest.raises(ZeroDivisionError):
        answer(autopath(behind).handle(request(FIRST)))


def test_an_answer_whose_records_can_not_be_read_ends_the_walk() -> None:
    # The pointer inside the CNAME's rdata points at nothing; nobody looks there until the walk takes the answer apart.
    class Broken(FakeHandler):
        async def handle(self, request: Request) -> Any:
            reply = await super().handle(request)
            if self.asked[-1] == THIRD:
                question = messages.response(messages.query(THIRD, "CNAME"))
                broken = messages.with_records(question, 0, messages.record(b"\xc0\x0c", CNAME, 60, b"\xc0\xff"))
                reply.response = read_response(broken)
            return reply

    behind = Broken()
    reply = answer(autopath(behind).handle(request(FIRST, "CNAME")))
    assert behind.asked == [FIRST, SECOND, THIRD, FIRST]
    assert (reply.source, reply.forget_at) == ("fake", 0.0)
    assert [rrset.to_text() for rrset in read(reply).question] == [f"{FIRST} IN CNAME"]


UNTOUCHED_ROWS = {
    "unknown client": (FIRST, "10.9.9.9"),
    "equal to the search domain": ("shop.svc.cluster.local.", POD),
    "below the second search domain": (SECOND, POD),
    "below the third search domain": (THIRD, POD),
    "another namespace's name": ("aliyun.com.blog.svc.cluster.local.", POD),
    "outside the zones": (BARE, POD),
    "the root": (".", POD),
}


@pytest.mark.parametrize(("name", "client"), UNTOUCHED_ROWS.values(), ids=UNTOUCHED_ROWS)
@pytest.mark.parametrize("says", [FOUND, NODATA, NXDOMAIN, SERVFAIL], ids=["found", "nodata", "nxdomain", "servfail"])
def test_untouched(name: str, client: str, says: Says) -> None:
    behind = FakeHandler(otherwise=says)
    directive = autopath(behind)
    asked = request(name, client=client)
    reply = answer(directive.handle(asked))
    assert behind.requests == [asked]
    assert reply.response.message == answer(FakeHandler(otherwise=says).handle(asked)).response.message
    assert not reply.synthesised
    assert directive.counters.walks == 0


def test_a_name_outside_the_zones_is_nobody_s_first_question() -> None:
    lists = FakeSearchLists()
    behind = FakeHandler({BARE: FOUND})
    directive = autopath(behind, zones=[name_from_text("other.example")], lists=lists)
    reply = answer(directive.handle(request(FIRST)))
    assert (behind.asked, lists.asked, reply.view) == ([FIRST], [], None)


@pytest.mark.parametrize(
    ("name", "client", "answers", "view"),
    [
        (FIRST, POD, {BARE: FOUND}, b"shop"),
        (FIRST, POD, {}, b"shop"),
        (FIRST, POD, {FIRST: FOUND}, None),
        (FIRST, POD, {FIRST: NODATA}, None),
        # For a client of the namespace the name may be found: the denial is for those alone who do not search there.
        (FIRST, OTHER_POD, {}, b"blog"),
        (FIRST, "10.9.9.9", {}, UNKNOWN_VIEW),
        (FIRST, "10.9.9.9", {FIRST: FOUND}, None),
        (SECOND, POD, {}, b"shop"),
        (SECOND, POD, {SECOND: FOUND}, None),
        (BARE, POD, {}, None),
    ],
)
def test_view(name: str, client: str, answers: dict[str, Says], view: bytes | None) -> None:
    reply = answer(autopath(FakeHandler(answers)).handle(request(name, client=client)))
    assert reply.view == view


@pytest.mark.parametrize(
    "answers",
    [
        {BARE: FOUND.replying(view=POD.encode())},
        {SECOND: NXDOMAIN.replying(view=b"zone-a"), BARE: FOUND},
        {FIRST: NXDOMAIN.replying(view=b"zone-a"), BARE: FOUND},
        {FIRST: NXDOMAIN.replying(view=b"zone-a")},
    ],
    ids=["found", "a middle step", "the first step", "nothing found"],
)
def test_a_step_that_is_for_some_only_makes_the_outcome_for_this_client_only(answers: dict[str, Says]) -> None:
    reply = answer(autopath(FakeHandler(answers)).handle(request(FIRST)))
    assert reply.view == POD.encode()


@pytest.mark.parametrize("found", [FIRST, BARE])
def test_why_an_answer_is_as_it_is_comes_with_it(found: str) -> None:
    stale = ExtendedError(3)
    assert answer(autopath(FakeHandler({found: FOUND.replying(error=stale)})).handle(request(FIRST))).error == stale


def test_a_positive_first_answer_keeps_its_own_view() -> None:
    behind = FakeHandler({FIRST: FOUND.replying(view=POD.encode())})
    assert answer(autopath(behind).handle(request(FIRST))).view == POD.encode()


@pytest.mark.parametrize(
    ("answers", "repeated_until"),
    [
        ({FIRST: FOUND.replying(fresh_until=160.0)}, 160.0),
        # As long as what was found is true.
        ({BARE: FOUND.replying(fresh_until=100.6)}, 100.6),
        # And no longer than the other question of a look-up finds the decision for sure.
        ({BARE: FOUND.replying(fresh_until=160.0)}, 101.75),
        # Denials hold for the decision that they led to, however long they live.
        ({SECOND: NXDOMAIN.replying(fresh_until=100.7), BARE: FOUND.replying(fresh_until=160.0)}, 101.75),
        ({FIRST: NXDOMAIN.replying(cacheable=False), BARE: FOUND.replying(fresh_until=160.0)}, 101.75),
        ({FIRST: NXDOMAIN, BARE: FOUND.replying(fresh_until=160.0)}, 101.75),
        # What is answered where nothing was found is the denial of the first name.
        ({}, 101.75),
        ({BARE: NXDOMAIN.replying(fresh_until=100.8)}, 101.75),
        ({FIRST: NXDOMAIN.replying(fresh_until=100.9)}, 100.9),
        ({FIRST: NXDOMAIN.replying(cacheable=False)}, 0.0),
        # A step that failed: the next query may find something else.
        ({SECOND: FAILS, BARE: FOUND.replying(fresh_until=160.0)}, 0.0),
        ({SECOND: SERVFAIL, BARE: FOUND.replying(fresh_until=160.0)}, 0.0),
        ({BARE: FOUND}, 0.0),
        ({BARE: FAILS}, 0.0),
    ],
)
def test_how_long_a_packet_cache_may_repeat_it(answers: dict[str, Says], repeated_until: float) -> None:
    behind = FakeHandler(answers, otherwise=NXDOMAIN.replying(fresh_until=105.0))
    reply = answer(autopath(behind).handle(request(FIRST)))
    assert min(reply.fresh_until, reply.forget_at) == repeated_until


# Who sends, with which EDNS Client Subnet, whose search list counts, and the scope that comes back.
SUBNET_ROWS: dict[str, tuple[str, str | None, str, int | None]] = {
    "trusted sender, /32": (NODE, f"{POD}/32", POD, 32),
    "trusted sender, /128": (NODE, f"{POD_V6}/128", POD_V6, 128),
    "trusted sender over IPv6, /32": (NODE_V6, f"{POD}/32", POD, 32),
    "trusted sender, no option": (NODE, None, NODE, None),
    "trusted sender, /24": (NODE, "10.0.0.0/24", NODE, 24),
    "trusted sender, /0": (NODE, "0.0.0.0/0", NODE, 0),
    "trusted sender, /64": (NODE, "fd00::/64", NODE, 64),
    "trusted sender, unknown client": (NODE, "10.9.9.9/32", "10.9.9.9", 32),
    "untrusted sender that is a pod": (POD, f"{OTHER_POD}/32", POD, None),
    "untrusted sender, unknown": ("198.51.100.1", f"{POD}/32", "198.51.100.1", None),
    "untrusted sender over IPv6": ("2001:db8:1::1", f"{POD}/32", "2001:db8:1::1", None),
}


@pytest.mark.parametrize(("sender", "subnet", "client", "scope"), SUBNET_ROWS.values(), ids=SUBNET_ROWS)
def test_client_subnet(sender: str, subnet: str | None, client: str, scope: int | None) -> None:
    lists = FakeSearchLists()
    behind = FakeHandler({BARE: FOUND})
    directive = autopath(behind, trusted=["192.0.2.0/24", "2001:db8::/64"], lists=lists)
    reply = answer(directive.handle(request(FIRST, client=sender, subnet=subnet)))
    assert lists.asked == [client]
    assert reply.synthesised is (client in (POD, POD_V6))
    assert reply.scope == scope


@pytest.mark.parametrize(
    ("client", "answers", "scope"),
    [
        (POD, {BARE: FOUND}, 32),
        (POD, {BARE: NODATA}, 32),
        (POD, {FIRST: FOUND}, 0),
        (POD, {FIRST: NODATA}, 0),
        (POD, {FIRST: FOUND.replying(view=b"zone-a")}, 32),
        # Whoever repeats one client's denial to another keeps what that one's search would find from it, and that for
        # A or AAAA alone, as the case may be.
        (POD, {}, 32),
        (OTHER_POD, {}, 32),
        ("10.9.9.9", {}, 32),
        ("10.9.9.9", {FIRST: FOUND}, 0),
    ],
)
def test_what_is_not_everyone_s_comes_back_with_the_client_s_scope(
    client: str, answers: dict[str, Says], scope: int
) -> None:
    directive = autopath(FakeHandler(answers), trusted=["192.0.2.1/32"])
    assert answer(directive.handle(request(FIRST, client=NODE, subnet=f"{client}/32"))).scope == scope


def test_scope_of_a_name_outside_the_zones() -> None:
    directive = autopath(FakeHandler({BARE: FOUND}), trusted=["192.0.2.1/32"])
    assert answer(directive.handle(request(BARE, client=NODE, subnet=f"{POD}/32"))).scope == 0


def test_a_trusted_pod_that_passes_on_a_network_searches_for_itself() -> None:
    directive = autopath(FakeHandler({BARE: FOUND}), trusted=[f"{POD}/32"])
    reply = answer(directive.handle(request(FIRST, client=POD, subnet="10.0.0.0/24")))
    assert (reply.synthesised, reply.scope) == (True, 24)


def test_a_shared_reply_is_not_written_to() -> None:
    # Identical questions may get one and the same reply object from behind.
    behind = FakeHandler({FIRST: FOUND})
    shared = answer(behind.handle(request(FIRST)))

    async def handle(request: Request) -> Any:
        return shared

    directive = Autopath([ZONE], FakeSearchLists(), [ip_network("192.0.2.1/32")], lambda: 100.0, handle)
    reply = answer(directive.handle(request(FIRST, client=NODE, subnet=f"{POD}/32")))
    assert (reply.scope, shared.scope) == (0, None)


def test_another_server_block_s_names_are_asked_there() -> None:
    behind = FakeHandler()
    stub = FakeHandler({BARE: FOUND})
    directive = autopath(behind, elsewhere={name_from_text(BARE): stub.handle})
    reply = answer(directive.handle(request(FIRST)))
    assert (behind.asked, stub.asked) == ([FIRST, SECOND, THIRD], [BARE])
    assert records(reply)[0] == f"{FIRST} 60 IN CNAME {BARE}"


def test_a_walk_that_waits() -> None:
    arrives: Flight[None] = Flight()
    behind = FakeHandler({THIRD: Says(rcode="NXDOMAIN", waits_for=arrives), BARE: FOUND})
    flight = start(autopath(behind).handle(request(FIRST)))
    assert (flight.done, behind.asked) == (False, [FIRST, SECOND, THIRD])
    arrives.land(None)
    assert flight.result().synthesised
    assert behind.asked == WALK


def test_counters() -> None:
    behind = FakeHandler({BARE: FOUND, "db.shop.svc.cluster.local.": FOUND})
    directive = autopath(behind)
    for name in (FIRST, "db.shop.svc.cluster.local.", "missing.shop.svc.cluster.local.", "shop.svc.cluster.local."):
        answer(directive.handle(request(name)))
    counters = directive.counters
    assert (counters.walks, counters.successes, counters.queries_saved) == (3, 2, 3)
