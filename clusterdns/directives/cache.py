"""The `cache` directive: answers of the directives behind it, kept in the message cache.

It also decides how long the packet cache in front of the whole chain may repeat an answer: as long as this cache
would. Answers that are current by watch (the cluster zone's own) pass through and are never kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from clusterdns.cache.message_cache import Kept, MessageCache, Question
from clusterdns.directives.chain import Handler, Reply, Request
from clusterdns.wire.names import is_at_or_below


class Cache:
    """One directive's handler: `zones` (folded wire names) through `messages`, anything else straight on."""

    def __init__(
        self, zones: Sequence[bytes], messages: MessageCache, clock: Callable[[], float], following: Handler
    ) -> None:
        """`clock` gives monotonic seconds: an answer's life starts when it arrives, not when it was asked for."""
        self.messages = messages
        self._zones = tuple(zones)
        self._clock = clock
        self._following = following

    async def handle(self, request: Request) -> Reply:
        query = request.query
        if not any(is_at_or_below(query.folded, zone) for zone in self._zones):
            return await self._following(request)
        question = Question.of(query)
        kept = self.messages.get(question, request.client, request.now)
        if kept is not None:
            return _reply(kept, "cache")
        reply = await self._following(request)
        if not reply.cacheable:
            return reply
        kept = self.messages.put(question, request.client, reply.view, reply.response, self._clock())
        return reply if kept is None else replace(_reply(kept, reply.source), scope=reply.scope)


def _reply(kept: Kept, source: str) -> Reply:
    return Reply(kept.response, source, fresh_until=kept.expires, view=kept.view)
