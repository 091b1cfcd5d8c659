"""The keys of a server block: `[scheme://]zone[:port]`, for example `.:53`, `cluster.local`, `10.0.0.0/8`.

A key says for which names, and on which port, the block answers (corefile(5)).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from clusterdns.corefile.lexer import Token
from clusterdns.corefile.zones import zones_from_text
from clusterdns.limits import PORT

# What CoreDNS serves besides plain DNS.
_OTHER_TRANSPORTS = ("tls", "quic", "grpc", "https", "https3")


@dataclass(frozen=True, slots=True)
class ListenKey:
    """One zone on one port. `zone` is lower case with a last dot; the transport `dns` is UDP and TCP on that port."""

    transport: str
    zone: str
    port: int

    def __str__(self) -> str:
        return f"{self.transport}://{self.zone}:{self.port}"


def listen_keys(token: Token, default_port: int = PORT.default_int) -> tuple[ListenKey, ...]:
    """The keys that one word of a Corefile means: one, or several for a network that is no whole reverse zone.

    ConfigError, with its place, if it is none.
    """
    scheme, separator, rest = token.text.rpartition("://")
    transport = scheme.lower() if separator else "dns"
    if transport in _OTHER_TRANSPORTS:
        raise token.error(f"{transport}:// is not supported here: listen for plain DNS, as in dns://{rest}")
    if transport != "dns":
        near = difflib.get_close_matches(transport, ("dns", *_OTHER_TRANSPORTS), n=1)
        raise token.error(f'unknown transport "{scheme}://"' + (f'; did you mean "{near[0]}://"?' if near else ""))
    # The colons of an IPv6 network are before its slash, that of a port is behind it.
    network, slash, tail = rest.rpartition("/")
    name, colon, port_text = tail.partition(":")
    zone_text = f"{network}{slash}{name}"
    port = default_port
    if colon:
        if not (port_text.isascii() and port_text.isdigit()) or len(port_text) > 5:
            raise token.error(f'"{rest}" is no key: "{port_text}" is no port number')
        port = int(port_text)
        place = token.position
        PORT.check(port, where=place.source, line=place.line, column=place.column)
    try:
        # ":53" is ".:53", as in CoreDNS.
        zones = zones_from_text(zone_text) if zone_text or not colon else (".",)
    except ValueError as error:
        raise token.error(str(error)) from error
    return tuple(ListenKey("dns", zone, port) for zone in zones)
