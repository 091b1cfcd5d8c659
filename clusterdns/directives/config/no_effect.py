"""What a Corefile sets and nothing here does, so that its writer learns it at start and not in an outage.

An option that is only read is marked where it is declared, with `ignored.NO_EFFECT`; a directive that another one makes
meaningless is left out of the chain.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import MISSING, Field, fields
from typing import Any

from clusterdns.directives.config import autopath, ignored, kubernetes
from clusterdns.directives.config.server import ServerConfig


def without_effect(servers: Iterable[ServerConfig]) -> tuple[str, ...]:
    """`pprof`, `forward: max_age`: the directives, and the options that are not at their default; each once."""
    return tuple(
        dict.fromkeys(
            text
            for server in servers
            for name, configs in server.directives.items()
            for config in configs
            for text in _without_effect(name, config, server)
        )
    )


def is_left_aside(config: Any, server: ServerConfig) -> bool:
    """True of `autopath @kubernetes` where no pods are watched: as in CoreDNS, nobody's search list is known then."""
    if not isinstance(config, autopath.Config) or config.source != autopath.KUBERNETES:
        return False
    cluster = server.one(kubernetes.Config)
    return cluster is not None and cluster.pods is not kubernetes.PodMode.VERIFIED


def _without_effect(name: str, config: Any, server: ServerConfig) -> Iterable[str]:
    if isinstance(config, ignored.Config):
        yield name
    if is_left_aside(config, server):
        yield f"{name} @kubernetes, which needs `pods verified`"
    for field in fields(config):
        if ignored.NO_EFFECT.items() <= field.metadata.items() and getattr(config, field.name) != _default(field):
            yield f"{name}: {field.name}"


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()
