"""The `forward` directive: questions for a zone, asked of upstreams. The last link of a chain.

With `client_subnet` the upstream is one of ours, and learns who asks from EDNS Client Subnet (RFC 7871): one address,
never a network. The scope that comes back says for whom the answer is: 0 for everyone, otherwise for this client.
"""

from __future__ import annotations

import logging
import random
import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import fields
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from clusterdns.directives.chain import Handler, Reply, Request, client_view, reply_with
from clusterdns.directives.config.forward import Config
from clusterdns.directives.config.upstreams import ResolvConf
from clusterdns.errors import ConfigError
from clusterdns.forward.forwarder import Forwarder, TooManyQueries
from clusterdns.forward.upstreams import Choose, Upstream, choose_first, choose_in_turn, read_resolv_conf
from clusterdns.limits import QUERIES_IN_FLIGHT, UPSTREAMS
from clusterdns.wire import numbers
from clusterdns.wire.edns import ClientSubnet
from clusterdns.wire.names import is_at_or_below, name_from_text

_log = logging.getLogger(__name__)

# The rest of a Config is read, and warned of: a Corefile that sets it would otherwise mean less than its writer thinks.
_EFFECTIVE = {"zones", "to", "excepted", "policy", "force_tcp", "prefer_udp", "client_subnet"}
_EFFECTIVE |= {"expire", "max_concurrent", "read_timeout"}
_POLICIES: dict[str, Callable[[], Choose]] = {
    "random": lambda: random.randrange,
    "round_robin": choose_in_turn,
    "sequential": lambda: choose_first,
}


def build(config: Config, following: Handler, *, own: Collection[Upstream] = ()) -> Forward:
    """The handler of one `forward` line; `own` is where this server listens. Must be called with the loop running.

    `following` is asked about other names. Close the handler's `forwarder` at the end. Raises ConfigError.
    """
    unused = [
        field.name
        for field in fields(config)
        if field.name not in _EFFECTIVE and getattr(config, field.name) != field.default
    ]
    if unused:
        _log.warning("forward: %s: no effect yet", ", ".join(unused))
    forwarder = Forwarder(
        upstreams_of(config, own),
        choose=_POLICIES[config.policy](),
        idle_seconds=config.expire,
        try_seconds=config.read_timeout,
        max_in_flight=config.max_concurrent or QUERIES_IN_FLIGHT.default_int,
    )
    return Forward(config, forwarder, following)


def upstreams_of(config: Config, own: Collection[Upstream] = ()) -> tuple[Upstream, ...]:
    """Where to forward: the addresses of the line, and those of its files but `own`, each once. Raises ConfigError."""
    found: dict[Upstream, None] = {}
    for target in config.to:
        if isinstance(target, ResolvConf):
            # Such a file may name this very server: everyone on the node is to use it. Asking it would be a loop.
            servers = [server for server in read_resolv_conf(Path(target.path)) if not _is_own(server, own)]
            if not servers:
                raise ConfigError(f"forward: {target.path} names only this server; write an upstream's address instead")
            found.update(dict.fromkeys(servers))
        elif target.transport != "dns":
            raise ConfigError(f"forward: {target.transport}://{target.address} is not supported yet; use dns://")
        else:
            found[Upstream(ip_address(target.address).compressed, target.port)] = None
    if len(found) > UPSTREAMS.maximum:
        raise ConfigError(f"forward: {len(found)} upstreams; {UPSTREAMS.maximum:g} is the most")
    return tuple(found)


def _is_own(server: Upstream, own: Collection[Upstream]) -> bool:
    address = ip_address(server.address)
    # Whoever listens on the wildcard address has the loopback ones, too.
    everywhere = Upstream("0.0.0.0" if address.version == 4 else "::", server.port)
    return server in own or (address.is_loopback and everywhere in own)


class Forward:
    """One directive's handler."""

    def __init__(self, config: Config, forwarder: Forwarder, following: Handler) -> None:
        self.forwarder = forwarder
        self._zones = _wire_names(config.zones)
        self._excepted = _wire_names(config.excepted)
        self._takes_all = numbers.ROOT in self._zones and not self._excepted
        # "force_tcp" beats "prefer_udp", and both beat the protocol of the client (CoreDNS forward).
        self._transport: Literal["udp", "tcp"] | None
        self._transport = "tcp" if config.force_tcp else "udp" if config.prefer_udp else None
        self._client_subnet = config.client_subnet
        self._following = following

    async def handle(self, request: Request) -> Reply:
        query = request.query
        if not (self._takes_all or self._is_ours(query.folded)):
            return await self._following(request)
        transport = self._transport or ("udp" if request.transport == "udp" else "tcp")
        subnet = _subnet_of(request.client) if self._client_subnet else None
        try:
            response = await self.forwarder.forward(query, transport=transport, subnet=subnet)
        except TooManyQueries as error:
            # "will get a REFUSED response" (CoreDNS forward, max_concurrent).
            _log.debug("%s", error)
            return reply_with(request, "forward", rcode=numbers.REFUSED, cacheable=False)
        view = None
        if subnet is not None and response.subnet is not None and response.subnet.scope:
            # A network's worth of clients is nothing that we can look up by: it is kept for this client alone.
            view = client_view(request.client)
        return Reply(response, "forward", view=view)

    def _is_ours(self, name: bytes) -> bool:
        if self._excepted and any(is_at_or_below(name, zone) for zone in self._excepted):
            return False
        return any(is_at_or_below(name, zone) for zone in self._zones)


def _wire_names(names: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(name_from_text(name).lower() for name in names)


def _subnet_of(client: str) -> ClientSubnet:
    """The option for one client. `inet_pton` costs a tenth of `ip_address`."""
    if ":" in client:
        return ClientSubnet(socket.inet_pton(socket.AF_INET6, client), 128)
    return ClientSubnet(socket.inet_aton(client), 32)
