"""The `transfer` directive: a whole zone to those who may have it (AXFR, RFC 5936; IXFR, RFC 1995).

    changes    ──► NOTIFY to each address of `to`: clusterdns.daemon.notifier
    AXFR, IXFR ──► `to` ──► the directive behind that has the zone ──► SOA, records as the client reads them, SOA

It answers every such question of its server block; all other questions pass. The first message holds the SOA alone, so
that whatever stands in front has nothing to put into another order. There is no history: an IXFR gets the SOA, if that
is all there is to tell, or the whole zone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import chain
from typing import NamedTuple, Protocol

from clusterdns.corefile.reading import IPNetwork
from clusterdns.directives.chain import Handler, Reply, Request, reply_with
from clusterdns.directives.config.transfer import Config
from clusterdns.forward.upstreams import Upstream
from clusterdns.limits import TRANSFER_MESSAGE_BYTES
from clusterdns.wire import numbers
from clusterdns.wire.names import is_at_or_below, name_from_text
from clusterdns.wire.records import Record, compose_many

SOURCE = "transfer"


class Contents(NamedTuple):
    """One version of a zone.

    `records` gives all others, made as they are asked for, but as they are when it is called. That may take its time:
    who only wants to know whether there is a newer version is not to cost it.
    """

    soa: Record
    serial: int
    records: Callable[[], Iterable[Record]]


class Transferable(Protocol):
    """A directive that can hand out zones whole; `autopath.serial` says what serials promise."""

    @property
    def synced(self) -> bool:
        """False while it does not know its zones yet."""

    @property
    def whole_zones(self) -> Collection[bytes]:
        """The names of its zones (folded wire)."""

    def serial(self, zone: bytes) -> int:
        """The serial with which it would hand out that zone now."""

    def contents(self, zone: bytes) -> Contents:
        """The zone as it is now, for one that it has."""


class Collected(Protocol):
    """Of a server: its handlers of `transfer`."""

    @property
    def transfers(self) -> list[Transfer]: ...


class Zoned(Protocol):
    """Of a `Site`: the zones of the server block, and what of it is behind this directive."""

    @property
    def zones(self) -> tuple[bytes, ...]: ...

    @property
    def transferable(self) -> list[Transferable]: ...

    @property
    def parts(self) -> Collected: ...


@dataclass(frozen=True, slots=True)
class Rule:
    """One `transfer` of the server block. `zones` are folded wire names."""

    zones: tuple[bytes, ...]
    networks: tuple[IPNetwork, ...]
    secondaries: tuple[Upstream, ...]


def make(config: Config, site: Zoned, following: Handler) -> Handler:
    """The handler of one `transfer`; see `clusterdns.directives.assemble.Maker`.

    Those of a block are one handler, which takes in the one behind it: a zone that none of them has is refused.
    """
    rules = [Rule(tuple(map(name_from_text, config.zones)) or site.zones, config.networks, config.secondaries)]
    behind = getattr(following, "__self__", None)
    if isinstance(behind, Transfer):
        site.parts.transfers.remove(behind)
        rules += behind.rules
        following = behind.following
    made = Transfer(rules, site.transferable, following)
    site.parts.transfers.append(made)
    return made.handle


class Transfer:
    """The handler of all `transfer` directives of a server block."""

    def __init__(self, rules: Sequence[Rule], sources: Sequence[Transferable], following: Handler) -> None:
        self.rules = tuple(rules)
        self.following = following
        self.zones = {zone: source for source in reversed(sources) for zone in source.whole_zones}
        """The zones that there are (folded wire), and who has each."""

    async def handle(self, request: Request) -> Reply:
        query = request.query
        if query.qtype not in (numbers.AXFR, numbers.IXFR):
            return await self.following(request)
        source = self.zones.get(query.folded)
        # "AXFR sessions over UDP transport are not defined" (RFC 5936 section 4.2).
        over_udp = request.transport == "udp"
        if source is None or not self._may_have(request) or (over_udp and query.qtype == numbers.AXFR):
            return reply_with(request, SOURCE, rcode=numbers.REFUSED, cacheable=False)
        if not source.synced:
            return reply_with(request, SOURCE, rcode=numbers.SERVFAIL, cacheable=False)
        contents = source.contents(query.folded)
        reply = reply_with(request, SOURCE, flags=numbers.AA, answer=(contents.soa,), cacheable=False)
        # "the server should include only its current SOA" where UDP is too small (RFC 1995 section 2).
        if not over_udp and not (query.qtype == numbers.IXFR and is_current(query.serial, contents.serial)):
            records = chain(contents.records(), (contents.soa,))
            reply.more = compose_many(records, flags=numbers.AA, size=TRANSFER_MESSAGE_BYTES.default_int)
        return reply

    def secondaries(self, zone: bytes) -> list[Upstream]:
        """Who is told of changes of this zone."""
        return [each for rule in self._rules_of(zone) for each in rule.secondaries]

    def _may_have(self, request: Request) -> bool:
        address = ip_address(request.client)
        return any(address in network for rule in self._rules_of(request.query.folded) for network in rule.networks)

    def _rules_of(self, folded: bytes) -> list[Rule]:
        """Those with the longest zone at or above the name decide, as in CoreDNS."""
        fitting = [(len(zone), rule) for rule in self.rules for zone in rule.zones if is_at_or_below(folded, zone)]
        longest = max((length for length, _ in fitting), default=0)
        return [rule for length, rule in fitting if length == longest]


def is_current(known: int | None, current: int) -> bool:
    """Whether who knows that serial has the zone, or a later one (RFC 1995 section 2), by RFC 1982's arithmetic."""
    return known is not None and (known - current) & 0xFFFFFFFF < 0x80000000
