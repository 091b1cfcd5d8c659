"""The loadbalance directive: every order of the addresses, CNAMEs first, nothing lost, nothing else moved."""

from __future__ import annotations

import random
from collections import Counter
from ipaddress import ip_network

import dns.flags
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.directives.address_run import address_run
from clusterdns.directives.loadbalance import LoadBalance
from clusterdns.wire.reply import finish
from clusterdns.wire.response import read_response
from tests.support.chain import FOUND, NODATA, FakeHandler, Says, answer, read, records, request, response_to

CNAME = "@ 60 IN CNAME web.example."
THREE = tuple(f"web.example. 60 IN A 10.0.0.{number}" for number in (1, 2, 3))
PREFER = [ip_network("10.0.0.3/32"), ip_network("10.0.0.0/30"), ip_network("fd00::/8")]


def _ask(says: Says, *, prefer: bool = False, seed: int = 1, qtype: str = "A") -> list[str]:
    behind = FakeHandler(otherwise=says)
    balance = LoadBalance(PREFER if prefer else [], behind.handle, random.Random(seed))
    return records(answer(balance.handle(request("www.example.", qtype))))


def test_every_order_comes() -> None:
    says = Says(answer=(CNAME, *THREE))
    orders = Counter(tuple(_ask(says, seed=seed)[1:]) for seed in range(200))
    assert len(orders) == 6
    assert min(orders.values()) > 10


# What the chain says, in any order; what comes first, in this order; how many follow.
ROWS: dict[str, tuple[Says, list[str]]] = {
    "CNAMEs behind": (Says(answer=(*THREE, CNAME)), ["www.example. 60 IN CNAME web.example."]),
    "CNAMEs in their own order": (
        Says(answer=(THREE[0], CNAME, "web.example. 9 IN CNAME b.example.", THREE[1])),
        ["www.example. 60 IN CNAME web.example.", "web.example. 9 IN CNAME b.example."],
    ),
    "the rest before addresses, mail servers behind": (
        Says(answer=("@ 60 IN MX 10 a.example.", "@ 60 IN A 10.0.0.1", '@ 60 IN TXT "x"')),
        ['www.example. 60 IN TXT "x"', "www.example. 60 IN A 10.0.0.1", "www.example. 60 IN MX 10 a.example."],
    ),
    "one address": (FOUND, ["www.example. 60 IN A 10.0.0.1"]),
    "none": (NODATA, []),
}


