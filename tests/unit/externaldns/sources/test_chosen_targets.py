"""What stands above --force-default-targets: the annotation `target`, wherever a source reads it."""

from __future__ import annotations

from typing import Any

import pytest

from clusterdns.kube.objects import (
    DNSEndpoint,
    Gateway,
    Ingress,
    Listener,
    Node,
    ParentReference,
    Pod,
    RecordSet,
    Route,
    Service,
)
from clusterdns.kube.store import Cluster
from externaldns.sources.crd import CrdSource
from externaldns.sources.gateway import RouteSource
from externaldns.sources.ingress import IngressSource
from externaldns.sources.node import NodeSource
from externaldns.sources.pod import PodSource
from externaldns.sources.service import ServiceSource
from externaldns.sources.shaping import Shaping
from externaldns.sources.source import Source, collect
from tests.unit.externaldns.sources.building import NAME, annotated, shown

FORCED = Shaping(default_targets=("192.0.2.9",), force_default_targets=True)
TARGET = annotated(target="10.0.0.1")
HERE = ParentReference("shop", "gw")


def source_of(kind: str, annotations: dict[str, str]) -> Source:
    cluster = Cluster()
    meta: dict[str, Any] = {"namespace": "shop", "name": NAME, "annotations": annotations | annotated(hostname=NAME)}
    match kind:
        case "service":
            cluster.services.put(Service(**meta, type="LoadBalancer", load_balancer=("10.0.0.2",)))
            return ServiceSource(cluster)
        case "pod":
            cluster.nodes.put(Node(name="n", addresses=(("ExternalIP", "10.0.0.2"),)))
            cluster.pods.put(Pod(**meta, ips=("10.0.0.3",), node_name="n"))
            return PodSource(cluster)
        case "node":
            cluster.nodes.put(Node(name=NAME, annotations=annotations, addresses=(("InternalIP", "10.0.0.2"),)))
            return NodeSource(cluster)
        case "ingress":
            cluster.ingresses.put(Ingress(**meta, load_balancer=("10.0.0.2",)))
            return IngressSource(cluster)
        case "crd":
            record = RecordSet(NAME, ("10.0.0.2",), "A")
            cluster.dns_endpoints.put(DNSEndpoint(**meta, record_sets=(record,)))
            return CrdSource(cluster)
        case _:
            listener = Listener("http", "", 80, "HTTP")
            cluster.gateways.put(
                Gateway(namespace="shop", name="gw", annotations=annotations, listeners=(listener,),
                        addresses=("10.0.0.2",))
            )  # fmt: skip
            cluster.http_routes.put(
                Route(namespace="shop", name="web", hostnames=(NAME,), parents=(HERE,), accepted=(HERE,))
            )
            return RouteSource("HTTPRoute", cluster)


@pytest.mark.parametrize("kind", ["service", "pod", "node", "ingress", "gateway"])
def test_a_chosen_target_stays(kind: str) -> None:
    collected = collect([source_of(kind, TARGET)], FORCED)
    assert shown(collected.endpoints) == {f"{NAME} A 10.0.0.1"}
    assert "chosen" not in collected.endpoints[0].labels


@pytest.mark.parametrize("kind", ["service", "pod", "node", "ingress", "gateway", "crd"])
def test_any_other_target_gives_way(kind: str) -> None:
    assert shown(collect([source_of(kind, {})], FORCED).endpoints) == {f"{NAME} A 192.0.2.9"}
