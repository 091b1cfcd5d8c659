"""The `kubernetes` directive: questions about the cluster's own zones, answered from the stores."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial

from autopath.contents import contents_of
from autopath.imports import imported_stores
from autopath.index import ClusterIndex
from autopath.lookups import Index, Stores
from autopath.name_servers import NameServers
from autopath.reverse import ReverseZone
from autopath.zone import ClusterZone
from autopath.zones import Whole, Zones
from clusterdns.directives.chain import Handler
from clusterdns.directives.config.kubernetes import Config, PodMode, is_reverse
from clusterdns.kube.pod_index import Pods
from clusterdns.kube.store import Cluster
from clusterdns.wire.names import name_from_text


def index_over(cluster: Cluster, config: Config, *, wall_clock: Callable[[], float]) -> ClusterIndex:
    """The index that a directive with this Config answers from. `wall_clock` gives Unix seconds, for the serial."""
    return ClusterIndex(
        cluster,
        wall_clock=wall_clock,
        namespaces=config.namespaces,
        chosen_namespaces=bool(config.namespace_labels),
        endpoints=config.endpoints,
        with_pod_names=config.endpoint_pod_names,
    )


def imported_index_over(cluster: Cluster, config: Config, *, wall_clock: Callable[[], float]) -> ClusterIndex:
    """The same for the zones of `multicluster`."""
    return index_over(imported_stores(cluster), config, wall_clock=wall_clock)


class Kubernetes(Zones):
    """One directive's handler."""

    def __init__(
        self,
        config: Config,
        cluster: Stores,
        index: Index,
        pods: Pods,
        *,
        imported: Index | None = None,
        own: Iterable[str] = (),
        resolve: Handler,
        following: Handler,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Answers from `cluster`, whose stores of `config.kinds` somebody fills.

        `index` is over the same stores (`index_over` makes one that fits), and so is `imported`, which `multicluster`
        needs. `pods` is asked for verified pods. `own` are this server's addresses, canonical text, for NS records.
        `resolve` answers any name through the whole server; `wall_clock` gives Unix seconds.
        """
        self.config = config
        self.name_servers = NameServers(index, own)
        self._index = index
        stores = tuple(cluster.store(kind) for kind in config.kinds)
        forward = [
            self._forward_zone(zone, imported, pods) for zone in dict.fromkeys(config.zones) if not is_reverse(zone)
        ]
        reverse = [self._reverse_zone(zone) for zone in dict.fromkeys(config.zones) if is_reverse(zone)]
        super().__init__(
            "kubernetes",
            (*forward, *reverse),
            whole={zone.name: Whole(zone.serial, partial(contents_of, zone)) for zone in forward},
            synced=lambda: all(store.synced for store in stores),
            fallthrough=config.fallthrough,
            resolve=resolve,
            following=following,
            wall_clock=wall_clock,
        )

    def _reverse_zone(self, zone: str) -> ReverseZone:
        primary = name_from_text(self.config.primary_zone)
        return ReverseZone(
            name_from_text(zone),
            self._index,
            ttl=self.config.ttl,
            services=b"\x03svc" + primary,
            servers=partial(self.name_servers.of, primary),
        )

    def _forward_zone(self, zone: str, imported: Index | None, pods: Pods) -> ClusterZone:
        config, name = self.config, name_from_text(zone)
        if zone in config.multicluster:
            assert imported is not None, "multicluster needs the index of imports"
            index, mode, servers_zone = imported, PodMode.DISABLED, name_from_text(config.primary_zone)
        else:
            index, mode, servers_zone = self._index, config.pods, name
        return ClusterZone(
            name,
            index,
            ttl=config.ttl,
            pods=mode,
            pod_at=pods.pod_at,
            ignore_empty_services=config.ignore_empty_service,
            zonal=config.zonal,
            clusterset=zone in config.multicluster,
            servers=partial(self.name_servers.of, servers_zone),
        )