@pytest.mark.parametrize(("says", "first"), ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_order(says: Says, first: list[str], seed: int) -> None:
    section = _ask(says, seed=seed)
    assert section[: len(first)] == first
    assert sorted(section) == sorted(record.replace("@", "www.example.") for record in says.answer)


@pytest.mark.parametrize("seed", range(5))
def test_preferred_networks_come_first(seed: int) -> None:
    addresses = [f"@ 60 IN A 10.0.{number}" for number in ("1.1", "0.1", "0.3", "1.2", "0.2")]
    section = [record.split()[-1] for record in _ask(Says(answer=tuple(addresses)), prefer=True, seed=seed)]
    assert section[0] == "10.0.0.3"
    assert set(section[1:3]) == {"10.0.0.1", "10.0.0.2"}
    assert set(section[3:]) == {"10.0.1.1", "10.0.1.2"}


def test_preferred_networks_in_a_mixed_answer() -> None:
    mixed = ("@ 60 IN A 10.9.0.1", "@ 60 IN AAAA fe80::1", "@ 60 IN AAAA fd00::1")
    assert _ask(Says(answer=mixed), prefer=True)[0] == "www.example. 60 IN AAAA fd00::1"


def test_additional_addresses_are_shuffled_too() -> None:
    says = Says(
        answer=("@ 60 IN SRV 0 0 80 web.example.",),
        additional=("web.example. 5 IN A 10.0.0.1", "web.example. 5 IN A 10.0.0.2"),
    )
    orders = set()
    for seed in range(20):
        balance = LoadBalance([], FakeHandler(otherwise=says).handle, random.Random(seed))
        reply = answer(balance.handle(request("www.example.", "SRV")))
        orders.add(tuple(records(reply, "additional")))
        assert reply.fresh_until == 0.0
    assert len(orders) == 2


# Whether the packet cache may repeat the bytes: only where there is one order.
@pytest.mark.parametrize(
    ("says", "fresh_until"),
    [
        (Says(answer=THREE), 0.0),
        (Says(answer=("@ 60 IN MX 10 a.example.", "@ 60 IN MX 10 b.example.")), 0.0),
        (FOUND, 500.0),
        (NODATA, 500.0),
        (Says(answer=(CNAME, THREE[0])), 500.0),
        (Says(rcode="NXDOMAIN", answer=THREE), 500.0),
    ],
)
def test_what_may_be_repeated(says: Says, fresh_until: float) -> None:
    behind = FakeHandler(otherwise=says.replying(fresh_until=500.0, view=b"shop"))
    reply = answer(LoadBalance([], behind.handle, random.Random(1)).handle(request("www.example.", "MX")))
    assert (reply.fresh_until, reply.view, reply.source) == (fresh_until, b"shop", "fake")


@pytest.mark.parametrize("answers", [THREE, (*THREE, CNAME)])
def test_flags_stay(answers: tuple[str, ...]) -> None:
    says = Says(answer=answers, flags="QR AA RD RA AD")
    reply = answer(
        LoadBalance([], FakeHandler(otherwise=says).handle, random.Random(1)).handle(request("www.example."))
    )
    assert dns.flags.to_text(read(reply).flags) == "QR AA RD RA AD"


# What the chain says, and whether its addresses can change places in the bytes.
@pytest.mark.parametrize(
    ("says", "found"),
    [
        (Says(answer=("@ 60 IN A 10.0.0.1", "@ 9 IN A 10.0.0.2")), True),
        (Says(answer=("@ 60 IN AAAA fd00::1", "@ 9 IN AAAA fd00::2")), True),
        (Says(answer=(CNAME, *THREE)), True),
        (FOUND, False),
        (NODATA, False),
        (Says(answer=(CNAME, THREE[0])), False),
        (Says(answer=(*THREE, CNAME)), False),
        (Says(answer=("@ 60 IN A 10.0.0.1", "@ 60 IN AAAA fd00::1")), False),
        (Says(answer=("@ 60 IN A 10.0.0.1", "other.example. 60 IN A 10.0.0.2")), False),
        (Says(answer=("@ 60 IN A 10.0.0.1", "@ 60 IN A 10.0.0.2"), authority=("a. 5 IN NS b.",)), False),
        (Says(answer=("@ 60 IN MX 10 a.example.", "@ 60 IN MX 10 b.example.")), False),
    ],
)
def test_runs(says: Says, found: bool) -> None:
    response = response_to(request("www.example."), says)
    run = address_run(response)
    assert (run is not None) is found
    if run is not None:
        assert run.end == len(response.message)
        assert (run.end - run.start) % run.size == 0


@given(st.lists(st.integers(0, 255), min_size=2, max_size=30, unique=True), st.booleans(), st.integers(0, 99))
def test_nothing_is_lost(numbers: list[int], with_cname: bool, seed: int) -> None:
    owner = "web.example." if with_cname else "@"
    addresses = tuple(f"{owner} {60 + number} IN A 10.0.0.{number}" for number in numbers)
    says = Says(answer=(*((CNAME,) if with_cname else ()), *addresses))
    asked = request("www.example.")
    reply = answer(LoadBalance([], FakeHandler(otherwise=says).handle, random.Random(seed)).handle(asked))
    assert sorted(records(reply)) == sorted(record.replace("@", "www.example.") for record in says.answer)
    # What the client gets is whole, and its TTLs are where they are said to be.
    sent = read_response(finish(asked.query, reply.response, limit=65535))
    assert sent.ttl_offsets == reply.response.ttl_offsets == read_response(reply.response.message).ttl_offsets
