"""The `hosts` directive: addresses from a hosts(5) table, and names for them.

It answers A, AAAA and PTR; a name of the table has NODATA for other types. Names outside go on to the next
directive with `fallthrough`, and do not exist without it; with `fallthrough_unsupported` so do questions of other
types. `*.` in front of a name stands for one label that the table does not have there, and for no PTR. The file is
read again when it has changed, looked at no more often than `reload` says; a file that can't be read keeps the table
as it was.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from clusterdns.directives.chain import Handler, Reply, Request, reply_with
from clusterdns.directives.followed_file import FollowedFile
from clusterdns.wire import numbers
from clusterdns.wire.names import is_at_or_below, name_from_text
from clusterdns.wire.records import Record, address_record

_log = logging.getLogger(__name__)

Address = IPv4Address | IPv6Address

_WILDCARD = b"\1*"
_TYPES = (numbers.A, numbers.AAAA, numbers.PTR)


@dataclass(slots=True)
class Table:
    """Addresses by folded wire name, and names in the table's spelling by folded reverse name."""

    addresses: dict[bytes, list[Address]] = field(default_factory=dict)
    names: dict[bytes, list[bytes]] = field(default_factory=dict)

    def add(self, address: Address, hostname: str) -> None:
        """Add one name of one address. Raises ValueError for what is no name."""
        name = name_from_text(hostname)
        addresses = self.addresses.setdefault(name.lower(), [])
        if address not in addresses:
            addresses.append(address)
        if name.startswith(_WILDCARD):
            return
        names = self.names.setdefault(name_from_text(address.reverse_pointer), [])
        if name not in names:
            names.append(name)


def read_table(text: str) -> Table:
    """A table from hosts(5) text; what says nothing usable is left out and logged, as every resolver does."""
    table = Table()
    for line in text.splitlines():
        fields = line.partition("#")[0].split()
        if len(fields) < 2:
            continue
        try:
            address = ip_address(fields[0].partition("%")[0])
        except ValueError as error:
            _log.warning("hosts: %r is left out: %s", line.strip(), error)
            continue
        for hostname in fields[1:]:
            try:
                table.add(address, hostname)
            except ValueError as error:
                _log.warning("hosts: a name of %s is left out: %s", address, error)
    return table


class Hosts:
    """One directive's handler. `zones` and `fallthrough` are folded wire names; `fallthrough` None means never."""

    def __init__(
        self,
        zones: Sequence[bytes],
        inline: Table,
        path: Path | None,
        following: Handler,
        *,
        ttl: int,
        reload_seconds: float,
        reverse: bool,
        fallthrough: Sequence[bytes] | None,
        fallthrough_unsupported: bool = False,
    ) -> None:
        self._zones = tuple(zones)
        self._inline = inline
        self._file = Table()
        self._followed = path and FollowedFile(path, reload_seconds, "hosts")
        self._following = following
        self._ttl = ttl
        self._reverse = reverse
        self._fallthrough = tuple(fallthrough or ())
        self._fallthrough_unsupported = fallthrough_unsupported

    @property
    def entries(self) -> int:
        """Addresses of names, of the file and of the Corefile."""
        return sum(len(found) for table in (self._inline, self._file) for found in table.addresses.values())

    @property
    def changed_at(self) -> float:
        """When the file that is in use was last changed, seconds since 1970; 0 if none has been read."""
        return self._followed.changed_at if self._followed else 0.0

    async def handle(self, request: Request) -> Reply:
        query = request.query
        if not any(is_at_or_below(query.folded, zone) for zone in self._zones):
            return await self._following(request)
        text = self._followed.new_text(request.now) if self._followed else None
        if text is not None:
            self._file = read_table(text)
        addresses = self._addresses(query.folded) or self._addresses(_wildcard_of(query.folded))
        names = []
        if self._reverse:
            names = [*self._inline.names.get(query.folded, ()), *self._file.names.get(query.folded, ())]
        exists = bool(addresses or names)
        goes_on = not exists or (self._fallthrough_unsupported and query.qtype not in _TYPES)
        if goes_on and any(is_at_or_below(query.folded, zone) for zone in self._fallthrough):
            return await self._following(request)
        if not exists:
            return reply_with(request, "hosts", rcode=numbers.NXDOMAIN, flags=numbers.AA, cacheable=False)
        answer = [
            record
            for record in (address_record(query.name, address, self._ttl) for address in dict.fromkeys(addresses))
            if record.rtype == query.qtype
        ]
        if query.qtype == numbers.PTR:
            # Two spellings of a name are one name, and a set of records holds none twice (RFC 2181 section 5).
            spelled = {name.lower(): name for name in reversed(names)}
            answer += [Record(query.name, numbers.PTR, self._ttl, spelled[name]) for name in reversed(spelled)]
        return reply_with(request, "hosts", flags=numbers.AA, answer=answer, cacheable=False)

    def _addresses(self, folded: bytes) -> list[Address]:
        return [*self._inline.addresses.get(folded, ()), *self._file.addresses.get(folded, ())]


def _wildcard_of(folded: bytes) -> bytes:
    """`*` in the place of a name's first label; the root stays the root."""
    return _WILDCARD + folded[1 + folded[0] :] if folded[0] else folded
