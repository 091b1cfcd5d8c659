"""The reverse zones: the address in a question to the names of Services and endpoints (PTR).

A cluster IP has one name. An endpoint has one for each Service that it is ready for, and a host name only by its
Service: `store-0.store.data.svc.<zone>`. Pure.
RFC 1035 section 3.5, RFC 3596 section 2.5; Kubernetes DNS specification 1.1.0.
"""

from __future__ import annotations

from autopath.addresses import from_reverse, is_reverse_stem
from autopath.apex import Apex, Servers, nobody
from autopath.decision import NODATA, NXDOMAIN, Decision
from autopath.index import EXTERNAL_NAME
from autopath.lookups import Index
from clusterdns.cache.watched import ANYTHING, Subjects
from clusterdns.wire import numbers
from clusterdns.wire.names import MAX_NAME, labels
from clusterdns.wire.records import Record


class ReverseZone:
    """One zone in in-addr.arpa or ip6.arpa."""

    def __init__(self, name: bytes, index: Index, *, ttl: int, services: bytes, servers: Servers = nobody) -> None:
        """`name` is the zone's; Services and their namespaces are in front of `services`. Both are folded wire names.

        `ttl` is in seconds.
        """
        self.apex = Apex(name, index, ttl, servers)
        self.name = name
        self._index = index
        self._ttl = ttl
        self._services = services

    def decide(self, name: bytes, folded: bytes, qtype: int) -> Decision:
        """The decision on a name at or below the zone; `name` is in the client's spelling."""
        if len(folded) == len(self.name):
            return self.apex.decide(name, qtype)
        parts = labels(folded)
        address = from_reverse(parts)
        if address is None:
            # Names above whole addresses are empty non-terminals: denying one would deny all below (RFC 8020).
            return NODATA if is_reverse_stem(parts) else NXDOMAIN
        hosts = self._hosts_at(address)
        if not hosts:
            return NXDOMAIN
        if qtype != numbers.PTR:
            return NODATA
        return Decision(True, [Record(name, numbers.PTR, self._ttl, host) for host in hosts])

    def subjects(self, folded: bytes) -> Subjects:
        """What the decision is about: any Service may get the address, or lose it."""
        return ANYTHING

    def _hosts_at(self, address: str) -> list[bytes]:
        services = [row.key for row in self._index.services_at.at(address) if self._index.exposes(row)]
        if services:
            # Two of one address are a mistake, or one is about to go; replicas choose the same whatever they saw first.
            return [min(services) + self._services]
        hosts: dict[bytes, None] = {}
        for indexed in self._index.slices_at.at(address):
            row = indexed.service
            # Names in front of an ExternalName Service do not exist.
            if row.service is None or row.kind is EXTERNAL_NAME or not self._index.exposes(row):
                continue
            for label in indexed.labels_of(address):
                hosts[bytes((len(label),)) + label + row.key + self._services] = None
        return [host for host in hosts if len(host) <= MAX_NAME]
