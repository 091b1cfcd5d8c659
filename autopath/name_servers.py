"""Who serves the zone: what its NS records name, with the addresses for their glue (RFC 1035 section 3.3.11).

As in CoreDNS, these are the Services that this very server is an endpoint of, each endpoint of a headless one; where
there is none, `ns.dns.<zone>` with the addresses that this server listens on.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from autopath.index import EXTERNAL_NAME, HEADLESS, IndexedService
from autopath.lookups import Index
from clusterdns.kube.addresses import pack

# Nobody has these addresses (RFC 5737, RFC 3849): the way to them is the default route's.
_ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}


def own_addresses(bound: Iterable[str]) -> tuple[str, ...]:
    """The addresses that others know this server by, canonical: `bound`, or those that the default routes go out from.

    Loopback and link-local addresses are nobody else's.
    """
    found: list[str] = []
    for address in map(ip_address, bound):
        if not address.is_unspecified:
            found.append(str(address))
        else:
            found += _route_source(socket.AF_INET6 if address.version == 6 else socket.AF_INET)
    return tuple(
        dict.fromkeys(each for each in found if not (ip_address(each).is_loopback or ip_address(each).is_link_local))
    )


def _route_source(family: socket.AddressFamily) -> Iterator[str]:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((_ELSEWHERE[family], 53))  # a datagram socket: nothing is sent
            yield str(ip_address(sock.getsockname()[0]))
    except OSError:
        return  # this host has no such route


class NameServers:
    """The name servers of one cluster's zones. `own` are our addresses, canonical text."""

    def __init__(self, index: Index, own: Iterable[str]) -> None:
        self._index = index
        self._own = tuple(own)

    def services(self) -> Iterable[IndexedService]:
        """The Services that we are a ready endpoint of, each once."""
        found: dict[bytes, IndexedService] = {}
        for address in self._own:
            for indexed in self._index.slices_at.at(address):
                row = indexed.service
                if row.service is None or row.kind is EXTERNAL_NAME or not self._index.exposes(row):
                    continue
                if indexed.labels_of(address):
                    found[row.key] = row
        return found.values()

    def of(self, zone: bytes) -> dict[bytes, tuple[bytes, ...]]:
        """Names to packed addresses, for the zone `zone` (folded wire); nothing if we do not know who we are.

        Whoever else is an endpoint of these Services answers the same: the replicas of this server agree.
        """
        found: dict[bytes, tuple[bytes, ...]] = {}
        for row in self.services():
            name = row.key + b"\x03svc" + zone
            if row.kind is HEADLESS:
                for label, packed in (ready for each in row.slices.values() for ready in each.ready.items()):
                    endpoint = bytes((len(label),)) + label + name
                    found[endpoint] = tuple(dict.fromkeys((*found.get(endpoint, ()), *packed)))
            elif row.v4 or row.v6:
                found[name] = row.v4 + row.v6
        if found or not self._own:
            return found
        own = (pack(address) for address in self._own)
        return {b"\x02ns\x03dns" + zone: tuple(address for address in own if address is not None)}
