"""The sources that --source names, made from their flags."""

from __future__ import annotations

from collections.abc import Iterable

from clusterdns.kube.store import Cluster
from externaldns.config import SourceConfig
from externaldns.sources.selection import Selection
from externaldns.sources.service import ServiceOptions, ServiceSource
from externaldns.sources.source import Source


def build_sources(config: SourceConfig, cluster: Cluster) -> list[Source]:
    """Make the sources over `cluster`'s stores, in the order given."""
    selection = Selection(config.namespace, config.annotation_prefixes)
    options = ServiceOptions(
        publish_internal_services=config.publish_internal_services,
        publish_host_ip=config.publish_host_ip,
        always_publish_not_ready_addresses=config.always_publish_not_ready_addresses,
    )
    made: dict[str, Source] = {"service": ServiceSource(cluster, selection, options)}
    return [made[name] for name in config.sources]


def kinds_of(sources: Iterable[Source]) -> frozenset[str]:
    """Return the kinds of objects that `sources` read."""
    return frozenset(store.kind for source in sources for store in source.stores)
