"""Raw API objects to the trimmed ones that stores hold: defaults filled in, addresses made canonical.

API server or manifest -> raw -> trim (here) -> store. An address that is none is left out and its place and text
told to `note`; everything else about the object still counts. Pure: no I/O, no clock.
Source of the defaults: Kubernetes API reference, v1 and discovery.k8s.io/v1; Multi-Cluster Services API, v1alpha1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypedDict

from clusterdns.kube.addresses import canonical_address
from clusterdns.kube.objects import (
    Endpoint,
    EndpointPort,
    EndpointSlice,
    Namespace,
    Node,
    Pod,
    Service,
    ServiceImport,
    ServicePort,
)
from clusterdns.kube.raw import (
    RawCondition,
    RawDnsConfig,
    RawEndpoint,
    RawEndpointSlice,
    RawLoadBalancer,
    RawMetadata,
    RawNamespace,
    RawNode,
    RawPod,
    RawPodSpec,
    RawPodStatus,
    RawService,
    RawServiceImport,
    RawServiceImportSpec,
    RawServicePort,
    RawServiceSpec,
)

Note = Callable[[str], None]
"""Called with one sentence for each part of an object that was left out: "status.podIP: '10.0.0.300' is not ..."."""

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
IMPORTED_SERVICE_LABEL = "multicluster.kubernetes.io/service-name"
# "the time at which the last change to a pod or Service triggered a change of the endpoints" (SIG Scalability).
TRIGGER_ANNOTATION = "endpoints.kubernetes.io/last-change-trigger-time"
SOURCE_CLUSTER_LABEL = "multicluster.kubernetes.io/source-cluster"

# kubectl apply keeps a whole copy of the manifest in this annotation. Nothing here ever reads it.
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

_NO_POD_SPEC = RawPodSpec()
_NO_POD_STATUS = RawPodStatus()
_NO_SERVICE_SPEC = RawServiceSpec()
_NO_IMPORT_SPEC = RawServiceImportSpec()


def trim_namespace(raw: RawNamespace, note: Note) -> Namespace:
    return Namespace(**identity(raw.metadata, namespaced=False))


def trim_service(raw: RawService, note: Note) -> Service:
    meta, spec = raw.metadata, raw.spec or _NO_SERVICE_SPEC
    kind = spec.type or "ClusterIP"
    # "clusterIPs ... If this field is not specified, it will be initialized from the clusterIP field." Manifests
    # that were never in a server have only the latter.
    given = spec.cluster_ips or ([spec.cluster_ip] if spec.cluster_ip else [])
    headless = kind != "ExternalName" and "None" in given
    cluster_ips: tuple[str, ...] = ()
    if kind != "ExternalName" and not headless:
        cluster_ips = canonical_addresses(given, "spec.clusterIPs", note)
    return Service(
        **identity(meta),
        type=kind,
        cluster_ips=cluster_ips,
        headless=headless,
        external_name=(spec.external_name or "") if kind == "ExternalName" else "",
        external_ips=canonical_addresses(spec.external_ips or (), "spec.externalIPs", note),
        load_balancer=load_balancer_targets(raw.status.load_balancer if raw.status else None, note),
        ports=_service_ports(spec.ports),
        publish_not_ready_addresses=bool(spec.publish_not_ready),
        external_traffic_policy=spec.external_traffic_policy or "",
        selector=spec.selector or {},
        created=meta.created or "",
    )


def trim_endpoint_slice(raw: RawEndpointSlice, note: Note) -> EndpointSlice:
    return EndpointSlice(
        **identity(raw.metadata),
        **slice_purpose(raw),
        endpoints=tuple(_endpoint(each, note) for each in endpoints_in(raw)),
        ports=slice_ports(raw),
    )


class SlicePurpose(TypedDict):
    service: str
    imported: str
    source_cluster: str
    address_type: str
    triggered: float


def slice_purpose(raw: RawEndpointSlice) -> SlicePurpose:
    """Whose endpoints a slice has, and since when, as keyword arguments."""
    labels, annotations = raw.metadata.labels or {}, raw.metadata.annotations or {}
    return {
        "service": labels.get(SERVICE_NAME_LABEL, ""),
        "imported": labels.get(IMPORTED_SERVICE_LABEL, ""),
        "source_cluster": labels.get(SOURCE_CLUSTER_LABEL, ""),
        "address_type": raw.address_type or "IPv4",
        "triggered": unix_seconds(annotations.get(TRIGGER_ANNOTATION, "")),
    }


def endpoints_in(raw: RawEndpointSlice) -> list[RawEndpoint]:
    """The endpoints that have addresses. The DNS specification knows no others; a slice of type FQDN has names."""
    return [] if raw.address_type == "FQDN" else raw.endpoints or []


def slice_ports(raw: RawEndpointSlice) -> tuple[EndpointPort, ...]:
    return tuple(EndpointPort(port.name or "", port.port, port.protocol or "TCP") for port in raw.ports or ())


def is_ready(raw: RawEndpoint) -> bool:
    """ "ready ... A nil value should be interpreted as "true"." (EndpointSlice API)"""
    return raw.conditions is None or raw.conditions.ready is not False


def trim_service_import(raw: RawServiceImport, note: Note) -> ServiceImport:
    meta, spec = raw.metadata, raw.spec or _NO_IMPORT_SPEC
    headless = spec.type == "Headless"
    return ServiceImport(
        **identity(meta),
        headless=headless,
        ips=() if headless else canonical_addresses(spec.ips or (), "spec.ips", note),
        ports=_service_ports(spec.ports),
    )


def trim_pod(raw: RawPod, note: Note) -> Pod:
    meta, spec, status = raw.metadata, raw.spec or _NO_POD_SPEC, raw.status or _NO_POD_STATUS
    return Pod(
        **identity(meta),
        ips=pod_addresses(raw, note),
        phase=status.phase or "",
        host_network=bool(spec.host_network),
        host_ip=_one_address(status.host_ip, "status.hostIP", note),
        node_name=spec.node_name or "",
        hostname=spec.hostname or "",
        subdomain=spec.subdomain or "",
        ready=condition(status.conditions, "Ready") == "True",
        terminating=meta.deleted is not None,
        started=status.started or "",
        **pod_dns(spec, note),
    )


def pod_addresses(raw: RawPod, note: Note) -> tuple[str, ...]:
    status = raw.status or _NO_POD_STATUS
    # "podIPs ... If this field is specified, the 0th entry must match the podIP field."
    given = [each.ip for each in status.pod_ips or () if each.ip] or ([status.pod_ip] if status.pod_ip else [])
    return canonical_addresses(given, "status.podIPs", note)


class PodDns(TypedDict):
    dns_policy: str
    dns_searches: tuple[str, ...]
    dns_ndots: int | None


def pod_dns(spec: RawPodSpec, note: Note) -> PodDns:
    """What a pod says of its own DNS, as keyword arguments."""
    config = spec.dns_config
    return {
        "dns_policy": spec.dns_policy or "ClusterFirst",
        "dns_searches": tuple(config.searches or ()) if config else (),
        "dns_ndots": _ndots(config, note) if config else None,
    }


def trim_node(raw: RawNode, note: Note) -> Node:
    meta, status = raw.metadata, raw.status
    addresses: list[tuple[str, str]] = []
    for each in (status.addresses if status else None) or ():
        # "NodeAddressType: Hostname, InternalIP, ExternalIP, InternalDNS, ExternalDNS": two of the five are addresses.
        if not each.type.endswith("IP"):
            addresses.append((each.type, each.address))
        elif address := _one_address(each.address, f"status.addresses ({each.type})", note):
            addresses.append((each.type, address))
    return Node(
        **identity(meta, namespaced=False),
        addresses=tuple(addresses),
        unschedulable=bool(raw.spec and raw.spec.unschedulable),
        # A manifest without conditions describes a node that works.
        ready=condition(status.conditions if status else None, "Ready") in ("True", ""),
    )


def unix_seconds(text: str) -> float:
    """RFC 3339 to Unix seconds; 0 for none."""
    try:
        return datetime.fromisoformat(text).timestamp() if text else 0.0
    except ValueError:
        return 0.0


class Identity(TypedDict):
    name: str
    namespace: str
    uid: str
    resource_version: str
    labels: dict[str, str]
    annotations: dict[str, str]


def identity(meta: RawMetadata, *, namespaced: bool = True) -> Identity:
    """What every trimmed object has, as keyword arguments; a manifest may name a namespace where there is none."""
    return {
        "name": meta.name,
        "namespace": (meta.namespace or "") if namespaced else "",
        "uid": meta.uid or "",
        "resource_version": meta.resource_version or "",
        "labels": meta.labels or {},
        "annotations": kept_annotations(meta),
    }


def kept_annotations(meta: RawMetadata) -> dict[str, str]:
    """The object's annotations, without the one that is large and says nothing."""
    annotations = meta.annotations or {}
    annotations.pop(LAST_APPLIED, None)
    return annotations


