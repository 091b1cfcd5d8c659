"""`reload [INTERVAL] [JITTER]`: look for changes of the Corefile, so that a fleet does not do it all at once."""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.corefile import reading
from clusterdns.corefile.tree import Directive
from clusterdns.limits import RELOAD_JITTER_SECONDS, RELOAD_SECONDS


@dataclass(frozen=True, slots=True)
class Config:
    """The Corefile is read every `interval` seconds, more or less by up to `jitter`."""

    interval: float = RELOAD_SECONDS.default
    jitter: float = RELOAD_JITTER_SECONDS.default


def parse(directive: Directive) -> Config:
    """Read one `reload`; ConfigError with its place on anything else."""
    reading.no_block(directive)
    interval, jitter = RELOAD_SECONDS.default, RELOAD_JITTER_SECONDS.default
    for position, token in enumerate(reading.arguments(directive, 0, 2)):
        if position == 0:
            interval = reading.seconds(token, RELOAD_SECONDS)
        else:
            jitter = reading.seconds(token, RELOAD_JITTER_SECONDS)
    # "If JITTER is more than half of INTERVAL, it will be set to half of INTERVAL" (CoreDNS reload)
    return Config(interval, min(jitter, interval / 2))
