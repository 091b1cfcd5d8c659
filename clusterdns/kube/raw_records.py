"""The API's JSON shapes of the objects that only records are made from: Ingress, DNSEndpoint and the Gateway API.

API server or manifest -> raw (here) -> trim_records -> store; as `clusterdns.kube.raw` has it for the others.
Source of the shapes: Kubernetes API reference, networking.k8s.io/v1; gateway.networking.k8s.io/v1; ExternalDNS's
custom resource, externaldns.k8s.io/v1alpha1.
"""

from __future__ import annotations

from msgspec import Struct, field

from clusterdns.kube.raw import RawCondition, RawMetadata, RawServiceStatus


class RawIngressRule(Struct, gc=False):
    host: str | None = None


class RawIngressTLS(Struct, gc=False):
    hosts: list[str] | None = None


class RawIngressSpec(Struct, gc=False):
    ingress_class: str | None = field(default=None, name="ingressClassName")
    rules: list[RawIngressRule] | None = None
    tls: list[RawIngressTLS] | None = None


class RawIngressObject(Struct, gc=False):
    metadata: RawMetadata
    spec: RawIngressSpec | None = None
    # The same shape as a Service's: loadBalancer.ingress[].ip and .hostname.
    status: RawServiceStatus | None = None


class RawProperty(Struct, gc=False):
    name: str
    value: str = ""


class RawRecordSet(Struct, gc=False):
    dns_name: str | None = field(default=None, name="dnsName")
    targets: list[str] | None = None
    record_type: str | None = field(default=None, name="recordType")
    set_identifier: str | None = field(default=None, name="setIdentifier")
    ttl: int | None = field(default=None, name="recordTTL")
    labels: dict[str, str] | None = None
    provider_specific: list[RawProperty] | None = field(default=None, name="providerSpecific")


class RawDNSEndpointSpec(Struct, gc=False):
    endpoints: list[RawRecordSet] | None = None


class RawGenerationMetadata(RawMetadata, gc=False):
    generation: int | None = None


class RawDNSEndpointStatus(Struct, gc=False):
    observed_generation: int | None = field(default=None, name="observedGeneration")


class RawDNSEndpoint(Struct, gc=False):
    metadata: RawGenerationMetadata
    spec: RawDNSEndpointSpec | None = None
    status: RawDNSEndpointStatus | None = None


class RawExpression(Struct, gc=False):
    key: str
    operator: str
    values: list[str] | None = None


class RawSelector(Struct, gc=False):
    match_labels: dict[str, str] | None = field(default=None, name="matchLabels")
    match_expressions: list[RawExpression] | None = field(default=None, name="matchExpressions")


class RawRouteNamespaces(Struct, gc=False):
    from_: str | None = field(default=None, name="from")
    selector: RawSelector | None = None


class RawRouteKind(Struct, gc=False):
    kind: str


class RawAllowedRoutes(Struct, gc=False):
    namespaces: RawRouteNamespaces | None = None
    kinds: list[RawRouteKind] | None = None


class RawListener(Struct, gc=False):
    name: str | None = None
    hostname: str | None = None
    port: int | None = None
    protocol: str | None = None
    allowed: RawAllowedRoutes | None = field(default=None, name="allowedRoutes")


class RawGatewaySpec(Struct, gc=False):
    listeners: list[RawListener] | None = None


class RawGatewayAddress(Struct, gc=False):
    value: str | None = None


class RawGatewayStatus(Struct, gc=False):
    addresses: list[RawGatewayAddress] | None = None


class RawGateway(Struct, gc=False):
    metadata: RawMetadata
    spec: RawGatewaySpec | None = None
    status: RawGatewayStatus | None = None


class RawParent(Struct, gc=False):
    name: str
    namespace: str | None = None
    group: str | None = None
    kind: str | None = None
    section: str | None = field(default=None, name="sectionName")
    port: int | None = None


class RawParentStatus(Struct, gc=False):
    parent: RawParent = field(name="parentRef")
    conditions: list[RawCondition] | None = None


class RawRouteSpec(Struct, gc=False):
    hostnames: list[str] | None = None
    parents: list[RawParent] | None = field(default=None, name="parentRefs")


class RawRouteStatus(Struct, gc=False):
    parents: list[RawParentStatus] | None = None


class RawRoute(Struct, gc=False):
    metadata: RawMetadata
    spec: RawRouteSpec | None = None
    status: RawRouteStatus | None = None