def _service_ports(ports: Iterable[RawServicePort] | None) -> tuple[ServicePort, ...]:
    return tuple(
        ServicePort(port.name or "", port.port, port.protocol or "TCP", port.node_port or 0) for port in ports or ()
    )


def canonical_addresses(given: Iterable[str], where: str, note: Note) -> tuple[str, ...]:
    """Canonical addresses of those in `given` that are addresses, in their order, each once."""
    found: list[str] = []
    for text in given:
        address = canonical_address(text)
        if address is not None:
            found.append(address)
        elif text:
            _note_address(text, where, note)
    return tuple(found if len(found) < 2 else dict.fromkeys(found))


def _one_address(text: str | None, where: str, note: Note) -> str:
    """The canonical address; empty where `text` is empty or no address."""
    if not text:
        return ""
    address = canonical_address(text)
    if address is None:
        _note_address(text, where, note)
    return address or ""


def _note_address(text: str, where: str, note: Note) -> None:
    note(f"{where}: {text!r} is not an IP address")


def load_balancer_targets(balancer: RawLoadBalancer | None, note: Note) -> tuple[str, ...]:
    """Each address of a load balancer, or else its name."""
    targets: list[str] = []
    for each in (balancer.ingress if balancer else None) or ():
        target = _one_address(each.ip, "status.loadBalancer.ingress", note) or each.hostname
        if target:
            targets.append(target)
    return tuple(targets)


