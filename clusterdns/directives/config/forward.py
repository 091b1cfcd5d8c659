"""`forward FROM TO... { ... }`: ask upstreams for names at or below FROM.

`client_subnet` is ours: queries carry the client's address in EDNS Client Subnet (RFC 7871, /32 or /128), for an
upstream of ours that answers by who the client is. It must never be set for servers outside.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

from clusterdns.corefile import reading
from clusterdns.corefile.lexer import Token
from clusterdns.corefile.tree import Directive
from clusterdns.directives.config.upstreams import HostName, ResolvConf, Upstream, upstream
from clusterdns.limits import (
    FORWARD_HEALTH_SECONDS,
    FORWARD_IDLE_SECONDS,
    FORWARD_MAX_AGE_SECONDS,
    FORWARD_MAX_ATTEMPTS,
    FORWARD_MAX_CONCURRENT,
    FORWARD_MAX_FAILS,
    FORWARD_MAX_IDLE_CONNECTIONS,
    FORWARD_TRY_SECONDS,
    PORT,
    UPSTREAMS,
)
from clusterdns.wire import numbers

_POLICIES = ("random", "round_robin", "sequential", "least_latency")
_REFUSED = ("doh_method",)
_RCODES = {numbers.rcode_name(number): number for number in range(11)}


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How a failed upstream is asked, every `seconds`, until it answers again."""

    seconds: float = FORWARD_HEALTH_SECONDS.default
    recursion_desired: bool = True
    domain: str = "."


@dataclass(frozen=True, slots=True)
class Tls:
    """Paths of PEM files: our certificate and key, and who signs theirs; empty for none, and for the system's."""

    certificate: str = ""
    key: str = ""
    authority: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    """`zones` are FROM, `excepted` those below it that go on to the next directive; numbers are as in CoreDNS.

    Durations are seconds; 0 stands for no limit in `max_fails` (never down), `max_concurrent`, `max_age`,
    `max_idle_conns` and `max_connect_attempts`. `failover` and `next` are rcodes. Several `forward` lines of a block
    are asked in their order. `resolver` has whom to ask for names of hosts in `to`, as `ADDRESS:PORT`, IPv6 in
    brackets; empty for the node's own resolvers.
    """

    zones: tuple[str, ...]
    to: tuple[Upstream | HostName | ResolvConf, ...]
    excepted: tuple[str, ...] = ()
    force_tcp: bool = False
    prefer_udp: bool = False
    client_subnet: bool = False
    policy: str = "random"
    expire: float = FORWARD_IDLE_SECONDS.default
    max_age: float = FORWARD_MAX_AGE_SECONDS.default
    max_fails: int = FORWARD_MAX_FAILS.default_int
    max_concurrent: int = FORWARD_MAX_CONCURRENT.default_int
    max_idle_conns: int = FORWARD_MAX_IDLE_CONNECTIONS.default_int
    max_connect_attempts: int = FORWARD_MAX_ATTEMPTS.default_int
    read_timeout: float = FORWARD_TRY_SECONDS.default
    health_check: HealthCheck = HealthCheck()
    tls: Tls = Tls()
    tls_servername: str = ""
    source_address: str = ""
    failover: frozenset[int] = frozenset()
    next: frozenset[int] = frozenset()
    next_on_nodata: bool = False
    failfast_all_unhealthy_upstreams: bool = False
    resolver: tuple[str, ...] = ()


def parse(directive: Directive) -> Config:
    """Read one `forward`; ConfigError with its place on anything else."""
    origin, *targets = reading.arguments(directive, 2)
    to = tuple(upstream(token) for token in targets)
    if len(to) > UPSTREAMS.maximum:
        raise targets[int(UPSTREAMS.maximum)].error(f"forward takes at most {UPSTREAMS.maximum} upstreams")
    settings: dict[str, Any] = {}
    for option in reading.options(directive, _OPTIONS, refused=_REFUSED):
        field, read = _OPTIONS[option.name]
        value = read(option)
        if field in settings and field in _ADDED_UP:
            value = _ADDED_UP[field](settings[field], value)
        settings[field] = value
    config = Config(reading.zones([origin]), to, **settings)
    if config.tls_servername and any(isinstance(each, Upstream) and each.server_name for each in to):
        raise directive.position.error(
            "write the server's name either as tls_servername or behind its address, not both"
        )
    return config


