"""`local { localhost_prefix on|off }`: answer the names of the loopback here, and let none of them out."""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.corefile import reading
from clusterdns.corefile.tree import Directive


@dataclass(frozen=True, slots=True)
class Config:
    """With `localhost_prefix`, `localhost.` in front of a search domain is the loopback, too."""

    localhost_prefix: bool = True


def parse(directive: Directive) -> Config:
    """Read one `local`; ConfigError with its place on anything else."""
    reading.arguments(directive, 0, 0)
    localhost_prefix = True
    for option in reading.options(directive, ("localhost_prefix",)):
        (token,) = reading.arguments(option, 1, 1)
        localhost_prefix = reading.keyword(token, ("on", "off"), "value of localhost_prefix") == "on"
    return Config(localhost_prefix)
