"""The `kubernetes` directive: questions about the cluster's own zones, answered from the stores.

    chain ──► our zone? ──► zone or reverse: decision ──► reply
                │ no, or denied with `fallthrough`     └► CNAME: external_names
                ▼
             next directive

It stands behind the cache, and its answers pass that by: they are current by watch.
"""

from __future__ import annotations

from collections.abc import Callable

from autopath.external_names import SOURCE, Chase, Zone
from autopath.index import ClusterIndex
from autopath.reverse import ReverseZone
from autopath.zone import ClusterZone, start_of_authority
from clusterdns.directives.chain import Handler, Reply, Request, reply_with
from clusterdns.directives.config.kubernetes import Config, is_reverse
from clusterdns.kube.pod_index import PodIndex
from clusterdns.kube.store import Cluster
from clusterdns.wire import numbers
from clusterdns.wire.names import is_at_or_below, name_from_text, name_to_text
from clusterdns.wire.records import Record


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


class Kubernetes:
    """One directive's handler."""

    def __init__(
        self,
        config: Config,
        cluster: Cluster,
        index: ClusterIndex,
        pods: PodIndex,
        *,
        resolve: Handler,
        following: Handler,
    ) -> None:
        """Answers from `cluster`, whose stores of `config.kinds` somebody fills.

        `index` is over the same stores (`index_over` makes one that fits), and `pods` is asked for verified pods.
        `resolve` answers any name through the whole server.
        """
        self._stores = tuple(cluster.store(kind) for kind in config.kinds)
        self._index = index
        self._ttl = config.ttl
        self._fallthrough = tuple(name_from_text(zone) for zone in config.fallthrough)
        self._following = following
        self._chase = Chase(self._zone_of, self._authority_of, resolve)
        # "longest match" wins where zones lie in each other, as it does between server blocks.
        names = sorted((name_from_text(zone) for zone in set(config.zones)), key=len, reverse=True)
        primary = name_from_text(config.primary_zone)
        self._zones: list[ClusterZone | ReverseZone] = [
            ReverseZone(name, self._index, ttl=config.ttl, primary=primary)
            if is_reverse(name_to_text(name))
            else ClusterZone(
                name,
                self._index,
                ttl=config.ttl,
                pods=config.pods,
                pod_at=pods.pod_at,
                ignore_empty_services=config.ignore_empty_service,
            )
            for name in names
        ]

    @property
    def synced(self) -> bool:
        """True once every store behind the answers has had its first whole list."""
        return all(store.synced for store in self._stores)

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
            authority=(self._authority_of(zone, query.name),),
            cacheable=False,
        )

    def _zone_of(self, folded: bytes) -> ClusterZone | ReverseZone | None:
        for zone in self._zones:
            if is_at_or_below(folded, zone.name):
                return zone
        return None

    def _authority_of(self, zone: Zone, name: bytes) -> Record:
        """The SOA for a denial of `name`, whose spelling of the zone it takes over."""
        return start_of_authority(name[len(name) - len(zone.name) :], zone.name, self._ttl, self._index.serial)
