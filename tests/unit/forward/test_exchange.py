"""The exchange, step by step: what goes in, and what it asks for next. Time is a number here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.forward.exchange import Exchange, Failed, Finished, Send, Step, Try
from clusterdns.wire import numbers
from clusterdns.wire.query import read_query

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
Event = Callable[[Exchange, float], Step | None]


def answered(message: bytes) -> Event:
    return lambda exchange, now: exchange.answered(message, now)


def timed_out(exchange: Exchange, now: float) -> Step | None:
    return exchange.timed_out(now)


def lost(exchange: Exchange, now: float) -> Step | None:
    return exchange.lost("reset", now, reused=False)


def lost_reused(exchange: Exchange, now: float) -> Step | None:
    return exchange.lost("reset", now, reused=True)


def unsent(exchange: Exchange, now: float) -> Step | None:
    return exchange.unsent("no route", now)


UDP_UDP: list[Try] = [(0, "udp"), (1, "udp")]
TCP_TCP: list[Try] = [(0, "tcp"), (1, "tcp")]
LATE = "no answer in time"
WAIT = None
DONE = "finished"

Events = Sequence[tuple[float, Event, Step | str | None]]
ROWS: list[tuple[str, list[Try], Events]] = [
    ("an answer ends it", UDP_UDP, [(0.1, answered(reply()), DONE)]),
    ("the case of the name does not matter", UDP_UDP, [(0.1, answered(reply("WEB.eXample")), DONE)]),
    *[
        (f"rcode {rcode} is passed on", tries, [(0.1, answered(reply(rcode=rcode)), DONE)])
        for rcode in (numbers.SERVFAIL, numbers.NXDOMAIN, numbers.NOTIMP, numbers.REFUSED)
        for tries in (UDP_UDP, TCP_TCP)
    ],
    *[
        (f"rcode {rcode} without a question is passed on", UDP_UDP, [(0.1, answered(bare(rcode)), DONE)])
        for rcode in (numbers.SERVFAIL, numbers.NOTIMP, numbers.REFUSED)
    ],
    (
        "over UDP, what answers another question is ignored",
        UDP_UDP,
        [
            (0.1, answered(reply("other.example")), WAIT),
            (0.2, answered(bytes(11)), WAIT),
            (0.3, answered(reply()), DONE),
        ],
    ),
    (
        "over TCP, it is the upstream's failure",
        TCP_TCP,
        [
            (0.1, answered(reply("other.example")), Send(1, "tcp", 2.0, because="answered another question")),
            (0.2, answered(reply("other.example")), Failed(1, "answered another question")),
        ],
    ),
    (
        "a question echoed is no answer",
        TCP_TCP,
        [
            (
                0.1,
                answered(bytes(dnslib.DNSRecord.question("web.example").pack())),
                Send(1, "tcp", 2.0, because="answered another question"),
            )
        ],
    ),
    (
        "TC over UDP: TCP to the same upstream",
        UDP_UDP,
        [(0.1, answered(reply(tc=1, records=0)), Send(0, "tcp", 2.0)), (0.2, answered(reply()), DONE)],
    ),
    ("TC over TCP is passed on", TCP_TCP, [(0.1, answered(reply(tc=1)), DONE)]),
    (
        "a datagram that is cut off is as good as TC",
        UDP_UDP,
        [(0.1, answered(CUT), Send(0, "tcp", 2.0)), (0.2, answered(reply()), DONE)],
    ),
    (
        "a malformed answer over TCP: the next upstream, which is asked as the list says",
        [(0, "tcp"), (1, "udp")],
        [
            (0.1, answered(CUT), Send(1, "udp", 2.0, because="malformed answer: a record is longer than its message")),
            (0.2, answered(reply()), DONE),
        ],
    ),
    (
        "behind TC and a failing TCP: the next upstream over UDP",
        UDP_UDP,
        [
            (0.1, answered(reply(tc=1)), Send(0, "tcp", 2.0)),
            (0.2, unsent, Send(1, "udp", 2.0, because="no route")),
            (0.3, answered(reply()), DONE),
        ],
    ),
    (
        "FORMERR to EDNS: once more without",
        UDP_UDP,
        [
            (0.1, answered(bare(numbers.FORMERR)), Send(0, "udp", 2.0, edns=False)),
            (0.2, answered(reply()), DONE),
        ],
    ),
    (
        "FORMERR without EDNS is the answer",
        TCP_TCP,
        [
            (0.1, answered(reply(rcode=numbers.FORMERR)), Send(0, "tcp", 2.0, edns=False)),
            (0.2, answered(reply(rcode=numbers.FORMERR)), DONE),
        ],
    ),
    (
        "the next upstream gets EDNS again",
        TCP_TCP,
        [
            (0.1, answered(bare(numbers.FORMERR)), Send(0, "tcp", 2.0, edns=False)),
            (2.1, timed_out, Send(1, "tcp", 2.0, because=LATE)),
        ],
    ),
    (
        "time up: the next, then failure",
        UDP_UDP,
        [(2.0, timed_out, Send(1, "udp", 2.0, because=LATE)), (4.0, timed_out, Failed(1, LATE))],
    ),
    (
        "the last try gets what is left",
        [(0, "udp"), (0, "udp"), (0, "udp"), (0, "udp")],
        [
            (2.0, timed_out, Send(0, "udp", 2.0, because=LATE)),
            (4.0, timed_out, Send(0, "udp", 0.5, because=LATE)),
            (4.5, timed_out, Failed(0, LATE)),
        ],
    ),
    (
        "no try begins behind the deadline",
        UDP_UDP,
        [(4.5, answered(reply(tc=1, records=0)), DONE)],
    ),
    (
        "a reused connection that ended: once more, to the same",
        TCP_TCP,
        [
            (0.1, lost_reused, Send(0, "tcp", 2.0)),
            (0.2, lost_reused, Send(1, "tcp", 2.0, because="reset")),
            (0.3, lost_reused, Send(1, "tcp", 2.0)),
            (0.4, lost, Failed(1, "reset")),
        ],
    ),
    (
        "a new connection that ended: the next",
        TCP_TCP,
        [(0.1, lost, Send(1, "tcp", 2.0, because="reset")), (0.2, answered(reply()), DONE)],
    ),
    (
        "what can't be sent goes to the next",
        TCP_TCP,
        [(0.0, unsent, Send(1, "tcp", 2.0, because="no route")), (0.0, unsent, Failed(1, "no route"))],
    ),
]


@pytest.mark.parametrize(("tries", "events"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_exchange(tries: list[Try], events: Events) -> None:
    exchange = Exchange(QUERY, tries, deadline=4.5, try_seconds=2.0)
    assert exchange.start(0.0) == Send(*tries[0], 2.0)
    for now, event, expected in events:
        step = event(exchange, now)
        if expected == DONE:
            assert isinstance(step, Finished)
        else:
            assert step == expected


def test_the_answer_is_the_upstreams() -> None:
    exchange = Exchange(QUERY, TCP_TCP, deadline=4.5, try_seconds=2.0)
    exchange.start(0.0)
    step = exchange.answered(reply(), 0.1)
    assert isinstance(step, Finished)
    assert step.response.message == reply()
    assert step.response.ttl == 30
    assert step.because == ""


def test_an_error_without_question_gets_the_question() -> None:
    exchange = Exchange(QUERY, UDP_UDP, deadline=4.5, try_seconds=2.0)
    exchange.start(0.0)
    step = exchange.answered(bare(numbers.REFUSED), 0.1)
    assert isinstance(step, Finished)
    parsed = dnslib.DNSRecord.parse(step.response.message)
    assert str(parsed.q.qname) == "Web.Example."
    assert parsed.header.rcode == numbers.REFUSED
    assert step.response.question_end == len(step.response.message)


def test_a_truncated_answer_is_better_than_none() -> None:
    exchange = Exchange(QUERY, [(0, "udp")], deadline=4.5, try_seconds=2.0)
    exchange.start(0.0)
    assert exchange.answered(reply(tc=1), 0.1) == Send(0, "tcp", 2.0)
    step = exchange.lost("reset", 0.2, reused=False)
    assert isinstance(step, Finished)
    assert step.response.truncated
    assert step.because == "reset"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_an_answer_cut_anywhere_never_raises(transport: str) -> None:
    whole = reply()
    for end in range(len(whole)):
        exchange = Exchange(QUERY, UDP_UDP if transport == "udp" else TCP_TCP, deadline=4.5, try_seconds=2.0)
        exchange.start(0.0)
        step = exchange.answered(whole[:end], 0.1)
        assert step is None or isinstance(step, Send)


HEADS = [b"", b"\x00\x07\x81\x80\x00\x01", reply()[:12], reply()[:29], reply(tc=1)[:29], reply()]


@given(st.sampled_from(HEADS), st.binary(max_size=600), st.booleans())
def test_any_bytes_are_taken_for_what_they_are(head: bytes, tail: bytes, over_udp: bool) -> None:
    exchange = Exchange(QUERY, UDP_UDP if over_udp else TCP_TCP, deadline=4.5, try_seconds=2.0)
    exchange.start(0.0)
    step = exchange.answered(head + tail, 0.1)
    if isinstance(step, Finished):
        # Only what carries the question can be handed on.
        assert step.response.message[12 : step.response.question_end].lower() == QUERY.question.lower()
    else:
        assert step is None or isinstance(step, Send)
