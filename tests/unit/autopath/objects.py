"""Small clusters for tests, written in a line per object."""

from __future__ import annotations

from clusterdns.kube.objects import (
    Endpoint,
    EndpointPort,
    EndpointSlice,
    KubeObject,
    Namespace,
    Pod,
    Service,
    ServiceImport,
    ServicePort,
)
from clusterdns.kube.store import Cluster

HTTP = ServicePort("http", 80)


def service(key: str, *cluster_ips: str, ports: tuple[ServicePort, ...] = (HTTP,)) -> Service:
    """`namespace/name` with its cluster IPs; headless without any."""
    namespace, name = key.split("/")
    return Service(name=name, namespace=namespace, cluster_ips=cluster_ips, headless=not cluster_ips, ports=ports)


def external(key: str, target: str) -> Service:
    """An ExternalName Service."""
    namespace, name = key.split("/")
    return Service(name=name, namespace=namespace, type="ExternalName", external_name=target, ports=(HTTP,))


def endpoint(*addresses: str, hostname: str = "", pod: str = "", ready: bool = True, zone: str = "") -> Endpoint:
    """One endpoint, of the pod `pod` if that is given."""
    target = "Pod" if pod else ""
    return Endpoint(addresses, hostname=hostname, ready=ready, target_kind=target, target_name=pod, zone=zone)


def slice_of(
    key: str,
    *endpoints: Endpoint,
    name: str = "a",
    address_type: str = "IPv4",
    ports: tuple[EndpointPort, ...] = (EndpointPort("http", 8080),),
) -> EndpointSlice:
    """A slice of the Service `namespace/name`."""
    namespace, service_name = key.split("/")
    return EndpointSlice(
        name=f"{service_name}-{name}",
        namespace=namespace,
        service=service_name,
        address_type=address_type,
        endpoints=endpoints,
        ports=ports,
    )


def imported(key: str, *ips: str, ports: tuple[ServicePort, ...] = (HTTP,)) -> ServiceImport:
    """A multi-cluster Service `namespace/name` with its addresses; headless without any."""
    namespace, name = key.split("/")
    return ServiceImport(name=name, namespace=namespace, ips=ips, headless=not ips, ports=ports)


def imported_slice(
    key: str,
    cluster: str,
    *endpoints: Endpoint,
    address_type: str = "IPv4",
    ports: tuple[EndpointPort, ...] = (EndpointPort("http", 8080),),
) -> EndpointSlice:
    """A slice of a multi-cluster Service, from `cluster`."""
    namespace, name = key.split("/")
    return EndpointSlice(
        name=f"{name}-{cluster}-{address_type}",
        namespace=namespace,
        imported=name,
        source_cluster=cluster,
        address_type=address_type,
        endpoints=endpoints,
        ports=ports,
    )


def pod(key: str, *ips: str, host_network: bool = False) -> Pod:
    """A running pod."""
    namespace, name = key.split("/")
    return Pod(name=name, namespace=namespace, ips=ips, phase="Running", ready=True, host_network=host_network)


def cluster(*objects: KubeObject, namespaces: tuple[str, ...] = ("shop", "data")) -> Cluster:
    """Stores that hold `objects` and `namespaces`, all synced."""
    made = Cluster(lean=True, pod_names=True)
    for each in (*(Namespace(name=name) for name in namespaces), *objects):
        made.store(type(each).__name__).put(each)
    for kind in ("Namespace", "Service", "EndpointSlice", "Pod", "ServiceImport"):
        made.store(kind).synced = True
    return made
