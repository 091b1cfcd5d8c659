"""What a Corefile sets and nothing here does, so that its writer learns it at start and not in an outage.

An option that is only read is marked where it is declared, with `ignored.NO_EFFECT`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import MISSING, Field, fields
from typing import Any

from clusterdns.directives.config import ignored
from clusterdns.directives.config.server import ServerConfig


def without_effect(servers: Iterable[ServerConfig]) -> tuple[str, ...]:
    """`pprof`, `forward: max_age`: the directives, and the options that are not at their default; each once."""
    return tuple(
        dict.fromkeys(
            text
            for server in servers
            for name, configs in server.directives.items()
            for config in configs
            for text in _without_effect(name, config)
        )
    )


def _without_effect(name: str, config: Any) -> Iterable[str]:
    if isinstance(config, ignored.Config):
        yield name
    for field in fields(config):
        if ignored.NO_EFFECT.items() <= field.metadata.items() and getattr(config, field.name) != _default(field):
            yield f"{name}: {field.name}"


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()
