"""`kubernetes [ZONES...] { options }`: the cluster's zones, and where its objects come from.

Options are CoreDNS's; ours is `manifests DIR`, a folder of Kubernetes manifests in place of an API server.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from msgspec import structs

from clusterdns.corefile import reading
from clusterdns.corefile.lexer import Token
from clusterdns.corefile.tree import Directive
from clusterdns.directives.config.ignored import NO_EFFECT
from clusterdns.errors import ConfigError
from clusterdns.kube.access import IN_CLUSTER, Access
from clusterdns.kube.label_selector import read_label_selector
from clusterdns.limits import (
    KUBERNETES_BURST,
    KUBERNETES_MAX_INFLIGHT,
    KUBERNETES_QPS,
    KUBERNETES_STARTUP_SECONDS,
    KUBERNETES_TTL,
)
from clusterdns.wire.names import is_at_or_below, name_from_text

_REVERSE = (name_from_text("in-addr.arpa"), name_from_text("ip6.arpa"))


class PodMode(enum.Enum):
    """The option `pods`: no pod names at all, any address of an existing namespace, or those of real pods only."""

    DISABLED = "disabled"
    INSECURE = "insecure"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True)
class Config:
    """One directive as configured. Zones are text, lower case with a last dot; an empty string is "not given".

    `primary_zone` is the first that is neither a reverse zone nor one of multi-cluster Services (`multicluster`): names
    that the directive makes are in it. `fallthrough` lists the zones whose denials the next directive may turn into
    answers. `labels` and `namespace_labels` are label selectors. `startup_timeout` is in seconds. `endpoint` and `tls`
    are set where another option makes them mean nothing.
    """

    zones: tuple[str, ...] = ()
    primary_zone: str = ""
    manifests: str = ""
    access: Access = IN_CLUSTER
    namespaces: tuple[str, ...] = ()
    namespace_labels: str = ""
    labels: str = ""
    pods: PodMode = PodMode.DISABLED
    endpoint_pod_names: bool = False
    ttl: int = KUBERNETES_TTL.default_int
    endpoints: bool = True
    fallthrough: tuple[str, ...] = ()
    ignore_empty_service: bool = False
    multicluster: tuple[str, ...] = ()
    zonal: bool = False
    startup_timeout: float = KUBERNETES_STARTUP_SECONDS.default
    endpoint: str = field(default="", metadata=NO_EFFECT)
    tls: str = field(default="", metadata=NO_EFFECT)

    def serving(self, zones: Sequence[str]) -> Config:
        """This Config for `zones` (those of the server block), unless it has zones of its own.

        Raises ConfigError if all of them are reverse zones, or if one of `multicluster` is not among them.
        """
        zones = self.zones or tuple(zones)
        if foreign := [zone for zone in self.multicluster if zone not in zones]:
            raise ConfigError(f"multicluster: {foreign[0]} is none of the zones of kubernetes, {' '.join(zones)}")
        if wrong := [zone for zone in self.multicluster if is_reverse(zone)]:
            raise ConfigError(f"multicluster: {wrong[0]} is a reverse zone")
        forward = [zone for zone in zones if not is_reverse(zone)]
        if not forward:
            raise ConfigError("kubernetes needs a zone that is no reverse zone, such as cluster.local")
        primary = next((zone for zone in forward if zone not in self.multicluster), forward[0])
        return replace(self, zones=zones, primary_zone=primary)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of objects that the answers are made of; until all are synced there are none."""
        return (
            "Namespace",
            "Service",
            *(("EndpointSlice",) if self.endpoints else ()),
            *(("Pod",) if self.pods is PodMode.VERIFIED else ()),
            *(("ServiceImport",) if self.multicluster else ()),
        )


def is_reverse(zone: str) -> bool:
    """True for a zone in in-addr.arpa or ip6.arpa."""
    return any(is_at_or_below(name_from_text(zone), reverse) for reverse in _REVERSE)


def parse(directive: Directive) -> Config:
    """Read `kubernetes [ZONES...] { options }`; without zones, `Config.serving` has still to be asked."""
    config = Config(zones=reading.zones(directive.args))
    for option in reading.options(directive, _OPTIONS):
        config = _OPTIONS[option.name](config, option)
        _refuse_contradictions(config, option)
    config = _by_one_way(config)
    if config.zones:
        try:
            return config.serving(())
        except ConfigError as error:
            raise directive.position.error(error.message) from None
    return config


