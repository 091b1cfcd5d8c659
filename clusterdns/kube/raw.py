"""The API's JSON shapes, cut down to the fields that are read: what msgspec decodes into, for a moment.

API server or manifest -> raw (here) -> trim -> store. Anything not named here is skipped by the decoder without
becoming a Python object: that is what keeps 10 KB of Pod from ever existing in memory as more than bytes.
Every field may be absent, and nearly every one may be null (`"endpoints": null` is what Go writes for an empty
slice), hence the many `| None`. Source of the shapes: Kubernetes API reference, v1 and discovery.k8s.io/v1;
Multi-Cluster Services API, v1alpha1.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec
from msgspec import Struct, field


class RawMetadata(Struct, gc=False):
    name: str = ""
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = field(default=None, name="resourceVersion")
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    created: str | None = field(default=None, name="creationTimestamp")
    deleted: str | None = field(default=None, name="deletionTimestamp")


class RawNamespace(Struct, gc=False):
    metadata: RawMetadata


class RawServicePort(Struct, gc=False):
    port: int
    name: str | None = None
    protocol: str | None = None
    node_port: int | None = field(default=None, name="nodePort")


class RawServiceSpec(Struct, gc=False):
    type: str | None = None
    cluster_ip: str | None = field(default=None, name="clusterIP")
    cluster_ips: list[str] | None = field(default=None, name="clusterIPs")
    external_name: str | None = field(default=None, name="externalName")
    external_ips: list[str] | None = field(default=None, name="externalIPs")
    external_traffic_policy: str | None = field(default=None, name="externalTrafficPolicy")
    ports: list[RawServicePort] | None = None
    selector: dict[str, str] | None = None
    publish_not_ready: bool | None = field(default=None, name="publishNotReadyAddresses")


class RawIngress(Struct, gc=False):
    ip: str | None = None
    hostname: str | None = None


class RawLoadBalancer(Struct, gc=False):
    ingress: list[RawIngress] | None = None


class RawServiceStatus(Struct, gc=False):
    load_balancer: RawLoadBalancer | None = field(default=None, name="loadBalancer")


class RawService(Struct, gc=False):
    metadata: RawMetadata
    spec: RawServiceSpec | None = None
    status: RawServiceStatus | None = None


class RawEndpointConditions(Struct, gc=False):
    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class RawTargetReference(Struct, gc=False):
    kind: str | None = None
    name: str | None = None


class RawEndpoint(Struct, gc=False):
    addresses: list[str] | None = None
    conditions: RawEndpointConditions | None = None
    hostname: str | None = None
    node_name: str | None = field(default=None, name="nodeName")
    zone: str | None = None
    target: RawTargetReference | None = field(default=None, name="targetRef")


class RawEndpointPort(Struct, gc=False):
    name: str | None = None
    port: int | None = None
    protocol: str | None = None


class RawEndpointSlice(Struct, gc=False):
    metadata: RawMetadata
    address_type: str | None = field(default=None, name="addressType")
    endpoints: list[RawEndpoint] | None = None
    ports: list[RawEndpointPort] | None = None


class RawServiceImportSpec(Struct, gc=False):
    type: str | None = None
    ips: list[str] | None = None
    ports: list[RawServicePort] | None = None


class RawServiceImport(Struct, gc=False):
    metadata: RawMetadata
    spec: RawServiceImportSpec | None = None


class RawDnsOption(Struct, gc=False):
    name: str | None = None
    value: str | None = None


class RawDnsConfig(Struct, gc=False):
    searches: list[str] | None = None
    options: list[RawDnsOption] | None = None


class RawPodSpec(Struct, gc=False):
    node_name: str | None = field(default=None, name="nodeName")
    host_network: bool | None = field(default=None, name="hostNetwork")
    hostname: str | None = None
    subdomain: str | None = None
    dns_policy: str | None = field(default=None, name="dnsPolicy")
    dns_config: RawDnsConfig | None = field(default=None, name="dnsConfig")


class RawPodIP(Struct, gc=False):
    ip: str | None = None


class RawCondition(Struct, gc=False):
    type: str | None = None
    status: str | None = None


class RawPodStatus(Struct, gc=False):
    phase: str | None = None
    pod_ip: str | None = field(default=None, name="podIP")
    pod_ips: list[RawPodIP] | None = field(default=None, name="podIPs")
    host_ip: str | None = field(default=None, name="hostIP")
    started: str | None = field(default=None, name="startTime")
    conditions: list[RawCondition] | None = None


class RawPod(Struct, gc=False):
    metadata: RawMetadata
    spec: RawPodSpec | None = None
    status: RawPodStatus | None = None


class RawNodeSpec(Struct, gc=False):
    unschedulable: bool | None = None


class RawNodeAddress(Struct, gc=False):
    type: str
    address: str


class RawNodeStatus(Struct, gc=False):
    addresses: list[RawNodeAddress] | None = None
    conditions: list[RawCondition] | None = None


class RawNode(Struct, gc=False):
    metadata: RawMetadata
    spec: RawNodeSpec | None = None
    status: RawNodeStatus | None = None


R = TypeVar("R")


class RawListMetadata(Struct, gc=False):
    resource_version: str = field(default="", name="resourceVersion")
    continue_token: str = field(default="", name="continue")


class RawList(Struct, gc=False):
    """One page of a list: `metadata` comes before `items`, and the items carry no kind of their own."""

    metadata: RawListMetadata
    items: list[msgspec.Raw] | None = None
    kind: str = ""
    api_version: str = field(default="", name="apiVersion")


class RawStatus(Struct, gc=False):
    """The body of an HTTP error and the object of a watch's ERROR event."""

    code: int = 0
    reason: str = ""
    message: str = ""


class RawChange(Struct, Generic[R], gc=False):
    """One line of a watch, nearly always: an object of its kind, as it is now or last was."""

    type: str
    object: R


class RawEvent(Struct, gc=False):
    """One line of a watch; what `object` is depends on `type`."""

    type: str
    object: msgspec.Raw


class RawBookmark(Struct, gc=False):
    metadata: RawMetadata


class RawIdentity(Struct, gc=False):
    """What names an object, of one whose other fields can't be read."""

    name: str = ""
    namespace: str | None = None


class RawUnreadable(Struct, gc=False):
    metadata: RawIdentity
