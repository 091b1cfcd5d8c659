"""The TO of `forward FROM TO...`: `IP[:PORT]`, `dns://IP[:PORT]`, `tls://IP[%NAME][:PORT]`, or a resolv.conf(5).

In the place of the IP may stand the name of a host, which has a dot in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from clusterdns.corefile import reading
from clusterdns.corefile.lexer import Token

_PORTS = {"dns": 53, "tls": 853}
# A word without a dot would rather be a typing error, and the last label of a host's name has a letter (RFC 3696).
_HOST_NAME = re.compile(r"([A-Za-z0-9_-]{1,63}\.)+(?=[^.]*[A-Za-z])[A-Za-z0-9-]{1,63}\.?")
_REFUSED = ("https", "grpc")


@dataclass(frozen=True, slots=True)
class Upstream:
    """One server to ask. `server_name` is whom a `tls` upstream must prove to be; empty if `tls_servername` says it."""

    transport: Literal["dns", "tls"]
    address: str
    port: int
    server_name: str = ""


@dataclass(frozen=True, slots=True)
class HostName:
    """Servers to ask by the name of their host, looked up by the one who forwards.

    A `tls` upstream without `server_name` must prove to be that host, unless `tls_servername` says otherwise.
    """

    transport: Literal["dns", "tls"]
    name: str
    port: int
    server_name: str = ""


@dataclass(frozen=True, slots=True)
class ResolvConf:
    """The name servers of a resolv.conf(5), read by the one who forwards."""

    path: str


def upstream(token: Token) -> Upstream | HostName | ResolvConf:
    """Read one TO; ConfigError with its place on anything else."""
    scheme, separator, rest = token.text.rpartition("://")
    transport = scheme.lower()
    if not separator:
        # An address has no slash.
        if "/" in rest and "\0" not in rest:
            return ResolvConf(rest)
        transport = "dns"
    if transport in _REFUSED:
        raise token.error(f"upstreams over {transport}:// are not supported here: write dns:// or tls://")
    if transport not in _PORTS:
        raise token.error(f'unknown transport "{scheme}://"' + reading.did_you_mean(transport, _PORTS))
    server_name = ""
    if transport == "tls" and "%" in rest:
        # tls://9.9.9.9%dns.quad9.net:853
        rest, _, tail = rest.partition("%")
        server_name, colon, port = tail.partition(":")
        rest += colon + port
        if not server_name:
            raise token.error(f'"{token.text}" has no server name behind its "%"')
    address, port_number = reading.host_and_port(token, _PORTS[transport], rest)
    if not reading.is_address(address):
        if not _HOST_NAME.fullmatch(address):
            raise token.error(
                f'"{token.text}" is no upstream: write an IP address, or the name of a host with a dot in it, with or '
                "without :port, or a path"
            )
        if port_number == 0:
            raise token.error(f'"{token.text}": nobody answers on port 0')
        return HostName("tls" if transport == "tls" else "dns", address.lower(), port_number, server_name)
    if port_number == 0:
        raise token.error(f'"{token.text}": nobody answers on port 0')
    return Upstream("tls" if transport == "tls" else "dns", address, port_number, server_name)
