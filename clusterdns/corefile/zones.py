"""Zones as Corefiles write them: a domain name, or a network that stands for its reverse zones.

RFC 1035 section 3.5 (in-addr.arpa) and RFC 3596 section 2.5 (ip6.arpa).
"""

from __future__ import annotations

import ipaddress
import re

from clusterdns.wire.names import fold, name_from_text, name_to_text

# None of these belongs into a zone; each is a typing error that would otherwise make a zone that nobody asks for.
_NOT_IN_A_ZONE = re.compile(r"[\s{}()/:,\"']")


def zones_from_text(text: str) -> tuple[str, ...]:
    """The zones that `text` stands for: lower case, with a last dot.

    A name is one zone. A network (`10.0.0.0/8`) is one zone if its length is a multiple of 8 (IPv6: 4), else the two to
    128 zones that make it up. ValueError, saying what to write, on anything else.
    """
    if "/" in text:
        return _reverse_zones(text)
    return (zone_from_text(text),)


def zone_from_text(text: str) -> str:
    """One domain name, lower case, with a last dot; ValueError if it is none."""
    if not text:
        raise ValueError("the name is empty; is an environment variable unset?")
    if wrong := _NOT_IN_A_ZONE.search(text):
        raise ValueError(f'"{text}" is no domain name: {wrong[0]!r} does not belong there')
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return name_to_text(fold(name_from_text(text)))
    raise ValueError(f'"{text}" is an address, not a zone; for its reverse zone write {text}/{address.max_prefixlen}')


def _reverse_zones(text: str) -> tuple[str, ...]:
    address, _, length = text.rpartition("/")
    # ip_network() would also read "10.0.0.0/255.0.0.0" and "fe80::%eth0/64".
    if not (length.isascii() and length.isdigit()) or "%" in address:
        raise ValueError(f'"{text}" is no network: write it as 10.0.0.0/8 or 2001:db8::/32')
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ValueError(f'"{text}" is no network: write it as 10.0.0.0/8 or 2001:db8::/32') from error
    if network.version == 4:
        digits, bits, suffix = str(network.network_address).split("."), 8, "in-addr.arpa."
    else:
        digits, bits, suffix = list(network.network_address.exploded.replace(":", "")), 4, "ip6.arpa."
    whole, rest = divmod(network.prefixlen, bits)
    kept = digits[:whole]
    if not rest:
        return (".".join([*reversed(kept), suffix]),)
    first = int(digits[whole], 10 if bits == 8 else 16)
    return tuple(
        ".".join([f"{digit:d}" if bits == 8 else f"{digit:x}", *reversed(kept), suffix])
        for digit in range(first, first + (1 << (bits - rest)))
    )
