"""Who is asked in which order: policies, health, and the place of the other transport."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from clusterdns.forward.exchange import Transport
from clusterdns.forward.health import Health
from clusterdns.forward.policy import POLICIES, Candidate, Dice, choose_first
from clusterdns.forward.ranking import Ranking


@dataclass(eq=False)
class Fake:
    """An upstream of a number."""

    number: int
    is_tls: bool = False
    health: Health = field(default_factory=lambda: Health(max_fails=2, avoid_seconds=2))
    costs: float = 1.0

    def cost(self, now: float) -> float:
        return self.costs


def fakes(count: int) -> list[Fake]:
    return [Fake(number) for number in range(count)]


def fail(ranking: Ranking[Fake], upstream: Fake, now: float, *, checks: int = 0) -> None:
    """A query fails, and then so many checks."""
    ranking.troubled.add(upstream)
    upstream.health.failed(now)
    for _ in range(checks):
        upstream.health.check_failed(now)


def order(ranking: Ranking[Fake], now: float = 0.0, transport: Transport = "udp") -> str:
    """`0u1u0t`: upstream 0 over UDP, 1 over UDP, 0 over TCP."""
    return "".join(f"{ask.upstream.number}{ask.transport[0]}" for ask in ranking.plan(transport, now).asks)


def never(candidates: Sequence[Candidate], now: float) -> int:
    raise AssertionError("there is no choice")


@pytest.mark.parametrize(
    ("count", "transport", "max_tries", "expected"),
    [
        (1, "udp", 0, "0u0u0t"),
        (1, "tcp", 0, "0t0t0u"),
        (2, "udp", 0, "0u1u0t0u1u"),
        (2, "tcp", 0, "0t1t0u0t1t"),
        (3, "udp", 0, "0u1u0t2u0u1u2u"),
        (3, "udp", 2, "0u1u"),
        (0, "udp", 0, ""),
    ],
)
def test_plans(count: int, transport: Transport, max_tries: int, expected: str) -> None:
    ranking = Ranking(fakes(count), choose_first if count > 1 else never, max_tries=max_tries)
    assert order(ranking, transport=transport) == expected
    asks = ranking.plan(transport, 0.0).asks
    assert len({id(ask) for ask in asks}) == len(asks)


def test_tls_is_asked_over_nothing_else() -> None:
    assert order(Ranking([Fake(0, is_tls=True)], never)) == "0t0t"
    assert order(Ranking([Fake(0, is_tls=True), Fake(1)], choose_first)) == "0t1u0t1u"
    assert order(Ranking([Fake(0), Fake(1, is_tls=True)], choose_first)) == "0u1t0t0u1t"


@pytest.mark.parametrize(
    ("count", "transport", "failed", "may_hedge"),
    [
        (1, "udp", [], True),
        (1, "tcp", [], False),
        (2, "udp", [], True),
        (2, "tcp", [], True),
        (2, "udp", [1], False),
        (3, "udp", [1], True),
        (2, "udp", [0, 1], False),
        (0, "udp", [], False),
    ],
)
def test_hedging(count: int, transport: Transport, failed: list[int], may_hedge: bool) -> None:
    upstreams = fakes(count)
    ranking = Ranking(upstreams, choose_first)
    for number in failed:
        fail(ranking, upstreams[number], 0.0)
    assert ranking.plan(transport, 0.0).may_hedge == may_hedge


def test_who_failed_comes_last_for_a_while() -> None:
    upstreams = fakes(3)
    ranking = Ranking(upstreams, choose_first, rounds=1)
    fail(ranking, upstreams[0], 10.0)
    assert order(ranking, 10.0) == "1u2u1t0u"
    fail(ranking, upstreams[1], 11.0)
    assert order(ranking, 11.5) == "2u0u2t1u"
    assert order(ranking, 12.5) == "0u2u0t1u"
    assert order(ranking, 13.5) == "0u1u0t2u"


def test_who_is_down_comes_last_until_it_answers() -> None:
    upstreams = fakes(3)
    ranking = Ranking(upstreams, choose_first, rounds=1)
    fail(ranking, upstreams[0], 10.0, checks=2)
    fail(ranking, upstreams[1], 10.0, checks=1)
    assert order(ranking, 11.0) == "2u1u2t0u"
    assert order(ranking, 99.0) == "1u2u1t0u"
    upstreams[0].health.answered()
    assert order(ranking, 99.0) == "0u1u0t2u"
    assert ranking.all_down == 0


def test_all_are_down() -> None:
    upstreams = fakes(2)
    ranking = Ranking(upstreams, lambda candidates, now: 1, rounds=1)
    for upstream in upstreams:
        fail(ranking, upstream, 10.0, checks=2)
    assert order(ranking, 99.0) == "1u0u1t"
    assert ranking.all_down == 1


def test_all_are_down_and_that_is_final() -> None:
    upstreams = fakes(2)
    ranking = Ranking(upstreams, choose_first, fail_fast=True)
    fail(ranking, upstreams[0], 10.0, checks=2)
    assert order(ranking, 99.0)[:2] == "1u"
    fail(ranking, upstreams[1], 10.0, checks=2)
    assert order(ranking, 99.0) == ""
    assert ranking.all_down == 1


def rolls(*numbers: float) -> Dice:
    left = list(numbers)
    return lambda: left.pop(0)


@pytest.mark.parametrize(
    ("policy", "dice", "costs", "chosen"),
    [
        ("sequential", [], [1, 1, 1], [0, 0, 0, 0]),
        ("round_robin", [], [1, 1, 1], [0, 1, 2, 0]),
        ("random", [0.0, 0.34, 0.99], [1, 1, 1], [0, 1, 2]),
        ("least_latency", [0.0, 0.0, 0.0, 0.9, 0.9, 0.9], [3, 2, 1], [1, 2, 2]),
        ("least_latency", [0.99, 0.0, 0.4, 0.0, 0.4, 0.99], [1, 2, 3], [0, 0, 1]),
    ],
)
def test_policies(policy: str, dice: list[float], costs: list[float], chosen: list[int]) -> None:
    candidates = [Fake(number, costs=cost) for number, cost in enumerate(costs)]
    choose = POLICIES[policy](rolls(*dice))
    assert [choose(candidates, 0.0) for _ in chosen] == chosen
