"""`dns64 [PREFIX] { prefix PREFIX; translate_all; allow_ipv4 }`: IPv6 addresses for what has none (RFC 6147)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Network

from clusterdns.corefile import reading
from clusterdns.corefile.lexer import Token
from clusterdns.corefile.tree import Directive
from clusterdns.directives.config import dns_words

WELL_KNOWN_PREFIX = IPv6Network("64:ff9b::/96")
# "one of the following values: 32, 40, 48, 56, 64, or 96" (RFC 6052 section 2.2).
_LENGTHS = (32, 40, 48, 56, 64, 96)


@dataclass(frozen=True, slots=True)
class Config:
    """`prefix` is the network's that NAT64 translates.

    With `translate_all`, names with IPv6 addresses are translated, too; with `allow_ipv4`, for clients that ask over
    IPv4, too.
    """

    prefix: IPv6Network = WELL_KNOWN_PREFIX
    translate_all: bool = False
    allow_ipv4: bool = False


def parse(directive: Directive) -> Config:
    """Read one `dns64`; ConfigError with its place on anything else."""
    prefix, translate_all, allow_ipv4 = WELL_KNOWN_PREFIX, False, False
    for token in reading.arguments(directive, 0, 1):
        prefix = _prefix(token)
    for option in reading.options(directive, ("prefix", "translate_all", "allow_ipv4")):
        if option.name == "prefix":
            (token,) = reading.arguments(option, 1, 1)
            prefix = _prefix(token)
        elif option.name == "translate_all":
            translate_all = reading.flag(option)
        else:
            allow_ipv4 = reading.flag(option)
    return Config(prefix, translate_all, allow_ipv4)


def _prefix(token: Token) -> IPv6Network:
    network = dns_words.network(token)
    if not isinstance(network, IPv6Network) or network.prefixlen not in _LENGTHS:
        lengths = ", ".join(f"/{length}" for length in _LENGTHS)
        raise token.error(f'"{token.text}" is no prefix of NAT64: it is an IPv6 network of one of {lengths}')
    # "bits 64 to 71 … MUST be set to zero" (RFC 6052 section 2.2).
    if network.network_address.packed[8]:
        raise token.error(f'"{token.text}" is no prefix of NAT64: its bits 64 to 71 must be zero')
    return network
