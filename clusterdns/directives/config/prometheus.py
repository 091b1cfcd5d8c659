"""`prometheus [ADDRESS] { runtime_metrics }`: metrics on /metrics, by default for this machine only."""

from __future__ import annotations

from dataclasses import dataclass, field

from clusterdns.corefile import reading
from clusterdns.corefile.reading import Endpoint
from clusterdns.corefile.tree import Directive
from clusterdns.directives.config.ignored import NO_EFFECT

DEFAULT = Endpoint("localhost", 9153)


@dataclass(frozen=True, slots=True)
class Config:
    """Where /metrics listens; several server blocks may name the same place."""

    endpoint: Endpoint = DEFAULT
    runtime_metrics: bool = field(default=False, metadata=NO_EFFECT)
    """Of Go's runtime."""


def parse(directive: Directive) -> Config:
    """Read one `prometheus`; ConfigError with its place on anything else."""
    endpoint, runtime_metrics = DEFAULT, False
    for token in reading.arguments(directive, 0, 1):
        endpoint = reading.endpoint(token, DEFAULT.port)
    for option in reading.options(directive, ("runtime_metrics",), refused=("tls",)):
        runtime_metrics = reading.flag(option)
    return Config(endpoint, runtime_metrics)
