"""From a Corefile's frozen configuration to chains of handlers, ready to be listened for.

    ServerConfig ──► a chain for each server block ──► a Dispatcher for each listening address

Nothing here opens a socket or starts a task: that is the daemon's (`clusterdns.daemon.dns_server`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clusterdns.cache.watched import Watched
from clusterdns.directives import (
    acl,
    bufsize,
    cache,
    dns64,
    forward,
    loadbalance,
    local,
    minimal,
    rewrite,
    template,
    transfer,
    whoami,
)
from clusterdns.directives import any as any_directive
from clusterdns.directives.autopath import Autopath
from clusterdns.directives.chain import ORDER, Handler, Reply, Request
from clusterdns.directives.config import autopath as autopath_config
from clusterdns.directives.config import cache as cache_config
from clusterdns.directives.config import errors as errors_config
from clusterdns.directives.config import forward as forward_config
from clusterdns.directives.config import hosts as hosts_config
from clusterdns.directives.config import log as log_config
from clusterdns.directives.config import loop as loop_config
from clusterdns.directives.config.no_effect import is_left_aside
from clusterdns.directives.config.server import ServerConfig
from clusterdns.directives.dispatch import Dispatcher
from clusterdns.directives.errors import Errors
from clusterdns.directives.hosts import Hosts, read_table
from clusterdns.directives.log import Log
from clusterdns.directives.loop import Loop
from clusterdns.directives.parts import WILDCARDS, Block, Parts, Place
from clusterdns.directives.transfer import Transferable
from clusterdns.errors import ConfigError, UpstreamFailure
from clusterdns.forward.upstreams import Upstream
from clusterdns.search.lists import SearchLists, WithHostDomains
from clusterdns.search.resolv_conf import FileSearchList, search_domains
from clusterdns.wire.names import name_from_text, parents
from clusterdns.wire.numbers import ROOT


@dataclass(slots=True)
class Site:
    """Where a handler is being made: its server block, and what it may use of the server around it.

    `resolve` answers any name as this server would at the block's addresses. `search_lists` is set by the block's
    `kubernetes` directive, which is made before its `autopath`.
    """

    zones: tuple[bytes, ...]
    block: Block
    clock: Callable[[], float]
    resolve: Handler
    elsewhere: Callable[[bytes], Handler | None]
    """The chain of another server block if one is responsible for this folded name, else None."""
    parts: Parts
    cluster_zones: tuple[bytes, ...] = ()
    """Those of `zones` that belong to the cluster, where denials are short-lived and nothing is given stale."""
    addresses: Sequence[str] = WILDCARDS
    """Where this server block listens."""
    own: Collection[Upstream] = ()
    """Where this process listens: a resolv.conf may name it, and asking it would be a loop."""
    search_lists: SearchLists | None = None
    transferable: list[Transferable] = field(default_factory=list)
    """The directives behind that can hand out zones whole."""
    can_exist: Callable[[bytes], bool] = lambda folded: True
    """Whether a folded name in a zone of the cluster may exist, as far as is known here."""

    def count(self, what: str, *labels: str) -> None:
        """See `clusterdns.directives.chain.Counting`."""
        self.parts.events[what, self.block.place, labels] += 1


Maker = Callable[[Any, Site, Handler], Handler]
"""Makes the handler of one directive from its Config, its site and the next handler."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """`dispatchers` by (address, port), addresses canonical; the wildcard address stands for every address."""

    dispatchers: Mapping[Place, Dispatcher]
    parts: Parts


def assemble(
    servers: Sequence[ServerConfig],
    *,
    clock: Callable[[], float],
    makers: Mapping[str, Maker],
    default_addresses: Sequence[str] = WILDCARDS,
    watched: Watched | None = None,
) -> Assembly:
    """Make every server block's chain. `clock` gives monotonic seconds; `makers` adds to the standard ones.

    `default_addresses` are for blocks without `bind`. `watched` is told when answers of `makers` are current no more.
    Raises ConfigError.
    """
    parts = Parts(watched)
    with parts.unless_it_fails():
        listens, transfers = _route(servers, clock, {**_STANDARD, **makers}, default_addresses, parts)
    dispatchers = {
        place: Dispatcher(chains, parts.new_packet_cache(), clock, transfers.get(place, ()))
        for place, chains in listens.items()
    }
    return Assembly(dispatchers, parts)


def _route(
    servers: Sequence[ServerConfig],
    clock: Callable[[], float],
    makers: Mapping[str, Maker],
    default_addresses: Sequence[str],
    parts: Parts,
) -> tuple[dict[Place, dict[bytes, Handler]], dict[Place, set[bytes]]]:
    """The chain of each zone at each place, and the zones there that are handed out whole."""
    own = {
        Upstream(address, key.port)
        for server in servers
        for key in server.keys
        for address in server.addresses or default_addresses
    }
    listens: dict[Place, dict[bytes, Handler]] = {}
    transfers: dict[Place, set[bytes]] = {}
    reached: list[tuple[dict[bytes, Handler], list[Place]]] = []
    for server in servers:
        for port in dict.fromkeys(key.port for key in server.keys):
            zones = tuple(name_from_text(key.zone) for key in server.keys if key.port == port)
            places = [(address, port) for address in server.addresses or default_addresses]
            routes: dict[bytes, Handler] = {}
            chain = _chain(server, Block(places[0], zones), places, routes, clock, makers, parts, own)
            reached.append((routes, places))
            for place in places:
                listens.setdefault(place, {}).update(dict.fromkeys(zones, chain))
                if "transfer" in server.directives:
                    transfers.setdefault(place, set()).update(zones)
    # Blocks at other addresses may have the same zones for other clients: whoever asks here must not get their answers.
    for routes, places in reached:
        for place in places:
            routes.update(listens[place])
    return listens, transfers


def _chain(
    server: ServerConfig,
    block: Block,
    places: Sequence[Place],
    routes: Mapping[bytes, Handler],
    clock: Callable[[], float],
    makers: Mapping[str, Maker],
    parts: Parts,
    own: Collection[Upstream],
) -> Handler:
    def zone_of(folded: bytes) -> bytes | None:
        return next((name for name in parents(folded) if name in routes), None)

    async def resolve(request: Request) -> Reply:
        zone = zone_of(request.query.folded)
        if zone is None:
            raise UpstreamFailure("this server", "no server block has a zone for the name")
        return await routes[zone](request)

    def elsewhere(folded: bytes) -> Handler | None:
        zone = zone_of(folded)
        return None if zone is None or zone in block.zones else routes[zone]

    addresses = [address for address, _ in places]
    cluster_zones = _cluster_zones(server, block.zones)
    site = Site(block.zones, block, clock, resolve, elsewhere, parts, cluster_zones, addresses, own)
    handler: Handler = _nothing_answers
    for name in reversed(ORDER):
        maker = makers.get(name)
        for config in reversed(server.directives.get(name, ())):
            assert maker is not None, f"{name} can be configured, but nothing makes it"
            if not is_left_aside(config, server):
                handler = maker(config, site, handler)
    return handler


def _cluster_zones(server: ServerConfig, zones: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The zones that this block asks the cluster's DNS for, by the options that only such upstreams get.

    A block for the root may have `force_tcp` from times when every upstream had it.
    """
    asks_cluster = any(config.force_tcp or config.client_subnet for config in server.all(forward_config.Config))
    return tuple(zone for zone in zones if zone != ROOT) if asks_cluster else ()


