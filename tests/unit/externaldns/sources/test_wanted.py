"""The wanted records change by change: always what a walk over everything gives."""

from __future__ import annotations

import random
from typing import Any

import pytest

from clusterdns.kube.custom import CustomObject
from clusterdns.kube.objects import (
    DNSEndpoint,
    Endpoint,
    EndpointSlice,
    Gateway,
    HostAddresses,
    Ingress,
    Listener,
    Namespace,
    Node,
    ParentReference,
    Pod,
    RecordSet,
    Route,
    Service,
    ServicePort,
)
from clusterdns.kube.store import Cluster
from externaldns.record import find_fault
from externaldns.sources.build import build_sources
from externaldns.sources.shaping import Shaping
from externaldns.sources.source import Source, collect
from externaldns.sources.wanted import WantedRecords
from tests.unit.externaldns.sources.building import annotated, shown

SHAPING = Shaping(create_ptr=True)
POOLS = "pools.v1.net.example"


def sources_over(cluster: Cluster, *flags: str) -> list[Source]:
    from externaldns import flags as table

    names = "service,pod,node,ingress,crd,gateway-httproute,gateway-grpcroute"
    arguments = [f"--source={names}", "--provider=alibabacloud", "--policy=sync", *flags]
    return build_sources(table.parse(arguments, {}).source, cluster)


def names(dice: random.Random) -> str:
    return ",".join(f"{dice.choice('abcd')}.ex.com" for _ in range(dice.randint(1, 2)))


def address(dice: random.Random) -> str:
    return f"10.0.0.{dice.randint(1, 4)}"


def make(kind: str, dice: random.Random) -> Any:
    """Any object of `kind`, among few: so that they share names, nodes and pods."""
    namespace, name = dice.choice(("shop", "bank")), dice.choice("xyz")
    meta: dict[str, Any] = {"name": name, "namespace": namespace, "resource_version": str(dice.random())}
    annotations = annotated(hostname=names(dice), internal_hostname=names(dice)) if dice.random() < 0.8 else {}
    match kind:
        case "Service":
            kind_of_service = dice.choice(("LoadBalancer", "NodePort", "ClusterIP", "ExternalName"))
            headless = kind_of_service == "ClusterIP" and dice.random() < 0.7
            if headless and dice.random() < 0.3:
                annotations |= annotated(endpoints_type="NodeExternalIP")
            return Service(
                **meta,
                annotations=annotations,
                type=kind_of_service,
                headless=headless,
                cluster_ips=() if headless else (address(dice),),
                load_balancer=(dice.choice((address(dice), "lb.ex.net")),),
                external_name="a" * 64 if dice.random() < 0.2 else "db.ex.net",
                ports=(ServicePort("p", 80, "TCP", 30080),),
                external_traffic_policy=dice.choice(("Local", "Cluster")),
            )
        case "EndpointSlice":
            endpoints = [
                Endpoint((address(dice),), ready=dice.random() < 0.8, node_name=dice.choice("mn"),
                         target_kind=dice.choice(("Pod", "Pod", "VM")), target_name=dice.choice("xyz"))
                for _ in range(dice.randint(0, 3))
            ]  # fmt: skip
            return EndpointSlice(**meta, service=dice.choice("xyz"), endpoints=tuple(endpoints))
        case "Pod":
            ips = (address(dice),) if dice.random() < 0.8 else ()
            hostname = dice.choice(("", "h"))
            return Pod(**meta, annotations=annotations, ips=ips, node_name=dice.choice("mn"), hostname=hostname)
        case "Node":
            addresses = (("ExternalIP", address(dice)), ("InternalIP", "fd00::1"))
            return Node(name=dice.choice("mn"), addresses=addresses, unschedulable=dice.random() < 0.2,
                        resource_version=str(dice.random()))  # fmt: skip
        case "Ingress":
            return Ingress(**meta, hosts=(names(dice).split(",")[0],), load_balancer=(address(dice),))
        case "DNSEndpoint":
            return DNSEndpoint(**meta, record_sets=(RecordSet("a.ex.com", (address(dice),), "A"),))
        case "Gateway":
            listener = Listener("l", "", 80, "HTTP", dice.choice(("Same", "All", "Selector")), "team=a")
            return Gateway(**meta, listeners=(listener,), addresses=(address(dice),))
        case "HostAddresses":
            return HostAddresses(name=dice.choice(("lb.ex.net", "other.ex.net")), addresses=(address(dice),))
        case "pools.v1.net.example":
            return CustomObject(**meta, annotations=annotations | annotated(target=address(dice)), kind="Pool")
        case "Namespace":
            return Namespace(name=dice.choice(("shop", "bank")), labels={"team": dice.choice("ab")})
        case _:
            parent = ParentReference(dice.choice(("shop", "bank")), dice.choice("xyz"))
            return Route(**meta, hostnames=(names(dice).split(",")[0],), parents=(parent,), accepted=(parent,))


