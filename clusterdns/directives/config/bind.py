"""`bind ADDRESS|INTERFACE... { except ADDRESS|INTERFACE... }`: the addresses that a server block listens on.

An interface stands for the addresses that it has when the Corefile is read, at start or by a reload.
"""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.corefile import reading
from clusterdns.corefile.lexer import Token
from clusterdns.corefile.tree import Directive
from clusterdns.listen.interfaces import addresses_of


@dataclass(frozen=True, slots=True)
class Config:
    """Addresses in canonical form, those of `except` already taken out. Several `bind` lines of a block add up."""

    addresses: tuple[str, ...]


def parse(directive: Directive) -> Config:
    """Read one `bind`; ConfigError with its place on anything else."""
    addresses: list[str] = []
    for token in reading.arguments(directive, 1):
        found = _addresses(token)
        if not found:
            raise token.error(f"bind: the interface {token.text} has no address")
        addresses += found
    for option in reading.options(directive, ("except",)):
        for token in reading.arguments(option, 1):
            excepted = _addresses(token)
            if reading.is_address(token.text) and excepted[0] not in addresses:
                raise token.error(f"{excepted[0]} is not among the addresses of this bind")
            addresses = [each for each in addresses if each not in excepted]
    if not addresses:
        raise directive.position.error("bind excepts all of its addresses")
    return Config(tuple(dict.fromkeys(addresses)))


def _addresses(token: Token) -> tuple[str, ...]:
    if reading.is_address(token.text):
        return (reading.address(token),)
    try:
        return addresses_of(token.text)
    except OSError:
        raise token.error(f'bind: "{token.text}" is no IP address, and no interface of this host') from None
