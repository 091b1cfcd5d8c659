"""What templates can say about an object: its fields under the names of the Kubernetes API, as Go spells them.

Only what stores keep of an object is here; another field is refused when the flags are read. What --source=unstructured
reads is here whole. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from clusterdns.kube.custom import CustomObject
from clusterdns.kube.kinds import KINDS
from clusterdns.kube.objects import Ingress, KubeObject, Node, Pod, Route, Service

Fields = Mapping[str, Any]
"""Texts, numbers, booleans, lists (tuples), and maps of these. `Labels` and `Annotations` hold whatever there is."""

OPEN_FIELDS = ("Labels", "Annotations", "Selector")
"""Maps with keys that nobody can know beforehand; a key that is missing is an empty text, as in Go."""


def fields_of(kind: str, asking: KubeObject) -> Fields:
    """Return the fields of `asking`, which is of that kind."""
    if isinstance(asking, CustomObject):
        return _of_custom(asking)
    meta = {
        "Name": asking.name,
        "Namespace": asking.namespace,
        "UID": asking.uid,
        "Labels": asking.labels,
        "Annotations": asking.annotations,
    }
    return {"Kind": kind, "APIVersion": KINDS[kind].api_version, **meta, "ObjectMeta": meta, **_SPECIFIC[kind](asking)}


def known_fields(kind: str) -> Fields:
    """Return the fields that objects of that kind have: the names count, the values are empty."""
    return fields_of(kind, _SAMPLES[kind])


def _of_service(service: Any) -> Fields:
    ingress = tuple(_balanced(target) for target in service.load_balancer)
    return {
        "Spec": {
            "Type": service.type,
            "Selector": service.selector,
            "ClusterIP": service.cluster_ips[0] if service.cluster_ips else "None" if service.headless else "",
            "ClusterIPs": service.cluster_ips,
            "ExternalIPs": service.external_ips,
            "ExternalName": service.external_name,
            "ExternalTrafficPolicy": service.external_traffic_policy,
        },
        "Status": {"LoadBalancer": {"Ingress": ingress}},
    }


def _of_pod(pod: Any) -> Fields:
    return {
        "Spec": {
            "NodeName": pod.node_name,
            "Hostname": pod.hostname,
            "Subdomain": pod.subdomain,
            "HostNetwork": pod.host_network,
        },
        "Status": {
            "PodIP": pod.ips[0] if pod.ips else "",
            "PodIPs": tuple({"IP": address} for address in pod.ips),
            "HostIP": pod.host_ip,
            "Phase": pod.phase,
        },
    }


def _of_node(node: Any) -> Fields:
    addresses = tuple({"Type": kind, "Address": address} for kind, address in node.addresses)
    return {"Spec": {"Unschedulable": node.unschedulable}, "Status": {"Addresses": addresses}}


def _of_ingress(ingress: Any) -> Fields:
    return {
        "Spec": {
            "IngressClassName": ingress.ingress_class,
            "Rules": tuple({"Host": host} for host in ingress.hosts),
        },
        "Status": {"LoadBalancer": {"Ingress": tuple(_balanced(target) for target in ingress.load_balancer)}},
    }


def _of_route(route: Any) -> Fields:
    return {"Spec": {"Hostnames": route.hostnames}}


def _of_custom(asking: CustomObject) -> Fields:
    """All that there is, as the server writes it; sections that are missing are empty."""
    sections = {name.capitalize(): asking.content.get(name) or {} for name in ("metadata", "spec", "status")}
    return {
        "Kind": asking.kind,
        "APIVersion": asking.api_version,
        "Name": asking.name,
        "Namespace": asking.namespace,
        "Labels": asking.labels,
        "Annotations": asking.annotations,
        "Object": asking.content,
        **sections,
    }


def _balanced(target: str) -> Fields:
    is_address = ":" in target or target.replace(".", "").isdecimal()
    return {"IP": target if is_address else "", "Hostname": "" if is_address else target}


_SPECIFIC: Mapping[str, Callable[[Any], Fields]] = {
    "Service": _of_service,
    "Pod": _of_pod,
    "Node": _of_node,
    "Ingress": _of_ingress,
    "HTTPRoute": _of_route,
    "GRPCRoute": _of_route,
}

_SAMPLES: Mapping[str, KubeObject] = {
    "Service": Service(name=""),
    "Pod": Pod(name=""),
    "Node": Node(name=""),
    "Ingress": Ingress(name=""),
    "HTTPRoute": Route(name=""),
    "GRPCRoute": Route(name=""),
}
