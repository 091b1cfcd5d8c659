"""How the `cache` directive asks again for what it has: stale answers (RFC 8767), and popular ones ahead of time.

One refresh for each entry at a time, in the background: whoever waits for it has something to answer with meanwhile.
The directives behind the cache are asked, never those in front of it: a search walk of autopath is not repeated, as
what it puts together is not here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from clusterdns.cache.lifetime import is_delegation
from clusterdns.cache.message_cache import Kept, MessageCache, Question
from clusterdns.cache.recheck import Rechecks
from clusterdns.directives.chain import Reply, Request
from clusterdns.directives.config.cache import ServeStale
from clusterdns.errors import UpstreamFailure
from clusterdns.flight import Flight, start
from clusterdns.limits import CACHE_RECHECK_SECONDS
from clusterdns.wire import numbers
from clusterdns.wire.names import name_to_text
from clusterdns.wire.response import Kind

_log = logging.getLogger(__name__)

Key = Question | tuple[Question, bytes]
"""A question, or a question and the view it is asked for."""

Ask = Callable[[Request, Question, Key], Coroutine[Any, Any, Reply]]
"""Asks the directives behind the cache, and keeps the answer."""


@dataclass(frozen=True, slots=True)
class Refresh:
    """A refresh: when it began (monotonic seconds), and the reply that it brings, None if there is none to use."""

    since: float
    flight: Flight[Reply | None]


class Refresher:
    """The refreshes of one cache."""

    def __init__(self, messages: MessageCache, clock: Callable[[], float], stale: ServeStale | None, ask: Ask) -> None:
        self._messages = messages
        self._clock = clock
        self._prefer_positive = stale is not None and stale.prefer_positive
        self._rechecks = Rechecks(stale.recheck if stale else CACHE_RECHECK_SECONDS.default)
        self._ask = ask
        self._under_way: dict[Kept, Refresh] = {}

    def answered(self, now: float) -> None:
        """A directive behind the cache has answered something."""
        self._rechecks.answered_at = now

    def is_refreshing(self, kept: Kept) -> bool:
        """True while a refresh of `kept` is under way."""
        return kept in self._under_way

    def refresh(self, request: Request, question: Question, kept: Kept) -> Refresh | None:
        """The refresh of `kept` that is under way, or has just begun (and may be over); None if it is not time yet."""
        refresh = self._under_way.get(kept)
        if refresh is None and self._rechecks.is_due(kept.failed, request.now):
            refresh = Refresh(request.now, start(self._ask_anew(request, question, kept)))
            if not refresh.flight.done:
                self._under_way[kept] = refresh
                refresh.flight.when_done(lambda: self._arrived(kept))
        return refresh

    def _arrived(self, kept: Kept) -> None:
        del self._under_way[kept]

    async def _ask_anew(self, request: Request, question: Question, kept: Kept) -> Reply | None:
        """The reply that takes the place of `kept`, or None. Nobody may be there to see an error: all are logged."""
        silent = False
        try:
            reply = await self._ask(request, question, question if kept.view is None else (question, kept.view))
            if self._replaces(kept, reply):
                self._retire(question, request.client, kept)
                return reply
            reason = f"the answer is {numbers.rcode_name(reply.response.rcode)} ({reply.response.kind.value})"
        except UpstreamFailure as error:
            silent = True
            reason = str(error)
        except Exception:
            _log.exception("refreshing %s failed by our own fault", name_to_text(question[0]))
            reason = "our own fault"
        kept.failed = self._rechecks.failed(request.now, self._clock(), silent=silent)
        _log.info("%s could not be refreshed: %s", name_to_text(question[0]), reason)
        return None

    def _replaces(self, kept: Kept, reply: Reply) -> bool:
        """Whether a refresh has brought an answer, be it as good as the one before or not.

        RCODEs other than NoError and NXDomain are failures to refresh (RFC 8767 section 4), as if nothing had come.
        """
        response = reply.response
        if response.truncated or response.kind is Kind.FAILURE:
            return False
        if self._prefer_positive and is_positive(kept):
            return response.kind is Kind.ANSWER
        return response.kind is not Kind.INCOMPLETE or is_delegation(response)

    def _retire(self, question: Question, client: str, kept: Kept) -> None:
        """The answer came anew. If it was not for keeping, what is kept goes all the same; else it goes on as asked."""
        current = self._messages.peek(question, client, self._clock())
        if current is kept:
            self._messages.remove(question, client)
        elif current is not None:
            current.hits, current.asked_at = kept.hits, kept.asked_at


def is_positive(kept: Kept | None) -> bool:
    """True for an answer to what was asked, not a denial or a referral."""
    return kept is not None and kept.response.kind is Kind.ANSWER
