"""`prometheus [ADDRESS]`: metrics on /metrics, by default for this machine only, as CoreDNS has it."""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.corefile import reading
from clusterdns.corefile.reading import Endpoint
from clusterdns.corefile.tree import Directive

DEFAULT = Endpoint("localhost", 9153)


@dataclass(frozen=True, slots=True)
class Config:
    """Where /metrics listens; several server blocks may name the same place."""

    endpoint: Endpoint = DEFAULT


def parse(directive: Directive) -> Config:
    """Read one `prometheus`; ConfigError with its place on anything else."""
    reading.no_block(directive)
    for token in reading.arguments(directive, 0, 1):
        return Config(reading.endpoint(token, DEFAULT.port))
    return Config()
