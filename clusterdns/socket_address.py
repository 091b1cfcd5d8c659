"""The socket address of an IP address that may name its link: fe80::1%eth0 (RFC 4007 section 11).

Of a plain pair of address and port, Python leaves the link out (socket, `bind` and `connect`).
"""

from __future__ import annotations

import socket


def socket_address(address: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """For sockets of the address's family. OSError if there is no such link."""
    host, _, link = address.partition("%")
    if not link:
        return host, port
    return host, port, 0, int(link) if link.isdecimal() else socket.if_nametoindex(link)
