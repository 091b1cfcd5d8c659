"""`acl [ZONES...] { ACTION [type TYPE...] [net NETWORK...] }`: who may ask for what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from clusterdns.corefile import reading
from clusterdns.corefile.reading import IPNetwork
from clusterdns.corefile.tree import Directive
from clusterdns.directives.config import dns_words

Action = Literal["allow", "block", "filter", "drop"]
ACTIONS: tuple[Action, ...] = ("allow", "block", "filter", "drop")


@dataclass(frozen=True, slots=True)
class Policy:
    """What happens to queries of these `types` from these `networks`; None stands for any."""

    action: Action
    types: frozenset[int] | None = None
    networks: tuple[IPNetwork, ...] | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """The first of `policies` that matches decides. `zones` is empty for those of the server block."""

    zones: tuple[str, ...] = ()
    policies: tuple[Policy, ...] = ()


def parse(directive: Directive) -> Config:
    """Read one `acl`; ConfigError with its place on anything else."""
    policies = tuple(_policy(option) for option in reading.options(directive, ACTIONS))
    return Config(reading.zones(directive.args), policies)


def _policy(option: Directive) -> Policy:
    types: set[int] = set()
    networks: list[IPNetwork] = []
    seen: set[str] = set()
    every: set[str] = set()
    section = ""
    for token in option.args:
        word = token.text.lower()
        if word in ("type", "net"):
            if section and section not in seen:
                raise token.error(f"{section} needs something behind it")
            section = word
        elif not section:
            raise token.error(f'{option.name} takes "type" and "net", each with words behind it, not "{token.text}"')
        else:
            seen.add(section)
            if word == "*":
                every.add(section)
            elif section == "type":
                types.add(dns_words.record_type(token))
            else:
                networks.append(dns_words.network(token))
    if section and section not in seen:
        raise option.position.error(f"{section} needs something behind it")
    return Policy(
        cast(Action, option.name),
        None if "type" in every or not types else frozenset(types),
        None if "net" in every or not networks else tuple(networks),
    )
