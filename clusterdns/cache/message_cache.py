"""The message cache: questions to answers, positive and negative apart, as CoreDNS's `cache` keeps them (RFC 2308).

Behind the packet cache and in front of the directives that know answers. It does not care how a client spells
a name or what EDNS it speaks: the key is the question, and DO and CD, which ask for another answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from cachetools import LRUCache

from clusterdns.cache.lifetime import DENIAL, SUCCESS, Bounds, lifetime, remaining_ttl
from clusterdns.cache.views import ViewedTable, ViewsOf, no_views
from clusterdns.limits import CACHE_ENTRIES
from clusterdns.wire.query import Query
from clusterdns.wire.response import Kind, Response, age


class Question(NamedTuple):
    """What makes two queries the same question: "in a case-insensitive manner" (RFC 4343), with DO and CD as asked."""

    folded: bytes
    qtype: int
    qclass: int
    dnssec_ok: bool
    checking_disabled: bool

    @classmethod
    def of(cls, query: Query) -> Question:
        return cls(query.folded, query.qtype, query.qclass, query.dnssec_ok, query.checking_disabled)


@dataclass(slots=True)
class Kept:
    """A kept answer and when it expires, in monotonic seconds; `view` is whom it is for, None for everyone."""

    response: Response
    expires: float
    view: bytes | None = None


@dataclass(slots=True)
class CacheCounters:
    """Plain counts; the metrics are made from them when they are asked for."""

    success_hits: int = 0
    denial_hits: int = 0
    misses: int = 0
    evictions: int = 0


_VIEWED = Kept(Response(b"", 0, (), 0, 0, Kind.INCOMPLETE), 0.0)


class _CountingLRU(LRUCache[object, Kept]):
    """cachetools' least-recently-used cache, counting what it throws out."""

    def __init__(self, capacity: int, counters: CacheCounters) -> None:
        super().__init__(capacity)
        self._counters = counters

    def popitem(self) -> tuple[object, Kept]:
        self._counters.evictions += 1
        return super().popitem()


class MessageCache:
    """Answers by question; success and denial have a capacity and TTL bounds each, in entries and seconds."""

    def __init__(
        self,
        *,
        success_capacity: int = CACHE_ENTRIES.default_int,
        success: Bounds = SUCCESS,
        denial_capacity: int = CACHE_ENTRIES.default_int,
        denial: Bounds = DENIAL,
        views_of: ViewsOf = no_views,
    ) -> None:
        self.counters = CacheCounters()
        self._views_of = views_of
        self._success_bounds = success
        self._denial_bounds = denial
        self._success = ViewedTable(_CountingLRU(success_capacity, self.counters), _VIEWED, views_of)
        self._denial = ViewedTable(_CountingLRU(denial_capacity, self.counters), _VIEWED, views_of)

    @property
    def success_entries(self) -> int:
        return len(self._success)

    @property
    def denial_entries(self) -> int:
        return len(self._denial)

    def get(self, question: Question, client: str, now: float) -> Kept | None:
        """The answer for `client` with the TTLs that hold at `now`, or None."""
        for table in (self._success, self._denial):
            kept = table.get(question, client)
            if kept is None:
                continue
            if kept.expires <= now:
                table.remove(question, client)
                continue
            if table is self._success:
                self.counters.success_hits += 1
            else:
                self.counters.denial_hits += 1
            return Kept(_aged(kept.response, remaining_ttl(kept.expires, now)), kept.expires, kept.view)
        self.counters.misses += 1
        return None

    def put(self, question: Question, client: str, view: bytes | None, response: Response, now: float) -> Kept | None:
        """Keep `response` if it may be kept; returns it with its bounded TTL, or None if it is not cacheable."""
        seconds = lifetime(response, question.qtype, self._success_bounds, self._denial_bounds)
        if seconds == 0:
            return None
        kept = Kept(_aged(response, seconds), now + seconds, view)
        table, other = self._success, self._denial
        if response.kind is not Kind.ANSWER:
            table, other = other, table
        if view is None and other.has_views(question) and (views := self._views_of(client)):
            # Some clients have an answer of the other class: what holds for everyone else must not hide it from them.
            view = kept.view = views[0]
        other.remove(question, client)
        table.put(question, client, view, kept)
        return kept


def _aged(response: Response, ttl: int) -> Response:
    return Response(
        age(response.message, response.ttl_offsets, ttl),
        response.question_end,
        response.ttl_offsets,
        ttl,
        response.rcode,
        response.kind,
        response.subnet,
    )
