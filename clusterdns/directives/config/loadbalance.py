"""`loadbalance [round_robin]`: shuffle the addresses of each answer."""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.corefile import reading
from clusterdns.corefile.tree import Directive

_NOT_YET = ("reload", "limit_answers", "prefer")


@dataclass(frozen=True, slots=True)
class Config:
    """Present, or not: the one policy so far is round_robin."""


def parse(directive: Directive) -> Config:
    """Read one `loadbalance`; ConfigError with its place on anything else."""
    for token in reading.arguments(directive, 0, 2):
        if token.text == "weighted":
            raise token.error("the policy weighted of loadbalance is not supported yet")
        reading.keyword(token, ("round_robin",), "policy")
    for _ in reading.options(directive, (), not_yet=_NOT_YET):
        pass
    return Config()
