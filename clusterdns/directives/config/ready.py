"""`ready [ADDRESS] { monitor until-ready|continuously }`: 200 on /ready once everything has what it needs to answer."""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.corefile import reading
from clusterdns.corefile.reading import Endpoint
from clusterdns.corefile.tree import Directive

DEFAULT = Endpoint("", 8181)
_MONITORS = ("until-ready", "continuously")


@dataclass(frozen=True, slots=True)
class Config:
    """With `continuously`, what was ready once may make /ready say 503 again; by default it is not asked again."""

    endpoint: Endpoint = DEFAULT
    continuously: bool = False


def parse(directive: Directive) -> Config:
    """Read one `ready`; ConfigError with its place on anything else."""
    endpoint, continuously = DEFAULT, False
    for token in reading.arguments(directive, 0, 1):
        endpoint = reading.endpoint(token, DEFAULT.port)
    for option in reading.options(directive, ("monitor",)):
        (token,) = reading.arguments(option, 1, 1)
        continuously = reading.keyword(token, _MONITORS, "monitor") == "continuously"
    return Config(endpoint, continuously)
