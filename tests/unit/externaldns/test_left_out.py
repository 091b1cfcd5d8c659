"""Sources that can't be read: the others go on, and their own records stay as they are, until they can."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from clusterdns.kube.access import Access
from clusterdns.kube.custom import CustomObject
from clusterdns.kube.objects import DNSEndpoint, RecordSet, Service
from clusterdns.kube.store import Cluster
from clusterdns.kube.watcher import ClusterWatch
from externaldns import flags
from externaldns.controller import Controller, NotSynced
from externaldns.health import Health
from externaldns.loop import ControlLoop
from externaldns.measurements import export
from externaldns.ownership import NoRegistry, Registry, TxtRegistry
from externaldns.schedule import Schedule
from externaldns.sources.build import build_sources, kinds_of
from externaldns.sources.crd import CrdSource
from externaldns.sources.readiness import awaited, readable_kinds, unreadable
from externaldns.sources.service import ServiceSource
from externaldns.sources.source import Source
from tests.support import virtual_time
from tests.support.apiserver import ApiServerDouble
from tests.support.background import in_background
from tests.support.until import until
from tests.unit.externaldns.in_memory import MemoryProvider, cluster_of, service

REFUSED = "Kubernetes API: 404 Not Found: 404 page not found"


def custom(name: str, target: str = "192.0.2.1") -> DNSEndpoint:
    record = RecordSet(f"{name}.ex.com", (target,), "A")
    return DNSEndpoint(namespace="shop", name=name, record_sets=(record,))


def sources_over(cluster: Cluster) -> list[Source]:
    return [ServiceSource(cluster), CrdSource(cluster)]


def controller_of(cluster: Cluster, provider: MemoryProvider, registry: Registry | None = None) -> Controller:
    return Controller(sources_over(cluster), registry or TxtRegistry("me"), provider, clock=lambda: 0.0)


def targets(provider: MemoryProvider) -> dict[str, str]:
    held = provider.records.values()
    return {each.dns_name.partition(".")[0]: ",".join(each.targets) for each in held if each.record_type == "A"}


def filled_zone(registry: Registry | None = None) -> MemoryProvider:
    """Records of the Services `web` and `old`, and of the DNSEndpoints `custom` and `both`."""
    provider, cluster = MemoryProvider(), cluster_of(service("web"), service("old"))
    cluster.dns_endpoints.replace([custom("custom"), custom("both")])
    virtual_time.run(controller_of(cluster, provider, registry).run_once())
    return provider


def after_a_restart(*services: Service) -> Cluster:
    """A cluster whose API server knows no DNSEndpoints."""
    cluster = cluster_of(*services)
    cluster.dns_endpoints.refused = REFUSED
    return cluster


def test_the_others_go_on_and_its_own_records_stay(caplog: pytest.LogCaptureFixture) -> None:
    provider = filled_zone()
    services = service("web", target="192.0.2.7"), service("new"), service("both", target="192.0.2.9")
    controller = controller_of(after_a_restart(*services), provider)

    async def twice() -> None:
        await controller.run_once()
        writes = provider.writes
        await controller.run_once()
        assert provider.writes == writes

    virtual_time.run(twice())
    kept = {"custom": "192.0.2.1", "both": "192.0.2.1"}
    assert targets(provider) == kept | {"web": "192.0.2.7", "new": "192.0.2.1"}
    assert caplog.messages == [f"source crd can't be read, and its records stay as they are: DNSEndpoint ({REFUSED})"]
    assert not controller.settled("crd", lambda name: False)(("shop", "custom"))
    assert controller.settled("service", lambda name: False)(("shop", "web"))
    registry = CollectorRegistry()
    export(registry, controller.measured)
    assert set(generate_latest(registry).decode().splitlines()) >= {
        'clusterdns_externaldns_source_left_out{source_type="crd"} 1.0',
        'clusterdns_externaldns_source_left_out{source_type="service"} 0.0',
        "clusterdns_externaldns_records_kept 2.0",
    }


def test_a_short_run_touches_none_of_its_records_either() -> None:
    provider = filled_zone()
    cluster = after_a_restart(service("web"))
    controller = controller_of(cluster, provider)
    virtual_time.run(controller.run_once())
    cluster.dns_endpoints.put(custom("custom", "192.0.2.9"))
    cluster.services.put(service("both", target="192.0.2.9"))
    virtual_time.run(controller.run_names(dict.fromkeys(controller.dirty_names(), 0.0)))
    assert targets(provider) == {"web": "192.0.2.1", "custom": "192.0.2.1", "both": "192.0.2.1"}


def test_without_ownership_nothing_at_all_is_deleted_or_changed() -> None:
    provider = filled_zone(NoRegistry())
    cluster = after_a_restart(service("web", target="192.0.2.7"), service("new"))
    virtual_time.run(controller_of(cluster, provider, NoRegistry()).run_once())
    assert targets(provider) == dict.fromkeys(("web", "old", "custom", "both", "new"), "192.0.2.1")


def test_when_it_can_be_read_a_full_run_is_needed_and_does_what_was_left() -> None:
    provider = filled_zone()
    cluster = after_a_restart(service("web"))
    controller = controller_of(cluster, provider)

    async def body() -> None:
        await controller.run_once()
        assert not await controller.needs_full_run()
        cluster.dns_endpoints.replace([custom("custom", "192.0.2.9")])
        controller.dirty_names()
        assert await controller.needs_full_run()
        await controller.run_once()
        assert not await controller.needs_full_run()

    virtual_time.run(body())
    assert targets(provider) == {"web": "192.0.2.1", "custom": "192.0.2.9"}
    assert controller.measured.left_out == frozenset()


def test_where_no_source_can_be_read_nothing_runs() -> None:
    provider = filled_zone()
    cluster = after_a_restart(service("web"))
    cluster.nodes.synced, cluster.nodes.refused = False, "Kubernetes API: 403 Forbidden: no"
    reads = len(provider.read_at)
    with pytest.raises(NotSynced, match="not synced yet: DNSEndpoint, Node"):
        virtual_time.run(controller_of(cluster, provider).run_once())
    assert len(provider.read_at) == reads


def test_a_list_that_may_still_come_is_waited_for() -> None:
    cluster = after_a_restart(service("web"))
    cluster.dns_endpoints.refused = ""
    with pytest.raises(NotSynced, match="DNSEndpoint"):
        virtual_time.run(controller_of(cluster, MemoryProvider()).run_once())


def test_the_kinds_of_resource_are_those_that_the_labels_begin_with() -> None:
    from tests.unit.externaldns.sources.test_wanted import sources_over as all_sources

    cluster = Cluster()
    sources = all_sources(cluster)
    for kind in kinds_of(sources) - {"DNSEndpoint"}:
        cluster.store(kind).replace(())
    readable = frozenset({"service", "pod", "node", "ingress", "httproute", "grpcroute"})
    assert readable_kinds(sources) == readable
    cluster.dns_endpoints.replace(())
    assert readable_kinds(sources) is None


def test_one_resource_of_any_kind_is_not_in_the_way_of_another() -> None:
    arguments = ["--source=unstructured,fake", "--provider=alibabacloud", "--policy=sync",
                 "--unstructured-resource=certificates.v1.ex.com",
                 "--unstructured-resource=databases.v1.ex.com", "--target-template={{.Name}}"]  # fmt: skip
    cluster = Cluster()
    sources = build_sources(flags.parse(arguments, {}).source, cluster)
    cluster.store("databases.v1.ex.com").replace([CustomObject(name="a", namespace="n", kind="Database")])
    cluster.store("certificates.v1.ex.com").refused = REFUSED
    assert awaited(sources) == []
    assert unreadable(sources) == {"unstructured certificates.v1.ex.com": f"certificates.v1.ex.com ({REFUSED})"}
    readable = frozenset({"database", "fake"})
    assert readable_kinds(sources) == readable


# Over connections: an API server, and externaldns at work.


@asynccontextmanager
async def at_work(
    double: ApiServerDouble, folder: Path, provider: MemoryProvider
) -> AsyncIterator[tuple[Cluster, Controller, Health]]:
    """A process whose objects come from `double`."""
    clock = asyncio.get_running_loop().time
    cluster = Cluster()
    controller = Controller(sources_over(cluster), TxtRegistry("me"), provider, clock=clock)
    loop = ControlLoop(controller, Schedule(60), events=True, clock=clock, wall_clock=lambda: 0.0, dice=lambda: 0.0)
    health = Health(controller, loop, clock, lambda: 0.0, lambda: 0.0, lambda: "none")
    watch = ClusterWatch(cluster, Access(double.kubeconfig(folder)), kinds_of(sources_over(cluster)), dice=lambda: 0.0)
    async with in_background(watch.run(), loop.run()):
        yield cluster, controller, health


def put(double: ApiServerDouble, each: Service | DNSEndpoint) -> None:
    if isinstance(each, Service):
        double.put("Service", each.name, "shop", metadata={"annotations": dict(each.annotations)}, spec={})
    else:
        sets = [{"dnsName": one.dns_name, "targets": list(one.targets), "recordType": "A"} for one in each.record_sets]
        double.put("DNSEndpoint", each.name, "shop", spec={"endpoints": sets})


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_kind_that_the_api_server_does_not_have_or_give(status: int, tmp_path: Path) -> None:
    provider = filled_zone()

    async def body() -> None:
        async with ApiServerDouble() as double:
            put(double, service("web", target="192.0.2.7"))
            double.refusals["dnsendpoints"] = status
            async with at_work(double, tmp_path, provider) as (_, _, health):
                await until(lambda: targets(provider)["web"] == "192.0.2.7", 600, 0.5)
                code, _, page = health.answer()
                assert code == 200
                assert (
                    f"objects: synced; source crd can't be read: DNSEndpoint (Kubernetes API: {status}" in page.decode()
                )
                assert targets(provider) == {"web": "192.0.2.7", "custom": "192.0.2.1", "both": "192.0.2.1"}
                put(double, custom("custom", "192.0.2.9"))
                double.refusals.clear()
                await until(lambda: targets(provider) == {"web": "192.0.2.7", "custom": "192.0.2.9"}, 600, 0.5)
                assert "objects: synced\n" in health.answer()[2].decode()

    virtual_time.run(body())


def test_an_object_that_can_not_be_read_after_a_restart_keeps_its_records(tmp_path: Path) -> None:
    provider = filled_zone()

    async def body() -> None:
        async with ApiServerDouble() as double:
            for each in (service("web", target="192.0.2.7"), custom("both")):
                put(double, each)
            double.put("DNSEndpoint", "custom", "shop", spec={"endpoints": "nonsense"})
            async with at_work(double, tmp_path, provider):
                await until(lambda: targets(provider).get("web") == "192.0.2.7", 600, 0.5)
                await asyncio.sleep(300)
                assert targets(provider) == {"web": "192.0.2.7", "custom": "192.0.2.1", "both": "192.0.2.1"}
                double.delete("DNSEndpoint", "custom", "shop")
                await until(lambda: targets(provider) == {"web": "192.0.2.7", "both": "192.0.2.1"}, 600, 0.5)

    virtual_time.run(body())


def test_a_custom_resource_deleted_at_work_and_a_restart_after_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"c{number}" for number in range(20)]
    provider = MemoryProvider()

    async def body() -> None:
        async with ApiServerDouble() as double:
            for name in names:
                put(double, custom(name))
            put(double, service("web"))
            async with at_work(double, tmp_path, provider) as (cluster, controller, _):
                await until(lambda: len(targets(provider)) == 21, 600, 0.5)
                for name in names:
                    double.delete("DNSEndpoint", name, "shop")
                double.refusals["dnsendpoints"] = 404
                double.cut_watches()
                await until(lambda: not len(cluster.dns_endpoints), 600, 0.5)
                await asyncio.sleep(300)
                # The ten that are always allowed may go before it shows that it is all of them.
                left = len(targets(provider))
                assert left >= 11
                assert controller.measured.deletions_waiting == left - 1
            assert "--allow-mass-delete" in caplog.text
            async with at_work(double, tmp_path, provider) as (_, controller, _):
                put(double, service("web", target="192.0.2.7"))
                await until(lambda: targets(provider)["web"] == "192.0.2.7", 600, 0.5)
                await asyncio.sleep(300)
                assert controller.measured.kept == left - 1
                assert len(targets(provider)) == left

    virtual_time.run(body())
