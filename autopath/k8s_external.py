"""The `k8s_external` directive: zones in which clients outside find the cluster's Services.

It stands before `kubernetes`, whose cluster and options it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autopath.external_zone import ExternalZone, external_stores
from autopath.index import ClusterIndex
from autopath.kubernetes import Kubernetes, index_over
from autopath.lookups import Index
from autopath.reverse import ReverseZone
from autopath.zones import Whole, Zones
from clusterdns.directives.chain import Handler
from clusterdns.directives.config import kubernetes as kubernetes_config
from clusterdns.directives.config.k8s_external import Config
from clusterdns.directives.config.kubernetes import is_reverse
from clusterdns.errors import ConfigError
from clusterdns.kube.store import Cluster
from clusterdns.wire.names import name_from_text


def external_index_over(
    cluster: Cluster, config: kubernetes_config.Config, *, headless: bool, wall_clock: Callable[[], float]
) -> ClusterIndex:
    """The index that a directive answers from, for a `kubernetes` with this Config."""
    return index_over(external_stores(cluster, headless), config, wall_clock=wall_clock)


class K8sExternal(Zones):
    """One directive's handler."""

    def __init__(
        self,
        config: Config,
        zones: Sequence[str],
        kubernetes: Kubernetes,
        index: Index,
        *,
        resolve: Handler,
        following: Handler,
    ) -> None:
        """Answers for `zones` (text) from `index` (`external_index_over` makes it), when `kubernetes` is synced.

        Raises ConfigError if all of them are reverse zones. `resolve` answers any name through the whole server.
        """
        forward = [
            ExternalZone(name_from_text(zone), index, kubernetes.name_servers, label=config.apex, ttl=config.ttl)
            for zone in dict.fromkeys(zones)
            if not is_reverse(zone)
        ]
        if not forward:
            raise ConfigError("k8s_external needs a zone that is no reverse zone, such as example.org")
        reverse = [
            ReverseZone(name_from_text(zone), index, ttl=config.ttl, services=forward[0].name)
            for zone in dict.fromkeys(zones)
            if is_reverse(zone)
        ]
        super().__init__(
            "k8s_external",
            (*forward, *reverse),
            whole={zone.name: Whole(zone.serial, zone.contents) for zone in forward},
            synced=lambda: kubernetes.synced,
            fallthrough=config.fallthrough,
            resolve=resolve,
            following=following,
        )