def _excepted(option: Directive) -> tuple[str, ...]:
    return reading.zones(reading.arguments(option, 1))


def _resolver(option: Directive) -> tuple[str, ...]:
    found = []
    for token in reading.arguments(option, 1):
        address, port = reading.host_and_port(token, PORT.default_int)
        if not reading.is_address(address):
            raise token.error(f'"{token.text}" is no IP address')
        found.append(f"[{address}]:{port}" if ":" in address else f"{address}:{port}")
    return tuple(found)


def _one(read: Callable[[Token], Any]) -> Callable[[Directive], Any]:
    def read_one(option: Directive) -> Any:
        (token,) = reading.arguments(option, 1, 1)
        return read(token)

    return read_one


def _tls(option: Directive) -> Tls:
    # "From 0 to 3 arguments can be provided": nothing, CA, CERT KEY, or CERT KEY CA (CoreDNS forward)
    paths = [reading.path(token) for token in reading.arguments(option, 0, 3)]
    if len(paths) == 1:
        return Tls(authority=paths[0])
    return Tls(*paths)


def _health_check(option: Directive) -> HealthCheck:
    length, *rest = reading.arguments(option, 1, 4)
    recursion_desired, domain = True, "."
    while rest:
        word = rest.pop(0)
        if reading.keyword(word, ("no_rec", "domain"), "option of health_check") == "no_rec":
            recursion_desired = False
        elif not rest:
            raise word.error("domain needs a name behind it")
        else:
            domain = reading.name(rest.pop(0))
    return HealthCheck(reading.seconds(length, FORWARD_HEALTH_SECONDS), recursion_desired, domain)


def _rcodes(names: Collection[str]) -> Callable[[Directive], frozenset[int]]:
    def read(option: Directive) -> frozenset[int]:
        # "nxdomain" as well, as in CoreDNS.
        words = [replace(token, text=token.text.upper()) for token in reading.arguments(option, 1)]
        return frozenset(_RCODES[reading.keyword(word, names, "rcode")] for word in words)

    return read


_OPTIONS: dict[str, tuple[str, Callable[[Directive], Any]]] = {
    "except": ("excepted", _excepted),
    "force_tcp": ("force_tcp", reading.flag),
    "prefer_udp": ("prefer_udp", reading.flag),
    "client_subnet": ("client_subnet", reading.flag),
    "policy": ("policy", _one(lambda token: reading.keyword(token, _POLICIES, "policy"))),
    "expire": ("expire", _one(lambda token: reading.seconds(token, FORWARD_IDLE_SECONDS))),
    "max_age": ("max_age", _one(lambda token: reading.seconds(token, FORWARD_MAX_AGE_SECONDS))),
    "max_fails": ("max_fails", _one(lambda token: reading.integer(token, FORWARD_MAX_FAILS))),
    "max_concurrent": ("max_concurrent", _one(lambda token: reading.integer(token, FORWARD_MAX_CONCURRENT))),
    "max_idle_conns": ("max_idle_conns", _one(lambda token: reading.integer(token, FORWARD_MAX_IDLE_CONNECTIONS))),
    "max_connect_attempts": ("max_connect_attempts", _one(lambda token: reading.integer(token, FORWARD_MAX_ATTEMPTS))),
    "read_timeout": ("read_timeout", _one(lambda token: reading.seconds(token, FORWARD_TRY_SECONDS))),
    "health_check": ("health_check", _health_check),
    "tls": ("tls", _tls),
    "tls_servername": ("tls_servername", _one(lambda token: reading.name(token).removesuffix("."))),
    "source_address": ("source_address", _one(reading.address)),
    "failover": ("failover", _rcodes([name for name in _RCODES if name != "NOERROR"])),
    "next": ("next", _rcodes(_RCODES)),
    "next_on_nodata": ("next_on_nodata", reading.flag),
    "resolver": ("resolver", _resolver),
    "failfast_all_unhealthy_upstreams": ("failfast_all_unhealthy_upstreams", reading.flag),
}

_ADDED_UP: dict[str, Callable[[Any, Any], Any]] = {
    "excepted": operator.add,
    "failover": operator.or_,
    "next": operator.or_,
}
"""What may be written on several lines, and how those add up."""