def _endpoint(raw: RawEndpoint, note: Note) -> Endpoint:
    conditions, target = raw.conditions, raw.target
    # "serving ... If nil, consumers should defer to the ready condition." "terminating ... A nil value should be
    # interpreted as "false"."
    ready = is_ready(raw)
    serving = ready if conditions is None or conditions.serving is None else conditions.serving
    return Endpoint(
        addresses=canonical_addresses(raw.addresses or (), "endpoints.addresses", note),
        hostname=raw.hostname or "",
        ready=ready,
        serving=serving,
        terminating=bool(conditions and conditions.terminating),
        node_name=raw.node_name or "",
        target_kind=(target.kind or "") if target else "",
        target_name=(target.name or "") if target else "",
        zone=raw.zone or "",
    )


def condition(conditions: Iterable[RawCondition] | None, name: str) -> str:
    """The status of the condition of that type: `True`, `False`, `Unknown`, or empty where it is not there."""
    return next((each.status or "" for each in conditions or () if each.type == name), "")


def _ndots(config: RawDnsConfig, note: Note) -> int | None:
    for option in config.options or ():
        if option.name == "ndots":
            value = option.value or ""
            if value.isascii() and value.isdecimal():
                # resolv.conf(5): "The value for this option is silently capped to 15."
                return min(int(value), 15) if len(value) < 3 else 15
            note(f"spec.dnsConfig.options: ndots {option.value!r} is not a number")
    return None
