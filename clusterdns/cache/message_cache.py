"""The message cache: questions to answers, positive and negative apart, as CoreDNS's `cache` keeps them (RFC 2308).

Behind the packet cache and in front of the directives that know answers. It does not care how a client spells
a name or what EDNS it speaks: the key is the question, and DO and CD, which ask for another answer. Answers stay for
a while beyond their end (RFC 8767), and failures have a table of their own (RFC 9520), where they displace nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from cachetools import LRUCache

from clusterdns.cache.lifetime import DENIAL, SUCCESS, Bounds, lifetime, remaining_ttl
from clusterdns.cache.recheck import Failed
from clusterdns.cache.signatures import seconds_signed
from clusterdns.cache.views import ViewedTable, ViewsOf, no_views
from clusterdns.limits import CACHE_ENTRIES, CACHE_STALE_TTL_SECONDS
from clusterdns.wire import numbers
from clusterdns.wire.query import HEADER_BYTES, Query
from clusterdns.wire.response import Kind, Response, age

DNSSEC_OK = 1

Question = tuple[bytes, int, int, int]
"""What makes two queries the same question: "in a case-insensitive manner" (RFC 4343) the name, folded; type and class;
and CD (its place in the flags) and DO (`DNSSEC_OK`). A plain tuple, as it is made for each query."""


def question_of(query: Query) -> Question:
    """The question that `query` asks."""
    bits = query.flags & numbers.CD
    edns = query.edns
    if edns is not None and edns.dnssec_ok:
        bits |= DNSSEC_OK
    return query.folded, query.qtype, query.qclass, bits


@dataclass(slots=True, eq=False)
class Kept:
    """A kept answer and when it expires, in monotonic seconds; `view` is whom it is for, None for everyone.

    `seconds` is its whole lifetime. `failed` is the last try to refresh it, if that failed. `hits` counts how often it
    was asked for, and `asked_at` is when last, where somebody counts. Two are the same if they are one object.
    """

    response: Response
    expires: float
    view: bytes | None = None
    seconds: int = 0
    failed: Failed | None = None
    hits: int = 0
    asked_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Failure:
    """A question that failed, until `expires`: by the answer `response`, or by none, for the `reason` given.

    `upstream` is who did not answer.
    """

    expires: float
    view: bytes | None = None
    response: Response | None = None
    upstream: str = ""
    reason: str = ""


@dataclass(slots=True)
class CacheCounters:
    """Plain counts; the metrics are made from them when they are asked for.

    `misses` are questions that somebody behind had to answer; `drops` are answers to another question than was asked;
    `served_stale` are hits, too, but of entries whose time was over. A failure that is repeated is a hit of a denial.
    """

    success_hits: int = 0
    denial_hits: int = 0
    misses: int = 0
    prefetches: int = 0
    drops: int = 0
    served_stale: int = 0
    success_evictions: int = 0
    denial_evictions: int = 0

    @property
    def requests(self) -> int:
        return self.success_hits + self.denial_hits + self.misses

    @property
    def evictions(self) -> int:
        return self.success_evictions + self.denial_evictions


_NOTHING = Response(b"", 0, (), 0, 0, Kind.INCOMPLETE)
_VIEWED = Kept(_NOTHING, 0.0)
_VIEWED_FAILURE = Failure(0.0)


class _CountingLRU(LRUCache[object, Kept]):
    """cachetools' least-recently-used cache, counting what it throws out."""

    def __init__(self, capacity: int, counters: CacheCounters, *, denial: bool) -> None:
        super().__init__(capacity)
        self._counters = counters
        self._denial = denial

    def popitem(self) -> tuple[object, Kept]:
        if self._denial:
            self._counters.denial_evictions += 1
        else:
            self._counters.success_evictions += 1
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
        stale_seconds: float = 0.0,
        stale_ttl: int = CACHE_STALE_TTL_SECONDS.default_int,
        keep_ttl: bool = False,
        views_of: ViewsOf = no_views,
    ) -> None:
        """Entries are found for `stale_seconds` after they expired, with `stale_ttl` in all their TTLs.

        With `keep_ttl` the TTLs of the others do not count down.
        """
        self.counters = CacheCounters()
        self.has_failures = False
        """False if there is no failure to be found: then nobody needs to look."""
        self.views_of = views_of
        self._success_bounds = success
        self._denial_bounds = denial
        self._stale_seconds = stale_seconds
        self._stale_ttl = stale_ttl
        self._keep_ttl = keep_ttl
        # On the way of a miss nothing else is asked than whether the key is there: `get` of cachetools costs twice.
        self._success_entries = _CountingLRU(success_capacity, self.counters, denial=False)
        self._denial_entries = _CountingLRU(denial_capacity, self.counters, denial=True)
        self._failure_entries: LRUCache[object, Failure] = LRUCache(denial_capacity)
        self._success = ViewedTable(self._success_entries, _VIEWED, views_of)
        self._denial = ViewedTable(self._denial_entries, _VIEWED, views_of)
        self._failures = ViewedTable(self._failure_entries, _VIEWED_FAILURE, views_of)

    @property
    def success_entries(self) -> int:
        return len(self._success_entries)

    @property
    def denial_entries(self) -> int:
        return len(self._denial_entries)

    def get(self, question: Question, client: str, now: float) -> Kept | None:
        """The answer for `client` with the TTLs that hold at `now`, or None. A live one is counted as a hit.

        It is stale if its `expires` is not after `now`.
        """
        stale = None
        if question in self._success_entries:
            kept = self._find(self._success, question, client, now)
            if kept is not None:
                if now < kept.expires:
                    self.counters.success_hits += 1
                    return kept
                stale = kept
        if question in self._denial_entries:
            kept = self._find(self._denial, question, client, now)
            if kept is not None:
                if now < kept.expires:
                    self.counters.denial_hits += 1
                    return kept
                stale = stale or kept
        return stale

    def peek(self, question: Question, client: str, now: float) -> Kept | None:
        """As `get`, but the positive one if there is one, live or stale; nothing is counted."""
        return self._find(self._success, question, client, now) or self._find(self._denial, question, client, now)

    def has_views(self, question: Question) -> bool:
        """True if some clients have an answer of their own to this question."""
        return self._success.has_views(question) or self._denial.has_views(question)

    def put(
        self,
        question: Question,
        client: str,
        view: bytes | None,
        response: Response,
        now: float,
        *,
        denial: Bounds | None = None,
        wall: float | None = None,
    ) -> Kept | None:
        """Keep `response` if it may be kept; returns it with its bounded TTL, or None if it is not cacheable.

        `denial` stands in for the bounds of this cache. `wall` (seconds since 1970) has signatures looked at.
        """
        seconds = lifetime(response, question[1], self._success_bounds, denial or self._denial_bounds)
        if wall is not None and seconds:
            signed = seconds_signed(response, wall)
            # "the TTL … no greater than … the difference of the RRSIG RR's Signature Expiration time and the current
            # time" (RFC 4035 section 5.3.3).
            seconds = seconds if signed is None else min(seconds, signed)
        if seconds == 0:
            return None
        if response.message[HEADER_BYTES : response.question_end - 4].lower() != question[0]:
            self.counters.drops += 1
            return None
        kept = Kept(_with_ttl(response, seconds), now + seconds, view, seconds)
        if response.kind is Kind.NODATA or response.kind is Kind.NXDOMAIN:
            table, other, others = self._denial, self._success, self._success_entries
        else:
            table, other, others = self._success, self._denial, self._denial_entries
        if question in others:
            if view is None and other.has_views(question) and (views := self.views_of(client)):
                # Some clients have an answer of the other class: what holds for everyone else must not hide it.
                view = kept.view = views[0]
            other.remove(question, client)
        if self.has_failures:
            self._failures.remove(question, client)
        table.put(question, client, view, kept)
        return kept

    def remove(self, question: Question, client: str) -> None:
        """Forget what `get` would find."""
        self._success.remove(question, client)
        self._denial.remove(question, client)

    def clear(self) -> None:
        """Forget everything: nobody asks any more."""
        for entries in (self._success_entries, self._denial_entries, self._failure_entries):
            entries.clear()

    def failure(self, question: Question, client: str, now: float) -> Failure | None:
        """The failure that `client` would run into again, or None."""
        failure = self._failures.get(question, client)
        if failure is not None and failure.expires <= now:
            self._failures.remove(question, client)
            self.has_failures = len(self._failure_entries) > 0
            return None
        return failure

    def put_failure(self, question: Question, client: str, failure: Failure) -> None:
        """Remember a failure."""
        self.has_failures = True
        self._failures.put(question, client, failure.view, failure)

    def _find(self, table: ViewedTable[Kept], question: Question, client: str, now: float) -> Kept | None:
        kept = table.get(question, client)
        if kept is None:
            return None
        left = kept.expires - now
        if left <= 0:
            if -left >= self._stale_seconds:
                table.remove(question, client)
                return None
            ttl = self._stale_ttl
        else:
            ttl = kept.seconds if self._keep_ttl else remaining_ttl(kept.expires, now)
        if ttl != kept.response.ttl:
            kept.response = _aged(kept.response, ttl)
        return kept


def _with_ttl(response: Response, ttl: int) -> Response:
    """The response with this TTL throughout: itself, where it is so already."""
    if response.ttl != ttl:
        return _aged(response, ttl)
    message = response.message
    wanted = ttl.to_bytes(4, "big")
    for offset in response.ttl_offsets:
        if message[offset : offset + 4] != wanted:
            return _aged(response, ttl)
    return response


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
