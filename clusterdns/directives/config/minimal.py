"""`minimal`: answers without their authority and additional records. It has no arguments and no options."""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.corefile import reading
from clusterdns.corefile.tree import Directive


@dataclass(frozen=True, slots=True)
class Config:
    """Present, or not."""


def parse(directive: Directive) -> Config:
    """Read one `minimal`; ConfigError with its place on anything else."""
    reading.no_block(directive)
    reading.arguments(directive, 0, 0)
    return Config()
