"""The `autopath` directive: the search walk on the server, so that four queries become one.

It stands before the cache. The client's first question (`aliyun.com.shop.svc.cluster.local`) is asked down the
chain; if that name does not exist, the rest of the client's search list is asked in its place, and the first name
that exists answers, behind a synthesised CNAME.

Who the client is: the sender; or, when the sender is trusted and passes it on, the address in EDNS Client Subnet
(RFC 7871, /32 or /128). Such a sender learns from the scope that comes back whether the answer is for that client
only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_address

from clusterdns.directives.chain import Handler, Reply, Request, SearchLists, client_view
from clusterdns.errors import MalformedMessage, UpstreamFailure
from clusterdns.search.synthesis import synthesise
from clusterdns.search.walk import ends_walk, expansions
from clusterdns.wire.names import is_at_or_below

UNKNOWN_VIEW = b""
"""The view of clients that have no search list here."""


@dataclass(slots=True)
class AutopathCounters:
    """Plain counts; `successes` also counts walks that end at their first name, as CoreDNS does."""

    walks: int = 0
    successes: int = 0
    queries_saved: int = 0
    """Questions that clients did not have to ask, one for each step behind the first of a successful walk."""


class Autopath:
    """One directive's handler."""

    def __init__(
        self,
        zones: Sequence[bytes],
        search_lists: SearchLists,
        trusted: Sequence[IPv4Network | IPv6Network],
        following: Handler,
        elsewhere: Callable[[bytes], Handler | None] = lambda folded: None,
    ) -> None:
        """`zones` are folded wire names; `trusted` are the networks whose senders may speak for other clients.

        `elsewhere` gives the chain of another server block if that one is responsible for a folded name.
        """
        self.counters = AutopathCounters()
        self._zones = tuple(zones)
        self._search_lists = search_lists
        self._trusted = tuple(trusted)
        self._following = following
        self._elsewhere = elsewhere

    async def handle(self, request: Request) -> Reply:
        client, scope = self._client_of(request)
        reply = await self._answer(request, client)
        if scope is None:
            return reply
        return replace(reply, scope=scope if reply.synthesised else 0)

    async def _answer(self, request: Request, client: str) -> Reply:
        name = request.query.name
        if not any(is_at_or_below(request.query.folded, zone) for zone in self._zones):
            return await self._following(request)
        known = self._search_lists.search_list_of(client)
        names = expansions(name, known[1]) if known else []
        first = await self._following(request)
        if ends_walk(first.response):
            if names:
                self.counters.walks += 1
                self.counters.successes += 1
            return first
        # What does not exist for this client may be found for one of another namespace: keep the answers apart.
        view = _within(known[0] if known else UNKNOWN_VIEW, first, request)
        if not names:
            return replace(first, view=view)
        self.counters.walks += 1
        # What the walk comes to holds as long as every step that led to it.
        fresh_until = first.fresh_until
        for step, candidate in enumerate(names[1:], 1):
            try:
                asked = request.ask_for(candidate)
                # A name of the list may be a stub domain's: it is answered as if the client had asked for it.
                chain = self._elsewhere(asked.query.folded) or self._following
                reply = await chain(asked)
                found = synthesise(request.query, candidate, reply.response) if ends_walk(reply.response) else None
            except (UpstreamFailure, MalformedMessage):
                fresh_until = 0.0
                continue
            fresh_until = min(fresh_until, reply.fresh_until)
            view = _within(view, reply, request)
            if found is not None:
                self.counters.successes += 1
                self.counters.queries_saved += step
                return Reply(found, reply.source, fresh_until=fresh_until, view=view, synthesised=True)
        return replace(first, view=view, fresh_until=fresh_until)

    def _client_of(self, request: Request) -> tuple[str, int | None]:
        """The client to search for, and the scope that marks an answer as its own; None where nobody asked for one."""
        edns = request.query.edns
        if edns is None or edns.subnet is None or not self._trusts(request.client):
            return request.client, None
        if edns.subnet.is_host:
            return edns.subnet.text(), edns.subnet.source
        return request.client, edns.subnet.source

    def _trusts(self, sender: str) -> bool:
        if not self._trusted:
            return False
        address = ip_address(sender)
        return any(address in network for network in self._trusted)


def _within(view: bytes, step: Reply, request: Request) -> bytes:
    """Whom the outcome is for once `step` is a part of it: of two views, only the client is surely in both."""
    return view if step.view in (None, view) else client_view(request.client)
