"""Fake handlers and requests for tests of directives and of the dispatcher.

behind = FakeHandler({"web.shop.svc.cluster.local.": FOUND})
reply = answer(Directive(behind.handle).handle(request("web.shop.svc.cluster.local.")))
assert behind.asked == ["web.shop.svc.cluster.local."]
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import dns.message

from clusterdns.directives.chain import Reply, Request
from clusterdns.flight import Flight, start
from clusterdns.wire.names import name_to_text
from clusterdns.wire.query import read_query
from clusterdns.wire.response import Response, read_response
from tests.support import messages

T = TypeVar("T")

SOA = "cluster.local. 30 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 5"


@dataclass(frozen=True)
class Says:
    """What a fake handler says to a question. Records are text; `@` as their owner is the name that is asked."""

    answer: tuple[str, ...] = ()
    rcode: str = "NOERROR"
    authority: tuple[str, ...] = ()
    additional: tuple[str, ...] = ()
    flags: str = "QR RD RA"
    error: Exception | None = None
    waits_for: Flight[None] | None = None
    reply: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the `Reply`: fresh_until, view, cacheable, …"""

    def replying(self, **fields: Any) -> Says:
        """The same answer, with these fields of the `Reply`."""
        return replace(self, reply={**self.reply, **fields})


FOUND = Says(answer=("@ 60 IN A 10.0.0.1",))
NODATA = Says(authority=(SOA,))
NXDOMAIN = Says(rcode="NXDOMAIN", authority=(SOA,))


def request(
    name: str = "web.shop.svc.cluster.local.",
    qtype: str = "A",
    *,
    client: str = "10.0.0.7",
    transport: str = "udp",
    now: float = 100.0,
    **query: Any,
) -> Request:
    """A question as the dispatcher hands it to a chain; `query` goes to `tests.support.messages.query`."""
    message = messages.query(name, qtype, **query)
    return Request(read_query(message), client, transport, now, 5353, len(message))


def response_to(question: Request, says: Says) -> Response:
    """The answer that `says` describes, as read from an upstream's bytes."""
    asked = messages.query(name_to_text(question.query.name), "A")
    asked = asked[:12] + question.query.question
    name = name_to_text(question.query.name)
    return read_response(
        messages.response(
            asked,
            answer=tuple(record.replace("@", name, 1) for record in says.answer),
            authority=says.authority,
            additional=says.additional,
            rcode=says.rcode,
            flags=says.flags,
        )
    )


class FakeHandler:
    """Answers by name and writes down which names were asked, in the spelling of the question.

    What is not in `answers` is answered with `otherwise`.
    """

    def __init__(self, answers: Mapping[str, Says] | None = None, otherwise: Says = NXDOMAIN) -> None:
        self.answers = dict(answers or {})
        self.otherwise = otherwise
        self.asked: list[str] = []
        self.requests: list[Request] = []

    async def handle(self, request: Request) -> Reply:
        name = name_to_text(request.query.name)
        self.asked.append(name)
        self.requests.append(request)
        says = self.answers.get(name.lower(), self.otherwise)
        if says.waits_for is not None:
            await says.waits_for
        if says.error is not None:
            raise says.error
        return Reply(response_to(request, says), "fake", **says.reply)


def answer(handled: Coroutine[Any, Any, T]) -> T:
    """The result of a handler that has nothing to wait for."""
    flight = start(handled)
    assert flight.done, "the handler waits"
    return flight.result()


def read(reply: Reply) -> dns.message.Message:
    """The reply's message, as dnspython reads it."""
    return dns.message.from_wire(reply.response.message, one_rr_per_rrset=True)


def records(reply: Reply, section: str = "answer") -> list[str]:
    """The records of a section as lines of text."""
    return [rrset.to_text() for rrset in getattr(read(reply), section)]
