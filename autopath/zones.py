"""The zones of one directive as a link of the chain: from a question to its zone, from a decision to a reply.

    chain ──► our zone? ──► decision ──► reply
                │ no, or denied with `fallthrough`  └► CNAME: external_names
                ▼
             next directive

It stands behind the cache, and its answers pass that by: they are current by watch. The packet cache repeats them until
something changes that they are about.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from autopath.external_names import Chase, Zone
from autopath.reverse import ReverseZone
from clusterdns.cache.watched import together
from clusterdns.directives.chain import Handler, Reply, Request, reply_with
from clusterdns.directives.transfer import Contents
from clusterdns.wire import numbers
from clusterdns.wire.names import is_at_or_below, name_from_text
from clusterdns.wire.query import Query
from clusterdns.wire.records import compose_response
from clusterdns.wire.response import Response


class Whole(NamedTuple):
    """A zone that can be handed out: with which serial, and what is in it, at a Unix time."""

    serial: Callable[[float], int]
    contents: Callable[[float], Contents]


class Zones:
    """One directive's handler, and what `transfer` asks for its zones whole."""

    def __init__(
        self,
        source: str,
        zones: Iterable[Zone],
        *,
        whole: Mapping[bytes, Whole],
        synced: Callable[[], bool],
        fallthrough: Iterable[str],
        resolve: Handler,
        following: Handler,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """`source` is the directive's name; `whole` has the zones that may be transferred, by folded name.

        Until `synced` there are no answers. `fallthrough` are the zones (text) whose denials go to `following`.
        `resolve` answers any name through the whole server; `wall_clock` gives Unix seconds.
        """
        self._source = source
        # "longest match" wins where zones lie in each other, as it does between server blocks.
        self._zones = sorted(zones, key=lambda zone: len(zone.name), reverse=True)
        self._whole = dict(whole)
        self._wall_clock = wall_clock
        self._are_synced = synced
        self._is_synced = False
        self._fallthrough = tuple(map(name_from_text, fallthrough))
        self._following = following
        self._chase = Chase(source, self._zone_of, resolve)

    @property
    def synced(self) -> bool:
        """True once every store behind the answers has had its first whole list; it stays so."""
        if not self._is_synced:
            self._is_synced = self._are_synced()
        return self._is_synced

    @property
    def whole_zones(self) -> Collection[bytes]:
        """See `clusterdns.directives.transfer.Transferable`."""
        return self._whole.keys()

    def serial(self, zone: bytes) -> int:
        """See `clusterdns.directives.transfer.Transferable`."""
        return self._whole[zone].serial(self._wall_clock())

    def contents(self, zone: bytes) -> Contents:
        """See `clusterdns.directives.transfer.Transferable`."""
        return self._whole[zone].contents(self._wall_clock())

    async def handle(self, request: Request) -> Reply:
        query = request.query
        zone = self._zone_of(query.folded)
        if zone is None:
            return await self._following(request)
        # What is not here yet may exist: neither a denial nor another directive's answer would be true.
        if not self.synced:
            return reply_with(request, self._source, rcode=numbers.SERVFAIL, cacheable=False)
        if query.qtype in (numbers.AXFR, numbers.IXFR):
            return reply_with(request, self._source, rcode=numbers.REFUSED, cacheable=False)
        decision = zone.decide(query.name, query.folded, query.qtype)
        if decision.target is not None:
            return await self._chase.complete(request, zone, decision)
        if decision.answer:
            answer, additional = decision.answer, decision.additional
            response = compose_response(query, flags=numbers.AA, answer=answer, additional=additional)
            return self._until_a_change(zone, query, response)
        # A reverse zone that falls through is shared: others have the records, of any type, that the cluster has not.
        denied = not decision.exists or isinstance(zone, ReverseZone)
        if denied and any(is_at_or_below(query.folded, name) for name in self._fallthrough):
            reply = await self._following(request)
            if reply.watched is None:
                return reply
            return replace(reply, watched=together(zone.subjects(query.folded), reply.watched))
        rcode = numbers.NOERROR if decision.exists else numbers.NXDOMAIN
        authority = (zone.apex.authority(query.name),)
        response = compose_response(query, rcode=rcode, flags=numbers.AA, authority=authority)
        return self._until_a_change(zone, query, response)

    def _until_a_change(self, zone: Zone, query: Query, response: Response) -> Reply:
        """A reply that may be repeated until something changes that it is about."""
        return Reply(response, self._source, math.inf, cacheable=False, watched=zone.subjects(query.folded))

    def _zone_of(self, folded: bytes) -> Zone | None:
        for zone in self._zones:
            if is_at_or_below(folded, zone.name):
                return zone
        return None
