"""The addresses of an interface of this host, for `bind`: as they are when a Corefile is read (rtnetlink(7))."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any


def addresses_of(interface: str) -> tuple[str, ...]:
    """Its addresses in canonical form, none if it has none now. OSError if there is no such interface."""
    index = socket.if_nametoindex(interface)
    # The library runs an event loop of its own, for which ours must not be running in the same thread.
    with ThreadPoolExecutor(1) as elsewhere:
        return elsewhere.submit(_read, interface, index).result()


def _read(interface: str, index: int) -> tuple[str, ...]:
    # Few Corefiles name interfaces, and importing it takes a third of a second.
    from pyroute2 import IPRoute, NetlinkError

    try:
        with IPRoute(strict_check=True) as netlink:
            found = [written(message, interface) for message in netlink.addr("dump", index=index)]
    except NetlinkError as error:
        raise OSError(error.code, str(error)) from error
    return tuple(dict.fromkeys(found))


def written(message: Mapping[str, Any], interface: str) -> str:
    """One address as a socket takes it: of a link-local one there is one on every link (RFC 4007 section 11)."""
    address = ip_address(str(message.get("local") or message.get("address")))
    is_on_link = address.version == 6 and address.is_link_local
    return f"{address}%{interface}" if is_on_link else str(address)
