"""Steps of an exchange as rows of data: what happens when, and what is to be asked for next."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import dnslib
import pytest

from clusterdns.forward.exchange import Ask, Blame, Exchange, Rules, Step, Transport, Wait
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


def check(rules: Rules, hedge_after: float, plan: list[Ask[int]], events: Events) -> None:
    """Run an exchange through `events` of (time, event, what follows)."""
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
