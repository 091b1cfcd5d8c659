"""`bind ADDRESS... { except ADDRESS... }`: the addresses that a server block listens on instead of all.

Names of interfaces, which CoreDNS takes too, are refused: an address is what a listener can promise.
"""

from __future__ import annotations

from dataclasses import dataclass

from clusterdns.corefile import reading
from clusterdns.corefile.lexer import Token
from clusterdns.corefile.tree import Directive


@dataclass(frozen=True, slots=True)
class Config:
    """Addresses in canonical form, those of `except` already taken out. Several `bind` lines of a block add up."""

    addresses: tuple[str, ...]


def parse(directive: Directive) -> Config:
    """Read one `bind`; ConfigError with its place on anything else."""
    addresses = [_address(token) for token in reading.arguments(directive, 1)]
    for option in reading.options(directive, ("except",)):
        for token in reading.arguments(option, 1):
            excepted = _address(token)
            if excepted not in addresses:
                raise token.error(f"{excepted} is not among the addresses of this bind")
            addresses.remove(excepted)
    if not addresses:
        raise directive.position.error("bind excepts all of its addresses")
    return Config(tuple(dict.fromkeys(addresses)))


def _address(token: Token) -> str:
    if not reading.is_address(token.text):
        raise token.error(
            f'bind takes IP addresses, not names of hosts or interfaces: write the address of "{token.text}"'
        )
    return reading.address(token)
