"""The `cache` directive: answers of the directives behind it, kept in the message cache.

    Request ──► kept and live ──────────────────────────────► Reply     (about to expire and popular: ask behind it)
                kept and stale ──► refresh, for a moment ───► Reply     (RFC 8767)
                failed just now ────────────────────────────► SERVFAIL  (RFC 9520)
                asked just now, by another client ──► wait ─► Reply
                else ──► the directives behind ─────────────► Reply

It also decides how long the packet cache in front of the whole chain may repeat an answer: as long as this cache would,
from the second time that it is asked for; most names are asked for once. Answers that are current by watch (the
cluster zone's own) pass through and are never kept.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from clusterdns.cache.lifetime import Bounds
from clusterdns.cache.message_cache import DNSSEC_OK, Failure, Kept, MessageCache, Question, question_of
from clusterdns.cache.signatures import RRSIG
from clusterdns.cache.views import ViewsOf, no_views
from clusterdns.cache.waiting import Later, Timer, wait
from clusterdns.directives.cache_refresh import Key, Refresher, is_positive
from clusterdns.directives.chain import Handler, Reply, Request, client_view
from clusterdns.directives.config.cache import Config
from clusterdns.errors import UpstreamFailure
from clusterdns.flight import Flight
from clusterdns.limits import (
    CACHE_CLUSTER_DENIAL_SECONDS,
    CACHE_SILENCE_SECONDS,
    FORWARD_SECONDS,
    PACKET_CACHE_SECONDS,
)
from clusterdns.wire import numbers
from clusterdns.wire.edns import STALE_ANSWER, STALE_NXDOMAIN_ANSWER
from clusterdns.wire.names import is_at_or_below, name_from_text
from clusterdns.wire.response import Kind, Response

_log = logging.getLogger(__name__)

_SIGNED_TYPES = frozenset({RRSIG, numbers.ANY})

T = TypeVar("T")


def on_the_loop(seconds: float, callback: Callable[[], None]) -> Timer:
    """A timer of the event loop that runs."""
    return asyncio.get_running_loop().call_later(seconds, callback)


def build(
    config: Config,
    zones: Sequence[bytes],
    clock: Callable[[], float],
    following: Handler,
    *,
    views_of: ViewsOf = no_views,
    later: Later = on_the_loop,
    wall: Callable[[], float] = time.time,
    cluster_zones: Sequence[bytes] = (),
    denial_cap_seconds: int = CACHE_CLUSTER_DENIAL_SECONDS.default_int,
) -> Cache:
    """The handler of one `cache` line in a server block of `zones` (folded wire names), with its message cache."""
    stale = config.serve_stale
    messages = MessageCache(
        success_capacity=config.success.capacity,
        success=config.success.bounds,
        denial_capacity=config.denial.capacity,
        denial=config.denial.bounds,
        stale_seconds=stale.seconds if stale else 0.0,
        stale_ttl=stale.ttl if stale else 0,
        keep_ttl=config.keepttl,
        views_of=views_of,
    )
    return Cache(
        _names(config.zones) or zones,
        messages,
        clock,
        following,
        config,
        later=later,
        wall=wall,
        cluster_zones=cluster_zones,
        denial_cap_seconds=denial_cap_seconds,
    )


class Cache:
    """One directive's handler: `zones` (folded wire names) through `messages`, anything else straight on."""

    def __init__(
        self,
        zones: Sequence[bytes],
        messages: MessageCache,
        clock: Callable[[], float],
        following: Handler,
        config: Config = Config(),  # noqa: B008 - it is frozen
        *,
        later: Later = on_the_loop,
        wall: Callable[[], float] = time.time,
        wait_seconds: float = FORWARD_SECONDS.default,
        cluster_zones: Sequence[bytes] = (),
        denial_cap_seconds: int = CACHE_CLUSTER_DENIAL_SECONDS.default_int,
    ) -> None:
        """`clock` gives monotonic seconds: an answer's life starts when it arrives, not when it was asked for.

        `later` calls back in so many seconds; `wall` is the time of day, for signatures. `wait_seconds` is how long a
        client waits for the answer to a question that another asked. In `cluster_zones` no answer is given stale, and
        what is not there is believed for `denial_cap_seconds` at most.
        """
        self.messages = messages
        self._zones = tuple(zones)
        self._takes_all = numbers.ROOT in self._zones
        self._clock = clock
        self._following = following
        self._config = config
        self._disable_success = _names(config.disable_success)
        self._disable_denial = _names(config.disable_denial)
        self._later = later
        self._wall = wall
        self._wait_seconds = wait_seconds
        self._cluster_zones = tuple(cluster_zones)
        self._cluster_denial = Bounds(0, min(config.denial.bounds.maximum, denial_cap_seconds))
        self._cluster_servfail = min(config.servfail, denial_cap_seconds)
        # What is being asked behind, and the flight that brings the answer, if anybody else waits for it.
        self._flights: dict[Key, Flight[Reply] | None] = {}
        self._refresher = Refresher(messages, clock, config.serve_stale, self._ask)

    def handle(self, request: Request) -> Coroutine[Any, Any, Reply]:
        """See `clusterdns.directives.chain.Handler`."""
        query = request.query
        if not (self._takes_all or _is_in(query.folded, self._zones)):
            return self._following(request)
        question = question_of(query)
        messages = self.messages
        kept = messages.get(question, request.client, request.now)
        if kept is not None:
            if request.now < kept.expires:
                return self._repeat(request, question, kept)
            if not self._is_cluster(query.folded):
                return self._answer_stale(request, question, kept)
        if messages.has_failures:
            failure = messages.failure(question, request.client, request.now)
            if failure is not None:
                messages.counters.denial_hits += 1
                return _repeat_failure(failure)
        messages.counters.misses += 1
        if question in self._flights:
            return self._share(request, question)
        return self._ask(request, question, question)

    async def _repeat(self, request: Request, question: Question, kept: Kept) -> Reply:
        """Answer with what is kept and live."""
        fresh_until = kept.expires
        if self._config.prefetch is not None:
            fresh_until = self._prefetch(request, question, kept)
        if self._config.keepttl:
            # The packet cache would count the TTLs down.
            fresh_until = 0.0
        return Reply(kept.response, "cache", fresh_until, kept.view)

    async def _ask(self, request: Request, question: Question, key: Key) -> Reply:
        """Ask the directives behind; whoever asks the same under `key` meanwhile shares the answer."""
        flights = self._flights
        flights.setdefault(key, None)
        try:
            reply = self._keep(request, question, await self._following(request))
        except Exception as error:
            if isinstance(error, UpstreamFailure):
                self._keep_failure(question, request.client, error)
            flight = flights.pop(key, None)
            if flight is not None:
                _tell(flight.fail, error)
            raise
        except BaseException:
            # Given up, perhaps long after others gave up waiting: a flight there may be for another's answer.
            if flights.get(key) is None:
                flights.pop(key, None)
            raise
        flight = flights.pop(key, None)
        if flight is not None:
            _tell(flight.land, reply)
        return reply

    async def _share(self, request: Request, question: Question) -> Reply:
        """Wait for the answer to another client's question, if it will do for this one."""
        key: Key = question
        if self.messages.has_views(question):
            key = question, self._own_view(request)
        for _ in range(2):
            if key not in self._flights:
                break
            reply = await self._wait(key)
            if self._suits(request, reply):
                return Reply(reply.response, reply.source, view=reply.view)
            # What this very client has asked, if anything, will suit.
            key = question, self._own_view(request)
        return await self._ask(request, question, key)

    async def _wait(self, key: Key) -> Reply:
        flight = self._flights[key]
        if flight is None:
            flight = self._flights[key] = Flight()
        if not await wait(flight, self._wait_seconds, self._later):
            if self._flights.get(key) is flight:
                # It may never arrive; the next client shall not wait for it, too.
                del self._flights[key]
            raise UpstreamFailure("cache", f"no answer within {self._wait_seconds:g} s to a question asked before")
        return flight.result()

    def _suits(self, request: Request, reply: Reply) -> bool:
        """Whether the answer to one client's question may be given to this one."""
        if reply.response.truncated and request.transport == "tcp":
            return False
        return reply.view is None or reply.view in self.messages.views_of(request.client)

    def _own_view(self, request: Request) -> bytes:
        views = self.messages.views_of(request.client)
        return views[0] if views else client_view(request.client)

    def _keep(self, request: Request, question: Question, reply: Reply) -> Reply:
        """Keep an answer that has just arrived, as far as it may be; returns it with the TTLs that it then has."""
        now = self._clock()
        self._refresher.answered(now)
        if not reply.cacheable:
            return reply
        response = reply.response
        client = request.client
        if response.rcode == numbers.SERVFAIL:
            self._keep_failure(question, client, reply)
            return reply
        denial = None
        if response.kind is not Kind.ANSWER:
            stale = self._config.serve_stale
            if stale and stale.prefer_positive and is_positive(self.messages.peek(question, client, now)):
                return reply
            if self._is_cluster(question[0]):
                denial = self._cluster_denial
        if (self._disable_success or self._disable_denial) and self._is_disabled(question[0], response):
            return reply
        signed = question[3] & DNSSEC_OK or question[1] in _SIGNED_TYPES
        kept = self.messages.put(
            question, client, reply.view, response, now, denial=denial, wall=self._wall() if signed else None
        )
        if kept is None or (kept.response is response and kept.view is reply.view):
            return reply
        return Reply(kept.response, reply.source, view=kept.view, scope=reply.scope)

    def _keep_failure(self, question: Question, client: str, what: Reply | UpstreamFailure) -> None:
        """Remember a failure for as long as its kind is (RFC 9520 section 3.2)."""
        if self._disable_denial and _is_in(question[0], self._disable_denial):
            return
        seconds = self._cluster_servfail if self._is_cluster(question[0]) else self._config.servfail
        if isinstance(what, UpstreamFailure):
            # "for at least 1 second", and no longer: silence may be over the moment after.
            seconds = min(seconds, CACHE_SILENCE_SECONDS.default)
        if seconds <= 0:
            return
        expires = self._clock() + seconds
        if isinstance(what, UpstreamFailure):
            failure = Failure(expires, upstream=what.upstream, reason=what.reason)
        else:
            failure = Failure(expires, what.view, what.response)
        self.messages.put_failure(question, client, failure)

    def _is_disabled(self, folded: bytes, response: Response) -> bool:
        negative = response.kind is Kind.NODATA or response.kind is Kind.NXDOMAIN
        return _is_in(folded, self._disable_denial if negative else self._disable_success)

    def _is_cluster(self, folded: bytes) -> bool:
        return _is_in(folded, self._cluster_zones)

    async def _answer_stale(self, request: Request, question: Question, kept: Kept) -> Reply:
        """Answer with what is kept beyond its end, unless a refresh has something better in time (RFC 8767)."""
        stale = self._config.serve_stale
        refresh = self._refresher.refresh(request, question, kept)
        if refresh is not None and stale is not None:
            if stale.mode == "verify":
                # Whoever comes later has the same patience with upstreams, not more.
                patience = stale.verify_seconds or self._wait_seconds
                await wait(refresh.flight, refresh.since + patience - self._clock(), self._later)
            reply = refresh.flight.result() if refresh.flight.done else None
            if reply is not None:
                self.messages.counters.misses += 1
                if self._suits(request, reply):
                    return Reply(reply.response, reply.source, view=reply.view)
                return await self._ask(request, question, (question, self._own_view(request)))
        counters = self.messages.counters
        counters.served_stale += 1
        if is_positive(kept):
            counters.success_hits += 1
        else:
            counters.denial_hits += 1
        error = STALE_NXDOMAIN_ANSWER if kept.response.rcode == numbers.NXDOMAIN else STALE_ANSWER
        return Reply(kept.response, "cache", view=kept.view, error=error)

    def _prefetch(self, request: Request, question: Question, kept: Kept) -> float:
        """Count that it was asked for; refresh it if that is often, and it is late.

        Returns until when the packet cache may have it: it must come back to us for the refresh. A TTL that ends there
        is shorter than the answer's own, which does no harm.
        """
        prefetch = self._config.prefetch
        assert prefetch is not None
        now = request.now
        # "AMOUNT queries have been seen with no gaps of DURATION or more between them" (CoreDNS cache).
        kept.hits = kept.hits + 1 if now - kept.asked_at < prefetch.window else 1
        kept.asked_at = now
        if kept.hits < prefetch.amount:
            return 0.0
        due = kept.expires - math.ceil(kept.seconds * prefetch.percent / 100)
        if now < due:
            # While the packet cache has it, nobody counts; for all we know it is asked for as before.
            kept.asked_at = min(due, now + PACKET_CACHE_SECONDS.default)
            return due
        if not self._refresher.is_refreshing(kept) and self._refresher.refresh(request, question, kept):
            self.messages.counters.prefetches += 1
        return 0.0


async def _repeat_failure(failure: Failure) -> Reply:
    if failure.response is None:
        raise UpstreamFailure(failure.upstream, failure.reason)
    return Reply(failure.response, "cache")


def _is_in(folded: bytes, zones: Sequence[bytes]) -> bool:
    return any(is_at_or_below(folded, zone) for zone in zones) if zones else False


def _names(texts: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(name_from_text(text).lower() for text in texts)


def _tell(arrive: Callable[[T], None], outcome: T) -> None:
    """Let those go on who wait for it; what becomes of them is no business of whom they waited for."""
    try:
        arrive(outcome)
    except Exception:
        _log.exception("a query that waited for another's answer failed by our own fault")
