"""What a DNS provider is to the controller: three methods, so that tests, and later a webhook, can stand in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from externaldns.changes import ChangeResult, NameChange
from externaldns.record import Endpoint


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that the provider holds, read at one moment."""

    records: tuple[Endpoint, ...]
    zones: tuple[str, ...]
    """The normalized names of the zones that records can go into."""


class Provider(Protocol):
    """A DNS service."""

    async def read(self) -> Snapshot:
        """Return the zones and their records; ClusterDNSError if they can't be read whole."""

    def adjust(self, endpoint: Endpoint) -> Endpoint:
        """Return `endpoint` as this provider would give it back once stored: with its TTL, above all.

        Without this, a value that the provider rounds would look changed in every run, for ever.
        """

    async def apply(self, changes: Sequence[NameChange]) -> list[ChangeResult]:
        """Carry `changes` out, the steps of each in order, and say for each how it went. Never raises for one of them.

        It is about the zones as the last `read` saw them.
        """