async def _nothing_answers(request: Request) -> Reply:
    """The end of every chain: a block whose directives all pass has no answer, and SERVFAIL says so."""
    raise UpstreamFailure("this server", "no directive of the server block answers for the name")


def _names(texts: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(name_from_text(text) for text in texts)


def _make_errors(config: errors_config.Config, site: Site, following: Handler) -> Handler:
    return Errors(following, config.consolidate).handle


def _make_log(config: log_config.Config, site: Site, following: Handler) -> Handler:
    return Log(_names(config.zones), config.format, config.classes, site.clock, following, config.slow).handle


def make_autopath(config: autopath_config.Config, site: Site, following: Handler) -> Handler:
    """Make `autopath`; the search lists of pods are those of the site."""
    lists = site.search_lists
    if not config.source.startswith("@"):
        lists = FileSearchList(_read(config.source))
    elif lists is None:
        needed = "needs `kubernetes` with `pods verified` in the same server block"
        if config.source == autopath_config.NODE:
            needed = "is for nodelocal: write autopath @kubernetes"
        raise ConfigError(f"autopath {config.source} {needed}")
    if lists not in site.parts.search_lists:
        site.parts.search_lists.append(lists)
    if config.host_search and config.source != autopath_config.NODE:
        lists = WithHostDomains(lists, search_domains(_read(config.host_search)))
    zones = _names(config.zones) or site.zones
    autopath = Autopath(
        zones,
        lists,
        config.trusted,
        site.clock,
        following,
        site.elsewhere,
        flatten=config.flatten,
        can_exist=site.can_exist,
        asks_ahead=config.source == autopath_config.NODE,
        watched=site.parts.watched,
    )
    site.parts.autopaths.append((site.block, autopath))
    return autopath.handle


def _make_cache(config: cache_config.Config, site: Site, following: Handler) -> Handler:
    handler = cache.build(
        config,
        site.zones,
        site.clock,
        following,
        views_of=site.parts.views_of,
        cluster_zones=site.cluster_zones,
    )
    site.parts.caches.append((site.block, handler.messages))
    return handler.handle


def _make_hosts(config: hosts_config.Config, site: Site, following: Handler) -> Handler:
    hosts = Hosts(
        _names(config.zones) or site.zones,
        read_table(config.inline),
        Path(config.path) if config.path else None,
        following,
        ttl=config.ttl,
        reload_seconds=config.reload,
        reverse=config.reverse,
        fallthrough=None if config.fallthrough is None else _names(config.fallthrough),
        fallthrough_unsupported=config.fallthrough_unsupported,
    )
    site.parts.hosts.append((site.block, hosts))
    return hosts.handle


def _make_loop(config: loop_config.Config, site: Site, following: Handler) -> Handler:
    # The block's forwards stand behind, and are there already.
    site.parts.loops += [(block, forwarder) for block, forwarder in site.parts.forwards if block == site.block]
    return Loop(site.parts.sightings, following).handle


def _make_forward(config: forward_config.Config, site: Site, following: Handler) -> Handler:
    handler = forward.build(config, following, own=site.own)
    site.parts.forwards.append((site.block, handler.forwarder))
    return handler.handle


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", errors="replace")
    except OSError as error:
        raise ConfigError(f"can't be read: {error.strerror}", source=path) from error


_STANDARD: Mapping[str, Maker] = {
    "acl": acl.make,
    "any": any_directive.make,
    "autopath": make_autopath,
    "bufsize": bufsize.make,
    "cache": _make_cache,
    "dns64": dns64.make,
    "errors": _make_errors,
    "forward": _make_forward,
    "hosts": _make_hosts,
    "loadbalance": loadbalance.make,
    "local": local.make,
    "log": _make_log,
    "loop": _make_loop,
    "minimal": minimal.make,
    "rewrite": rewrite.make,
    "template": template.make,
    "transfer": transfer.make,
    "whoami": whoami.make,
}
