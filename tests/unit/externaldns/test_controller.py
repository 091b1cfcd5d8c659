"""The controller on a provider in memory: runs, refusals, failures, and the loop on virtual time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from clusterdns.errors import ClusterDNSError
from clusterdns.kube.leader import Alone
from clusterdns.kube.store import Cluster
from externaldns.controller import Controller, NotSynced
from externaldns.decision import Rules
from externaldns.domain_filter import DomainFilter
from externaldns.measurements import Measurements
from externaldns.ownership import TxtRegistry
from externaldns.policy import upsert_only
from externaldns.record import Endpoint
from externaldns.sources.service import ServiceSource
from tests.support import virtual_time
from tests.unit.externaldns.in_memory import MemoryProvider, cluster_of, controller_of, owned, service


def run_once(cluster: Cluster, provider: MemoryProvider, rules: Rules | None = None) -> int:
    return len(virtual_time.run(controller_of(cluster, provider, rules).run_once()).changed)


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
    assert caplog.messages == [
        "web.ex.com A is left alone: nobody owns the record that is there; `externaldns adopt` takes it over"
    ]
    assert measured.skipped == {("a", "me", "", "ex.com"): 1}


def test_who_does_not_get_a_name_is_said_once_and_duplicates_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    cluster = cluster_of(
        service("a", "web.ex.com", "lb-1.ex.net"),
        service("b", "web.ex.com", "lb-2.ex.net"),
        service("c", "db.ex.com"),
        service("d", "db.ex.com"),
    )
    measured = Measurements()
    controller = controller_of(cluster, MemoryProvider(), measured=measured)

    async def twice() -> None:
        await controller.run_once()
        await controller.run_once()

    virtual_time.run(twice())
    assert caplog.messages == ["service/shop/b does not get web.ex.com CNAME: service/shop/a has the name"]
    assert measured.duplicates == {("a", "service"): 1}


@pytest.mark.parametrize("missing", ["Service", "EndpointSlice", "Pod", "Node"])
def test_nothing_runs_while_a_store_is_not_synced(missing: str) -> None:
    cluster, provider = cluster_of(service("web")), MemoryProvider()
    cluster.store(missing).synced = False
    with pytest.raises(NotSynced, match=missing):
        run_once(cluster, provider)
    with pytest.raises(NotSynced, match=missing):
        virtual_time.run(controller_of(cluster, provider).run_names({"web.ex.com": 0.0}))
    assert (provider.read_at, provider.looked) == ([], [])


def test_names_out_of_the_filter_or_of_all_zones_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    cluster = cluster_of(service("web"), service("x", "x.int.ex.com"), service("net", "web.ex.net"))
    provider = MemoryProvider()
    assert run_once(cluster, provider, Rules(domains=DomainFilter(("ex.com", "ex.net"), ("int.ex.com",)))) == 1
    assert provider.held() == ["a-web.ex.com TXT", "web.ex.com A"]
    assert caplog.messages == ["web.ex.net is left out: no zone that is managed here holds it"]


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


def test_a_name_that_fails_does_not_stop_the_others() -> None:
    cluster, provider, measured = cluster_of(service("bad"), service("web")), MemoryProvider(), Measurements()
    provider.refuses = {"bad.ex.com"}
    outcome = virtual_time.run(controller_of(cluster, provider, measured=measured).run_once())
    assert outcome.changed == ("web.ex.com",)
    assert list(outcome.failed) == ["bad.ex.com"]
    assert provider.held() == ["a-web.ex.com TXT", "web.ex.com A"]
    assert str(outcome.failed["bad.ex.com"]) == "refused"
    assert measured.failed_names == 1


def test_a_short_run_looks_at_its_names_and_their_ownership_records_alone() -> None:
    cluster, provider = cluster_of(service("web"), service("db")), MemoryProvider()
    controller = controller_of(cluster, provider)

    async def body() -> None:
        await controller.run_once()
        cluster.services.put(service("web", target="192.0.2.9"))
        cluster.services.put(service("db", target="192.0.2.9"))
        assert controller.dirty_names() == {"web.ex.com", "db.ex.com"}
        outcome = await controller.run_names({"web.ex.com": 0.0})
        assert outcome.changed == ("web.ex.com",)

    virtual_time.run(body())
    [looked] = provider.looked
    assert {"web.ex.com", "a-web.ex.com"} <= looked
    assert "db.ex.com" not in looked
    targets = {key[0]: record.targets for key, record in provider.records.items() if key[1] == "A"}
    assert targets == {"web.ex.com": ("192.0.2.9",), "db.ex.com": ("192.0.2.1",)}


def test_short_runs_come_to_the_same_as_a_full_run() -> None:
    changes: list[Callable[[Cluster], object]] = [
        lambda cluster: cluster.services.put(service("web")),
        lambda cluster: cluster.services.put(service("twin", "web.ex.com", "192.0.2.7")),
        lambda cluster: cluster.services.put(service("web", target="lb.example.net")),
        lambda cluster: cluster.services.delete(("shop", "twin")),
        lambda cluster: cluster.services.put(service("web", target="2001:db8::1")),
        lambda cluster: cluster.services.delete(("shop", "web")),
    ]
    cluster, provider = cluster_of(), MemoryProvider()
    controller = controller_of(cluster, provider)
    virtual_time.run(controller.run_once())
    for change in changes:
        change(cluster)
        virtual_time.run(controller.run_names(dict.fromkeys(controller.dirty_names(), 0.0)))
        after_short = {key: record.targets for key, record in provider.records.items()}
        assert run_once(cluster, provider) == 0, "a full run finds nothing that the short one left"
        assert {key: record.targets for key, record in provider.records.items()} == after_short


def test_a_name_that_a_short_run_saw_to_is_left_out_of_the_full_run_that_it_overtook() -> None:
    cluster, provider = cluster_of(*(service(f"h{number:02}") for number in range(30))), MemoryProvider()
    controller = controller_of(cluster, provider)

    async def between() -> None:
        if not provider.looked:
            cluster.services.put(service("h29", target="192.0.2.9"))
            await controller.run_names(dict.fromkeys(controller.dirty_names(), 0.0))

    outcome = virtual_time.run(controller.run_once(between))
    assert len(outcome.changed) == 29
    assert provider.records["h29.ex.com", "A", ""].targets == ("192.0.2.9",)
    assert provider.writes == 60
    cluster.services.put(service("h29", target="192.0.2.10"))
    assert virtual_time.run(controller.run_once(between)).changed == ("h29.ex.com",), "and of no other one"


def test_an_ownership_record_that_a_short_run_needs_is_not_swept_by_the_full_run_that_it_overtook() -> None:
    provider = MemoryProvider(replace(owned("web")[1], dns_name="cname-web.ex.com"))
    cluster = cluster_of(*(service(f"a{number:02}") for number in range(30)))
    controller = controller_of(cluster, provider)

    async def between() -> None:
        if not provider.looked:
            cluster.services.put(service("web", target="lb.example.net"))
            await controller.run_names(dict.fromkeys(controller.dirty_names(), 0.0))

    virtual_time.run(controller.run_once(between))
    assert {"web.ex.com CNAME", "cname-web.ex.com TXT"} <= set(provider.held())


def test_a_full_run_is_needed_when_a_zone_or_an_object_changed_or_deletions_wait() -> None:
    cluster = cluster_of(*(service(f"h{number}") for number in range(20)))
    provider = MemoryProvider()
    controller = controller_of(cluster, provider)

    async def body() -> None:
        assert await controller.needs_full_run(), "objects that nobody has asked yet"
        await controller.run_once()
        assert not await controller.needs_full_run()
        provider.moved = True
        assert await controller.needs_full_run()
        provider.moved = False
        cluster.services.replace(())
        assert await controller.needs_full_run()
        await controller.run_once()
        assert len(provider.records) == 40, "the guard holds them"
        assert await controller.needs_full_run()

    virtual_time.run(body())


class Lost(ClusterDNSError):
    """The lease is gone."""


class Leadership(Alone):
    """Leads for `batches` batches."""

    def __init__(self, batches: int) -> None:
        self.batches = batches

    async def leading(self) -> None:
        return

    def require(self) -> None:
        return

    async def confirm(self) -> None:
        self.batches -= 1
        if self.batches < 0:
            raise Lost("lost")


def test_a_lease_that_is_lost_ends_the_run_at_the_next_batch() -> None:
    cluster, provider = cluster_of(*(service(f"h{number:02}") for number in range(50))), MemoryProvider()
    controller = Controller([ServiceSource(cluster)], TxtRegistry("me"), provider, leadership=Leadership(2))
    with pytest.raises(Lost):
        virtual_time.run(controller.run_once())
    assert provider.writes == 2 * 2 * 20
