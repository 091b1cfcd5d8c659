"""An object that can't be read since the start: the records that are made of it lose nothing until it can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from clusterdns.kube.objects import (
    Endpoint,
    EndpointSlice,
    Gateway,
    KubeObject,
    Listener,
    Namespace,
    Node,
    ParentReference,
    Pod,
    Route,
    Service,
)
from clusterdns.kube.store import Cluster
from externaldns.controller import Controller
from externaldns.ownership import TxtRegistry
from externaldns.sources.gateway import RouteSource
from externaldns.sources.pod import PodSource
from externaldns.sources.service import ServiceSource
from externaldns.sources.source import Source
from tests.support import virtual_time
from tests.unit.externaldns.in_memory import MemoryProvider
from tests.unit.externaldns.sources.building import annotated

NAMED = annotated(hostname="web.ex.com")
PODS = [
    Pod(namespace="shop", name=name, ips=(ip,), node_name="n1") for name, ip in (("a", "10.0.0.1"), ("b", "10.0.0.2"))
]


def part(name: str, *pods: Pod) -> EndpointSlice:
    endpoints = [Endpoint(pod.ips, ready=True, target_kind="Pod", target_name=pod.name) for pod in pods]
    return EndpointSlice(namespace="shop", name=name, service="web", endpoints=tuple(endpoints))


def node(name: str, address: str) -> Node:
    return Node(name=name, addresses=(("ExternalIP", address),))


HERE = ParentReference("infra", "gw")
GATEWAY = Gateway(
    namespace="infra",
    name="gw",
    addresses=("192.0.2.1",),
    listeners=(Listener("web", "", 80, "HTTP", namespaces_from="Selector", namespace_selector="dns=yes"),),
)
SHOP = Namespace(name="shop", labels={"dns": "yes"})
ROUTE = Route(namespace="shop", name="web", hostnames=("web.ex.com",), parents=(HERE,), accepted=(HERE,))
HEADLESS = Service(namespace="shop", name="web", headless=True, annotations=NAMED)
OUTSIDE = Service(
    namespace="shop", name="web", headless=True, annotations=NAMED | annotated(endpoints_type="NodeExternalIP")
)
NODE_PORT = Service(namespace="shop", name="web", type="NodePort", annotations=NAMED)


def routes(cluster: Cluster) -> Source:
    return RouteSource("HTTPRoute", cluster)


@dataclass(frozen=True)
class Case:
    source: Callable[[Cluster], Source]
    objects: tuple[KubeObject, ...]
    unread: KubeObject
    all: str
    """The targets when all can be read."""


CASES = {
    "a pod of a headless Service": Case(
        ServiceSource, (HEADLESS, part("x", *PODS), *PODS), PODS[0], "10.0.0.1,10.0.0.2"
    ),
    "one of its EndpointSlices": Case(
        ServiceSource, (HEADLESS, part("x", PODS[0]), part("y", PODS[1]), *PODS), part("x", PODS[0]),
        "10.0.0.1,10.0.0.2",
    ),
    "its only EndpointSlice": Case(
        ServiceSource, (HEADLESS, part("x", *PODS), *PODS), part("x", *PODS), "10.0.0.1,10.0.0.2"
    ),
    "the node of its pods": Case(
        ServiceSource, (OUTSIDE, part("x", *PODS), *PODS, node("n1", "192.0.2.1")), node("n1", "192.0.2.1"), "192.0.2.1"
    ),
    "a node of a NodePort Service": Case(
        ServiceSource, (NODE_PORT, node("n1", "192.0.2.1"), node("n2", "192.0.2.2")), node("n2", "192.0.2.2"),
        "192.0.2.1,192.0.2.2",
    ),
    "the node of a pod": Case(
        PodSource, (Pod(namespace="shop", name="web", ips=("10.0.0.1",), node_name="n1", annotations=NAMED),
                    node("n1", "192.0.2.1")), node("n1", "192.0.2.1"), "192.0.2.1",
    ),
    "the Gateway of a route": Case(routes, (ROUTE, GATEWAY, SHOP), GATEWAY, "192.0.2.1"),
    "its namespace": Case(routes, (ROUTE, GATEWAY, SHOP), SHOP, "192.0.2.1"),
    "the route": Case(routes, (ROUTE, GATEWAY, SHOP), ROUTE, "192.0.2.1"),
}  # fmt: skip


def kind_of(each: KubeObject) -> str:
    return "HTTPRoute" if isinstance(each, Route) else type(each).__name__


class Process:
    """A process that could read `objects`, and not `unread`, when it started, after its first run."""

    def __init__(self, case: Case, provider: MemoryProvider, unread: KubeObject | None, *more: KubeObject) -> None:
        self.cluster, self.provider = Cluster(), provider
        source = case.source(self.cluster)
        objects = [each for each in case.objects if each != unread]
        for store in source.stores:
            store.replace([each for each in (*objects, *more) if kind_of(each) == store.kind])
        if unread is not None:
            self.cluster.store(kind_of(unread)).unreadable.add(unread.key)
        self.controller = Controller([source], TxtRegistry("me"), provider, clock=lambda: 0.0)
        virtual_time.run(self.controller.run_once())

    def targets(self) -> str:
        held = (each for each in self.provider.records.values() if each.record_type == "A")
        return ",".join(sorted(target for each in held for target in each.targets))

    def run_if_needed(self) -> None:
        async def body() -> None:
            if await self.controller.needs_full_run():
                await self.controller.run_once()

        virtual_time.run(body())


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_nothing_is_lost_until_it_can_be_read(case: Case) -> None:
    provider = MemoryProvider()
    assert Process(case, provider, None).targets() == case.all
    writes = provider.writes
    process = Process(case, provider, case.unread)
    assert (process.targets(), process.controller.measured.kept) == (case.all, 1)
    store = process.cluster.store(kind_of(case.unread))
    store.unreadable.clear()
    store.put(case.unread)
    process.run_if_needed()
    assert (process.targets(), process.controller.measured.kept) == (case.all, 0)
    assert provider.writes == writes


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_gone_takes_its_values_along(case: Case) -> None:
    provider = MemoryProvider()
    Process(case, provider, None)
    process = Process(case, provider, case.unread)
    process.cluster.store(kind_of(case.unread)).unreadable.clear()
    process.run_if_needed()
    without = replace(case, objects=tuple(each for each in case.objects if each != case.unread))
    assert process.targets() == Process(without, MemoryProvider(), None).targets() != case.all


def test_values_are_added_meanwhile() -> None:
    provider, case = MemoryProvider(), CASES["one of its EndpointSlices"]
    Process(case, provider, None)
    third = Pod(namespace="shop", name="c", ips=("10.0.0.3",))
    assert Process(case, provider, case.unread, part("z", third), third).targets() == "10.0.0.1,10.0.0.2,10.0.0.3"


def test_what_other_objects_do_not_ask_for_any_more_goes() -> None:
    provider, case = MemoryProvider(), CASES["a pod of a headless Service"]
    other = Service(namespace="shop", name="other", annotations=annotated(hostname="other.ex.com", target="192.0.2.9"))
    Process(case, provider, None, other)
    assert Process(case, provider, case.unread).targets() == case.all


def test_what_could_be_read_before_counts_as_it_was_and_what_has_no_name_for_nobody() -> None:
    case = CASES["a pod of a headless Service"]
    process = Process(case, MemoryProvider(), None)
    process.cluster.pods.unreadable |= {PODS[0].key, None}
    process.cluster.endpoint_slices.put(part("x", PODS[0]))
    virtual_time.run(process.controller.run_once())
    assert (process.targets(), process.controller.measured.kept) == ("10.0.0.1", 0)
