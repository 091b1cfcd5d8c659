"""Serials: whoever has a zone hears of each change after it, however many a second has, and whichever replica tells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopath.kubernetes import Kubernetes, index_over
from autopath.serial import serial_after, serial_handed_out
from clusterdns.directives.transfer import is_current
from clusterdns.kube.pod_index import PodIndex
from clusterdns.kube.store import Cluster
from clusterdns.wire.names import name_from_text
from tests.unit.autopath.asking import Elsewhere, ask, config
from tests.unit.autopath.objects import cluster, service

# (time of the last change, now, serial that is handed out)
HANDED_OUT = [
    (1000.0, 1000.0, 999),
    (1000.9, 1000.99, 999),
    (1000.9, 1001.0, 1000),
    (1000.9, 1002.0, 1001),
    (1000.9, 1e6, 1001),
    (1000.9, 900.5, 899),
]


@pytest.mark.parametrize(("change", "now", "expected"), HANDED_OUT)
def test_what_is_handed_out(change: float, now: float, expected: int) -> None:
    assert serial_handed_out(serial_after(change), now) == expected


@given(st.lists(st.floats(0, 3), min_size=1, max_size=30))
def test_it_never_goes_back_and_is_never_ahead(pauses: list[float]) -> None:
    now, before, serial = 1000.0, 0, 0
    for number, pause in enumerate(pauses):
        now += pause
        if number % 2:
            serial = serial_after(now)
        handed_out = serial_handed_out(max(serial, serial_after(1000.0)), now)
        assert before <= handed_out < now
        before = handed_out


# What happens, each after a pause in seconds: a change, which two replicas see, the second one so many seconds later,
# or a secondary that asks one of them.
CHANGE = st.tuples(st.just("change"), st.floats(0, 0.99))
ASK = st.tuples(st.just("ask"), st.sampled_from([0, 1]))
STORIES = st.lists(st.tuples(st.floats(0, 1.5), CHANGE | ASK), min_size=1, max_size=40)


@given(st.floats(0, 1), STORIES, st.integers(0, 1), st.sampled_from([0, 2**32 - 1010]))
def test_a_secondary_ends_up_with_the_last_change(
    fraction: float, story: list[tuple[float, tuple[str, float]]], last: int, epoch: int
) -> None:
    """By the rule of RFC 1995: it takes the zone if the serial is a later one. Also where 32 bits are over."""
    now = epoch + 1000 + fraction
    seen: list[list[float]] = [[now], [now]]
    """When each replica has seen each change; the first is its start."""
    has, known = -1, 0

    def ask(replica: int) -> None:
        nonlocal has, known
        times = [each for each in seen[replica] if each <= now]
        serial = serial_handed_out(serial_after(max(times)), now)
        if has < 0 or not is_current(known, serial & 0xFFFFFFFF):
            has, known = len(times) - 1, serial & 0xFFFFFFFF

    for pause, (what, which) in story:
        now += pause
        if what == "change":
            seen[0].append(now)
            # As a watch tells them: in order.
            seen[1].append(max(now + which, seen[1][-1]))
        else:
            ask(int(which))
    now += 4
    ask(last)
    assert has == len(seen[0]) - 1


def made_at(objects: Cluster, clock: list[float]) -> Kubernetes:
    def read() -> float:
        return clock[0]

    configured = config("ttl 30")
    index = index_over(objects, configured, wall_clock=read)
    behind = Elsewhere().handle
    pods = PodIndex(objects.pod_claims)
    return Kubernetes(configured, objects, index, pods, resolve=behind, following=behind, wall_clock=read)


def test_two_changes_in_one_second() -> None:
    zone = name_from_text("cluster.local")
    clock = [1000.1]
    objects = cluster(service("shop/web", "10.96.1.10"))
    made = made_at(objects, clock)
    serials = []
    for moment, address in ((1500.2, "10.96.1.11"), (1500.4, "10.96.1.12")):
        clock[0] = moment
        objects.services.put(service("shop/web", address))
        handed_out = made.contents(zone)
        assert made.serial(zone) == handed_out.serial == int.from_bytes(handed_out.soa.rdata[-20:-16], "big")
        serials.append(handed_out.serial)
    clock[0] = 1502.0
    serials.append(made.contents(zone).serial)
    assert serials == [1499, 1499, 1501]
    assert ask(made, "cluster.local SOA").answer[0].split()[6] == "1501"
    # Until the next change nothing moves.
    clock[0] = 9000.0
    assert made.contents(zone).serial == 1501


def test_a_clock_that_is_set_back_takes_no_serial_back() -> None:
    clock = [1000.0]
    objects = cluster(service("shop/web", "10.96.1.10"))
    made = made_at(objects, clock)
    for moment, expected in ((900.0, "1001"), (999.0, "1001"), (2000.0, "2001")):
        clock[0] = moment
        objects.services.put(service("shop/web", f"10.96.1.{moment % 200:.0f}"))
        assert ask(made, "cluster.local SOA").answer[0].split()[6] == expected
