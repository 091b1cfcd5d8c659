"""`multisocket [N]`: so many processes answer, each with sockets of its own on the same addresses (SO_REUSEPORT)."""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.corefile import reading
from clusterdns.corefile.tree import Directive
from clusterdns.limits import PROCESSES


@dataclass(frozen=True, slots=True)
class Config:
    """`processes` is 0 for as many as this machine has processors for us."""

    processes: int = 0


def parse(directive: Directive) -> Config:
    """Read one `multisocket`; ConfigError with its place on anything else."""
    reading.no_block(directive)
    for token in reading.arguments(directive, 0, 1):
        return Config(reading.integer(token, PROCESSES))
    return Config()
