"""Where addresses of an answer may change places, and that nothing else changes when they do."""

from __future__ import annotations

import dns.message
import pytest

from clusterdns.wire.response import read_response
from clusterdns.wire.rotation import Run, address_runs, turn
from tests.support import messages
from tests.support.chain import Says, request, response_to

NAME = "web.shop.svc.cluster.local."
_FOUR = tuple(f"@ 30 IN A 10.0.0.{last}" for last in range(1, 5))
_SIX = tuple(f"@ 30 IN AAAA fd00::{last}" for last in range(1, 4))
_CNAME = "@ 30 IN CNAME www.example."
_BEHIND = tuple(f"www.example. 30 IN A 192.0.2.{last}" for last in range(1, 4))
_SIGNATURE = "@ 30 IN RRSIG A 8 5 30 20300101000000 20290101000000 1 cluster.local. c2ln"
_SERVERS = ("@ 30 IN SRV 0 50 80 a.example.", "@ 30 IN SRV 0 50 80 b.example.")

# The answers, then the sizes and counts of the runs.
ROWS: dict[str, tuple[Says, list[tuple[int, int]]]] = {
    "nothing": (Says(), []),
    "one address": (Says(answer=_FOUR[:1]), []),
    "four addresses": (Says(answer=_FOUR), [(16, 4)]),
    "two addresses of IPv6": (Says(answer=_SIX[:2]), [(28, 2)]),
    "both families": (Says(answer=(*_FOUR, *_SIX)), [(16, 4), (28, 3)]),
    "behind a CNAME": (Says(answer=(_CNAME, *_BEHIND)), [(16, 3)]),
    "signed": (Says(answer=(*_FOUR, _SIGNATURE)), [(16, 4)]),
    "no addresses": (Says(answer=_SERVERS), []),
    "of different names": (
        Says(answer=_SERVERS, additional=("a.example. 30 IN A 10.0.0.1", "b.example. 30 IN A 10.0.0.2")),
        [],
    ),
    "of one name in two sections": (Says(answer=_FOUR[:1], additional=(f"{NAME} 30 IN A 10.0.0.2",)), []),
    # The second and third owner are written as pointers to the first: they are not equal to it, but to each other.
    "with an owner that is written out": (
        Says(answer=_SERVERS, additional=tuple(f"c.example. 30 IN A 10.0.0.{last}" for last in range(1, 4))),
        [(16, 2)],
    ),
}


@pytest.mark.parametrize(("says", "shapes"), ROWS.values(), ids=ROWS)
def test_runs_and_their_turns(says: Says, shapes: list[tuple[int, int]]) -> None:
    response = response_to(request(NAME), says)
    message = response.message
    runs = address_runs(message, response.ttl_offsets)
    assert [(run.size, run.records) for run in runs] == shapes
    before = dns.message.from_wire(message, one_rr_per_rrset=True)
    turned = message
    orders = set()
    for _ in range(12):
        turned = turn(turned, runs)
        orders.add(turned)
        assert read_response(turned).ttl_offsets == response.ttl_offsets
        after = dns.message.from_wire(turned, one_rr_per_rrset=True)
        for section in range(4):
            assert sorted(map(str, after.sections[section])) == sorted(map(str, before.sections[section]))
    assert len(orders) == _least_common([count for _, count in shapes])
    # 12 turns are whole rounds of 2, 3 and 4.
    assert turned == message


def _least_common(counts: list[int]) -> int:
    return next(number for number in range(1, 100) if all(number % count == 0 for count in counts))


def test_each_address_comes_first_in_its_turn() -> None:
    response = response_to(request(NAME), Says(answer=_FOUR))
    runs = address_runs(response.message, response.ttl_offsets)
    message = response.message
    firsts = []
    for _ in range(5):
        firsts.append(str(dns.message.from_wire(message).answer[0][0]))
        message = turn(message, runs)
    assert firsts == ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.1"]


def test_records_that_are_not_what_their_type_says_are_left_alone() -> None:
    query = messages.query(NAME)
    head = query[:2] + b"\x81\x80" + query[4:6] + b"\0\2\0\0\0\0" + query[12:]
    message = head + messages.record(b"\xc0\x0c", 1, 30, b"\x0a\0\0") * 2
    assert address_runs(message, read_response(message).ttl_offsets) == ()


@pytest.mark.parametrize("message", messages.RESPONSES.values(), ids=messages.RESPONSES)
def test_any_answer(message: bytes) -> None:
    response = read_response(message)
    runs = address_runs(response.message, response.ttl_offsets)
    assert all(isinstance(run, Run) and run.records > 1 for run in runs)
    assert len(turn(response.message, runs)) == len(response.message)
