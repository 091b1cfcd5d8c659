"""A zone's own records: SOA and NS at its apex, and the addresses of its name servers (RFC 1035 section 3.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from autopath.decision import NODATA, Decision
from autopath.lookups import Index
from clusterdns.wire import numbers
from clusterdns.wire.records import Record, soa_rdata

_SOA_MAXIMUM_TTL = 300

Servers = Callable[[], Mapping[bytes, tuple[bytes, ...]]]
"""The zone's name servers: names to packed addresses. None are known where we do not know our own address."""


def nobody() -> Mapping[bytes, tuple[bytes, ...]]:
    """No name servers."""
    return {}


def address_record(owner: bytes, address: bytes, ttl: int) -> Record:
    """The A or AAAA record of a packed address."""
    return Record(owner, numbers.A if len(address) == 4 else numbers.AAAA, ttl, address)


class Apex:
    """The apex of one zone, whose name is folded wire; `index` has its serial, `ttl` is in seconds."""

    def __init__(self, zone: bytes, index: Index, ttl: int, servers: Servers) -> None:
        self._zone = zone
        self._index = index
        self._ttl = ttl
        self._soa_ttl = min(ttl, _SOA_MAXIMUM_TTL)
        self._mname, self._rname = b"\x02ns\x03dns" + zone, b"\x0ahostmaster" + zone
        self.servers = servers

    def authority(self, name: bytes, serial: int | None = None) -> Record:
        """The SOA, with the timers of CoreDNS, as the authority of `name`: at or below the zone, in any spelling.

        `serial` is that of the zone, unless one is given.
        """
        serial = self._index.serial if serial is None else serial
        rdata = soa_rdata(self._mname, self._rname, serial, 7200, 1800, 86400, self._ttl)
        return Record(name[len(name) - len(self._zone) :], numbers.SOA, self._soa_ttl, rdata)

    def decide(self, name: bytes, qtype: int) -> Decision:
        """The decision on the apex, as `name` spells it."""
        if qtype == numbers.SOA:
            return Decision(True, (self.authority(name),))
        if qtype == numbers.NS and (servers := self.servers()):
            return Decision(True, [Record(name, numbers.NS, self._ttl, server) for server in servers], self.glue())
        return NODATA

    def glue(self) -> list[Record]:
        """The addresses of the name servers."""
        return [
            address_record(server, address, self._ttl)
            for server, addresses in self.servers().items()
            for address in addresses
        ]

    def server_addresses(self) -> Iterable[bytes]:
        """The same, without names."""
        return (address for addresses in self.servers().values() for address in addresses)
