"""The `kubernetes` directive: questions about the cluster's own zones, answered from the stores.

    chain ──► our zone? ──► zone or reverse: decision ──► reply
                │ no, or denied with `fallthrough`     └► CNAME: external_names
                ▼
             next directive

It stands behind the cache, and its answers pass that by: they are current by watch. Options are CoreDNS's; ours is
`manifests DIR`, a folder of Kubernetes manifests in place of an API server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from autopath.external_names import SOURCE, Chase, Zone
from autopath.index import ClusterIndex
from autopath.reverse import ReverseZone
from autopath.zone import ClusterZone, PodMode, start_of_authority
from clusterdns.corefile import reading
from clusterdns.corefile.tree import Directive
from clusterdns.directives.chain import Handler, Reply, Request, reply_with
from clusterdns.errors import ConfigError
from clusterdns.kube.pod_index import PodIndex
from clusterdns.kube.store import Cluster
from clusterdns.limits import KUBERNETES_STARTUP_SECONDS, KUBERNETES_TTL
from clusterdns.wire import numbers
from clusterdns.wire.names import is_at_or_below, name_from_text
from clusterdns.wire.records import Record

_REVERSE = (name_from_text("in-addr.arpa"), name_from_text("ip6.arpa"))
_NOT_YET = (
    "apiserver_burst",
    "apiserver_max_inflight",
    "apiserver_qps",
    "multicluster",
    "namespace_labels",
    "tls",
    "zonal",
)


@dataclass(frozen=True, slots=True)
class Config:
    """One directive as configured. Zones are text, lower case with a last dot; an empty string is "not given".

    `primary_zone` is the first that is no reverse zone: names that the directive makes are in it. `fallthrough` lists
    the zones whose denials the next directive may turn into answers. `labels` is a selector for the API server.
    `startup_timeout` is in seconds.
    """

    zones: tuple[str, ...] = ()
    primary_zone: str = ""
    manifests: str = ""
    kubeconfig: str = ""
    context: str = ""
    endpoint: str = ""
    namespaces: tuple[str, ...] = ()
    labels: str = ""
    pods: PodMode = PodMode.DISABLED
    endpoint_pod_names: bool = False
    ttl: int = KUBERNETES_TTL.default_int
    endpoints: bool = True
    fallthrough: tuple[str, ...] = ()
    ignore_empty_service: bool = False
    startup_timeout: float = KUBERNETES_STARTUP_SECONDS.default

    def serving(self, zones: Sequence[str]) -> Config:
        """This Config for `zones` (those of the server block), unless it has zones of its own.

        Raises ConfigError if all of them are reverse zones.
        """
        if self.zones:
            return self
        primary = next((zone for zone in zones if not _is_reverse(zone)), None)
        if primary is None:
            raise ConfigError("kubernetes needs a zone that is no reverse zone, such as cluster.local")
        return replace(self, zones=tuple(zones), primary_zone=primary)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of objects that the answers are made of; until all are synced there are none."""
        return (
            "Namespace",
            "Service",
            *(("EndpointSlice",) if self.endpoints else ()),
            *(("Pod",) if self.pods is PodMode.VERIFIED else ()),
        )


def parse(directive: Directive) -> Config:
    """Read `kubernetes [ZONES...] { options }`; without zones, `Config.serving` has still to be asked."""
    config = Config()
    if zones := reading.zones(directive.args):
        try:
            config = config.serving(zones)
        except ConfigError as error:
            raise directive.position.error(error.message) from None
    for option in reading.options(directive, _OPTIONS, not_yet=_NOT_YET):
        config = _OPTIONS[option.name](config, option)
        if config.manifests and (config.kubeconfig or config.endpoint or config.labels):
            raise option.position.error(
                "manifests stand in for an API server: remove manifests, or kubeconfig, endpoint and labels"
            )
    return config


def _manifests(config: Config, option: Directive) -> Config:
    (token,) = reading.arguments(option, 1, 1)
    return replace(config, manifests=reading.path(token))


def _kubeconfig(config: Config, option: Directive) -> Config:
    file, *context = reading.arguments(option, 1, 2)
    return replace(config, kubeconfig=reading.path(file), context=context[0].text if context else "")


def _endpoint(config: Config, option: Directive) -> Config:
    (token,) = reading.arguments(option, 1, 1)
    if not token.text.startswith(("http://", "https://")):
        raise token.error(f'"{token.text}" is no URL of an API server: write it as https://10.96.0.1:443')
    return replace(config, endpoint=token.text)


def _namespaces(config: Config, option: Directive) -> Config:
    return replace(config, namespaces=tuple(token.text for token in reading.arguments(option, 1)))


def _labels(config: Config, option: Directive) -> Config:
    return replace(config, labels=" ".join(token.text for token in reading.arguments(option, 1)))


def _pods(config: Config, option: Directive) -> Config:
    (token,) = reading.arguments(option, 1, 1)
    return replace(config, pods=PodMode(reading.keyword(token, [mode.value for mode in PodMode], "mode of pods")))


def _endpoint_pod_names(config: Config, option: Directive) -> Config:
    return replace(config, endpoint_pod_names=reading.flag(option))


def _ttl(config: Config, option: Directive) -> Config:
    (token,) = reading.arguments(option, 1, 1)
    return replace(config, ttl=reading.integer(token, KUBERNETES_TTL))


def _noendpoints(config: Config, option: Directive) -> Config:
    return replace(config, endpoints=not reading.flag(option))


def _fallthrough(config: Config, option: Directive) -> Config:
    return replace(config, fallthrough=reading.zones(option.args) or (".",))


def _ignore(config: Config, option: Directive) -> Config:
    (token,) = reading.arguments(option, 1, 1)
    reading.keyword(token, ("empty_service",), "thing to ignore")
    return replace(config, ignore_empty_service=True)


def _startup_timeout(config: Config, option: Directive) -> Config:
    (token,) = reading.arguments(option, 1, 1)
    return replace(config, startup_timeout=reading.seconds(token, KUBERNETES_STARTUP_SECONDS))


_OPTIONS: dict[str, Callable[[Config, Directive], Config]] = {
    "endpoint": _endpoint,
    "endpoint_pod_names": _endpoint_pod_names,
    "fallthrough": _fallthrough,
    "ignore": _ignore,
    "kubeconfig": _kubeconfig,
    "labels": _labels,
    "manifests": _manifests,
    "namespaces": _namespaces,
    "noendpoints": _noendpoints,
    "pods": _pods,
    "startup_timeout": _startup_timeout,
    "ttl": _ttl,
}


def index_over(cluster: Cluster, config: Config, *, wall_clock: Callable[[], float]) -> ClusterIndex:
    """The index that a directive with this Config answers from. `wall_clock` gives Unix seconds, for the serial."""
    return ClusterIndex(
        cluster,
        wall_clock=wall_clock,
        namespaces=config.namespaces,
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
            if _is_below_reverse(name)
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


def _is_reverse(zone: str) -> bool:
    return _is_below_reverse(name_from_text(zone))


def _is_below_reverse(name: bytes) -> bool:
    return any(is_at_or_below(name, reverse) for reverse in _REVERSE)
