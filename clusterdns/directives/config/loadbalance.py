"""`loadbalance [round_robin|weighted FILE] { ... }`: another order of the addresses in each answer."""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.corefile import reading
from clusterdns.corefile.reading import IPNetwork
from clusterdns.corefile.tree import Directive
from clusterdns.directives.config import dns_words
from clusterdns.limits import LOADBALANCE_ANSWERS, LOADBALANCE_RELOAD_SECONDS

_POLICIES = ("round_robin", "weighted")


@dataclass(frozen=True, slots=True)
class Config:
    """round_robin, or weighted if `weights` is the path of a file, looked at every `reload` seconds (0: once).

    Addresses of `prefer` come first, those of its first network before all. At most `limit_answers` records are
    answered; 0 is for all.
    """

    prefer: tuple[IPNetwork, ...] = ()
    weights: str = ""
    reload: float = LOADBALANCE_RELOAD_SECONDS.default
    limit_answers: int = LOADBALANCE_ANSWERS.default_int


def parse(directive: Directive) -> Config:
    """Read one `loadbalance`; ConfigError with its place on anything else."""
    weights = ""
    for policy in directive.args[:1]:
        if reading.keyword(policy, _POLICIES, "policy") == "weighted":
            _, file = reading.arguments(directive, 2, 2)
            weights = reading.path(file)
        else:
            reading.arguments(directive, 1, 1)
    prefer: list[IPNetwork] = []
    reload, limit_answers = LOADBALANCE_RELOAD_SECONDS.default, LOADBALANCE_ANSWERS.default_int
    for option in reading.options(directive, ("prefer", "reload", "limit_answers")):
        if option.name == "prefer":
            if weights:
                raise option.position.error("prefer is an option of round_robin, not of weighted")
            prefer += [dns_words.network(token) for token in reading.arguments(option, 1)]
        elif option.name == "reload":
            if not weights:
                raise option.position.error("reload is an option of weighted: there is no file to read again")
            (token,) = reading.arguments(option, 1, 1)
            reload = reading.seconds(token, LOADBALANCE_RELOAD_SECONDS)
        else:
            (token,) = reading.arguments(option, 1, 1)
            limit_answers = reading.integer(token, LOADBALANCE_ANSWERS)
    return Config(tuple(prefer), weights, reload, limit_answers)
