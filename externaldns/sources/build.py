"""The sources that --source names, made from their flags."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from clusterdns.kube.kinds import KINDS
from clusterdns.kube.store import Cluster
from externaldns.sources.crd import CrdSource
from externaldns.sources.gateway import RouteSource
from externaldns.sources.ingress import IngressSource
from externaldns.sources.name_template import names_of, pairs_of
from externaldns.sources.node import NodeSource
from externaldns.sources.pod import PodSource
from externaldns.sources.selection import Selection
from externaldns.sources.service import ServiceSource
from externaldns.sources.source import Source
from externaldns.sources.synthetic import EmptySource, FakeSource

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
}
"""The kind of object that each source asks, where --fqdn-template counts."""


def build_sources(config: SourceConfig, cluster: Cluster) -> list[Source]:
    """Make the sources over `cluster`'s stores, in the order given."""
    return [_build(name, config, cluster) for name in config.sources]


def kinds_of(sources: Iterable[Source]) -> frozenset[str]:
    """Return the kinds of objects that `sources` read of an API server, or of a folder of manifests."""
    return frozenset(store.kind for source in sources for store in source.stores if store.kind in KINDS)


def _build(name: str, config: SourceConfig, cluster: Cluster) -> Source:
    selection = _selection(name, config)
    match name:
        case "service":
            return ServiceSource(cluster, selection, config.service)
        case "pod":
            return PodSource(cluster, selection, config.pod)
        case "node":
            return NodeSource(cluster, selection, config.node)
        case "ingress":
            return IngressSource(cluster, selection, config.ingress)
        case "crd":
            return CrdSource(cluster, selection)
        case "fake":
            return FakeSource(selection)
        case "empty":
            return EmptySource()
        case _:
            return RouteSource(TEMPLATE_KINDS[name], cluster, selection, config.gateway)


def _selection(name: str, config: SourceConfig) -> Selection:
    if name not in TEMPLATE_KINDS:
        return config.selection
    kind = TEMPLATE_KINDS[name]
    return replace(
        config.selection,
        template=names_of(config.template, kind, name) if config.template else None,
        pair_template=pairs_of(config.pair_template, kind, name) if config.pair_template else None,
    )
