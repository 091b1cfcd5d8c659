"""`bufsize [SIZE]`: the largest answer over UDP for clients that speak EDNS."""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.corefile import reading
from clusterdns.corefile.tree import Directive
from clusterdns.limits import BUFSIZE


@dataclass(frozen=True, slots=True)
class Config:
    """`size` in bytes."""

    size: int = BUFSIZE.default_int


def parse(directive: Directive) -> Config:
    """Read one `bufsize`; ConfigError with its place on anything else."""
    reading.no_block(directive)
    for token in reading.arguments(directive, 0, 1):
        return Config(reading.integer(token, BUFSIZE))
    return Config()
