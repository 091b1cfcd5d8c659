"""A Corefile's server blocks with every directive read: what a program starts its servers from.

    text ── corefile.parse ──► tree ── load ──► ServerConfig: keys, and the Configs of its directives

A program says which directives it knows; each is refused, or accepted, here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from clusterdns.corefile import reading
from clusterdns.corefile.keys import ListenKey, listen_keys
from clusterdns.corefile.lexer import Position
from clusterdns.corefile.tree import Corefile, Directive, ServerBlock
from clusterdns.directives.config import (
    absent,
    acl,
    autopath,
    bind,
    bufsize,
    cache,
    dns64,
    errors,
    forward,
    health,
    hosts,
    ignored,
    loadbalance,
    local,
    log,
    loop,
    minimal,
    prometheus,
    ready,
    reload,
    rewrite,
    template,
    timeouts,
    transfer,
    whoami,
)
from clusterdns.directives.config import any as any_config
from clusterdns.limits import PORT

Parser = Callable[[Directive], Any]
"""Reads one directive into its frozen Config, or raises ConfigError with a place."""

STANDARD: Mapping[str, Parser] = {
    "acl": acl.parse,
    "any": any_config.parse,
    "autopath": autopath.parse,
    "bind": bind.parse,
    "bufsize": bufsize.parse,
    "cache": cache.parse,
    "debug": ignored.parse,
    "dns64": dns64.parse,
    "errors": errors.parse,
    "forward": forward.parse,
    "health": health.parse,
    "hosts": hosts.parse,
    "loadbalance": loadbalance.parse,
    "local": local.parse,
    "log": log.parse,
    "loop": loop.parse,
    "minimal": minimal.parse,
    "pprof": ignored.parse,
    "prometheus": prometheus.parse,
    "ready": ready.parse,
    "reload": reload.parse,
    "rewrite": rewrite.parse,
    "template": template.parse,
    "timeouts": timeouts.parse,
    "trace": ignored.parse,
    "transfer": transfer.parse,
    "whoami": whoami.parse,
}
"""The directives of this package; a program adds its own (`kubernetes`) and leaves out what it does not do."""

REPEATABLE = frozenset({"acl", "bind", "forward", "log", "rewrite", "template", "transfer"})
"""The directives that a server block may have several times; CoreDNS refuses any other twice."""

_ALL_ADDRESSES = frozenset({"0.0.0.0", "::"})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """One server block. `directives` has the Configs by the directive's name, in the order of the Corefile."""

    keys: tuple[ListenKey, ...]
    directives: Mapping[str, tuple[Any, ...]]
    position: Position

    @property
    def zones(self) -> tuple[str, ...]:
        """The zones of the keys, each once: what directives without zones of their own are for."""
        return tuple(dict.fromkeys(key.zone for key in self.keys))

    @property
    def addresses(self) -> tuple[str, ...]:
        """What `bind` says; empty for every address of both families."""
        return tuple(dict.fromkeys(address for config in self.all(bind.Config) for address in config.addresses))

    def all(self, kind: type[T]) -> tuple[T, ...]:
        """The Configs of this type, for directives that may be repeated."""
        return tuple(config for configs in self.directives.values() for config in configs if isinstance(config, kind))

    def one(self, kind: type[T]) -> T | None:
        """The Config of this type, or None; for directives that a block has once at most."""
        configs = self.all(kind)
        return configs[0] if configs else None


def load(
    corefile: Corefile, known: Mapping[str, Parser], *, default_port: int = PORT.default_int
) -> tuple[ServerConfig, ...]:
    """Read every directive with its parser of `known`, by name.

    ConfigError, with its place, for a directive that is not known or may not be repeated, for anything that its parser
    refuses, and for two blocks (or keys) that would answer for one zone on one port of the same address. `default_port`
    is for keys that name none (`-dns.port`).
    """
    if not corefile.server_blocks:
        raise Position(corefile.source, 1, 1).error('there is no server block: write at least ". { ... }"')
    servers = tuple(_server(block, known, default_port) for block in corefile.server_blocks)
    _refuse_overlaps(zip(corefile.server_blocks, servers, strict=True))
    return servers


def _server(block: ServerBlock, known: Mapping[str, Parser], default_port: int) -> ServerConfig:
    keys: list[ListenKey] = []
    for token in block.keys:
        for key in listen_keys(token, default_port):
            if key in keys:
                raise token.error(f"{key} is here twice")
            keys.append(key)
    directives: dict[str, list[Any]] = {}
    for directive in block.directives:
        parser = known.get(directive.name)
        if parser is None:
            raise _unknown(directive, known)
        configs = directives.setdefault(directive.name, [])
        if configs and directive.name not in REPEATABLE:
            raise directive.position.error(f"{directive.name} is in this server block twice; it can be there once")
        configs.append(parser(directive))
    return ServerConfig(tuple(keys), {name: tuple(configs) for name, configs in directives.items()}, block.position)


def _unknown(directive: Directive, known: Mapping[str, Parser]) -> Exception:
    if directive.name in absent.INSTEAD:
        return directive.position.error(
            f"the directive {directive.name} of CoreDNS is not supported here; {absent.INSTEAD[directive.name]}"
        )
    return directive.position.error(
        f'unknown directive "{directive.name}"' + reading.did_you_mean(directive.name, known)
    )


def _refuse_overlaps(servers: Iterable[tuple[ServerBlock, ServerConfig]]) -> None:
    seen: dict[ListenKey, list[tuple[ServerBlock, frozenset[str]]]] = {}
    for block, server in servers:
        addresses = frozenset(server.addresses)
        for key in server.keys:
            for earlier, earlier_addresses in seen.get(key, ()):
                if _overlap(addresses, earlier_addresses):
                    place = earlier.position
                    raise block.position.error(
                        f"{key} is already served by the block at {place.source}:{place.line}:{place.column}"
                    )
            seen.setdefault(key, []).append((block, addresses))


def _overlap(first: frozenset[str], second: frozenset[str]) -> bool:
    everywhere = any(not addresses or addresses & _ALL_ADDRESSES for addresses in (first, second))
    return everywhere or bool(first & second)
