"""What Corefiles of CoreDNS have and what means nothing here: the directives `debug`, `pprof` and `trace`, and options.

They are about CoreDNS's own insides (Go profiles, crashes on purpose, spans of its plugins). A Corefile that has one
must load as it is; `no_effect` says so on the log.

An option that is only read is a field like `max_age: float = field(default=0, metadata=NO_EFFECT)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clusterdns.corefile.tree import Directive

NO_EFFECT: Mapping[str, bool] = {"no effect": True}


@dataclass(frozen=True, slots=True)
class Config:
    """Present, whatever its arguments."""


def parse(_directive: Directive) -> Config:
    """Take the directive with any arguments and options."""
    return Config()
