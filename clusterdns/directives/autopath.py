"""The `autopath` directive: the search walk on the server, so that four queries become one.

It stands before the cache. The client's first question (`aliyun.com.shop.svc.cluster.local`) is asked down the
chain; if that name does not exist, the rest of the client's search list is asked in its place, and the first name
that exists answers, behind a synthesised CNAME. All questions of one look-up end at the same name
(`clusterdns.search.decisions`), and a search that finds nothing is remembered (`clusterdns.search.denials`).

What happens where a name can't be asked for (SERVFAIL, REFUSED, no answer)? Resolvers disagree: glibc, Go and c-ares
go on to the next search domain, musl stops with "try again". To go on here would give the client the address of
something else whenever the name before it does exist, which musl rightly does not risk; to answer SERVFAIL would
stop musl at a question that had an answer. So the walk is given up: the client gets the answer to what it asked,
goes on by itself, and ends where it would without us. That holds for the first name, too, whose failure is passed on.

Who the client is: the sender; or, when the sender is trusted and passes it on, the address in EDNS Client Subnet
(RFC 7871, /32 or /128). Such a sender learns from the scope that comes back whether the answer is for that client
only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from clusterdns.cache.watched import ANYTHING, Watched, together
from clusterdns.directives.chain import Handler, Reply, Request, client_view
from clusterdns.errors import MalformedMessage, UpstreamFailure
from clusterdns.flight import Flight, start
from clusterdns.limits import AUTOPATH_DECISION_SECONDS
from clusterdns.search.decisions import AS_ASKED, Decisions, Walk
from clusterdns.search.denials import Denial, Denials
from clusterdns.search.lists import UNKNOWN_VIEW, SearchList, SearchLists
from clusterdns.search.synthesis import deny, synthesise
from clusterdns.search.walk import Verdict, exists, expansions, judge
from clusterdns.wire import numbers
from clusterdns.wire.edns import ClientSubnet
from clusterdns.wire.names import is_at_or_below
from clusterdns.wire.query import Query
from clusterdns.wire.response import Response


@dataclass(slots=True)
class AutopathCounters:
    """Plain counts; `successes` also counts walks that end at their first name, as CoreDNS does.

    Behind `walks` and what came of them is why a question below the zones was answered as it was asked.
    """

    walks: int = 0
    successes: int = 0
    queries_saved: int = 0
    """Questions that clients did not have to ask, one for each step behind the first of a successful walk."""
    shared: int = 0
    """Questions that ended where another one of the same look-up did."""
    remembered: int = 0
    """Steps of a search that failed, answered without being asked again."""
    off: int = 0
    """The client's pod, or namespace, wants no search."""
    unknown: int = 0
    """Nobody knows the client's search list."""
    held: int = 0
    """The client's pod is known, but was not when the other question of this look-up was answered."""
    not_first: int = 0
    """The name is not below the client's first search domain."""
    given_up: int = 0
    """A name on the way could not be asked for."""


