"""Words of the DNS in a Corefile, read: record types, rcodes, networks of clients.

As `clusterdns.corefile.reading` does for words of any directive: the value, or a ConfigError with the word's place.
"""

from __future__ import annotations

import ipaddress
import re

import dnslib

from clusterdns.corefile import reading
from clusterdns.corefile.lexer import Token
from clusterdns.corefile.reading import IPNetwork
from clusterdns.wire import numbers

_RCODES = {numbers.rcode_name(number): number for number in range(11)}
# RFC 6895 section 2.3: these do not fit into a header.
_EXTENDED = frozenset(
    {"BADVERS", "BADSIG", "BADKEY", "BADTIME", "BADMODE", "BADNAME", "BADALG", "BADTRUNC", "BADCOOKIE"}
)
_TYPE_NUMBER = re.compile(r"TYPE([0-9]{1,5})")


def record_type(token: Token) -> int:
    """A type by its name, or as `TYPE65280` (RFC 3597 section 5), in any case of letters."""
    word = token.text.upper()
    if word in dnslib.QTYPE.reverse:
        return int(dnslib.QTYPE.reverse[word])
    match = _TYPE_NUMBER.fullmatch(word)
    if match is None or int(match[1]) > 0xFFFF:
        near = reading.did_you_mean(word, dnslib.QTYPE.reverse)
        raise token.error(f'"{token.text}" is no record type: write one such as A, AAAA or TYPE65280{near}')
    return int(match[1])


def rcode(token: Token) -> int:
    """An rcode by its name or its number, those that a message can carry without EDNS."""
    word = token.text.upper()
    if word in _RCODES:
        return _RCODES[word]
    if word.isascii() and word.isdigit() and len(word) < 3 and int(word) in _RCODES.values():
        return int(word)
    if word in _EXTENDED or word in map(str, range(16, 24)):
        raise token.error(f'"{token.text}" is no rcode without EDNS, and not supported here: remove it')
    near = reading.did_you_mean(word, _RCODES)
    raise token.error(f'"{token.text}" is no rcode: write one such as NXDOMAIN or SERVFAIL{near}')


def network(token: Token) -> IPNetwork:
    """A network or one address; the bits behind its length mean nothing, as in CoreDNS."""
    try:
        return ipaddress.ip_network(token.text, strict=False)
    except ValueError:
        raise token.error(f'"{token.text}" is no network: write it as 10.0.0.0/8 or 2001:db8::/32') from None
