"""The exchange, step by step: what goes in, and what it asks for next. Time is a number here."""

from __future__ import annotations

import math

import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.forward.exchange import Ask, Blame, Failed
from clusterdns.wire import numbers
from clusterdns.wire.response import Response
from tests.unit.forward.stepping import (
    CUT,
    DONE,
    IGNORED,
    LATE,
    MIXED,
    ONCE,
    QUERY,
    RULES,
    TCP_TCP,
    UDP_UDP,
    WAIT,
    Events,
    answered,
    bare,
    check,
    exchange_of,
    lost,
    plan_of,
    redirect,
    reply,
    tcp,
    udp,
    unsent,
    woken,
)

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


@pytest.mark.parametrize(("plan", "events"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_exchange(plan: list[Ask[int]], events: Events) -> None:
    check(RULES, math.inf, plan, events)


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
