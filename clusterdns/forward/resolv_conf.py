"""The name servers of a resolv.conf(5), but not those that are this node itself.

Such a file may name this very server, as everyone on the node is to use it, or systemd-resolved's stub, which asks this
server in turn: a question would go round for ever (the loop that CoreDNS ends its process for). What stands behind the
stub is in a file of systemd's.
"""

from __future__ import annotations

import socket
from collections.abc import Collection
from ipaddress import ip_address
from pathlib import Path

from clusterdns.errors import ConfigError
from clusterdns.forward.upstreams import Upstream
from clusterdns.limits import PORT
from clusterdns.socket_address import socket_address

SYSTEMD = Path("/run/systemd/resolve/resolv.conf")
"""What systemd-resolved itself asks (systemd-resolved(8), /run/systemd/resolve/resolv.conf)."""

_WILDCARDS = {4: "0.0.0.0", 6: "::"}


def servers_elsewhere(path: Path, own: Collection[Upstream], systemd: Path = SYSTEMD) -> list[Upstream]:
    """The servers of a file that are neither loopback nor in `own`, which is where this process listens.

    If none is left, those of systemd's file. Raises ConfigError if there are none in either.
    """
    named = read_resolv_conf(path)
    servers = [server for server in named if not _is_own(server, own)]
    if servers or not any(ip_address(server.address).is_loopback for server in named):
        found = servers
    else:
        try:
            found = [server for server in read_resolv_conf(systemd) if not _is_own(server, own)]
        except ConfigError:
            found = []
    if not found:
        names = ", ".join(server.address for server in named)
        raise ConfigError(
            f"forward: {path} names only this node itself ({names}): asking that would be a loop; "
            "write an upstream's address instead"
        )
    return found


def read_resolv_conf(path: Path) -> list[Upstream]:
    """The `nameserver` lines of a file, in its order. Raises ConfigError if it can't be read or has none."""
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except OSError as error:
        raise ConfigError(f"forward: {path} can't be read: {error.strerror}") from error
    servers = []
    for line in lines:
        fields = line.split()
        if len(fields) >= 2 and fields[0] == "nameserver":
            try:
                servers.append(Upstream(ip_address(fields[1]).compressed, PORT.default_int))
            except ValueError:
                raise ConfigError(f"forward: {path}: nameserver {fields[1]!r} is no IP address") from None
    if not servers:
        raise ConfigError(f"forward: {path} has no nameserver line")
    return servers


def _is_own(server: Upstream, own: Collection[Upstream]) -> bool:
    address = ip_address(server.address)
    if address.is_loopback or server in own:
        return True
    # Whoever listens on the wildcard address has every address of the node.
    return Upstream(_WILDCARDS[address.version], server.port) in own and _is_on_this_node(server)


def _is_on_this_node(server: Upstream) -> bool:
    """Whether an address is one of this node's: the kernel then uses it for both ends. Nothing is sent."""
    family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect(socket_address(server.address, server.port))
            return str(sock.getsockname()[0]) == server.address.partition("%")[0]
    except OSError:  # no way there, or a kernel without IPv6
        return False
