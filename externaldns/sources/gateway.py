"""Gateway sources: a record for each host of an HTTPRoute or GRPCRoute that a Gateway has taken.

    route -> the Gateways that accepted it -> their listeners that let it in -> the hosts that both have

The targets are the Gateway's annotation `target`, else its addresses. Semantics: ExternalDNS v0.22, source/gateway.go,
and the Gateway API's rules for hostnames and for allowedRoutes. Reads stores; no I/O, no clock.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from clusterdns.kube.label_selector import LabelSelector, read_label_selector
from clusterdns.kube.objects import Gateway, Key, Listener, Namespace, ParentReference, Route
from clusterdns.kube.store import Cluster, Store
from externaldns.record import Endpoint, normalize_name
from externaldns.sources.annotations import Annotations
from externaldns.sources.ingress import ANNOTATED_ONLY, DEFINED_ONLY
from externaldns.sources.making import make_endpoints
from externaldns.sources.objects import ObjectSource
from externaldns.sources.selection import Selection

_PROTOCOLS = ("HTTP", "HTTPS")
"""The protocols of listeners that HTTPRoutes and GRPCRoutes can be attached to."""


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """The flags of the same names, about which Gateways count."""

    name: str = ""
    namespace: str = ""
    label_filter: LabelSelector = field(default_factory=LabelSelector)


class RouteSource(ObjectSource[Route]):
    """Makes endpoints from the routes of one kind (`HTTPRoute` or `GRPCRoute`), and the Gateways of `cluster`."""

    def __init__(
        self, kind: str, cluster: Cluster, selection: Selection | None = None, options: GatewayOptions | None = None
    ) -> None:
        super().__init__(cluster.store(kind), selection or Selection())
        self.name = f"gateway-{kind.lower()}"
        self._kind = kind
        self._gateways = cluster.gateways
        self._namespaces = cluster.namespaces
        self._options = options or GatewayOptions()

    @property
    def stores(self) -> tuple[Store[Any], ...]:
        return (self._primary, self._gateways, self._namespaces)

    def made_of(self, kind: str, key: Key) -> Iterable[Key]:
        if kind == "Namespace":
            return [route.key for route in self._primary if route.namespace == key[1]]
        return [
            route.key for route in self._primary if any((each.namespace, each.name) == key for each in route.parents)
        ]

    def _make(self, asking: Route) -> Iterable[Endpoint]:
        annotations = self._selection.annotations(asking)
        resource = f"{self._kind.lower()}/{asking.namespace}/{asking.name}"
        own: set[tuple[str, str]] = set()
        chosen: set[tuple[str, str]] = set()
        for gateway, listener in self._listeners(asking):
            targets = self._selection.annotations(gateway).targets()
            for wanted in self._hostnames(asking, annotations):
                if name := common_host(listener.hostname, wanted):
                    (chosen if targets else own).update((name, target) for target in targets or gateway.addresses)
        yield from make_endpoints(sorted(own), annotations, resource)
        yield from make_endpoints(sorted(chosen), annotations, resource, chosen=True)

    def _hostnames(self, asking: Route, annotations: Annotations) -> tuple[str, ...]:
        """Return the hosts that `asking` has; "" stands for those of the listener, where the route has none."""
        selection = self._selection
        annotated = () if selection.ignore_hostname_annotation else annotations.names("hostname")
        origin = (annotations.get("gateway-hostname-source") or "").lower()
        if origin == ANNOTATED_ONLY:
            return annotated
        defined = asking.hostnames
        if selection.template is not None and (selection.combine_template or not defined):
            defined = (*defined, *selection.template(asking))
        if origin == DEFINED_ONLY:
            return defined
        return (*defined, *(() if asking.hostnames else ("",)), *annotated)

    def _listeners(self, asking: Route) -> Iterator[tuple[Gateway, Listener]]:
        for reference in asking.accepted:
            if reference not in asking.parents:
                continue  # a status that is older than the spec
            gateway = self._gateways.get(reference.namespace, reference.name)
            if gateway is None or not self._admits_gateway(gateway):
                continue
            for listener in gateway.listeners:
                if self._lets_in(gateway, listener, reference, asking):
                    yield gateway, listener

    def _admits_gateway(self, gateway: Gateway) -> bool:
        options = self._options
        return (
            (not options.name or gateway.name == options.name)
            and (not options.namespace or gateway.namespace == options.namespace)
            and options.label_filter.matches(gateway.labels)
        )

    def _lets_in(self, gateway: Gateway, listener: Listener, reference: ParentReference, asking: Route) -> bool:
        if listener.protocol not in _PROTOCOLS:
            return False
        if reference.section not in ("", listener.name) or reference.port not in (0, listener.port):
            return False
        if listener.route_kinds and self._kind not in listener.route_kinds:
            return False
        match listener.namespaces_from:
            case "All":
                return True
            case "Selector":
                namespace = self._namespaces.get("", asking.namespace)
                return namespace is not None and _selects(listener.namespace_selector, namespace)
            case _:
                return asking.namespace == gateway.namespace


def _selects(selector: str, namespace: Namespace) -> bool:
    try:
        return read_label_selector(selector).matches(namespace.labels)
    except ValueError:
        return False  # a selector that the API server would have refused lets nobody in


def common_host(one: str, other: str) -> str:
    """Return the host that a listener and a route have in common, the narrower one; "" if there is none.

    An empty host stands for all. "Hostnames that are prefixed with a wildcard label (`*.`) are interpreted as a suffix
    match": `*.ex.com` and `a.b.ex.com` have `a.b.ex.com` in common.
    """
    one, other = normalize_name(one), normalize_name(other)
    if _is_address(one) or _is_address(other):
        return ""
    if not one or not other or one == other:
        return one or other
    # The wildcard, if there is just one, or else the wider one, is `one`.
    if other.startswith("*.") and (not one.startswith("*.") or len(other) < len(one)):
        one, other = other, one
    return other if one.startswith("*.") and other.endswith(one[1:]) else ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
