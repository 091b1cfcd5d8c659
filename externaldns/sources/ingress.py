"""Ingress source: a record for each host of an Ingress. Semantics: ExternalDNS v0.22, source/ingress.go.

    names      spec.rules[].host, spec.tls[].hosts, annotation hostname; annotation ingress-hostname-source may leave
               only the first two (`defined-hosts-only`) or only the last (`annotation-only`)
    targets    annotation target, else the load balancer's addresses

Reads a store; no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from clusterdns.kube.objects import Ingress
from clusterdns.kube.store import Cluster
from externaldns.record import Endpoint, normalize_name
from externaldns.sources.annotations import Annotations
from externaldns.sources.making import make_endpoints
from externaldns.sources.objects import ObjectSource
from externaldns.sources.selection import Selection

DEFINED_ONLY = "defined-hosts-only"
ANNOTATED_ONLY = "annotation-only"


@dataclass(frozen=True, slots=True)
class IngressOptions:
    """The flags of the same names; no `classes` are all of them, and Ingresses without one."""

    classes: tuple[str, ...] = ()
    ignore_tls: bool = False
    ignore_rules: bool = False


class IngressSource(ObjectSource[Ingress]):
    """Makes endpoints from the Ingresses of `cluster`."""

    name = "ingress"

    def __init__(
        self, cluster: Cluster, selection: Selection | None = None, options: IngressOptions | None = None
    ) -> None:
        super().__init__(cluster.ingresses, selection or Selection())
        self._options = options or IngressOptions()

    def _make(self, asking: Ingress) -> Iterable[Endpoint]:
        if self._options.classes and asking.ingress_class not in self._options.classes:
            return []
        annotations = self._selection.annotations(asking)
        resource = f"ingress/{asking.namespace}/{asking.name}"
        chosen = annotations.targets()

        def named(name: str) -> Iterator[Endpoint]:
            pairs = ((name, target) for target in chosen or asking.load_balancer)
            return make_endpoints(pairs, annotations, resource, chosen=bool(chosen))

        found = (endpoint for name in self._names(asking, annotations) for endpoint in named(name))
        return self._selection.combine(asking, found, named, resource)

    def _names(self, asking: Ingress, annotations: Annotations) -> tuple[str, ...]:
        origin = (annotations.get("ingress-hostname-source") or "").lower()
        names: list[str] = []
        if origin != ANNOTATED_ONLY:
            names += () if self._options.ignore_rules else asking.hosts
            names += () if self._options.ignore_tls else asking.tls_hosts
        if origin != DEFINED_ONLY and not self._selection.ignore_hostname_annotation:
            names += annotations.names("hostname")
        return tuple(dict.fromkeys(normalize_name(name) for name in names))
