"""The controller on a provider in memory: runs, refusals, failures, and the loop on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from clusterdns.errors import ClusterDNSError
from clusterdns.kube.objects import Service
from clusterdns.kube.store import Cluster
from externaldns.changes import ChangeResult, NameChange
from externaldns.controller import ApplyFailed, Controller, NotSynced, Rules
from externaldns.domain_filter import DomainFilter
from externaldns.measurements import Measurements, export
from externaldns.ownership import TxtRegistry
from externaldns.policy import upsert_only
from externaldns.providers.provider import Snapshot
from externaldns.record import Endpoint
from externaldns.schedule import Schedule
from externaldns.sources.service import ServiceSource
from tests.support import virtual_time


class MemoryProvider:
    """Holds record sets of the zone ex.com; refuses the names in `refuses`, and everything while `away`."""

    def __init__(self, *records: Endpoint) -> None:
        self.records = {record.key: record for record in records}
        self.refuses: set[str] = set()
        self.away: Exception | None = None
        self.read_at: list[float] = []
        self.writes = 0

    async def read(self) -> Snapshot:
        self.read_at.append(asyncio.get_running_loop().time())
        if self.away is not None:
            raise self.away
        return Snapshot(tuple(self.records.values()), ("ex.com",))

    async def look(self, names: Iterable[str]) -> Snapshot:
        wanted = set(names)
        records = [record for record in self.records.values() if record.dns_name in wanted]
        return Snapshot(tuple(records), ("ex.com",))

    async def adjust(self, endpoints: Sequence[Endpoint]) -> list[Endpoint]:
        return [replace(endpoint, ttl=endpoint.ttl or 60) for endpoint in endpoints]

    async def apply(self, changes: Sequence[NameChange]) -> list[ChangeResult]:
        return [self._apply(change) for change in changes]

    def _apply(self, change: NameChange) -> ChangeResult:
        if change.name in self.refuses:
            return ChangeResult(change, ClusterDNSError("refused"))
        for step in change.steps:
            self.writes += 1
            if step.new is None:
                del self.records[step.endpoint.key]
            else:
                self.records[step.endpoint.key] = replace(step.new, labels={})
        return ChangeResult(change)

    def held(self) -> list[str]:
        return sorted(f"{name} {record_type}" for name, record_type, _ in self.records)


def service(name: str, hostname: str | None = None, target: str = "192.0.2.1") -> Service:
    annotations = {
        "external-dns.kubernetes.io/hostname": hostname or f"{name}.ex.com",
        "external-dns.kubernetes.io/target": target,
    }
    return Service(namespace="shop", name=name, annotations=annotations)


def cluster_of(*services: Service, synced: bool = True) -> Cluster:
    cluster = Cluster()
    if synced:
        for store in ServiceSource(cluster).stores:
            store.replace(())
    for each in services:
        cluster.services.put(each)
    return cluster


def controller_of(
    cluster: Cluster, provider: MemoryProvider, rules: Rules | None = None, measured: Measurements | None = None
) -> Controller:
    return Controller(
        [ServiceSource(cluster)],
        TxtRegistry("me"),
        provider,
        rules,
        measurements=measured,
        wall_clock=lambda: 1000.0,
    )


def run_once(cluster: Cluster, provider: MemoryProvider, rules: Rules | None = None) -> int:
    return virtual_time.run(controller_of(cluster, provider, rules).run_once())


def test_a_run_makes_the_zone_what_the_sources_want_and_the_next_has_nothing_to_do() -> None:
    cluster, provider = cluster_of(service("web"), service("db")), MemoryProvider()
    assert run_once(cluster, provider) == 2
    assert provider.held() == ["a-db.ex.com TXT", "a-web.ex.com TXT", "db.ex.com A", "web.ex.com A"]
    writes = provider.writes
    assert run_once(cluster, provider) == 0
    cluster.services.delete(("shop", "db"))
    assert provider.writes == writes
    assert run_once(cluster, provider) == 1
    assert provider.held() == ["a-web.ex.com TXT", "web.ex.com A"]


def test_foreign_records_are_left_alone_and_that_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    foreign = Endpoint("web.ex.com", ("198.51.100.1",), "A", ttl=60)
    cluster, provider, measured = cluster_of(service("web")), MemoryProvider(foreign), Measurements()
    controller = controller_of(cluster, provider, measured=measured)

    async def twice() -> None:
        await controller.run_once()
        await controller.run_once()

    virtual_time.run(twice())
    assert provider.writes == 0
    assert caplog.messages == ["web.ex.com A is left alone: no controller made it"]
    assert measured.skipped == {("a", "me", "", "ex.com"): 1}


@pytest.mark.parametrize("missing", ["Service", "EndpointSlice", "Pod", "Node"])
def test_nothing_runs_while_a_store_is_not_synced(missing: str) -> None:
    cluster, provider = cluster_of(service("web")), MemoryProvider()
    cluster.store(missing).synced = False
    with pytest.raises(NotSynced, match=missing):
        run_once(cluster, provider)
    assert provider.read_at == []


def test_names_out_of_the_filter_or_of_all_zones_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    cluster = cluster_of(service("web"), service("x", "x.int.ex.com"), service("net", "web.ex.net"))
    provider = MemoryProvider()
    assert run_once(cluster, provider, Rules(domains=DomainFilter(("ex.com", "ex.net"), ("int.ex.com",)))) == 1
    assert provider.held() == ["a-web.ex.com TXT", "web.ex.com A"]
    assert caplog.messages == ["web.ex.net is left out: no zone that is managed here holds it"]


def owned(name: str) -> list[Endpoint]:
    text = '"heritage=external-dns,external-dns/owner=me,external-dns/resource=service/shop/x"'
    return [Endpoint(f"{name}.ex.com", ("192.0.2.1",), "A", ttl=60), Endpoint(f"a-{name}.ex.com", (text,), "TXT")]


@pytest.mark.parametrize(
    ("rules", "held"),
    [
        (Rules(), []),
        (Rules(policy=upsert_only), ["a-left.ex.com TXT", "a-old.ex.com TXT", "old.ex.com A"]),
    ],
)
def test_only_the_policy_sync_deletes_and_sweeps(rules: Rules, held: list[str]) -> None:
    provider = MemoryProvider(*owned("old"), owned("left")[1])
    run_once(cluster_of(), provider, rules)
    assert provider.held() == held


def test_a_name_that_fails_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    cluster, provider, measured = cluster_of(service("bad"), service("web")), MemoryProvider(), Measurements()
    provider.refuses = {"bad.ex.com"}
    with pytest.raises(ApplyFailed, match="1 of 2 names"):
        virtual_time.run(controller_of(cluster, provider, measured=measured).run_once())
    assert provider.held() == ["a-web.ex.com TXT", "web.ex.com A"]
    assert "bad.ex.com: refused" in caplog.messages
    assert measured.failed_names == 1


@pytest.mark.parametrize(
    ("error", "traceback"), [(ClusterDNSError("the API is away"), False), (RuntimeError("a bug"), True)]
)
def test_a_failed_run_is_logged_and_counted(
    error: Exception, traceback: bool, caplog: pytest.LogCaptureFixture
) -> None:
    provider, measured = MemoryProvider(), Measurements()
    provider.away = error
    controller = controller_of(cluster_of(), provider, measured=measured)
    assert virtual_time.run(controller.try_once()) is False
    assert (measured.consecutive_errors, measured.registry_errors, measured.last_sync) == (1, 1, 0)
    assert str(error) in caplog.text
    assert ("Traceback" in caplog.text) is traceback
    provider.away = None
    assert virtual_time.run(controller.try_once()) is True
    assert (measured.consecutive_errors, measured.no_op_runs, measured.last_sync) == (0, 1, 1000)


def loop(
    cluster: Cluster,
    provider: MemoryProvider,
    script: Sequence[tuple[float, Callable[[], object]]],
    *,
    until: float,
    events: bool = True,
    schedule: Schedule | None = None,
) -> list[float]:
    """Run the loop for `until` virtual seconds while `script` happens; return when the zone was read."""

    async def body() -> None:
        work = asyncio.create_task(controller_of(cluster, provider).run(schedule or Schedule(60, 5), events=events))
        clock = asyncio.get_running_loop().time
        for moment, action in script:
            await asyncio.sleep(moment - clock())
            action()
        await asyncio.sleep(until - clock())
        assert not work.done()
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work

    virtual_time.run(body())
    return [round(moment, 2) for moment in provider.read_at]


def test_the_loop_runs_each_interval() -> None:
    assert loop(cluster_of(), MemoryProvider(), [], until=130) == [0, 60, 120]


def test_a_change_brings_the_next_run_forward_and_its_record_appears() -> None:
    cluster, provider = cluster_of(), MemoryProvider()
    script: list[tuple[float, Callable[[], object]]] = [
        (10, lambda: cluster.services.put(service("web"))),
        (10.1, lambda: cluster.services.put(service("db"))),
    ]
    assert loop(cluster, provider, script, until=69) == [0, 10.2]
    assert provider.held() == ["a-db.ex.com TXT", "a-web.ex.com TXT", "db.ex.com A", "web.ex.com A"]


def test_objects_that_are_there_from_the_start_are_no_change() -> None:
    assert loop(cluster_of(service("web")), MemoryProvider(), [], until=59) == [0]


def test_without_events_a_change_waits_for_the_interval() -> None:
    cluster = cluster_of()
    script = [(10.0, lambda: cluster.services.put(service("web")))]
    assert loop(cluster, MemoryProvider(), script, until=70, events=False) == [0, 60]


def test_the_loop_waits_until_the_stores_are_synced() -> None:
    cluster = cluster_of(synced=False)

    def fill() -> None:
        for store in ServiceSource(cluster).stores:
            store.replace(())

    script = [(7.0, fill)]
    [first] = loop(cluster, MemoryProvider(), script, until=30)
    assert 7 <= first <= 7.1


@pytest.mark.parametrize("error", [ClusterDNSError("away"), RuntimeError("a bug")])
def test_the_loop_survives_failures_and_tries_again(error: Exception) -> None:
    provider = MemoryProvider()
    provider.away = error

    def heal() -> None:
        provider.away = None

    assert loop(cluster_of(), provider, [(4, heal)], until=70) == [0, 1, 3, 7, 67]


def test_metrics_have_externaldnss_names() -> None:
    cluster = cluster_of(service("web"), service("db", "db.ex.com", "2001:db8::1"))
    provider, measured, registry = MemoryProvider(*owned("web")), Measurements(), CollectorRegistry()
    export(registry, measured)
    controller = controller_of(cluster, provider, measured=measured)
    assert virtual_time.run(controller.try_once())
    lines = set(generate_latest(registry).decode().splitlines())
    assert lines >= {
        "external_dns_controller_last_sync_timestamp_seconds 1000.0",
        "external_dns_controller_last_reconcile_timestamp_seconds 1000.0",
        "external_dns_controller_consecutive_soft_errors 0.0",
        "external_dns_controller_no_op_runs_total 0.0",
        'external_dns_controller_verified_records{record_type="a"} 1.0',
        "external_dns_registry_endpoints_total 1.0",
        "external_dns_registry_errors_total 0.0",
        'external_dns_registry_records{record_type="a"} 1.0',
        "external_dns_source_endpoints_total 2.0",
        "external_dns_source_errors_total 0.0",
        'external_dns_source_records{record_type="aaaa"} 1.0',
        "clusterdns_externaldns_failed_names_total 0.0",
    }
