"""Bound sockets for the listeners, and what to tell an operator whose address can't be bound.

SO_REUSEPORT lets a new process bind while the old one still answers, so that an update loses no query; the old one
answers until the new one takes over, or the old one ends (clusterdns.listen.steering). Processes that answer together
let the kernel spread what arrives over them.
"""

from __future__ import annotations

import errno
import socket
from ipaddress import ip_address

from clusterdns.errors import ConfigError
from clusterdns.listen.steering import hold
from clusterdns.socket_address import socket_address

# What a socket buffers for us while we are busy; the kernel halves or caps it as it sees fit.
_BUFFER_BYTES = 4 * 1024 * 1024
BACKLOG = 1024
"""Connections that may wait to be accepted."""
IP_PKTINFO = getattr(socket, "IP_PKTINFO", 8)
"""ip(7); Python's socket module names it only from 3.14 on."""


def open_udp(address: str, port: int, *, spreads: bool = False) -> socket.socket:
    """A bound, non-blocking socket. `address` is an IP address; several processes may share it (SO_REUSEPORT).

    With `spreads` each of them gets its share at once; all must say so. Raises ConfigError naming the address and what
    to do.
    """
    family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:
        raise _explain(error, address, port, "UDP") from error
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if ip_address(address).is_unspecified:
            # The answer must leave from the address that was asked, which only the packet tells.
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            else:
                sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        sock.bind(socket_address(address, port))
        if not spreads:
            hold(sock)
    except OSError as error:
        sock.close()
        raise _explain(error, address, port, "UDP") from error
    return sock


def open_tcp(address: str, port: int, *, spreads: bool = False) -> socket.socket:
    """A listening, non-blocking socket; see `open_udp`. Raises ConfigError naming the address and what to do."""
    family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
    try:
        # The protocol is named, as asyncio sets TCP_NODELAY only where it is: without it the second of two answers
        # waits for the client to acknowledge the first, for 40 ms where that client delays it.
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise _explain(error, address, port, "TCP") from error
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(socket_address(address, port))
        sock.listen(BACKLOG)
        if not spreads:
            hold(sock)
    except OSError as error:
        sock.close()
        raise _explain(error, address, port, "TCP") from error
    return sock


def _explain(error: OSError, address: str, port: int, protocol: str) -> ConfigError:
    where = f"{protocol} [{address}]:{port}" if ":" in address else f"{protocol} {address}:{port}"
    if error.errno == errno.EADDRINUSE:
        return ConfigError(f"can't listen on {where}: another program does; stop it or choose another address or port")
    if error.errno == errno.EADDRNOTAVAIL:
        return ConfigError(f"can't listen on {where}: no interface of this host has that address")
    if error.errno in (errno.EACCES, errno.EPERM):
        return ConfigError(f"can't listen on {where}: ports below 1024 need CAP_NET_BIND_SERVICE or root")
    if error.errno == errno.EAFNOSUPPORT:
        return ConfigError(f"can't listen on {where}: this kernel has IPv6 switched off; leave the address out")
    return ConfigError(f"can't listen on {where}: {error.strerror}")
