"""The `forward` directive: questions for a zone, asked of upstreams. The last link of a chain.

With `client_subnet` the upstream is one of ours, and learns who asks from EDNS Client Subnet (RFC 7871): one address,
never a network. The scope that comes back says for whom the answer is: 0 for everyone, otherwise for this client.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import socket
from collections.abc import Collection, Sequence
from ipaddress import ip_address
from pathlib import Path
from ssl import SSLContext
from types import MappingProxyType

from clusterdns.directives.chain import Handler, Reply, Request, client_view, reply_with
from clusterdns.directives.config.forward import Config
from clusterdns.directives.config.upstreams import HostName, ResolvConf
from clusterdns.errors import ConfigError
from clusterdns.forward.checks import CheckSettings
from clusterdns.forward.exchange import Rules, Transport
from clusterdns.forward.following import Following
from clusterdns.forward.forwarder import Forwarder, Settings, TooManyQueries
from clusterdns.forward.host_names import Addresses, CAresLookUp, HostNames
from clusterdns.forward.policy import POLICIES
from clusterdns.forward.resolv_conf import SYSTEMD, servers_elsewhere
from clusterdns.forward.tcp import TcpSettings
from clusterdns.forward.tls import client_context
from clusterdns.forward.upstreams import Upstream
from clusterdns.limits import FORWARD_CONNECTIONS, QUERIES_IN_FLIGHT, UPSTREAMS
from clusterdns.wire import numbers
from clusterdns.wire.edns import ClientSubnet
from clusterdns.wire.names import is_at_or_below, name_from_text
from clusterdns.wire.response import Kind, Response

_log = logging.getLogger(__name__)


def build(config: Config, following: Handler, *, own: Collection[Upstream] = ()) -> Forward:
    """The handler of one `forward` line; `own` is where this server listens. Must be called with the loop running.

    `following` is asked about other names. Close the handler's `forwarder` at the end. Raises ConfigError.
    """
    upstreams = upstreams_of(config, own)
    forwarder = Forwarder(upstreams, settings_of(config, upstreams), choose=POLICIES[config.policy](random.random))
    names = [target.name for target in config.to if isinstance(target, HostName)]
    hosts = HostNames(
        forwarder, names, CAresLookUp(config.resolver), lambda addresses: upstreams_of(config, own, addresses)
    )
    if names:
        forwarder.accompany(asyncio.get_running_loop().create_task(hosts.run(), name=f"upstreams {' '.join(names)}"))
    files = [Path(target.path) for target in config.to if isinstance(target, ResolvConf)]
    if files:
        Following(forwarder, [*files, SYSTEMD], lambda: upstreams_of(config, own, hosts.addresses))
    return Forward(config, forwarder, following)


def upstreams_of(
    config: Config, own: Collection[Upstream] = (), hosts: Addresses = MappingProxyType({})
) -> tuple[Upstream, ...]:
    """Where to forward: the addresses of the line, those of its files but this node's, and of its `hosts`, each once.

    A host that is not among them has not been found yet. Raises ConfigError.
    """
    found: dict[Upstream, None] = {}
    for target in config.to:
        if isinstance(target, ResolvConf):
            found.update(dict.fromkeys(servers_elsewhere(Path(target.path), own)))
        else:
            is_tls = target.transport == "tls"
            server_name = (target.server_name or config.tls_servername) if is_tls else ""
            addresses: Sequence[str] = ()
            if isinstance(target, HostName):
                server_name = server_name or (target.name.removesuffix(".") if is_tls else "")
                addresses = hosts.get(target.name, ())
            else:
                addresses = (ip_address(target.address).compressed,)
            found.update(dict.fromkeys(Upstream(each, target.port, is_tls, server_name) for each in addresses))
    if len(found) > UPSTREAMS.maximum:
        raise ConfigError(f"forward: {len(found)} upstreams; {UPSTREAMS.maximum:g} is the most")
    return tuple(found)


def settings_of(config: Config, upstreams: Sequence[Upstream]) -> Settings:
    """How to ask, from what the line says. Reads the files of `tls`; raises ConfigError."""
    check = config.health_check
    return Settings(
        max_in_flight=config.max_concurrent or QUERIES_IN_FLIGHT.default_int,
        rules=Rules(try_seconds=config.read_timeout, failover=config.failover),
        tcp=TcpSettings(
            max_connections=int(min(config.max_idle_conns or FORWARD_CONNECTIONS.default, FORWARD_CONNECTIONS.maximum)),
            idle_seconds=config.expire,
            connect_seconds=config.read_timeout,
            max_age=config.max_age or math.inf,
            source=_source(config, upstreams),
            tls=_tls(config, upstreams),
        ),
        checks=CheckSettings(
            pause_seconds=check.seconds,
            name=name_from_text(check.domain).lower(),
            recursion_desired=check.recursion_desired,
        ),
        max_fails=config.max_fails,
        max_tries=config.max_connect_attempts,
        fail_fast=config.failfast_all_unhealthy_upstreams,
    )


def _source(config: Config, upstreams: Sequence[Upstream]) -> str:
    if not config.source_address:
        return ""
    source = ip_address(config.source_address)
    for upstream in upstreams:
        if ip_address(upstream.address).version != source.version:
            raise ConfigError(
                f"forward: source_address {source} can't be used to ask {upstream}; "
                "write a forward line of its own for the upstreams of the other address family"
            )
    return source.compressed


def _tls(config: Config, upstreams: Sequence[Upstream]) -> SSLContext | None:
    by_name = any(isinstance(target, HostName) and target.transport == "tls" for target in config.to)
    if by_name or any(upstream.tls for upstream in upstreams):
        return client_context(config.tls.certificate, config.tls.key, config.tls.authority)
    return None


class Forward:
    """One directive's handler."""

    def __init__(self, config: Config, forwarder: Forwarder, following: Handler) -> None:
        self.forwarder = forwarder
        self._zones = _wire_names(config.zones)
        self._excepted = _wire_names(config.excepted)
        self._takes_all = numbers.ROOT in self._zones and not self._excepted
        # CoreDNS asks as the client does unless told otherwise. Here it is UDP first, and TCP for what is truncated:
        # resolvers of clouds count connections, and some have no TCP; a client with `use-vc` must not decide that.
        self._transport: Transport = "tcp" if config.force_tcp else "udp"
        self._client_subnet = config.client_subnet
        self._following = following
        # "If no next plugin is defined, or the next plugin is not a forward plugin, this setting is ignored" (CoreDNS
        # forward, next).
        passes_on = isinstance(getattr(following, "__self__", None), Forward)
        self._next = config.next if passes_on else frozenset()
        self._next_on_nodata = config.next_on_nodata and passes_on
        self._judges = bool(self._next or self._next_on_nodata)

    async def handle(self, request: Request) -> Reply:
        query = request.query
        if not (self._takes_all or self._is_ours(query.folded)):
            return await self._following(request)
        subnet = _subnet_of(request.client) if self._client_subnet else None
        try:
            response = await self.forwarder.forward(query, transport=self._transport, subnet=subnet)
        except TooManyQueries as error:
            # "will get a REFUSED response" (CoreDNS forward, max_concurrent).
            _log.debug("%s", error)
            return reply_with(request, "forward", rcode=numbers.REFUSED, cacheable=False)
        if self._judges and self._is_for_next(response):
            return await self._following(request)
        view = None
        if subnet is not None and response.subnet is not None and response.subnet.scope:
            # A network's worth of clients is nothing that we can look up by: it is kept for this client alone.
            view = client_view(request.client)
        return Reply(response, "forward", view=view)

    def _is_ours(self, name: bytes) -> bool:
        if self._excepted and any(is_at_or_below(name, zone) for zone in self._excepted):
            return False
        return any(is_at_or_below(name, zone) for zone in self._zones)

    def _is_for_next(self, response: Response) -> bool:
        if response.rcode in self._next:
            return True
        # Without an SOA it is NODATA all the same, though nothing that a cache may keep.
        is_nodata = response.rcode == numbers.NOERROR and response.kind is not Kind.ANSWER
        return self._next_on_nodata and is_nodata


def _wire_names(names: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(name_from_text(name).lower() for name in names)


def _subnet_of(client: str) -> ClientSubnet:
    """The option for one client. `inet_pton` costs a tenth of `ip_address`."""
    if ":" in client:
        return ClientSubnet(socket.inet_pton(socket.AF_INET6, client), 128)
    return ClientSubnet(socket.inet_aton(client), 32)
