"""The exchange, step by step: what goes in, and what it asks for next. Time is a number here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.forward.exchange import Ask, Blame, Exchange, Failed, Rules, Step, Transport, Wait
from clusterdns.wire import numbers
from clusterdns.wire.query import read_query
from clusterdns.wire.response import Response

QUERY = read_query(bytes(dnslib.DNSRecord.question("Web.Example", "A").pack()))


def reply(name: str = "web.example", *, rcode: int = 0, tc: int = 0, records: int = 1) -> bytes:
    record = dnslib.DNSRecord.question(name, "A").reply()
    record.header.id = 7
    record.header.rcode = rcode
    record.header.tc = tc
    for _ in range(records if rcode == 0 else 0):
        record.add_answer(dnslib.RR(name, dnslib.QTYPE.A, rdata=dnslib.A("192.0.2.1"), ttl=30))
    return bytes(record.pack())


def bare(rcode: int) -> bytes:
    """An error without the question, as servers send it that gave up on reading."""
    return b"\x00\x07" + (0x8000 | rcode).to_bytes(2, "big") + bytes(8)


CUT = reply()[:-3]
LATE = "no answer in time"
WAIT = Wait.FOR_OTHERS
IGNORED = None
DONE = "answered"
RULES = Rules(total_seconds=1.8, try_seconds=0.6)
FAILOVER = Rules(total_seconds=1.8, try_seconds=0.6, failover=frozenset({numbers.SERVFAIL}))
Place = int
"""A try, by its place among those that were sent so far."""
Event = Callable[[Exchange[int], list[Ask[int]], float], Step[int] | None]


def plan_of(*places: tuple[int, Transport]) -> list[Ask[int]]:
    return [Ask(*place) for place in places]


def udp(upstream: int, **changes: bool) -> Ask[int]:
    return Ask(upstream, "udp", **changes)


def tcp(upstream: int, **changes: bool) -> Ask[int]:
    return Ask(upstream, "tcp", **changes)


def answered(message: bytes, place: Place = -1) -> Event:
    return lambda exchange, sent, now: exchange.answered(sent[place], message, now)


def lost(place: Place = -1, *, reused: bool = False) -> Event:
    return lambda exchange, sent, now: exchange.lost(sent[place], "reset", now, reused=reused)


def unsent(exchange: Exchange[int], sent: list[Ask[int]], now: float) -> Step[int] | None:
    return exchange.unsent(sent[-1], "no route", now)


def woken(exchange: Exchange[int], sent: list[Ask[int]], now: float) -> Step[int] | None:
    assert exchange.wake_at == pytest.approx(now)
    return exchange.woken(now, lambda: True)


def woken_without_budget(exchange: Exchange[int], sent: list[Ask[int]], now: float) -> Step[int] | None:
    return exchange.woken(now, lambda: False)


def redirect(*places: tuple[int, Transport]) -> Event:
    return lambda exchange, sent, now: exchange.redirect(plan_of(*places), now)


UDP_UDP: list[Ask[int]] = plan_of((0, "udp"), (1, "udp"))
TCP_TCP: list[Ask[int]] = plan_of((0, "tcp"), (1, "tcp"))
ONCE = plan_of((0, "udp"))
MIXED = plan_of((0, "udp"), (1, "udp"), (0, "tcp"), (0, "udp"), (1, "udp"))
SERVFAIL = reply(rcode=numbers.SERVFAIL)
NXDOMAIN = reply(rcode=numbers.NXDOMAIN)

Events = Sequence[tuple[float, Event, object]]
ROWS: list[tuple[str, list[Ask[int]], Events]] = [
    ("an answer ends it", UDP_UDP, [(0.1, answered(reply()), DONE)]),
    ("the case of the name does not matter", UDP_UDP, [(0.1, answered(reply("WEB.eXample")), DONE)]),
    *[
        (f"rcode {rcode} is passed on", plan, [(0.1, answered(reply(rcode=rcode)), DONE)])
        for rcode in (numbers.SERVFAIL, numbers.NXDOMAIN, numbers.NOTIMP, numbers.REFUSED)
        for plan in (UDP_UDP, TCP_TCP)
    ],
    *[
        (f"rcode {rcode} without a question is passed on", UDP_UDP, [(0.1, answered(bare(rcode)), DONE)])
        for rcode in (numbers.SERVFAIL, numbers.NOTIMP, numbers.REFUSED)
    ],
    (
        "over UDP, what answers another question is ignored",
        UDP_UDP,
        [
            (0.1, answered(reply("other.example")), IGNORED),
            (0.2, answered(bytes(11)), IGNORED),
            (0.3, answered(reply()), DONE),
        ],
    ),
    (
        "over TCP, it is the upstream's failure",
        TCP_TCP,
        [
            (0.1, answered(reply("other.example")), Blame("answered another question", tcp(1))),
            (
                0.2,
                answered(reply("other.example")),
                Blame("answered another question", Failed(1, "answered another question")),
            ),
        ],
    ),
    (
        "a question echoed is no answer",
        TCP_TCP,
        [
            (
                0.1,
                answered(bytes(dnslib.DNSRecord.question("web.example").pack())),
                Blame("answered another question", tcp(1)),
            )
        ],
    ),
    (
        "TC over UDP: TCP to the same upstream",
        UDP_UDP,
        [(0.1, answered(reply(tc=1, records=0)), tcp(0)), (0.2, answered(reply()), DONE)],
    ),
    ("TC over TCP is passed on", TCP_TCP, [(0.1, answered(reply(tc=1)), DONE)]),
    (
        "a datagram that is cut off is as good as TC",
        UDP_UDP,
        [(0.1, answered(CUT), tcp(0)), (0.2, answered(reply()), DONE)],
    ),
    (
        "a malformed answer over TCP: the next upstream, which is asked as the plan says",
        plan_of((0, "tcp"), (1, "udp")),
        [
            (0.1, answered(CUT), Blame("malformed answer: a record is longer than its message", udp(1))),
            (0.2, answered(reply()), DONE),
        ],
    ),
    (
        "behind TC and a failing TCP: the next upstream over UDP",
        UDP_UDP,
        [
            (0.1, answered(reply(tc=1)), tcp(0)),
            (0.2, unsent, Blame("no route", udp(1))),
            (0.3, answered(reply()), DONE),
        ],
    ),
    (
        "a truncated answer is better than none",
        ONCE,
        [(0.1, answered(reply(tc=1)), tcp(0)), (0.2, lost(), "blamed, and answered")],
    ),
    (
        "FORMERR to EDNS: once more without",
        UDP_UDP,
        [(0.1, answered(bare(numbers.FORMERR)), udp(0, edns=False)), (0.2, answered(reply()), DONE)],
    ),
    (
        "FORMERR without EDNS is the answer",
        TCP_TCP,
        [
            (0.1, answered(bare(numbers.FORMERR)), tcp(0, edns=False)),
            (0.2, answered(reply(rcode=numbers.FORMERR)), DONE),
        ],
    ),
    (
        "the next upstream gets EDNS again",
        TCP_TCP,
        [(0.1, answered(bare(numbers.FORMERR)), tcp(0, edns=False)), (0.7, woken, Blame(LATE, tcp(1)))],
    ),
    (
        "time up: the next of the plan, until the time is up for all",
        MIXED,
        [
            (0.6, woken, Blame(LATE, udp(1))),
            (1.2, woken, Blame(LATE, tcp(0))),
            (1.8, woken, Blame(LATE, Failed(0, LATE))),
        ],
    ),
    (
        "whoever was asked before may still answer",
        MIXED,
        [(0.6, woken, Blame(LATE, udp(1))), (0.7, answered(reply(), 0), DONE)],
    ),
    (
        "with nobody left to ask, there is time until the end",
        UDP_UDP,
        [
            (0.6, woken, Blame(LATE, udp(1))),
            (1.2, woken, Blame(LATE, WAIT)),
            (1.7, answered(reply(), 0), DONE),
        ],
    ),
    (
        "and an end",
        ONCE,
        [(0.6, woken, Blame(LATE, WAIT)), (1.8, woken, Blame(LATE, Failed(0, LATE)))],
    ),
    (
        "a late try that is lost changes nothing",
        MIXED,
        [
            (0.6, woken, Blame(LATE, udp(1))),
            (0.7, lost(0), WAIT),
            (1.2, woken, Blame(LATE, tcp(0))),
        ],
    ),
    (
        "the truncated answer of a late try is kept",
        UDP_UDP,
        [
            (0.6, woken, Blame(LATE, udp(1))),
            (0.7, answered(reply(tc=1), 0), WAIT),
            (0.8, lost(), "blamed, and answered"),
        ],
    ),
    (
        "a TC behind the deadline leaves no time for TCP",
        UDP_UDP,
        [(1.8, answered(reply(tc=1, records=0)), "blamed, and answered")],
    ),
    (
        "a reused connection that ended: once more, to the same",
        TCP_TCP,
        [
            (0.1, lost(reused=True), tcp(0, is_again=True)),
            (0.2, lost(reused=True), Blame("reset", tcp(1))),
            (0.3, lost(reused=True), tcp(1, is_again=True)),
            (0.4, lost(), Blame("reset", Failed(1, "reset"))),
        ],
    ),
    (
        "a new connection that ended: the next",
        TCP_TCP,
        [(0.1, lost(), Blame("reset", tcp(1))), (0.2, answered(reply()), DONE)],
    ),
    (
        "what can't be sent goes to the next",
        TCP_TCP,
        [(0.0, unsent, Blame("no route", tcp(1))), (0.0, unsent, Blame("no route", Failed(1, "no route")))],
    ),
    (
        "other upstreams: those of the old plan are asked no more",
        UDP_UDP,
        [
            (0.1, redirect((7, "udp"), (8, "udp")), None),
            (0.1, lost(), Blame("reset", udp(7))),
            (0.7, woken, Blame(LATE, udp(8))),
        ],
    ),
    (
        "other upstreams, while the try goes on at one that stays",
        UDP_UDP,
        [(0.1, redirect((0, "udp"), (8, "udp")), None), (0.2, answered(reply()), DONE)],
    ),
    (
        "other upstreams when all had been asked: at once",
        ONCE,
        [(0.6, woken, Blame(LATE, WAIT)), (0.7, redirect((7, "tcp")), tcp(7)), (0.8, answered(reply()), DONE)],
    ),
    (
        "no upstream is left",
        ONCE,
        [(0.1, redirect(), None), (0.1, lost(), Blame("reset", Failed(0, "reset")))],
    ),
]

HEDGED: list[tuple[str, list[Ask[int]], Events]] = [
    ("an answer in time needs no hedge", UDP_UDP, [(0.02, answered(reply()), DONE)]),
    ("the hedge is first", UDP_UDP, [(0.05, woken, udp(1)), (0.06, answered(reply()), DONE)]),
    ("the first is first", UDP_UDP, [(0.05, woken, udp(1)), (0.06, answered(reply(), 0), DONE)]),
    (
        "one hedge, then failures",
        MIXED,
        [
            (0.05, woken, udp(1)),
            (0.65, woken, Blame(LATE, tcp(0))),
            (1.25, woken, Blame(LATE, udp(0))),
            (1.8, woken, Blame(LATE, Failed(0, LATE))),
        ],
    ),
    (
        "no budget: as if there were no hedging",
        UDP_UDP,
        [(0.05, woken_without_budget, None), (0.6, woken, Blame(LATE, udp(1)))],
    ),
    (
        "one of two is lost: the other goes on",
        MIXED,
        [
            (0.05, woken, udp(1)),
            (0.06, lost(), Blame("reset", WAIT)),
            (0.65, woken, Blame(LATE, tcp(0))),
        ],
    ),
    (
        "both are lost: the next of the plan",
        MIXED,
        [
            (0.05, woken, udp(1)),
            (0.06, lost(0), Blame("reset", WAIT)),
            (0.07, lost(1), Blame("reset", tcp(0))),
        ],
    ),
    (
        "lost before the hedge: no hedge any more",
        MIXED,
        [(0.01, lost(), Blame("reset", udp(1))), (0.61, woken, Blame(LATE, tcp(0)))],
    ),
    (
        "the hedge says SERVFAIL: the first may know better",
        UDP_UDP,
        [(0.05, woken, udp(1)), (0.06, answered(SERVFAIL), WAIT), (0.1, answered(reply(), 0), DONE)],
    ),
    (
        "both say SERVFAIL",
        UDP_UDP,
        [(0.05, woken, udp(1)), (0.06, answered(SERVFAIL), WAIT), (0.1, answered(SERVFAIL, 0), DONE)],
    ),
    (
        "the hedge says SERVFAIL, and the first nothing",
        UDP_UDP,
        [
            (0.05, woken, udp(1)),
            (0.06, answered(SERVFAIL), WAIT),
            (0.65, woken, Blame(LATE, WAIT)),
            (1.8, woken, "blamed, and answered"),
        ],
    ),
    ("NXDOMAIN is an answer", UDP_UDP, [(0.05, woken, udp(1)), (0.06, answered(NXDOMAIN), DONE)]),
    (
        "the hedge is truncated: TCP, and the first goes on",
        UDP_UDP,
        [
            (0.05, woken, udp(1)),
            (0.06, answered(reply(tc=1)), tcp(1)),
            (0.07, answered(reply(), 0), DONE),
        ],
    ),
    (
        "other upstreams: the hedge is off",
        UDP_UDP,
        [(0.01, redirect((0, "udp"), (7, "udp")), None), (0.6, woken, Blame(LATE, udp(0)))],
    ),
]

FAILING_OVER: list[tuple[str, list[Ask[int]], Events]] = [
    ("another rcode is the answer", MIXED, [(0.1, answered(NXDOMAIN), DONE)]),
    ("one passes it on", MIXED, [(0.1, answered(SERVFAIL), udp(1)), (0.2, answered(reply()), DONE)]),
    (
        "all pass it on, each once",
        MIXED,
        [(0.1, answered(SERVFAIL), udp(1)), (0.2, answered(SERVFAIL), DONE)],
    ),
    (
        "one passes it on, the other is silent",
        MIXED,
        [
            (0.1, answered(SERVFAIL), udp(1)),
            (0.7, woken, Blame(LATE, udp(1))),
            (1.3, woken, Blame(LATE, WAIT)),
            (1.8, woken, "blamed, and answered"),
        ],
    ),
]

CASES = [
    *((rules, math.inf, *row) for rules, rows in ((RULES, ROWS), (FAILOVER, FAILING_OVER)) for row in rows),
    *((RULES, 0.05, *row) for row in HEDGED),
]


@pytest.mark.parametrize(
    ("rules", "hedge_after", "plan", "events"),
    [(rules, hedge, plan, events) for rules, hedge, _, plan, events in CASES],
    ids=[row[2] for row in CASES],
)
def test_exchange(rules: Rules, hedge_after: float, plan: list[Ask[int]], events: Events) -> None:
    exchange = exchange_of(plan, rules, hedge_after)
    sent = [exchange.start()]
    assert sent == [plan[0]]
    asks = [plan[0]]
    for now, event, expected in events:
        step = event(exchange, asks, now)
        if expected == DONE:
            assert isinstance(step, Response)
        elif expected == "blamed, and answered":
            assert isinstance(step, Blame)
            assert isinstance(step.then, Response)
        else:
            assert step == expected
        then = step.then if isinstance(step, Blame) else step
        if isinstance(then, Ask):
            asks.append(then)


def exchange_of(plan: list[Ask[int]], rules: Rules = RULES, hedge_after: float = math.inf) -> Exchange[int]:
    return Exchange(rules, QUERY, QUERY.question.lower(), plan, 0.0, hedge_after)


def test_the_answer_is_the_upstreams() -> None:
    step = exchange_of(TCP_TCP).answered(TCP_TCP[0], reply(), 0.1)
    assert isinstance(step, Response)
    assert step.message == reply()
    assert step.ttl == 30


def test_an_error_without_question_gets_the_question() -> None:
    step = exchange_of(UDP_UDP).answered(UDP_UDP[0], bare(numbers.REFUSED), 0.1)
    assert isinstance(step, Response)
    parsed = dnslib.DNSRecord.parse(step.message)
    assert str(parsed.q.qname) == "Web.Example."
    assert parsed.header.rcode == numbers.REFUSED
    assert step.question_end == len(step.message)


def test_nobody_to_ask() -> None:
    assert exchange_of([]).start() == Failed(None, "there is nobody to ask")


@pytest.mark.parametrize("plan", [UDP_UDP, TCP_TCP])
def test_an_answer_cut_anywhere_never_raises(plan: list[Ask[int]]) -> None:
    whole = reply()
    for end in range(len(whole)):
        step = exchange_of(plan).answered(plan[0], whole[:end], 0.1)
        assert step is None or isinstance(step, Ask | Blame)


HEADS = [b"", b"\x00\x07\x81\x80\x00\x01", reply()[:12], reply()[:29], reply(tc=1)[:29], reply()]


@given(st.sampled_from(HEADS), st.binary(max_size=600), st.booleans())
def test_any_bytes_are_taken_for_what_they_are(head: bytes, tail: bytes, over_udp: bool) -> None:
    plan = UDP_UDP if over_udp else TCP_TCP
    step = exchange_of(plan).answered(plan[0], head + tail, 0.1)
    if isinstance(step, Response):
        # Only what carries the question can be handed on.
        assert step.message[12 : step.question_end].lower() == QUERY.question.lower()
    else:
        assert step is None or isinstance(step, Ask | Blame)