@pytest.mark.parametrize("seed", range(20))
def test_any_history_of_changes_gives_what_a_walk_gives(seed: int) -> None:
    dice = random.Random(seed)
    cluster = Cluster()
    more = ["--source=unstructured", f"--unstructured-resource={POOLS}", "--resolve-service-load-balancer-hostname"]
    sources = sources_over(cluster, *more, *(["--fqdn-template={{.Name}}.t.ex.com"] if seed % 2 else []))
    kinds = sorted({store.kind for source in sources for store in source.stores})
    told: list[None] = []
    wanted = WantedRecords(sources, SHAPING, lambda: told.append(None))
    before = wanted.endpoints()
    for _ in range(120):
        kind = dice.choice(kinds)
        made = make(kind, dice)
        told.clear()
        if dice.random() < 0.3:
            cluster.store(kind).delete(made.key)
        else:
            cluster.store(kind).take(made)
        if dice.random() < 0.3:
            continue  # several changes are taken at once
        dirty = wanted.take_dirty()
        expected = collect(sources, SHAPING)
        assert wanted.endpoints() == expected
        asked = [(source.name, each) for source in sources for each in SHAPING.shape(source.endpoints())]
        assert sorted(map(str, wanted.invalid())) == sorted(str(each) for each in asked if find_fault(each[1]))
        assert wanted.endpoints(dirty).endpoints == tuple(each for each in expected.endpoints if each.dns_name in dirty)
        changed = {each.dns_name for each in (*before.endpoints, *expected.endpoints)
                   if (each in before.endpoints) != (each in expected.endpoints)}  # fmt: skip
        assert changed <= dirty
        before = expected


def test_a_nodes_heartbeat_concerns_nobody() -> None:
    cluster = Cluster()
    told: list[None] = []
    cluster.nodes.put(Node(name="n", resource_version="1", addresses=(("ExternalIP", "192.0.2.1"),)))
    cluster.services.put(
        Service(namespace="shop", name="w", type="NodePort", annotations=annotated(hostname="a.ex.com"))
    )
    sources = [source for source in sources_over(cluster) if source.name in ("service", "pod")]
    wanted = WantedRecords(sources, on_change=lambda: told.append(None))
    wanted.take_dirty()
    told.clear()
    beat = Node(name="n", resource_version="2", addresses=(("ExternalIP", "192.0.2.1"),), annotations={"load": "7"})
    cluster.nodes.put(beat)
    assert told == []
    cluster.nodes.put(Node(name="n", resource_version="3", addresses=(("ExternalIP", "192.0.2.2"),)))
    assert told
    assert wanted.take_dirty() == {"a.ex.com"}
    assert shown(wanted.endpoints().endpoints) == {"a.ex.com A 192.0.2.2"}


def test_one_pod_makes_only_its_services_names_dirty() -> None:
    cluster = Cluster()
    for name in ("one", "two"):
        cluster.services.put(
            Service(namespace="shop", name=name, headless=True, annotations=annotated(hostname=f"{name}.ex.com"))
        )
        pod = Endpoint(("10.0.0.1",), target_kind="Pod", target_name=f"{name}-0")
        cluster.endpoint_slices.put(EndpointSlice(namespace="shop", name=name, service=name, endpoints=(pod,)))
    wanted = WantedRecords(sources_over(cluster))
    assert wanted.take_dirty() == set()
    cluster.pods.put(Pod(namespace="shop", name="one-0", ips=("10.0.0.1",)))
    assert wanted.take_dirty() == {"one.ex.com"}
    assert shown(wanted.endpoints({"one.ex.com"}).endpoints) == {"one.ex.com A 10.0.0.1"}
    assert wanted.endpoints({"two.ex.com"}).endpoints == ()


def test_an_object_is_settled_when_it_was_asked_and_none_of_its_names_is_busy() -> None:
    cluster = Cluster()
    wanted = WantedRecords(sources_over(cluster))

    def settled(*busy: str) -> bool:
        return wanted.settled("service", ("shop", "a"), busy.__contains__)

    cluster.services.put(Service(namespace="shop", name="a", annotations=annotated(hostname="a.ex.com", target="::1")))
    assert not settled()
    wanted.take_dirty()
    assert settled("b.ex.com")
    assert not settled("a.ex.com")


def test_all_mistakes_are_gathered_anew_only_when_one_has_changed() -> None:
    cluster = Cluster()

    def put(name: str, target: str, version: str = "1") -> None:
        annotations = annotated(hostname=f"{name}.ex.com", target=target)
        cluster.services.put(Service(namespace="shop", name=name, annotations=annotations, resource_version=version))

    wanted = WantedRecords(sources_over(cluster))

    def mistakes() -> tuple[tuple[str, Any], ...]:
        wanted.take_dirty()
        return wanted.invalid()

    put("a", "192.0.2.999")
    first = mistakes()
    assert [(source, each.dns_name) for source, each in first] == [("service", "a.ex.com")]
    put("b", "192.0.2.1")
    put("a", "192.0.2.999", version="2")
    assert mistakes() is first
    put("b", "192.0.2.998")
    assert [each.targets for _, each in mistakes()] == [("192.0.2.999",), ("192.0.2.998",)]
    cluster.services.delete(("shop", "a"))
    assert [each.dns_name for _, each in mistakes()] == ["b.ex.com"]
