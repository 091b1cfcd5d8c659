"""A dispatcher with fake chains behind it, as listeners see it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import dns.flags
import dns.message

from clusterdns.cache.packet_cache import PacketCache
from clusterdns.directives.dispatch import Dispatcher
from clusterdns.directives.traffic import Exchange, Traffic
from clusterdns.listen.respond import Answer, Peer
from clusterdns.wire.names import name_from_text
from tests.support.chain import FOUND, NXDOMAIN, FakeHandler, Says

WEB = "web.shop.svc.cluster.local."
PEER: Peer = ("10.0.0.7", 5353)
VIEW_AT = {b"\x0a\0\0\1": b"shop", b"\x0a\0\0\2": b"shop", b"\x0a\0\0\3": b"blog"}
VIEWS = {"10.0.0.1": (b"shop",), "10.0.0.2": (b"shop",), "10.0.0.3": (b"blog",)}


class Server:
    """A dispatcher with fake chains, a clock that the test moves, and the answers that came late.

    `chains` are by zone; without them, one chain says `says` for `WEB` and `otherwise` for any other name.
    """

    def __init__(
        self, chains: Mapping[str, FakeHandler] | None = None, *, says: Says = FOUND, otherwise: Says = NXDOMAIN
    ) -> None:
        self.now = 100.0
        self.behind = FakeHandler({WEB: says}, otherwise)
        self.late: list[tuple[bytes, Peer]] = []
        zones = {".": self.behind} if chains is None else chains
        self.packets = PacketCache(
            views_of=lambda client: VIEWS.get(client, ()), view_at=lambda packed: VIEW_AT.get(packed)
        )
        self.dispatcher = Dispatcher(
            {name_from_text(zone): handler.handle for zone, handler in zones.items()}, self.packets, lambda: self.now
        )

    @property
    def traffic(self) -> Traffic:
        return self.dispatcher.traffic

    @property
    def requests(self) -> Counter[tuple[str, int]]:
        """Questions behind the packet cache that were answered, by transport and type."""
        return self._answers(lambda exchange: (exchange.transport, exchange.qtype))

    @property
    def responses(self) -> Counter[tuple[str, int]]:
        """Their answers, by source and rcode."""
        return self._answers(lambda exchange: (exchange.source, exchange.rcode))

    def _answers(self, label: Callable[[Exchange], tuple[str, int]]) -> Counter[tuple[str, int]]:
        found: Counter[tuple[str, int]] = Counter()
        for exchange, tally in self.traffic.exchanges():
            found[label(exchange)] += tally.answers
        return +found

    def respond(self, message: bytes, transport: str = "udp", peer: Peer = PEER) -> bytes | None:
        respond = self.dispatcher.respond_udp if transport == "udp" else self.dispatcher.respond_tcp
        answer = respond(message, peer, lambda answer, to: self.late.append((one(answer), to)))
        return None if answer is None else one(answer)

    def ask(self, message: bytes, transport: str = "udp", peer: Peer = PEER) -> dns.message.Message:
        """The answer, which has to be there at once, as dnspython reads it."""
        answer = self.respond(message, transport, peer)
        assert answer is not None
        assert self.late == []
        return read(message, answer)


def one(answer: Answer) -> bytes:
    """The answer, which is one message."""
    assert isinstance(answer, bytes)
    return answer


def read(message: bytes, answer: bytes) -> dns.message.Message:
    """The answer to `message`, whose ID, and question if there is one, it must repeat."""
    assert answer[:2] == message[:2]
    found = dns.message.from_wire(answer)
    assert found.flags & dns.flags.QR
    if found.question:
        assert answer[12:].startswith(dns.message.from_wire(message).question[0].name.to_wire() or b"")
    return found
