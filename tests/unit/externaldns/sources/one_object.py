"""One object of each kind that asks for the record `web.ex.com A 10.0.0.2`, for what holds for all sources."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from clusterdns.kube.custom import CustomObject
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
from externaldns.sources.pod import PodOptions, PodSource
from externaldns.sources.selection import Selection
from externaldns.sources.service import ServiceSource
from externaldns.sources.source import Source
from externaldns.sources.unstructured import UnstructuredSource
from tests.unit.externaldns.sources.building import NAME

RESOURCES = {
    "service": f"service/shop/{NAME}",
    "pod": f"pod/shop/{NAME}",
    "node": f"node/{NAME}",
    "ingress": f"ingress/shop/{NAME}",
    "crd": f"crd/shop/{NAME}",
    "gateway-httproute": f"httproute/shop/{NAME}",
    "gateway-grpcroute": f"grpcroute/shop/{NAME}",
    "unstructured": f"pool/shop/{NAME}",
}
"""The sources, each with the label that its record has."""

HERE = ParentReference("shop", "gw")


def source_of(
    kind: str,
    annotations: dict[str, str],
    selection: Selection | None = None,
    labels: dict[str, str] | None = None,
    gateway: dict[str, str] | None = None,
) -> Source:
    """The source `kind` over one object with `annotations`; `gateway` are those of the Gateway of a route."""
    cluster = Cluster()
    meta: dict[str, Any] = {"namespace": "shop", "name": NAME, "annotations": annotations, "labels": labels or {}}
    match kind:
        case "service":
            cluster.services.put(Service(**meta, type="LoadBalancer", load_balancer=("10.0.0.2",)))
            return ServiceSource(cluster, selection)
        case "pod":
            cluster.pods.put(Pod(**meta, ips=("10.0.0.2",)))
            return PodSource(cluster, selection, PodOptions(hostname_address="pod"))
        case "node":
            cluster.nodes.put(Node(**(meta | {"namespace": ""}), addresses=(("InternalIP", "10.0.0.2"),)))
            return NodeSource(cluster, selection)
        case "ingress":
            cluster.ingresses.put(Ingress(**meta, load_balancer=("10.0.0.2",)))
            return IngressSource(cluster, selection)
        case "crd":
            cluster.dns_endpoints.put(DNSEndpoint(**meta, record_sets=(RecordSet(NAME, ("10.0.0.2",), "A"),)))
            return CrdSource(cluster, selection)
        case "unstructured":
            store = cluster.store("pools.v1.net.example")
            store.put(CustomObject(**meta, kind="Pool", content={}))
            templated = replace(
                selection or Selection(), template=lambda asking: (NAME,), target_template=lambda asking: ("10.0.0.2",)
            )
            return UnstructuredSource(store, templated)
        case _:
            listener = Listener("http", "", 80, "HTTP")
            addresses = ("10.0.0.2",)
            cluster.gateways.put(
                Gateway(
                    namespace="shop", name="gw", annotations=gateway or {}, listeners=(listener,), addresses=addresses
                )
            )
            route = {"gateway-httproute": "HTTPRoute", "gateway-grpcroute": "GRPCRoute"}[kind]
            cluster.store(route).put(Route(**meta, parents=(HERE,), accepted=(HERE,)))
            return RouteSource(route, cluster, selection)
