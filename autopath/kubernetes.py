"""The `kubernetes` directive: questions about the cluster's own zones, answered from the stores.

    chain ──► our zone? ──► zone or reverse: decision ──► reply
                │ no, or denied with `fallthrough`     └► CNAME: external_names
                ▼
             next directive

It stands behind the cache, and its answers pass that by: they are current by watch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from autopath.contents import records_of
from autopath.external_names import SOURCE, Chase
from autopath.imports import imported_stores
from autopath.index import ClusterIndex
from autopath.name_servers import NameServers
from autopath.reverse import ReverseZone
from autopath.zone import ClusterZone
from clusterdns.directives.chain import Handler, Reply, Request, reply_with
from clusterdns.directives.config.kubernetes import Config, PodMode, is_reverse
from clusterdns.directives.transfer import Contents
from clusterdns.kube.pod_index import PodIndex
from clusterdns.kube.store import Cluster
from clusterdns.wire import numbers
from clusterdns.wire.names import is_at_or_below, name_from_text


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


class Kubernetes:
    """One directive's handler."""

    def __init__(
        self,
        config: Config,
        cluster: Cluster,
        index: ClusterIndex,
        pods: PodIndex,
        *,
        imported: ClusterIndex | None = None,
        own: Iterable[str] = (),
        resolve: Handler,
        following: Handler,
    ) -> None:
        """Answers from `cluster`, whose stores of `config.kinds` somebody fills.

        `index` is over the same stores (`index_over` makes one that fits), and so is `imported`, which `multicluster`
        needs. `pods` is asked for verified pods. `own` are this server's addresses, canonical text, for NS records.
        `resolve` answers any name through the whole server.
        """
        self._stores = tuple(cluster.store(kind) for kind in config.kinds)
        self._is_synced = False
        self._index = index
        self._fallthrough = tuple(name_from_text(zone) for zone in config.fallthrough)
        self._following = following
        self._chase = Chase(self._zone_of, resolve)
        self._name_servers = NameServers(index, own)
        # "longest match" wins where zones lie in each other, as it does between server blocks.
        names = sorted(set(config.zones), key=lambda zone: len(name_from_text(zone)), reverse=True)
        self._zones = [self._make_zone(zone, config, imported, pods) for zone in names]

    def _make_zone(
        self, zone: str, config: Config, imported: ClusterIndex | None, pods: PodIndex
    ) -> ClusterZone | ReverseZone:
        name, primary = name_from_text(zone), name_from_text(config.primary_zone)
        if is_reverse(zone):
            servers = partial(self._name_servers.of, primary)
            return ReverseZone(name, self._index, ttl=config.ttl, primary=primary, servers=servers)
        clusterset = zone in config.multicluster
        assert imported is not None or not clusterset, "multicluster needs the index of imports"
        return ClusterZone(
            name,
            imported if clusterset and imported is not None else self._index,
            ttl=config.ttl,
            pods=PodMode.DISABLED if clusterset else config.pods,
            pod_at=pods.pod_at,
            ignore_empty_services=config.ignore_empty_service,
            zonal=config.zonal,
            clusterset=clusterset,
            servers=partial(self._name_servers.of, primary if clusterset else name),
        )

    @property
    def synced(self) -> bool:
        """True once every store behind the answers has had its first whole list; it stays so."""
        if not self._is_synced:
            self._is_synced = all(store.synced for store in self._stores)
        return self._is_synced

    def has_zone(self, zone: bytes) -> bool:
        """Whether `transfer` may ask for it; reverse zones are not handed out."""
        return any(isinstance(each, ClusterZone) and each.name == zone for each in self._zones)

    def contents(self, zone: bytes) -> Contents:
        """A whole zone; see `clusterdns.directives.transfer.Transferable`."""
        (found,) = (each for each in self._zones if isinstance(each, ClusterZone) and each.name == zone)
        frozen, index = found.as_of_now()
        return Contents(frozen.apex.authority(zone), index.serial, records_of(frozen, index))

    async def handle(self, request: Request) -> Reply:
        query = request.query
        zone = self._zone_of(query.folded)
        if zone is None:
            return await self._following(request)
        # What is not here yet may exist: neither a denial nor another directive's answer would be true.
        if not self.synced:
            return reply_with(request, SOURCE, rcode=numbers.SERVFAIL, cacheable=False)
        if query.qtype in (numbers.AXFR, numbers.IXFR):
            return reply_with(request, SOURCE, rcode=numbers.REFUSED, cacheable=False)
        decision = zone.decide(query.name, query.folded, query.qtype)
        if decision.target is not None:
            return await self._chase.complete(request, zone, decision)
        if decision.answer:
            return reply_with(
                request,
                SOURCE,
                flags=numbers.AA,
                answer=decision.answer,
                additional=decision.additional,
                cacheable=False,
            )
        # A reverse zone that falls through is shared: others have the records, of any type, that the cluster has not.
        denied = not decision.exists or isinstance(zone, ReverseZone)
        if denied and any(is_at_or_below(query.folded, name) for name in self._fallthrough):
            return await self._following(request)
        return reply_with(
            request,
            SOURCE,
            rcode=numbers.NOERROR if decision.exists else numbers.NXDOMAIN,
            flags=numbers.AA,
            authority=(zone.apex.authority(query.name),),
            cacheable=False,
        )

    def _zone_of(self, folded: bytes) -> ClusterZone | ReverseZone | None:
        for zone in self._zones:
            if is_at_or_below(folded, zone.name):
                return zone
        return None