class Autopath:
    """One directive's handler."""

    def __init__(
        self,
        zones: Sequence[bytes],
        search_lists: SearchLists,
        trusted: Sequence[IPv4Network | IPv6Network],
        clock: Callable[[], float],
        following: Handler,
        elsewhere: Callable[[bytes], Handler | None] = lambda folded: None,
        *,
        flatten: bool = False,
        can_exist: Callable[[bytes], bool] = lambda folded: True,
        asks_ahead: bool = False,
        watched: Watched | None = None,
    ) -> None:
        """`zones` are folded wire names; `trusted` are the networks whose senders may speak for other clients.

        `clock` gives monotonic seconds. `elsewhere` gives the chain of another server block if that one is responsible
        for a folded name. With `flatten` no CNAME leads from the client's name to the one that was found.
        Names for which `can_exist` is False, folded, are not asked for on a walk, nor behind one that finds nothing.
        `watched` knows of the changes that end what is `Reply.watched`.
        With `asks_ahead` the names in the zones of this server block are asked for at once: one trip to an upstream
        instead of one for each.
        """
        self.counters = AutopathCounters()
        self._zones = tuple(zones)
        self._takes_all = numbers.ROOT in self._zones
        self._search_lists = search_lists
        self._trusted = tuple(trusted)
        self._clock = clock
        self._following = following
        self._elsewhere = elsewhere
        self._flatten = flatten
        self._can_exist = can_exist
        self._asks_ahead = asks_ahead
        self._watched = watched or Watched()
        self._decisions = Decisions()
        self._denials = Denials()

    def handle(self, request: Request) -> Coroutine[Any, Any, Reply]:
        """See `clusterdns.directives.chain.Handler`."""
        edns = request.query.edns
        if edns is None or edns.subnet is None or not self._trusts(request.client):
            return self._answer(request, request.client)
        return self._answer_for(request, edns.subnet)

    async def _answer_for(self, request: Request, subnet: ClientSubnet) -> Reply:
        """Answer the sender's client, if it names one; the scope marks an answer that is for this client only."""
        reply = await self._answer(request, subnet.text() if subnet.is_host else request.client)
        # A denial may be for some only, too: a search from there may find something for others.
        return replace(reply, scope=0 if reply.view is None else subnet.source)

    async def _answer(self, request: Request, client: str) -> Reply:
        query = request.query
        is_searched = self._takes_all or any(is_at_or_below(query.folded, zone) for zone in self._zones)
        if not is_searched and not len(self._denials):
            return await self._following(request)
        known = self._search_lists.search_list_of(client)
        if client != request.client:
            # What `acl` lets the sender have for a client, it need not let that client have by itself.
            client = f"{client} by {request.client}"
        if known is None or known.is_off:
            return await (self._answer_plainly(request, client, known) if is_searched else self._following(request))
        names = expansions(query.name, known) if is_searched else []
        if not names:
            self.counters.not_first += is_searched
            reply = self._recall(query, client, known) or await self._following(request)
            return _viewed(reply, known.view, request) if is_searched else reply
        walk = self._decisions.find(client, query.folded, known, query.qtype, request.now)
        ahead: dict[int, Flight[Reply]] = {}
        if walk is None:
            self.counters.walks += 1
            walk = self._decisions.begin(query.folded, known, query.qtype, request.now)
            walk.as_of = self._watched.changes
            ahead = self._ask_ahead(request, client, known, names)
        elif walk.search_list is None:
            self.counters.held += 1
        elif walk.is_due(query.qtype, request.now):
            replies = await self._search_again(request, client, known, names, walk)
            return await self._reply(request, client, known, names, walk, replies)
        else:
            self.counters.shared += 1
        replies = await self._search(request, client, known, names, walk, ahead)
        return await self._reply(request, client, known, names, walk, replies)

    async def _answer_plainly(self, request: Request, client: str, known: SearchList | None) -> Reply:
        if known is None:
            self.counters.unknown += 1
        else:
            self.counters.off += 1
        # Its pod may become known, or searched for, before the other question of this look-up comes, or before this one
        # is answered.
        self._decisions.hold(client, request.query.folded, request.query.qtype, request.now)
        reply = _viewed(await self._following(request), UNKNOWN_VIEW, request)
        if exists(reply.response):
            self._decisions.release(client, request.query.folded)
            return reply
        # A packet cache would keep the other question from us.
        return reply.within(reply.view, 0.0)

    async def _search_again(
        self, request: Request, client: str, known: SearchList, names: list[bytes], walk: Walk
    ) -> dict[int, Reply]:
        """See whether the search still ends where `walk` did; returns the replies by step if it does."""
        assert walk.step is not None
        walk.is_checked = True
        self.counters.walks += 1
        # For this client only: it takes no walk's place.
        other = Walk(known, request.query.qtype, request.now, client)
        other.as_of = self._watched.changes
        if walk.as_of is not None and self._watched.holds(walk.watched or (), walk.as_of):
            # Nobody has to ask again for what nobody has changed.
            other.denied, other.view, other.watched = walk.step, walk.view, walk.watched
            ahead = {}
        else:
            ahead = self._ask_ahead(request, client, known, names)
        try:
            replies = await self._search(request, client, known, names, other, ahead)
        except (UpstreamFailure, MalformedMessage):
            return {}
        renewed = self._decisions.renew(walk, request.query.folded, other, request.query.qtype, self._clock())
        return replies if renewed else {}

    async def _search(
        self,
        request: Request,
        client: str,
        known: SearchList,
        names: list[bytes],
        walk: Walk,
        ahead: dict[int, Flight[Reply]],
    ) -> dict[int, Reply]:
        """Go on with `walk` from where it is, together with whoever is on it; returns the replies on the way, by step.

        `ahead` are those that are to come already.
        """
        replies: dict[int, Reply] = {}
        while walk.step is None and walk.denied < len(names):
            step = walk.denied
            if not self._can_exist(names[step].lower()):
                walk.deny(step)
                walk.as_of = None
                continue
            try:
                coming = ahead.get(step) or self._ask(request, client, known, names[step], step)
                reply = replies[step] = await coming
                verdict = judge(reply.response)
            except (UpstreamFailure, MalformedMessage):
                if step == AS_ASKED:
                    walk.decide(AS_ASKED, self._clock())
                    raise
                verdict = Verdict.UNDECIDED
            else:
                self._narrow(walk, reply, request, client)
            if verdict is Verdict.EXISTS:
                self._succeed(walk, step)
            elif verdict is Verdict.UNDECIDED:
                self.counters.given_up += walk.step is None
                walk.repeat_until = 0.0
                walk.decide(AS_ASKED, self._clock())
            else:
                walk.deny(step)
                self._hold_for(walk, reply)
        if walk.step is None:
            walk.decide(AS_ASKED, self._clock())
        return replies

    async def _reply(
        self,
        request: Request,
        client: str,
        known: SearchList,
        names: list[bytes],
        walk: Walk,
        replies: dict[int, Reply],
    ) -> Reply:
        """Answer from where `walk` has ended, with what is there already in `replies`, by step."""
        assert walk.step is not None
        found = names[walk.step]
        reply = replies.get(walk.step) or await self._ask(request, client, known, found, walk.step)
        if replies and walk.step == AS_ASKED and walk.denied == len(names):
            self._remember(request, client, known, walk, names, {**replies, AS_ASKED: reply})
        if walk.step != AS_ASKED:
            try:
                response = synthesise(request.query, found, reply.response, flatten=self._flatten)
            except MalformedMessage:
                self.counters.given_up += 1
                plain = _viewed(await self._following(request), walk.view, request)
                return plain.within(plain.view, 0.0)
            reply = reply.synthesised_as(response)
        elif exists(reply.response):
            return reply
        view = walk.view if walk.client in ("", client) else client_view(request.client)
        outcome = reply.within(_within(view, reply, request), walk.repeat_until)
        outcome.watched = together(reply.watched, walk.watched)
        return outcome

    def _ask_ahead(
        self, request: Request, client: str, known: SearchList, names: list[bytes]
    ) -> dict[int, Flight[Reply]]:
        """Ask for the names that this server block's chain answers, if there is more than one; by step.

        The others are somebody else's, who need not learn of a name that the cluster has.
        """
        if not self._asks_ahead:
            return {}
        steps = [
            step
            for step, name in enumerate(names)
            if self._can_exist(name.lower()) and self._elsewhere(name.lower()) is None
        ]
        if len(steps) < 2:
            return {}
        return {step: start(self._ask(request, client, known, names[step], step)) for step in steps}

    async def _ask(self, request: Request, client: str, known: SearchList, name: bytes, step: int) -> Reply:
        """The answer for one name of the walk, as if the client had asked for it."""
        if step == AS_ASKED:
            return await self._following(request)
        asked = request.ask_for(name)
        reply = self._recall(asked.query, client, known)
        if reply is not None:
            return reply
        # A name of the list may be a stub domain's.
        chain = self._elsewhere(asked.query.folded) or self._following
        return await chain(asked)

    def _succeed(self, walk: Walk, step: int) -> None:
        if walk.step is None:
            self.counters.successes += 1
        walk.decide(step, self._clock())
        if walk.step == step:
            self.counters.queries_saved += step

    def _narrow(self, walk: Walk, reply: Reply, request: Request, client: str) -> None:
        """What the walk comes to holds for whom every step of it holds.

        What does not exist for this client, or is refused to it, may be found for another one: keep the answers apart.
        """
        view = _within(walk.view, reply, request)
        if view != walk.view and walk.client in ("", client):
            self._decisions.narrow(walk, client, request.query.folded)
            walk.view = view

    def _hold_for(self, walk: Walk, reply: Reply) -> None:
        """Denials are taken for true for as long as the decision that they led to."""
        if not reply.cacheable:
            walk.watched = together(walk.watched, ANYTHING if reply.watched is None else reply.watched)
        if reply.watched is None or min(reply.fresh_until, reply.forget_at) < math.inf:
            walk.as_of = None

    def _remember(
        self,
        request: Request,
        client: str,
        known: SearchList,
        walk: Walk,
        names: list[bytes],
        replies: dict[int, Reply],
    ) -> None:
        """Keep the names behind the first for the client's next steps, and no longer than the shortest denial is true.

        Whoever asks for them does so within the life of one decision; who comes later may find what has come to exist.
        Those of the cluster's own zone cost nothing to ask again, and are current by watch. The denial of the first
        name serves for those that the zone can't have.
        """
        first = replies.pop(AS_ASKED)
        shortest = min(reply.response.ttl for reply in (first, *replies.values()))
        seconds = min(shortest, AUTOPATH_DECISION_SECONDS.default)
        if not seconds or not _is_plain(request.query) or judge(first.response) is not Verdict.DENIED:
            return
        view = client_view(client) if walk.client else known.view
        expires = self._clock() + seconds
        denials = {
            names[step].lower(): reply.response
            for step, reply in replies.items()
            if reply.cacheable and judge(reply.response) is Verdict.DENIED
        }
        if first.cacheable:
            denials |= self._deny_others(request, names, first.response)
        for folded, response in denials.items():
            self._denials.put(view, folded, Denial(known, response, expires))

    def _deny_others(self, request: Request, names: list[bytes], first: Response) -> dict[bytes, Response]:
        """The denial of the first name for those that can't exist, by folded name."""
        asked = [request.ask_for(name).query for name in names[AS_ASKED + 1 :] if not self._can_exist(name.lower())]
        try:
            denials = {query.folded: deny(query, first) for query in asked}
        except MalformedMessage:
            return {}
        return {folded: denial for folded, denial in denials.items() if denial is not None}

    def _recall(self, query: Query, client: str, known: SearchList) -> Reply | None:
        """The denial of a name that a search has come by already, if that is remembered."""
        if not len(self._denials) or not _is_plain(query):
            return None
        now = self._clock()
        for view in (known.view, client_view(client)):
            denial = self._denials.find(view, query.folded, known, now)
            if denial is not None:
                self.counters.remembered += 1
                return Reply(denial.response, "autopath", denial.expires, view)
        return None

    def _trusts(self, sender: str) -> bool:
        if not self._trusted:
            return False
        address = ip_address(sender)
        return any(address in network for network in self._trusted)


def _within(view: bytes, step: Reply, request: Request) -> bytes:
    """Whom the outcome is for once `step` is a part of it: of two views, only the client is surely in both."""
    return view if step.view in (None, view) else client_view(request.client)


def _viewed(reply: Reply, view: bytes, request: Request) -> Reply:
    """The reply, for nobody but `view` if it is no proof of existence: for others the name may be found."""
    if exists(reply.response):
        return reply
    return reply.within(_within(view, reply, request))


def _is_plain(query: Query) -> bool:
    """Whether the answer to it is that of everyone: no signatures wanted, nothing left unchecked."""
    return not query.dnssec_ok and not query.checking_disabled
