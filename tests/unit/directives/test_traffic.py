"""What a server counts: one tally for each kind of exchange, and no more kinds than are allowed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from clusterdns.directives.traffic import SIZES, Exchange, Traffic
from clusterdns.flight import Flight
from clusterdns.limits import EXCHANGES
from tests.support import messages
from tests.support.chain import FOUND, NODATA, NXDOMAIN, Says
from tests.support.server import WEB, Server

PLAIN = Exchange(b"\0", "udp", 1, False, 0, "fake", False, 44, 60)


def exchanges(counts: Traffic) -> dict[Exchange, tuple[int, int]]:
    return {exchange: (tally.answers, tally.hits) for exchange, tally in counts.exchanges()}


def test_equal_exchanges_share_a_tally_and_a_plain_tuple_is_an_exchange() -> None:
    counts = Traffic()
    tally = counts.tally(PLAIN)
    assert counts.tally((b"\0", "udp", 1, False, 0, "fake", False, 44, 60)) is tally
    tally.answers += 2
    tally.hits += 5
    assert exchanges(counts) == {PLAIN: (2, 5)}
    assert counts.packet_cache_hits == 5


@pytest.mark.parametrize("field", Exchange._fields)
def test_each_field_makes_another_exchange(field: str) -> None:
    counts = Traffic()
    other: dict[str, Any] = {
        "zone": b"\7example\0", "transport": "tcp", "qtype": 28, "dnssec_ok": True, "rcode": 3, "source": "cache",
        "is_denial": True, "query_bytes": 45, "answer_bytes": 61,
    }  # fmt: skip
    assert counts.tally(PLAIN) is not counts.tally(PLAIN._replace(**{field: other[field]}))


@pytest.mark.parametrize(("qtype", "counted"), [(1, 1), (28, 28), (65, 65), (255, 255), (65280, 0), (64, 0), (13, 0)])
def test_types_that_coredns_does_not_name_are_one(qtype: int, counted: int) -> None:
    counts = Traffic()
    counts.tally(PLAIN._replace(qtype=qtype))
    assert [exchange.qtype for exchange in exchanges(counts)] == [counted]


def test_no_client_makes_more_tallies_than_there_may_be() -> None:
    counts = Traffic()
    limit = EXCHANGES.default_int
    for number in range(limit):
        counts.tally(PLAIN._replace(query_bytes=number % 512, answer_bytes=number // 512)).answers += 1
    assert len(exchanges(counts)) == limit
    for query_bytes in (12, 100, 101, 511, 512, 65000):
        for answer_bytes in range(600, 4096, 7):
            counts.tally(PLAIN._replace(query_bytes=query_bytes, answer_bytes=answer_bytes)).answers += 1
    found = exchanges(counts)
    assert len(found) <= limit + len(SIZES) ** 2
    rounded = {exchange for exchange in found if exchange.answer_bytes > limit // 512}
    assert {exchange.query_bytes for exchange in rounded} == {100, 200, 511, 1023, 65535}
    assert {exchange.answer_bytes for exchange in rounded} == {1023, 2047, 4095}
    assert sum(answers for answers, _ in found.values()) == limit + 6 * len(range(600, 4096, 7))


def test_seconds_are_by_zone() -> None:
    counts = Traffic()
    counts.count_seconds(b"\0", 0.001)
    counts.count_seconds(b"\0", 5)
    counts.count_seconds(b"", 0)
    assert {zone: (sum(each.counts), each.total) for zone, each in counts.durations.items()} == {
        b"\0": (2, 5.001),
        b"": (1, 0),
    }


KEPT = {"fresh_until": 160.0}


@pytest.mark.parametrize(
    ("says", "rcode", "is_denial"),
    [(FOUND.replying(**KEPT), 0, False), (NODATA.replying(**KEPT), 0, True), (NXDOMAIN.replying(**KEPT), 3, True)],
    ids=["found", "nodata", "nxdomain"],
)
@pytest.mark.parametrize("dnssec_ok", [False, True])
def test_an_answer_and_its_repetitions(says: Says, rcode: int, is_denial: bool, dnssec_ok: bool) -> None:
    server = Server(says=says)
    message = messages.query(WEB, "A", dnssec_ok=dnssec_ok)
    answer = server.respond(message)
    assert answer is not None
    for _ in range(3):
        server.ask(message)
    exchange = Exchange(b"\0", "udp", 1, dnssec_ok, rcode, "fake", is_denial, len(message), len(answer))
    assert exchanges(server.traffic) == {exchange: (1, 0), exchange._replace(source="cache"): (0, 3)}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_time_is_counted_from_the_question_to_its_answer(transport: str) -> None:
    upstream: Flight[None] = Flight()
    server = Server(says=replace(FOUND, waits_for=upstream))
    assert server.respond(messages.query(WEB, "A"), transport) is None
    server.now += 0.3
    upstream.land(None)
    server.respond(messages.query("nobody.example.", "A"), transport)
    ((zone, durations),) = server.traffic.durations.items()
    assert (zone, sum(durations.counts)) == (b"\0", 2)
    assert durations.total == pytest.approx(0.3)
