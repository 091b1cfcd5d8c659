"""The sources that --source names, made from their flags."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from clusterdns.kube.kinds import KINDS, is_custom
from clusterdns.kube.store import Cluster
from externaldns.sources.crd import CrdSource
from externaldns.sources.gateway import RouteSource
from externaldns.sources.ingress import IngressSource
from externaldns.sources.name_template import names_of, pairs_of, targets_of
from externaldns.sources.node import NodeSource
from externaldns.sources.pod import PodSource
from externaldns.sources.selection import Selection
from externaldns.sources.service import ServiceSource
from externaldns.sources.source import Source
from externaldns.sources.synthetic import EmptySource, FakeSource
from externaldns.sources.unstructured import UnstructuredSource

if TYPE_CHECKING:
    from externaldns.config import SourceConfig

TEMPLATE_KINDS = {
    "service": "Service",
    "pod": "Pod",
    "node": "Node",
    "ingress": "Ingress",
    "gateway-httproute": "HTTPRoute",
    "gateway-grpcroute": "GRPCRoute",
    "fake": "Pod",
    "unstructured": "",
}
"""The kind of object that each source asks, where --fqdn-template counts; "" for any."""


def build_sources(config: SourceConfig, cluster: Cluster) -> list[Source]:
    """Make the sources over `cluster`'s stores, in the order given."""
    return [source for name in config.sources for source in _build(name, config, cluster)]


def kinds_of(sources: Iterable[Source]) -> frozenset[str]:
    """Return the kinds of objects that `sources` read of an API server, or of a folder of manifests."""
    kinds = (store.kind for source in sources for store in source.stores)
    return frozenset(kind for kind in kinds if kind in KINDS or is_custom(kind))


def _build(name: str, config: SourceConfig, cluster: Cluster) -> list[Source]:
    selection = _selection(name, config)
    match name:
        case "service":
            return [ServiceSource(cluster, selection, config.service)]
        case "pod":
            return [PodSource(cluster, selection, config.pod)]
        case "node":
            return [NodeSource(cluster, selection, config.node)]
        case "ingress":
            return [IngressSource(cluster, selection, config.ingress)]
        case "crd":
            return [CrdSource(cluster, selection)]
        case "fake":
            return [FakeSource(selection)]
        case "unstructured":
            return [UnstructuredSource(cluster.store(resource), selection) for resource in config.resources]
        case "empty":
            return [EmptySource()]
        case _:
            return [RouteSource(TEMPLATE_KINDS[name], cluster, selection, config.gateway)]


def _selection(name: str, config: SourceConfig) -> Selection:
    if name not in TEMPLATE_KINDS:
        return config.selection
    kind = TEMPLATE_KINDS[name]
    return replace(
        config.selection,
        template=names_of(config.template, kind, name) if config.template else None,
        target_template=targets_of(config.target_template, kind, name) if config.target_template else None,
        pair_template=pairs_of(config.pair_template, kind, name) if config.pair_template else None,
    )
