"""Service source: the records that annotated Services ask for. Semantics: ExternalDNS v0.22, source/service.go.

    Service                       annotation hostname              annotation internal-hostname
    ----------------------------  -------------------------------  ----------------------------
    LoadBalancer                  spec.externalIPs, else the       the cluster IPs
                                  load balancer's addresses (1)
    ClusterIP                     nothing, or the cluster IPs      the cluster IPs
                                  with --publish-internal-services
    headless                      the ready endpoints, under the name and, for pods that have a
                                  hostname, under `<pod hostname>.<name>` as well
    NodePort                      the nodes' addresses, and an     the same
                                  SRV record for each port
    ExternalName                  spec.externalIPs, else           the same
                                  spec.externalName

The annotation `target` replaces all of these. IPv4 targets make A records, IPv6 AAAA, anything else a CNAME; unlike
ExternalDNS, all cluster IPs of a dual-stack Service count. Reads stores; no I/O, no clock.

(1) With --resolve-service-load-balancer-hostname a host among them stands for the addresses that it has in DNS, as
`externaldns.sources.load_balancer_hosts` keeps them. While they are not known, what is asked for can't be a record, so
that records stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from clusterdns.kube.objects import Endpoint as PodEndpoint
from clusterdns.kube.objects import EndpointSlice, Key, KubeObject, Pod, Service
from clusterdns.kube.store import Cluster, Store
from externaldns.record import UNRESOLVED_LABEL, Endpoint
from externaldns.sources import node_addresses
from externaldns.sources.annotations import Annotations
from externaldns.sources.load_balancer_hosts import ServicesByHost, hosts_of
from externaldns.sources.making import make_endpoints
from externaldns.sources.objects import ObjectSource
from externaldns.sources.selection import Selection
from externaldns.sources.slices import SlicesByService


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """The flags of the same names; no `service_types` are all of them."""

    service_types: tuple[str, ...] = ()
    publish_internal_services: bool = False
    publish_host_ip: bool = False
    always_publish_not_ready_addresses: bool = False
    expose_internal_ipv6: bool = False
    exclude_unschedulable: bool = True
    resolve_hosts: bool = False


class ServiceSource(ObjectSource[Service]):
    """Makes endpoints from the Services, EndpointSlices, Pods and Nodes of `cluster`."""

    name = "service"

    def __init__(
        self, cluster: Cluster, selection: Selection | None = None, options: ServiceOptions | None = None
    ) -> None:
        super().__init__(cluster.services, selection or Selection())
        self._cluster = cluster
        self._options = options or ServiceOptions()
        self._slices = SlicesByService(cluster.endpoint_slices)
        self._by_host = ServicesByHost(cluster.services) if self._options.resolve_hosts else None

    @property
    def stores(self) -> tuple[Store[Any], ...]:
        cluster = self._cluster
        resolved = (cluster.host_addresses,) if self._options.resolve_hosts else ()
        return (cluster.services, cluster.endpoint_slices, cluster.pods, cluster.nodes, *resolved)

    def _concerned_by_other(self, kind: str, key: Key, old: KubeObject | None, new: KubeObject | None) -> Iterable[Key]:
        match kind:
            case "EndpointSlice":
                named = (each for each in (old, new) if isinstance(each, EndpointSlice))
                return {(each.namespace, each.service) for each in named}
            case "HostAddresses":
                return self._by_host.services_of(key[1]) if self._by_host is not None else ()
            case "Node" if not node_addresses.differ(old, new):
                return ()
            case _:
                return self.made_of(kind, key)

    def made_of(self, kind: str, key: Key) -> Iterable[Key]:
        match kind:
            case "Pod":
                return self._slices.services_of_pod(key)
            case "Node":
                return [each.key for each in self._primary if self._shows_nodes(each)]
            case _:
                # The name of an EndpointSlice need not say whose it is.
                made = (each for each in self._primary if each.headless or each.type == "NodePort")
                return [each.key for each in made if each.namespace == key[0]]

    def _shows_nodes(self, asking: Service) -> bool:
        kind = self._selection.annotations(asking).get("endpoints-type")
        return asking.type == "NodePort" or (asking.headless and kind == "NodeExternalIP")

    def _make(self, asking: Service) -> Iterable[Endpoint]:
        types = self._options.service_types
        if types and asking.type not in types:
            return []
        annotations = self._selection.annotations(asking)
        return self._selection.combine(
            asking,
            () if self._selection.ignore_hostname_annotation else self._annotated(asking, annotations),
            lambda name: self._named(asking, annotations, name, internal=False),
            _resource(asking),
        )

    def _annotated(self, asking: Service, annotations: Annotations) -> Iterator[Endpoint]:
        for annotation in ("hostname", "internal-hostname"):
            for name in annotations.names(annotation):
                yield from self._named(asking, annotations, name, internal=annotation == "internal-hostname")

    def _named(self, asking: Service, annotations: Annotations, name: str, *, internal: bool) -> Iterator[Endpoint]:
        """Return what `asking` wants under `name`, as `internal-hostname` if `internal`."""
        resource = _resource(asking)
        targets = annotations.targets()
        if targets:
            yield from make_endpoints(((name, target) for target in targets), annotations, resource, chosen=True)
        elif asking.headless:
            yield from make_endpoints(self._headless_targets(asking, annotations, name), annotations, resource)
        elif asking.type == "NodePort":
            nodes = self._node_targets(asking, annotations)
            yield from make_endpoints(((name, target) for target in nodes), annotations, resource)
            if nodes:
                yield from make_endpoints(_service_locations(asking, name), annotations, resource, "SRV")
        else:
            own = self._own_targets(asking, internal=internal)
            hosts = set(hosts_of(asking)) & set(own) if self._options.resolve_hosts else ()
            known = [target for target in own if target not in hosts]
            unknown: list[str] = []
            for host in hosts:
                resolved = self._cluster.host_addresses.get("", host)
                (known.extend(resolved.addresses) if resolved else unknown.append(host))
            yield from make_endpoints(((name, target) for target in known), annotations, resource)
            waiting = make_endpoints(((name, host) for host in unknown), annotations, resource, "A")
            yield from (each.with_label(UNRESOLVED_LABEL, "true") for each in waiting)

    def _own_targets(self, asking: Service, *, internal: bool) -> tuple[str, ...]:
        match asking.type:
            case "LoadBalancer":
                return asking.cluster_ips if internal else asking.external_ips or asking.load_balancer
            case "ClusterIP":
                return asking.cluster_ips if internal or self._options.publish_internal_services else ()
            case "ExternalName":
                external_name = asking.external_name.removesuffix(".")
                return asking.external_ips or ((external_name,) if external_name else ())
            case _:
                return ()

    def _headless_targets(self, asking: Service, annotations: Annotations, name: str) -> Iterator[tuple[str, str]]:
        publish_all = asking.publish_not_ready_addresses or self._options.always_publish_not_ready_addresses
        for endpoint in self._slices.endpoints(asking.key):
            if endpoint.target_kind != "Pod" or not (endpoint.ready or publish_all):
                continue
            pod = self._cluster.pods.get(asking.namespace, endpoint.target_name)
            # An endpoint outlives its pod by a moment; what is known to be gone is not published.
            if pod is None:
                continue
            targets = self._pod_targets(annotations, pod, endpoint)
            names = [name, f"{pod.hostname}.{name}"] if pod.hostname else [name]
            yield from ((each, target) for each in names for target in targets)

    def _pod_targets(self, annotations: Annotations, pod: Pod, endpoint: PodEndpoint) -> tuple[str, ...]:
        if targets := self._selection.annotations(pod).targets():
            return targets
        kind = annotations.get("endpoints-type")
        if kind == "NodeExternalIP":
            node = self._cluster.nodes.get("", pod.node_name)
            nodes = [node] if node else []
            return node_addresses.reachable(nodes, "public", internal_ipv6=self._options.expose_internal_ipv6)
        if kind == "HostIP" or self._options.publish_host_ip:
            return (pod.host_ip,) if pod.host_ip else ()
        # EndpointSlice API: "The first address is the one to use"; consumers ignore the others.
        return endpoint.addresses[:1]

    def _node_targets(self, asking: Service, annotations: Annotations) -> tuple[str, ...]:
        """Return the addresses at which a NodePort Service can be reached.

        With externalTrafficPolicy `Local` a node without pods of the Service drops its traffic, so that only the nodes
        of the best pods there are count: ready ones, else terminating ones that still serve, else any.
        """
        nodes = sorted(self._cluster.nodes, key=lambda node: node.name)
        if asking.external_traffic_policy == "Local":
            best = _best_nodes(self._slices.endpoints(asking.key))
            nodes = [node for node in nodes if node.name in best]
        if self._options.exclude_unschedulable:
            nodes = [node for node in nodes if not node.unschedulable]
        access = annotations.get("access") or ""
        return node_addresses.reachable(nodes, access, internal_ipv6=self._options.expose_internal_ipv6)


def _resource(asking: Service) -> str:
    return f"service/{asking.namespace}/{asking.name}"


def _best_nodes(endpoints: Iterable[PodEndpoint]) -> set[str]:
    levels: dict[int, set[str]] = {}
    for endpoint in endpoints:
        if endpoint.node_name:
            level = 0 if endpoint.ready and not endpoint.terminating else 1 if endpoint.serving else 2
            levels.setdefault(level, set()).add(endpoint.node_name)
    return levels[min(levels)] if levels else set()


def _service_locations(asking: Service, name: str) -> Iterator[tuple[str, str]]:
    """Return the (name, target) pairs of SRV records (RFC 2782): `_web._tcp.NAME` has priority, weight, port, host."""
    for port in asking.ports:
        if port.node_port:
            yield f"_{asking.name}._{port.protocol.lower()}.{name}", f"0 50 {port.node_port} {name}."
