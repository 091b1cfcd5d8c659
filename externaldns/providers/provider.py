"""What a DNS provider is to the controller: few methods, so that a webhook, and tests, can stand in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from externaldns.changes import ChangeResult, NameChange
from externaldns.record import Endpoint


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that the provider holds, read at one moment."""

    records: tuple[Endpoint, ...]
    zones: tuple[str, ...]
    """The normalized names of the zones that records can go into."""
    unread: Mapping[str, Exception] = field(default_factory=dict)
    """Those of `zones` that could not be read, and why: what they hold is not known, so nothing of them is changed."""

    hidden: Mapping[str, Sequence[Endpoint]] = field(default_factory=dict)
    """By zone: what it has of names that lie in another one of `zones`. These are not among `records`."""
    cached: bool = False
    """Whether all records were known already."""

    def require_whole(self) -> None:
        """Raise what kept a zone from being read."""
        for error in self.unread.values():
            raise error


class Provider(Protocol):
    """A DNS service."""

    async def read(self) -> Snapshot:
        """Return the zones and their records; ClusterDNSError if no zone can be read."""

    async def changed(self) -> bool:
        """Tell whether `read` may find other records than those that are known, by something cheaper than `read`.
        ClusterDNSError if that can't be told.
        """

    async def zones(self) -> Sequence[str]:
        """Return the normalized names of the zones alone; ClusterDNSError if they can't be told."""

    def forget(self) -> None:
        """Nothing that was read may be believed any more: the next `read` reads everything."""

    async def look(self, names: Iterable[str]) -> Snapshot:
        """Return the zones, and the records of `names` (normalized) alone: as the last `read` found them, and as what
        was applied since has left them. A zone of which something in doubt can't be read again is unread.
        """

    async def adjust(self, endpoints: Sequence[Endpoint]) -> list[Endpoint]:
        """Return `endpoints` as this provider would give them back once stored: with their TTLs, above all.

        Without this, a value that the provider rounds would look changed in every run, for ever. Endpoints of one name
        may become fewer; those of different names do not touch one another.
        """

    async def apply(self, changes: Sequence[NameChange]) -> list[ChangeResult]:
        """Carry `changes` out, the steps of each in order, and say for each how it went. Never raises for one of them.

        It is about the zones as the last `read` or `look` saw them.
        """
