"""Two tries at once, and rcodes that fail over, step by step. Time is a number here."""

from __future__ import annotations

import math

import pytest

from clusterdns.forward.exchange import Ask, Blame, Failed, Rules
from clusterdns.wire import numbers
from tests.unit.forward.stepping import (
    DONE,
    LATE,
    MIXED,
    NXDOMAIN,
    RULES,
    SERVFAIL,
    UDP_UDP,
    WAIT,
    Events,
    answered,
    check,
    lost,
    redirect,
    reply,
    tcp,
    udp,
    woken,
    woken_without_budget,
)

FAILOVER = Rules(total_seconds=1.8, try_seconds=0.6, failover=frozenset({numbers.SERVFAIL}))
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
    *((RULES, 0.05, *row) for row in HEDGED),
    *((FAILOVER, math.inf, *row) for row in FAILING_OVER),
]


@pytest.mark.parametrize(
    ("rules", "hedge_after", "plan", "events"),
    [(rules, hedge_after, plan, events) for rules, hedge_after, _, plan, events in CASES],
    ids=[row[2] for row in CASES],
)
def test_exchange(rules: Rules, hedge_after: float, plan: list[Ask[int]], events: Events) -> None:
    check(rules, hedge_after, plan, events)
