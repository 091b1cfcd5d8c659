"""The trimmed Kubernetes objects: just the fields that answer DNS questions or make records.

An API server sends about 10 KB of JSON for a Pod; what is kept of it here is some 500 bytes. The decoder
(`clusterdns.kube.decode`) makes these from API JSON and from YAML manifests alike, so that the stores do not
know where an object came from. All structs are immutable: a change is a new object.
Source of the fields: Kubernetes API reference, v1 and discovery.k8s.io/v1.
"""

from __future__ import annotations

import msgspec

Key = tuple[str, str]
"""(namespace, name); the namespace of a cluster-scoped object is the empty string."""


class Named(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a store needs of an object."""

    name: str
    namespace: str = ""

    @property
    def key(self) -> Key:
        return (self.namespace, self.name)


class KubeObject(Named, frozen=True, gc=False, kw_only=True):
    """What every object has. `uid` and `resource_version` are the server's and opaque; a manifest's are empty."""

    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class Namespace(KubeObject, frozen=True, gc=False, kw_only=True):
    """A namespace; its existence decides between NODATA and NXDOMAIN."""


class ServicePort(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One port of a Service; `name` is empty for an unnamed port, `protocol` is `TCP`, `UDP` or `SCTP`."""

    name: str
    port: int
    protocol: str = "TCP"
    node_port: int = 0


class Service(KubeObject, frozen=True, gc=False, kw_only=True, array_like=True):
    """A Service. `cluster_ips` is empty for headless and ExternalName ones; addresses are canonical text."""

    type: str = "ClusterIP"
    cluster_ips: tuple[str, ...] = ()
    headless: bool = False
    external_name: str = ""
    external_ips: tuple[str, ...] = ()
    load_balancer: tuple[str, ...] = ()
    """status.loadBalancer.ingress, each its ip or else its hostname."""
    ports: tuple[ServicePort, ...] = ()
    publish_not_ready_addresses: bool = False
    external_traffic_policy: str = ""
    selector: dict[str, str] = {}
    created: str = ""
    """metadata.creationTimestamp, RFC 3339."""


class HostAddresses(Named, frozen=True, gc=False, kw_only=True):
    """What DNS said of the host `name` that an object names: canonical addresses of both families, at least one."""

    addresses: tuple[str, ...]


class Endpoint(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One endpoint of a slice. A missing `ready` condition means ready (EndpointSlice API)."""

    addresses: tuple[str, ...]
    hostname: str = ""
    ready: bool = True
    serving: bool = True
    terminating: bool = False
    node_name: str = ""
    target_kind: str = ""
    target_name: str = ""
    zone: str = ""
    """Where it runs: topology.kubernetes.io/zone of its node."""


class EndpointPort(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One port of a slice; `port` is None for "all ports"."""

    name: str
    port: int | None
    protocol: str = "TCP"


class EndpointSlice(KubeObject, frozen=True, gc=False, kw_only=True, array_like=True):
    """A slice of a Service's endpoints; `service` is the label kubernetes.io/service-name.

    A slice of a multi-cluster Service has its name in `imported`, and in `source_cluster` where its endpoints run.
    """

    service: str = ""
    imported: str = ""
    source_cluster: str = ""
    address_type: str = "IPv4"
    triggered: float = 0.0
    """When what made this change happened, Unix seconds; 0 if it does not say."""
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class ServiceImport(KubeObject, frozen=True, gc=False, kw_only=True):
    """A multi-cluster Service as one cluster sees it; `ips` are its addresses, none if it is headless."""

    headless: bool = False
    ips: tuple[str, ...] = ()
    ports: tuple[ServicePort, ...] = ()


FINISHED = ("Succeeded", "Failed")
"""The phases of pods that have run to their end."""


class Pod(KubeObject, frozen=True, gc=False, kw_only=True):
    """A Pod. `ips` is status.podIPs (status.podIP where only that is set), canonical text, may be empty."""

    ips: tuple[str, ...] = ()
    phase: str = ""
    host_network: bool = False
    host_ip: str = ""
    node_name: str = ""
    hostname: str = ""
    subdomain: str = ""
    ready: bool = False
    terminating: bool = False
    """metadata.deletionTimestamp is set."""
    started: str = ""
    """status.startTime, RFC 3339; decides between two pods that claim one address."""
    dns_policy: str = "ClusterFirst"
    dns_searches: tuple[str, ...] = ()
    dns_ndots: int | None = None

    @property
    def finished(self) -> bool:
        """True once the pod has run to its end: its address may already belong to another one."""
        return self.phase in FINISHED


class DnsSettings(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What a pod says of its own DNS: `policy` is its dnsPolicy, `searches` and `ndots` are those of its dnsConfig."""

    policy: str
    searches: tuple[str, ...] = ()
    ndots: int | None = None


class PodClaim(Named, frozen=True, gc=False, kw_only=True, array_like=True):
    """A pod as the owner of addresses: `v4` and `v6` are 4 and 16 bytes, empty for none. `started` is Unix seconds.

    The booleans and `started` decide between pods that claim one address; `annotations` are pairs.
    """

    v4: bytes = b""
    v6: bytes = b""
    started: int = 0
    running: bool = False
    terminating: bool = False
    annotations: tuple[tuple[str, str], ...] = ()
    dns: DnsSettings | None = None
    """None for what nearly every pod has: the default policy, and no dnsConfig."""


class Node(KubeObject, frozen=True, gc=False, kw_only=True):
    """A Node; `addresses` are (type, address) pairs such as ("InternalIP", "10.0.0.1")."""

    addresses: tuple[tuple[str, str], ...] = ()
    unschedulable: bool = False
    ready: bool = True


class Ingress(KubeObject, frozen=True, gc=False, kw_only=True):
    """An Ingress. `ingress_class` is spec.ingressClassName, else the annotation that came before it."""

    ingress_class: str = ""
    hosts: tuple[str, ...] = ()
    """spec.rules[].host, those that are set."""
    tls_hosts: tuple[str, ...] = ()
    """spec.tls[].hosts[]."""
    load_balancer: tuple[str, ...] = ()
    """status.loadBalancer.ingress, each its ip or else its hostname."""


class RecordSet(msgspec.Struct, frozen=True, gc=False):
    """One of spec.endpoints of a DNSEndpoint; `ttl` in seconds, 0 for none given."""

    dns_name: str
    targets: tuple[str, ...]
    record_type: str
    set_identifier: str = ""
    ttl: int = 0
    labels: dict[str, str] = {}
    provider_specific: dict[str, str] = {}


class DNSEndpoint(KubeObject, frozen=True, gc=False, kw_only=True):
    """A DNSEndpoint of ExternalDNS's custom resource: records as they are meant.

    `generation` counts the changes of its spec, from 1; `observed_generation` is the one that was last seen to.
    """

    record_sets: tuple[RecordSet, ...] = ()
    generation: int = 0
    observed_generation: int = 0


class Listener(msgspec.Struct, frozen=True, gc=False):
    """A listener of a Gateway, and which routes may use it: `namespaces_from` is `Same`, `All` or `Selector`.

    `namespace_selector` is a selector in text for namespaces; empty `route_kinds` leave the protocol to decide.
    """

    name: str
    hostname: str = ""
    port: int = 0
    protocol: str = ""
    namespaces_from: str = "Same"
    namespace_selector: str = ""
    route_kinds: tuple[str, ...] = ()


class Gateway(KubeObject, frozen=True, gc=False, kw_only=True):
    """A Gateway of gateway.networking.k8s.io; `addresses` are status.addresses[].value."""

    listeners: tuple[Listener, ...] = ()
    addresses: tuple[str, ...] = ()


class ParentReference(msgspec.Struct, frozen=True, gc=False):
    """The Gateway that a route wants to be attached to; `section` and `port` ("" and 0: any) name its listener."""

    namespace: str
    name: str
    section: str = ""
    port: int = 0


class Route(KubeObject, frozen=True, gc=False, kw_only=True):
    """An HTTPRoute or GRPCRoute. `parents` are Gateways only; `accepted` are those that took it."""

    hostnames: tuple[str, ...] = ()
    parents: tuple[ParentReference, ...] = ()
    accepted: tuple[ParentReference, ...] = ()
