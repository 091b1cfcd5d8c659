"""From the configuration of `kubernetes` and `k8s_external` to their handlers, over the clusters of this process."""

from __future__ import annotations

from autopath import kubernetes
from autopath.k8s_external import K8sExternal
from autopath.lookups import Sources
from autopath.name_servers import own_addresses
from clusterdns.directives.assemble import Maker, Site
from clusterdns.directives.chain import Handler
from clusterdns.directives.config import k8s_external as k8s_external_config
from clusterdns.directives.config import kubernetes as kubernetes_config
from clusterdns.directives.config.kubernetes import PodMode
from clusterdns.errors import ConfigError
from clusterdns.wire.names import name_from_text, name_to_text


def makers_over(clusters: Sources) -> dict[str, Maker]:
    """The makers of the directives that answer from what `clusters` fills."""
    return {"kubernetes": _kubernetes_maker(clusters), "k8s_external": _external_maker(clusters)}


def _kubernetes_maker(clusters: Sources) -> Maker:
    """Makes `kubernetes` handlers, which answer from what `clusters` fills."""

    def make(config: kubernetes_config.Config, site: Site, following: Handler) -> Handler:
        config = config.serving([name_to_text(zone) for zone in site.zones])
        source = clusters.source_for(config)
        handler = kubernetes.Kubernetes(
            config,
            source.cluster,
            source.index_for(config),
            source.pods,
            imported=source.imported_index_for(config),
            own=own_addresses(site.addresses),
            resolve=site.resolve,
            following=following,
        )
        # Without pods nobody's search list is known; `autopath @kubernetes` is left aside then.
        if config.pods is PodMode.VERIFIED:
            site.search_lists = source.search_lists_for(name_from_text(config.primary_zone))
        site.transferable.append(handler)
        site.parts.ready.append(("kubernetes", lambda: handler.synced))
        return handler.handle

    return make


def _external_maker(clusters: Sources) -> Maker:
    """Makes `k8s_external` handlers, which answer from the cluster of their block's `kubernetes`."""

    def make(config: k8s_external_config.Config, site: Site, following: Handler) -> Handler:
        behind = [each for each in site.transferable if isinstance(each, kubernetes.Kubernetes)]
        if not behind:
            raise ConfigError("k8s_external needs `kubernetes` in the same server block")
        cluster = behind[0].config
        index = clusters.source_for(cluster).external_index_for(cluster, config.headless)
        zones = config.zones or tuple(map(name_to_text, site.zones))
        handler = K8sExternal(config, zones, behind[0], index, resolve=site.resolve, following=following)
        site.transferable.append(handler)
        return handler.handle

    return make
