"""Service source: the records that annotated Services ask for. Semantics: ExternalDNS v0.22, source/service.go.

    Service                       annotation hostname              annotation internal-hostname
    ----------------------------  -------------------------------  ----------------------------
    LoadBalancer                  spec.externalIPs, else the       the cluster IPs
                                  load balancer's addresses
    ClusterIP                     nothing, or the cluster IPs      the cluster IPs
                                  with --publish-internal-services
    headless                      the ready endpoints, under the name and, for pods that have a
                                  hostname, under `<pod hostname>.<name>` as well
    ExternalName                  spec.externalIPs, else           the same
                                  spec.externalName
    NodePort                      nothing without `target` (node addresses are not published)

The annotation `target` replaces all of these. IPv4 targets make A records, IPv6 AAAA, anything else a CNAME; unlike
ExternalDNS, all cluster IPs of a dual-stack Service count. Reads stores; no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from clusterdns.kube.objects import Endpoint as PodEndpoint
from clusterdns.kube.objects import EndpointSlice, KubeObject, Pod, Service
from clusterdns.kube.store import Cluster, Store
from externaldns.record import RESOURCE_LABEL, Endpoint, suitable_type
from externaldns.sources.annotations import DEFAULT_PREFIXES, Annotations


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """The flags of the same names."""

    namespace: str = ""
    annotation_prefixes: tuple[str, ...] = DEFAULT_PREFIXES
    publish_internal_services: bool = False
    publish_host_ip: bool = False
    always_publish_not_ready_addresses: bool = False


class ServiceSource:
    """Makes endpoints from the Services, EndpointSlices, Pods and Nodes of `cluster`."""

    name = "service"

    def __init__(self, cluster: Cluster, options: ServiceOptions | None = None) -> None:
        self._cluster = cluster
        self._options = options or ServiceOptions()

    @property
    def stores(self) -> tuple[Store[Any], ...]:
        """The stores that must be synced before `endpoints` means anything, and whose changes change it."""
        cluster = self._cluster
        return (cluster.services, cluster.endpoint_slices, cluster.pods, cluster.nodes)

    def endpoints(self) -> list[Endpoint]:
        """Return what all Services ask for, not merged: a name that two ask for is in it twice."""
        slices: dict[tuple[str, str], list[EndpointSlice]] = {}
        for endpoint_slice in self._cluster.endpoint_slices:
            slices.setdefault((endpoint_slice.namespace, endpoint_slice.service), []).append(endpoint_slice)
        return [
            endpoint
            for service in sorted(self._cluster.services, key=lambda service: service.key)
            if not self._options.namespace or service.namespace == self._options.namespace
            for endpoint in self._of_service(service, slices.get(service.key, []))
        ]

    def _of_service(self, service: Service, slices: list[EndpointSlice]) -> Iterator[Endpoint]:
        annotations = self._annotations(service)
        if annotations.belongs_to_another_controller():
            return
        resource = f"service/{service.namespace}/{service.name}"
        ttl = annotations.ttl(resource)
        for annotation in ("hostname", "internal-hostname"):
            for hostname in annotations.names(annotation):
                targets = self._targets(service, annotations, slices, hostname, annotation == "internal-hostname")
                yield from _endpoints(targets, ttl, resource)

    def _targets(
        self,
        service: Service,
        annotations: Annotations,
        slices: list[EndpointSlice],
        hostname: str,
        internal: bool,
    ) -> Iterable[tuple[str, str]]:
        """Return the (name, target) pairs that `service` asks for under `hostname`."""
        targets = annotations.targets()
        if not targets and service.headless:
            return self._headless_targets(service, slices, hostname)
        if not targets:
            targets = self._own_targets(service, internal)
        return [(hostname, target) for target in targets]

    def _own_targets(self, service: Service, internal: bool) -> tuple[str, ...]:
        match service.type:
            case "LoadBalancer":
                return service.cluster_ips if internal else service.external_ips or service.load_balancer
            case "ClusterIP":
                return service.cluster_ips if internal or self._options.publish_internal_services else ()
            case "ExternalName":
                external_name = service.external_name.removesuffix(".")
                return service.external_ips or ((external_name,) if external_name else ())
            case _:
                return ()

    def _headless_targets(
        self, service: Service, slices: list[EndpointSlice], hostname: str
    ) -> Iterator[tuple[str, str]]:
        publish_all = service.publish_not_ready_addresses or self._options.always_publish_not_ready_addresses
        for endpoint_slice in slices:
            for endpoint in endpoint_slice.endpoints:
                if endpoint.target_kind != "Pod" or not (endpoint.ready or publish_all):
                    continue
                pod = self._cluster.pods.get(service.namespace, endpoint.target_name)
                # An endpoint outlives its pod by a moment; what is known to be gone is not published.
                if pod is None:
                    continue
                targets = self._pod_targets(service, pod, endpoint)
                names = [hostname, f"{pod.hostname}.{hostname}"] if pod.hostname else [hostname]
                yield from ((name, target) for name in names for target in targets)

    def _pod_targets(self, service: Service, pod: Pod, endpoint: PodEndpoint) -> tuple[str, ...]:
        if targets := self._annotations(pod).targets():
            return targets
        kind = self._annotations(service).get("endpoints-type")
        if kind == "NodeExternalIP":
            node = self._cluster.nodes.get("", pod.node_name)
            return tuple(address for type, address in node.addresses if type == "ExternalIP") if node else ()
        if kind == "HostIP" or self._options.publish_host_ip:
            return (pod.host_ip,) if pod.host_ip else ()
        # EndpointSlice API: "The first address is the one to use"; consumers ignore the others.
        return endpoint.addresses[:1]

    def _annotations(self, kube_object: KubeObject) -> Annotations:
        return Annotations(kube_object.annotations, self._options.annotation_prefixes)


def _endpoints(targets: Iterable[tuple[str, str]], ttl: int | None, resource: str) -> Iterator[Endpoint]:
    """Make one endpoint of each name and type in the (name, target) pairs; the targets sorted, and once each."""
    sets: dict[tuple[str, str], set[str]] = {}
    for name, target in targets:
        sets.setdefault((name, suitable_type(target)), set()).add(target)
    for (name, record_type), values in sorted(sets.items()):
        yield Endpoint(name, tuple(sorted(values)), record_type, ttl=ttl, labels={RESOURCE_LABEL: resource})
