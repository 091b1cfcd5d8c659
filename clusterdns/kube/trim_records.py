"""Raw Ingresses, DNSEndpoints, Gateways and routes to the trimmed ones that stores hold; see `clusterdns.kube.trim`.

What a field may be left out as: Kubernetes API reference, networking.k8s.io/v1; Gateway API, v1. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from clusterdns.kube.objects import DNSEndpoint, Gateway, Ingress, Listener, ParentReference, RecordSet, Route
from clusterdns.kube.raw_records import (
    RawDNSEndpoint,
    RawGateway,
    RawIngressObject,
    RawListener,
    RawParent,
    RawRecordSet,
    RawRoute,
    RawSelector,
)
from clusterdns.kube.trim import Note, condition, identity, kept_annotations, load_balancer_targets

GATEWAY_GROUP = "gateway.networking.k8s.io"

# "The IngressClass ... is a replacement of the annotation": the annotation is still in use everywhere.
_CLASS_ANNOTATION = "kubernetes.io/ingress.class"


def trim_ingress(raw: RawIngressObject, note: Note) -> Ingress:
    spec, annotations = raw.spec, kept_annotations(raw.metadata)
    rules, tls = (spec.rules or (), spec.tls or ()) if spec else ((), ())
    return Ingress(
        **identity(raw.metadata),
        ingress_class=(spec.ingress_class if spec else "") or annotations.get(_CLASS_ANNOTATION, ""),
        hosts=tuple(dict.fromkeys(rule.host for rule in rules if rule.host)),
        tls_hosts=tuple(dict.fromkeys(host for each in tls for host in each.hosts or () if host)),
        load_balancer=load_balancer_targets(raw.status.load_balancer if raw.status else None, note),
    )


def trim_dns_endpoint(raw: RawDNSEndpoint, note: Note) -> DNSEndpoint:
    given = (raw.spec.endpoints if raw.spec else None) or ()
    return DNSEndpoint(
        **identity(raw.metadata),
        record_sets=tuple(_record_set(each) for each in given),
        generation=raw.metadata.generation or 0,
        observed_generation=(raw.status.observed_generation if raw.status else None) or 0,
    )


def trim_gateway(raw: RawGateway, note: Note) -> Gateway:
    listeners = (raw.spec.listeners if raw.spec else None) or ()
    addresses = (raw.status.addresses if raw.status else None) or ()
    return Gateway(
        **identity(raw.metadata),
        listeners=tuple(_listener(each) for each in listeners),
        addresses=tuple(dict.fromkeys(each.value for each in addresses if each.value)),
    )


def trim_route(raw: RawRoute, note: Note) -> Route:
    namespace = raw.metadata.namespace or ""
    parents = (raw.spec.parents if raw.spec else None) or ()
    statuses = (raw.status.parents if raw.status else None) or ()
    accepted = [each.parent for each in statuses if condition(each.conditions, "Accepted") == "True"]
    return Route(
        **identity(raw.metadata),
        hostnames=tuple((raw.spec.hostnames if raw.spec else None) or ()),
        parents=tuple(_references(parents, namespace)),
        accepted=tuple(_references(accepted, namespace)),
    )


def _record_set(raw: RawRecordSet) -> RecordSet:
    return RecordSet(
        raw.dns_name or "",
        tuple(raw.targets or ()),
        raw.record_type or "",
        raw.set_identifier or "",
        raw.ttl or 0,
        raw.labels or {},
        {each.name: each.value for each in raw.provider_specific or ()},
    )


def _listener(raw: RawListener) -> Listener:
    allowed = raw.allowed
    namespaces = allowed.namespaces if allowed else None
    return Listener(
        raw.name or "",
        raw.hostname or "",
        raw.port or 0,
        raw.protocol or "",
        # "From indicates where Routes will be selected for this Gateway ... Same (default)".
        (namespaces.from_ if namespaces else None) or "Same",
        _selector_text(namespaces.selector) if namespaces and namespaces.selector else "",
        tuple(each.kind for each in (allowed.kinds if allowed else None) or ()),
    )


def _selector_text(raw: RawSelector) -> str:
    """A LabelSelector as `kubectl get -l` takes it."""
    terms = [f"{key}={value}" for key, value in sorted((raw.match_labels or {}).items())]
    for each in raw.match_expressions or ():
        values = ",".join(each.values or ())
        match each.operator:
            case "In" | "NotIn":
                terms.append(f"{each.key} {each.operator.lower()} ({values})")
            case "Exists":
                terms.append(each.key)
            case "DoesNotExist":
                terms.append(f"!{each.key}")
    return ",".join(terms)


def _references(given: list[RawParent] | tuple[()], namespace: str) -> Iterator[ParentReference]:
    for each in given:
        # "When unspecified, "gateway.networking.k8s.io" is inferred", and the kind Gateway, and the route's namespace.
        if (each.group or GATEWAY_GROUP, each.kind or "Gateway") == (GATEWAY_GROUP, "Gateway"):
            yield ParentReference(each.namespace or namespace, each.name, each.section or "", each.port or 0)
