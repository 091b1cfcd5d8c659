"""The propagation check on virtual time, and against the emulator's DNS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from clusterdns.errors import ClusterDNSError
from externaldns.changes import ChangeResult, NameChange, RecordChange
from externaldns.propagation import DnsAsker, PropagationCheck
from externaldns.record import Endpoint
from tests.support import virtual_time
from tests.unit.externaldns.emulator.calls import add
from tests.unit.externaldns.emulator.live import client, emulator, only_zone


def made(name: str = "web.ex.com", *targets: str, type: str = "A", error: Exception | None = None) -> ChangeResult:
    record = Endpoint(name, targets or ("192.0.2.2",), type)
    return ChangeResult(NameChange(name, (RecordChange(None, record),)), error)


def run(
    answers: Callable[[float], frozenset[str] | None], *results: ChangeResult, since: float | None = 0.0
) -> PropagationCheck:
    """Check `results`, caused by an event at `since`, against a DNS whose answers change with time."""

    async def body() -> PropagationCheck:
        clock = asyncio.get_running_loop().time

        async def ask(name: str, record_type: str) -> frozenset[str] | None:
            return answers(clock())

        def answered(endpoint: Endpoint, seconds: float) -> None:
            told.append(f"{endpoint.dns_name} {seconds:.1f}")

        check = PropagationCheck(ask, answered, clock)
        await asyncio.sleep(1)
        check.applied(results, {} if since is None else {result.change.name: since for result in results})
        await check.settled()
        return check

    told.clear()
    return virtual_time.run(body())


told: list[str] = []


def test_the_seconds_are_from_the_event_to_the_answer() -> None:
    check = run(lambda now: frozenset({"192.0.2.2" if now >= 3 else "192.0.2.1"}), made())
    assert told == ["web.ex.com 4.1"], "asked after 0, 0.1, 0.3, 0.7, 1.5 and 3.1 s"
    assert (check.missed, sum(check.seconds.counts)) == (0, 1)


def test_an_answer_that_does_not_come_is_missed_and_said(caplog: pytest.LogCaptureFixture) -> None:
    check = run(lambda now: frozenset({"192.0.2.1"}), made())
    assert (check.missed, told) == (1, [])
    assert "web.ex.com A: DNS still answers 192.0.2.1 after" in caplog.text


def deleted(*besides: Endpoint) -> ChangeResult:
    steps = [RecordChange(Endpoint("web.ex.com", ("192.0.2.2",), "A"), None), *(RecordChange(None, e) for e in besides)]
    return ChangeResult(NameChange("web.ex.com", tuple(steps)))


@pytest.mark.parametrize("rest", [frozenset(), frozenset({"192.0.2.9"})], ids=["nothing", "others'"])
def test_what_was_deleted_is_waited_for_as_well(rest: frozenset[str]) -> None:
    check = run(lambda now: rest if now >= 3 else rest | {"192.0.2.2"}, deleted())
    assert (check.missed, sum(check.seconds.counts), told) == (0, 1, [])
    assert check.seconds.total == pytest.approx(4.1)
    assert run(lambda now: frozenset({"192.0.2.2"}), deleted()).missed == 1
    assert run(lambda now: None, deleted()).missed == 1, "a server that does not answer has not forgotten it"


def test_of_a_change_of_type_the_new_one_is_waited_for() -> None:
    check = run(lambda now: frozenset({"lb.ex.net"}), deleted(Endpoint("web.ex.com", ("lb.ex.net",), "CNAME")))
    assert (check.missed, sum(check.seconds.counts), told) == (0, 1, ["web.ex.com 1.0"])


def test_part_of_a_set_is_an_answer_and_something_else_is_not() -> None:
    run(lambda now: frozenset({"192.0.2.2"}), made("web.ex.com", "192.0.2.2", "192.0.2.3"))
    assert told == ["web.ex.com 1.0"]
    assert run(lambda now: frozenset({"192.0.2.2", "192.0.2.9"}), made()).missed == 1


@pytest.mark.parametrize(
    ("answer", "missed"), [({"192.0.2.2", "192.0.2.9"}, 0), ({"192.0.2.2"}, 0), ({"192.0.2.9"}, 1), ({"192.0.2.8"}, 1)]
)
def test_values_of_others_may_be_in_the_answer_but_ours_must_be(answer: set[str], missed: int) -> None:
    step = RecordChange(None, Endpoint("web.ex.com", ("192.0.2.2",), "A"), others=("192.0.2.9",))
    shared = ChangeResult(NameChange("web.ex.com", (step,)))
    assert run(lambda now: frozenset(answer), shared).missed == missed


@pytest.mark.parametrize(
    ("result", "since"),
    [
        (made(), None),
        (made(error=ClusterDNSError("no")), 0.0),
        (made("*.ex.com"), 0.0),
        (made("web.ex.com", '"x"', type="TXT"), 0.0),
    ],
    ids=["no event", "failed", "wildcard", "text"],
)
def test_what_is_not_asked_for(result: ChangeResult, since: float | None) -> None:
    asked: list[float] = []

    def answers(now: float) -> frozenset[str]:
        asked.append(now)
        return frozenset()

    run(answers, result, since=since)
    assert asked == []


def test_no_more_than_a_hundred_names_at_a_time() -> None:
    results = [made(f"h{number}.ex.com") for number in range(150)]
    run(lambda now: frozenset({"192.0.2.2"}), *results)
    assert len(told) == 100


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:0"])
def test_it_asks_the_server_that_it_is_given(listen: str) -> None:
    with emulator(":memory:", "--zone", "demo.internal", "--dns-listen", listen) as listening:
        sdk = client(listening.api)
        zone_id = only_zone(sdk)
        add(sdk, zone_id, "web", "A", "10.0.0.1")
        add(sdk, zone_id, "web", "AAAA", "fd00::1")
        add(sdk, zone_id, "alias", "CNAME", "web.demo.internal")

        async def body() -> list[frozenset[str] | None]:
            asker = DnsAsker(*listening.dns)
            try:
                names = [
                    ("web", "A"),
                    ("web", "AAAA"),
                    ("alias", "A"),
                    ("alias", "CNAME"),
                    ("none", "A"),
                    ("alias", "MX"),
                ]
                found = [await asker(f"{name}.demo.internal", record_type) for name, record_type in names]
                return [*found, await asker("elsewhere.internal", "A")]
            finally:
                await asker.close()

        assert asyncio.run(body()) == [
            {"10.0.0.1"},
            {"fd00::1"},
            {"10.0.0.1"},
            {"web.demo.internal"},
            frozenset(),
            frozenset(),
            None,  # refused
        ]
