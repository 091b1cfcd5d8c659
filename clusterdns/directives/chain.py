"""The chain of a server block: what flows along it, and what its links are.

A server block's directives become handlers in a fixed order (`ORDER`), whatever the order in the Corefile, as in
CoreDNS. Each handler answers, or awaits the next one. Handlers are coroutines that `clusterdns.flight.start` runs:
they may await a `Flight` and nothing else.

    Request ──► errors ──► log ──► autopath ──► cache ──► hosts ──► kubernetes ──► forward
    Reply   ◄───────────────────────────────────────────────────────────────────────┘
"""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

from clusterdns.cache.watched import Subjects
from clusterdns.wire import numbers
from clusterdns.wire.edns import ExtendedError
from clusterdns.wire.query import Query
from clusterdns.wire.records import Record, compose_response
from clusterdns.wire.response import Response

ORDER = (
    *("bufsize", "errors", "log", "local", "dns64", "autopath", "acl", "any", "loadbalance", "cache", "rewrite"),
    *("minimal", "template", "transfer", "hosts", "k8s_external", "kubernetes", "loop", "forward", "whoami"),
)
"""CoreDNS's order, but for autopath, which stands before the cache (and acl, so that a walk can't pass it by): what is
cached are the expansions, never the synthesised answer."""


@dataclass(slots=True)
class Request:
    """One question on its way. `client` is the address of the sender as canonical text; `now` monotonic seconds.

    `transport` is `udp` or `tcp`. `port` is the sender's, `size` the query's in bytes; `zone` is that of the server
    block that was asked (folded wire).
    """

    query: Query
    client: str
    transport: str
    now: float
    port: int = 0
    size: int = 0
    zone: bytes = b""

    def ask_for(self, name: bytes, qtype: int | None = None) -> Request:
        """The same client asking for another name."""
        query = self.query.ask_for(name, qtype)
        if type(self) is not Request:
            return replace(self, query=query)
        # `replace` takes three times as long.
        return Request(query, self.client, self.transport, self.now, self.port, self.size, self.zone)


@dataclass(slots=True)
class Reply:
    """An answer on its way back.

    `source` is the directive that made it. `fresh_until` (monotonic seconds) is set by the cache: until then the same
    bytes may be answered again without asking the chain; 0 forbids it. From `forget_at` on they may not, though true
    for longer. `view` restricts that to clients of the same view (a namespace, or one client); None is for everyone.
    `scope` is the prefix length to answer an EDNS Client Subnet option with, None for no option. `cacheable` is False
    for answers that are current by watch, `synthesised` True for one that the search walk put together. `rotates`:
    whoever repeats it gives its addresses another order. `error` says to clients with EDNS why the answer is as it is;
    no message cache keeps it. `watched` are the subjects whose change ends it (`clusterdns.cache.watched`), None where
    nobody watches.
    `more` are further messages without their ID (a zone transfer), which are made as the client reads them.
    """

    response: Response
    source: str
    fresh_until: float = 0.0
    view: bytes | None = None
    scope: int | None = None
    cacheable: bool = True
    synthesised: bool = False
    rotates: bool = False
    error: ExtendedError | None = None
    more: Iterator[bytes] | None = None
    watched: Subjects | None = None
    forget_at: float = math.inf

    def synthesised_as(self, response: Response) -> Reply:
        """What the search walk makes of this answer: `response`, which is true for as long, and cached by nobody."""
        return Reply(
            response,
            self.source,
            self.fresh_until,
            self.view,
            synthesised=True,
            rotates=self.rotates,
            error=self.error,
            watched=self.watched,
            forget_at=self.forget_at,
        )

    def within(self, view: bytes | None, forget_at: float = math.inf) -> Reply:
        """The same answer for `view` only, to be forgotten then. This one may be others', too."""
        return Reply(
            self.response,
            self.source,
            self.fresh_until,
            view,
            self.scope,
            self.cacheable,
            self.synthesised,
            self.rotates,
            error=self.error,
            watched=self.watched,
            forget_at=min(forget_at, self.forget_at),
        )


Handler = Callable[[Request], Coroutine[Any, Any, Reply]]


class Counting(Protocol):
    """Of a `clusterdns.directives.assemble.Site`: what directives did is counted for metrics."""

    def count(self, what: str, *labels: str) -> None:
        """`what` happened once more; `clusterdns.daemon.directive_metrics` knows it, and its `labels`."""


def client_view(client: str) -> bytes:
    """The view that only this one client belongs to."""
    return client.encode()


def reply_with(
    request: Request,
    source: str,
    *,
    rcode: int = numbers.NOERROR,
    flags: int = 0,
    answer: list[Record] | tuple[Record, ...] = (),
    authority: list[Record] | tuple[Record, ...] = (),
    additional: list[Record] | tuple[Record, ...] = (),
    cacheable: bool = True,
) -> Reply:
    """A reply composed from records; `flags` are header bits such as AA and RA."""
    response = compose_response(
        request.query, rcode=rcode, flags=flags, answer=answer, authority=authority, additional=additional
    )
    return Reply(response, source, cacheable=cacheable)
