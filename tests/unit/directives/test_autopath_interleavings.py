"""A and AAAA of one look-up are never mixed, whatever happens in between, in whatever order."""

from __future__ import annotations

from typing import Any

import dns.rcode
import dns.rdatatype
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterdns.directives.chain import Reply, Request
from clusterdns.flight import Flight, start
from clusterdns.search.lists import OFF
from clusterdns.wire import numbers
from clusterdns.wire.names import name_to_text
from tests.support.chain import NODATA, NXDOMAIN, Says, read, request, response_to
from tests.unit.directives.searching import FIRST, POD, SERVFAIL, WALK, FakeSearchLists, autopath, search_list

ADDRESSES = {numbers.A: Says(answer=("@ 60 IN A 10.0.0.1",)), numbers.AAAA: Says(answer=("@ 60 IN AAAA fd00::1",))}
PODS: dict[str, Any] = {"shop": search_list("shop"), "blog": search_list("blog"), "off": OFF, "unknown": None}


class Upstream:
    """Answers when the test says so, with what is there by then: `says` by name, `both`, `A` only, or `fails`."""

    def __init__(self) -> None:
        self.says: dict[str, str] = {}
        self.waiting: list[tuple[Request, Flight[Reply]]] = []

    async def handle(self, request: Request) -> Reply:
        flight: Flight[Reply] = Flight()
        self.waiting.append((request, flight))
        return await flight

    def answer(self, which: int) -> None:
        asked, flight = self.waiting.pop(which % len(self.waiting))
        says = self.says.get(name_to_text(asked.query.name))
        if says == "fails":
            what = SERVFAIL
        elif says is None:
            what = NXDOMAIN
        else:
            what = ADDRESSES[asked.query.qtype] if says == "both" or asked.query.qtype == numbers.A else NODATA
        flight.land(Reply(response_to(asked, what), "fake"))


NAMES = st.sampled_from(WALK)
STEPS = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from(("A", "AAAA"))),
    st.tuples(st.just("answer"), st.integers(0, 7)),
    st.tuples(st.just("change"), NAMES, st.sampled_from((None, "both", "A", "fails"))),
    st.tuples(st.just("pod"), st.sampled_from(tuple(PODS))),
    st.tuples(st.just("wait"), st.floats(0.01, 0.3)),
)


@settings(max_examples=400, deadline=None)
@given(
    start_pod=st.sampled_from(("shop", *PODS)),
    there=st.dictionaries(NAMES, st.sampled_from(("both", "A", "fails"))),
    steps=st.lists(STEPS, max_size=40),
    asks_ahead=st.booleans(),
)
def test_one_look_up_ends_at_one_name(
    start_pod: str, there: dict[str, str], steps: list[tuple[Any, ...]], asks_ahead: bool
) -> None:
    now = 100.0
    upstream, lists = Upstream(), FakeSearchLists()
    directive = autopath(upstream, lists=lists, clock=lambda: now, asks_ahead=asks_ahead)  # type: ignore[arg-type]
    upstream.says = dict(there)
    owner = start_pod
    asked: dict[str, Flight[Reply]] = {}
    owners: dict[str, str] = {}

    def own(pod: str) -> None:
        lists.known.pop(POD, None)
        if PODS[pod] is not None:
            lists.known[POD] = PODS[pod]

    own(owner)
    for kind, *arguments in (*steps, ("ask", "A"), ("ask", "AAAA")):
        if kind == "ask" and arguments[0] not in asked:
            owners[arguments[0]] = owner
            asked[arguments[0]] = start(directive.handle(request(FIRST, arguments[0], client=POD, now=now)))
        elif kind == "answer" and upstream.waiting:
            upstream.answer(arguments[0])
        elif kind == "change":
            upstream.says[arguments[0]] = arguments[1]
        elif kind == "pod":
            owner = arguments[0]
            own(owner)
        elif kind == "wait" and now + arguments[0] < 102:
            # The decision may be no older than the time for which it is remembered.
            now += arguments[0]
    while upstream.waiting:
        upstream.answer(0)
    replies = {qtype: flight.result() for qtype, flight in asked.items()}
    assert len(replies) == 2
    for qtype, reply in replies.items():
        # Nothing of a's view for a pod of b, or for nobody's.
        assert owners[qtype] == "shop" or not reply.synthesised
    # Who asks second, and is not known any more, is a pod that has ended: walks are kept for those that are.
    if tuple(owners.values()) in (("shop", "shop"), ("unknown", "shop"), ("unknown", "unknown")):
        _agree(*replies.values())


def _agree(one: Reply, other: Reply) -> None:
    targets = {target for target in (_target(one), _target(other)) if target}
    assert len(targets) <= 1
    found = [_has_addresses(reply) for reply in (one, other)]
    missing = [read(reply).rcode() == dns.rcode.NXDOMAIN for reply in (one, other)]
    if one.synthesised or other.synthesised:
        # musl takes NXDOMAIN to either question for the end of both.
        assert not (any(found) and any(missing))
        assert not (one.synthesised != other.synthesised and all(found))


def _target(reply: Reply) -> str:
    """The name that a walk found, if there is anything of the type asked for."""
    return next((str(rrset[0]) for rrset in read(reply).answer if rrset.rdtype == dns.rdatatype.CNAME), "")


def _has_addresses(reply: Reply) -> bool:
    return any(rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA) for rrset in read(reply).answer)
