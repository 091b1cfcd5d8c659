"""`health [ADDRESS] { lameduck DURATION }`: answers 200 on /health for as long as the process lives."""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.corefile import reading
from clusterdns.corefile.reading import Endpoint
from clusterdns.corefile.tree import Directive
from clusterdns.limits import HEALTH_LAMEDUCK_SECONDS

DEFAULT = Endpoint("", 8080)


@dataclass(frozen=True, slots=True)
class Config:
    """`lameduck` is the seconds that a stopping program goes on answering, while /ready already says 503."""

    endpoint: Endpoint = DEFAULT
    lameduck: float = HEALTH_LAMEDUCK_SECONDS.default


def parse(directive: Directive) -> Config:
    """Read one `health`; ConfigError with its place on anything else."""
    endpoint, lameduck = DEFAULT, HEALTH_LAMEDUCK_SECONDS.default
    for token in reading.arguments(directive, 0, 1):
        endpoint = reading.endpoint(token, DEFAULT.port)
    for option in reading.options(directive, ("lameduck",)):
        (token,) = reading.arguments(option, 1, 1)
        lameduck = reading.seconds(token, HEALTH_LAMEDUCK_SECONDS)
    return Config(endpoint, lameduck)
