"""Unstructured source: records of objects of any kind, by templates. Semantics: ExternalDNS v0.22, unstructured source.

    annotations `hostname` and `target`        names and targets; both are needed
    --fqdn-target-template                     `NAME:TARGET` pairs
    --fqdn-template with --target-template     each name with all targets

Each counts where those before it led to nothing, or with --combine-fqdn-annotation. One source for each resource that
--unstructured-resource names. Reads a store; no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from clusterdns.kube.custom import CustomObject
from clusterdns.kube.store import Store
from externaldns.record import Endpoint
from externaldns.sources.making import make_endpoints
from externaldns.sources.objects import ObjectSource
from externaldns.sources.selection import Selection


class UnstructuredSource(ObjectSource[CustomObject]):
    """Makes endpoints from the objects of one resource, which are in `store`."""

    name = "unstructured"

    def __init__(self, store: Store[CustomObject], selection: Selection | None = None) -> None:
        super().__init__(store, selection or Selection())

    def _make(self, asking: CustomObject) -> Iterable[Endpoint]:
        selection, annotations = self._selection, self._selection.annotations(asking)
        resource = f"{asking.kind.lower()}/{asking.namespace}/{asking.name}"
        names = () if selection.ignore_hostname_annotation else annotations.names("hostname")
        pairs = ((name, target) for name in names for target in annotations.targets())

        def named(name: str) -> Iterator[Endpoint]:
            targets = selection.target_template(asking) if selection.target_template else ()
            return make_endpoints(((name, target) for target in targets), annotations, resource)

        return selection.combine(asking, make_endpoints(pairs, annotations, resource, chosen=True), named, resource)
