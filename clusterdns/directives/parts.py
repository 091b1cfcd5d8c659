"""What the chains of a server are made of, by server block: for metrics, readiness and shutdown.

assemble ──► Parts ──► clusterdns.daemon: counts, /ready, what is to be closed
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from clusterdns.cache.message_cache import MessageCache
from clusterdns.cache.packet_cache import PacketCache
from clusterdns.cache.views import no_view_at
from clusterdns.cache.watched import Watched
from clusterdns.directives.autopath import Autopath
from clusterdns.directives.chain import client_view
from clusterdns.directives.hosts import Hosts
from clusterdns.directives.loop import Sightings
from clusterdns.directives.transfer import Transfer
from clusterdns.forward.forwarder import Forwarder
from clusterdns.search.lists import UNKNOWN_VIEW, SearchLists
from clusterdns.wire.names import name_to_text

WILDCARDS = ("0.0.0.0", "::")

Place = tuple[str, int]
"""Where a server listens: an address in canonical form, and a port."""


class Block(NamedTuple):
    """A server block as metrics name it: the first of its places, and its zones there as folded wire names."""

    place: Place
    zones: tuple[bytes, ...]

    @property
    def label(self) -> str:
        return ",".join(map(name_to_text, self.zones))

    def answers(self, port: int, zone: bytes) -> bool:
        """True if queries for `zone` on this port are for this block."""
        return port == self.place[1] and zone in self.zones


def server_label(place: Place) -> str:
    """A place as CoreDNS names it in metrics: `dns://169.254.20.10:53`, `dns://:53` for every address."""
    address, port = place
    if address in WILDCARDS:
        address = ""
    return f"dns://[{address}]:{port}" if ":" in address else f"dns://{address}:{port}"


Event = tuple[str, Place, tuple[str, ...]]
"""What happened in a directive, where (the first place of its server block), and further labels."""


@dataclass(slots=True)
class Parts:
    """What the chains are made of, for metrics, readiness and shutdown, each with its server block."""

    watched: Watched | None = None
    caches: list[tuple[Block, MessageCache]] = field(default_factory=list)
    forwards: list[tuple[Block, Forwarder]] = field(default_factory=list)
    autopaths: list[tuple[Block, Autopath]] = field(default_factory=list)
    hosts: list[tuple[Block, Hosts]] = field(default_factory=list)
    loops: list[tuple[Block, Forwarder]] = field(default_factory=list)
    """The forwards of server blocks with `loop`."""
    sightings: Sightings = field(default_factory=Sightings)
    search_lists: list[SearchLists] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    ready: list[tuple[str, Callable[[], bool]]] = field(default_factory=list)
    """Directives that can be not ready yet, as /ready names them."""

    events: Counter[Event] = field(default_factory=Counter)

    @property
    def late(self) -> list[str]:
        """The directives that are not ready."""
        return [name for name, is_ready in self.ready if not is_ready()]

    @contextmanager
    def unless_it_fails(self) -> Iterator[None]:
        """If the block raises, nobody will use these parts, and what runs of them stops."""
        try:
            yield
        except BaseException:
            for _, forwarder in self.forwards:
                forwarder.stop()
            raise

    def views_of(self, client: str) -> tuple[bytes, ...]:
        """The client itself, then its namespace in each cluster that is known."""
        known = [lists.search_list_of(client) for lists in self.search_lists]
        return (client_view(client), *(each.view if each else UNKNOWN_VIEW for each in known))

    def new_packet_cache(self) -> PacketCache:
        """One for answers that these make. Where pods have one view beside their own, that is known at once."""
        view_at = self.search_lists[0].view_at if len(self.search_lists) == 1 else no_view_at
        return PacketCache(views_of=self.views_of, watched=self.watched, view_at=view_at)
