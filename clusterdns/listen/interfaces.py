"""Interfaces of this host by netlink (rtnetlink(7)): the addresses of one, for `bind`, when a Corefile is read."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyroute2 import IPRoute


def addresses_of(interface: str) -> tuple[str, ...]:
    """Its addresses in canonical form, none if it has none now. OSError if there is no such interface."""
    index = socket.if_nametoindex(interface)
    # The library runs an event loop of its own, for which ours must not be running in the same thread.
    with ThreadPoolExecutor(1) as elsewhere:
        return elsewhere.submit(_read, interface, index).result()


def open_netlink() -> IPRoute:
    """A netlink socket whose dumps the kernel filters, if it can (Linux 4.20), and else the library."""
    # Few Corefiles name interfaces, and importing it takes a third of a second.
    from pyroute2 import IPRoute
    from pyroute2.netlink import NETLINK_GET_STRICT_CHK, SOL_NETLINK

    # Asked of a socket of our own: the library leaves its open when it is refused.
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as probe:
        try:
            probe.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
        except OSError:
            return IPRoute()
    return IPRoute(strict_check=True)


def _read(interface: str, index: int) -> tuple[str, ...]:
    from pyroute2 import NetlinkError

    try:
        with open_netlink() as netlink:
            found = [written(message, interface) for message in netlink.addr("dump", index=index)]
    except NetlinkError as error:
        raise OSError(error.code, str(error)) from error
    return tuple(dict.fromkeys(found))


def written(message: Mapping[str, Any], interface: str) -> str:
    """One address as a socket takes it: of a link-local one there is one on every link (RFC 4007 section 11)."""
    address = ip_address(str(message.get("local") or message.get("address")))
    is_on_link = address.version == 6 and address.is_link_local
    return f"{address}%{interface}" if is_on_link else str(address)
