"""`transfer [ZONES...] { to ADDRESS... }`: who may have whole zones (AXFR, RFC 5936; IXFR, RFC 1995).

The addresses among them are told of changes (NOTIFY, RFC 1996).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from clusterdns.corefile import reading
from clusterdns.corefile.lexer import Token
from clusterdns.corefile.reading import IPNetwork
from clusterdns.corefile.tree import Directive
from clusterdns.directives.config import dns_words
from clusterdns.forward.upstreams import Upstream

_NOTIFY_PORT = 53
_EVERYONE = tuple(map(ipaddress.ip_network, ("0.0.0.0/0", "::/0")))


@dataclass(frozen=True, slots=True)
class Config:
    """Clients in `networks` may have the zones at or below `zones`, which is empty for those of the server block.

    `secondaries` are told when the zones change.
    """

    zones: tuple[str, ...] = ()
    networks: tuple[IPNetwork, ...] = ()
    secondaries: tuple[Upstream, ...] = ()


def parse(directive: Directive) -> Config:
    """Read one `transfer`; ConfigError with its place on anything else."""
    networks: list[IPNetwork] = []
    secondaries: list[Upstream] = []
    for option in reading.options(directive, ("to",)):
        for token in reading.arguments(option, 1):
            if token.text == "*":
                networks += _EVERYONE
            elif "/" in token.text:
                networks.append(dns_words.network(token))
            else:
                secondaries.append(_secondary(token))
                networks.append(ipaddress.ip_network(secondaries[-1].address.partition("%")[0]))
    if not networks:
        raise directive.position.error('transfer needs "to" with the addresses that may have the zone, or *')
    return Config(reading.zones(directive.args), tuple(dict.fromkeys(networks)), tuple(dict.fromkeys(secondaries)))


def _secondary(token: Token) -> Upstream:
    host, port = reading.host_and_port(token, _NOTIFY_PORT)
    if not reading.is_address(host):
        raise token.error(f'"{token.text}" is no address: write one such as 192.0.2.1, 192.0.2.0/24 or *')
    return Upstream(host, port)
