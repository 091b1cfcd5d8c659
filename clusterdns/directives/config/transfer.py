"""`transfer [ZONES...] { to ADDRESS... }`: who may have whole zones (AXFR, RFC 5936; IXFR, RFC 1995)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from clusterdns.corefile import reading
from clusterdns.corefile.lexer import Token
from clusterdns.corefile.reading import IPNetwork
from clusterdns.corefile.tree import Directive
from clusterdns.directives.config import dns_words

_EVERYONE = tuple(map(ipaddress.ip_network, ("0.0.0.0/0", "::/0")))


@dataclass(frozen=True, slots=True)
class Config:
    """Clients in `networks` may have the zones at or below `zones`, which is empty for those of the server block."""

    zones: tuple[str, ...] = ()
    networks: tuple[IPNetwork, ...] = ()


def parse(directive: Directive) -> Config:
    """Read one `transfer`; ConfigError with its place on anything else."""
    networks: list[IPNetwork] = []
    for option in reading.options(directive, ("to",)):
        for token in reading.arguments(option, 1):
            networks += _networks(token)
    if not networks:
        raise directive.position.error('transfer needs "to" with the addresses that may have the zone, or *')
    return Config(reading.zones(directive.args), tuple(dict.fromkeys(networks)))


def _networks(token: Token) -> tuple[IPNetwork, ...]:
    """`*`, an address with or without a port, or a network. The port would be for NOTIFY, which is never sent."""
    if token.text == "*":
        return _EVERYONE
    if "/" in token.text:
        return (dns_words.network(token),)
    host, _port = reading.host_and_port(token, 53)
    if not reading.is_address(host):
        raise token.error(f'"{token.text}" is no address: write one such as 192.0.2.1, 192.0.2.0/24 or *')
    return (ipaddress.ip_network(host.partition("%")[0]),)
