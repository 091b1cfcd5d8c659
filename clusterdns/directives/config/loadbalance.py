"""`loadbalance [round_robin] { prefer NETWORK... }`: shuffle the addresses of each answer."""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.corefile import reading
from clusterdns.corefile.reading import IPNetwork
from clusterdns.corefile.tree import Directive
from clusterdns.directives.config import dns_words

_NOT_YET = ("reload", "limit_answers")


@dataclass(frozen=True, slots=True)
class Config:
    """The one policy so far is round_robin. Addresses of `prefer` come first, those of its first network before all."""

    prefer: tuple[IPNetwork, ...] = ()


def parse(directive: Directive) -> Config:
    """Read one `loadbalance`; ConfigError with its place on anything else."""
    for token in reading.arguments(directive, 0, 2):
        if token.text == "weighted":
            raise token.error("the policy weighted of loadbalance is not supported yet")
        reading.keyword(token, ("round_robin",), "policy")
    prefer: list[IPNetwork] = []
    for option in reading.options(directive, ("prefer",), not_yet=_NOT_YET):
        prefer += [dns_words.network(token) for token in reading.arguments(option, 1)]
    return Config(tuple(prefer))