def _refuse_contradictions(config: Config, option: Directive) -> None:
    """ConfigError at the option that contradicts one before it."""
    access = config.access
    if config.manifests and access != IN_CLUSTER:
        raise option.position.error(
            "manifests stand in for an API server: remove manifests, or kubeconfig, endpoint, tls and apiserver options"
        )
    if config.namespaces and config.namespace_labels:
        raise option.position.error("namespaces and namespace_labels both choose namespaces: remove one of them")
    if config.zonal and not config.endpoints:
        raise option.position.error("zonal needs the endpoints that noendpoints leaves out: remove one of them")


def _by_one_way(config: Config) -> Config:
    """Leave out what does not count, as in CoreDNS: a kubeconfig has all of it, and `tls` is for an `endpoint`."""
    access = config.access
    if access.endpoint and not access.kubeconfig:
        return config
    left = structs.replace(access, endpoint="", certificate="", key="", authority="")
    return replace(config, access=left, endpoint=access.endpoint, tls=access.certificate)


def _manifests(config: Config, option: Directive) -> Config:
    (token,) = reading.arguments(option, 1, 1)
    return replace(config, manifests=reading.path(token))


def _with_access(config: Config, **parts: str | float) -> Config:
    return replace(config, access=structs.replace(config.access, **parts))


def _kubeconfig(config: Config, option: Directive) -> Config:
    file, *context = reading.arguments(option, 1, 2)
    return _with_access(config, kubeconfig=reading.path(file), context=context[0].text if context else "")


def _endpoint(config: Config, option: Directive) -> Config:
    (token,) = reading.arguments(option, 1, 1)
    if not token.text.startswith(("http://", "https://")):
        raise token.error(f'"{token.text}" is no URL of an API server: write it as https://10.96.0.1:443')
    return _with_access(config, endpoint=token.text)


def _tls(config: Config, option: Directive) -> Config:
    certificate, key, authority = map(reading.path, reading.arguments(option, 3, 3))
    return _with_access(config, certificate=certificate, key=key, authority=authority)


def _qps(config: Config, option: Directive) -> Config:
    (token,) = reading.arguments(option, 1, 1)
    return _with_access(config, qps=reading.number(token, KUBERNETES_QPS))


def _burst(config: Config, option: Directive) -> Config:
    (token,) = reading.arguments(option, 1, 1)
    return _with_access(config, burst=reading.integer(token, KUBERNETES_BURST))


def _max_inflight(config: Config, option: Directive) -> Config:
    (token,) = reading.arguments(option, 1, 1)
    return _with_access(config, max_inflight=reading.integer(token, KUBERNETES_MAX_INFLIGHT))


def _namespaces(config: Config, option: Directive) -> Config:
    # Several lines add up, as in CoreDNS.
    more = (token.text for token in reading.arguments(option, 1))
    return replace(config, namespaces=(*config.namespaces, *more))


def _namespace_labels(config: Config, option: Directive) -> Config:
    return replace(config, namespace_labels=_selector(reading.arguments(option, 1)))


def _labels(config: Config, option: Directive) -> Config:
    return replace(config, labels=_selector(reading.arguments(option, 1)))


def _selector(tokens: Sequence[Token]) -> str:
    text = " ".join(token.text for token in tokens)
    try:
        read_label_selector(text)
    except ValueError as error:
        raise tokens[0].error(str(error)) from None
    return text


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


def _multicluster(config: Config, option: Directive) -> Config:
    tokens = reading.arguments(option, 1)
    config = replace(config, multicluster=reading.zones(tokens))
    if config.zones:
        try:
            config.serving(())
        except ConfigError as error:
            raise tokens[0].error(error.message) from None
    return config


def _zonal(config: Config, option: Directive) -> Config:
    return replace(config, zonal=reading.flag(option))


def _startup_timeout(config: Config, option: Directive) -> Config:
    (token,) = reading.arguments(option, 1, 1)
    return replace(config, startup_timeout=reading.seconds(token, KUBERNETES_STARTUP_SECONDS))


_OPTIONS: dict[str, Callable[[Config, Directive], Config]] = {
    "apiserver_burst": _burst,
    "apiserver_max_inflight": _max_inflight,
    "apiserver_qps": _qps,
    "endpoint": _endpoint,
    "endpoint_pod_names": _endpoint_pod_names,
    "fallthrough": _fallthrough,
    "ignore": _ignore,
    "kubeconfig": _kubeconfig,
    "labels": _labels,
    "manifests": _manifests,
    "multicluster": _multicluster,
    "namespace_labels": _namespace_labels,
    "namespaces": _namespaces,
    "noendpoints": _noendpoints,
    "pods": _pods,
    "startup_timeout": _startup_timeout,
    "tls": _tls,
    "ttl": _ttl,
    "zonal": _zonal,
}
