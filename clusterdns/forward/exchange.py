"""The exchange of one forwarded question: what to send next, and when it is over. No I/O, no clock, no sockets.

The forwarder carries out what an exchange returns, and tells it what happened: an answer arrived, time was up, the
connection was lost, the message could not be sent. Every input returns the next step, or None: keep waiting.

    tries: (0, udp) (1, udp) (0, udp) (1, udp)          two upstreams, twice
    Send(0, udp) ─ TC ──► Send(0, tcp) ─ answer ──► Finished
        │ timeout            │ lost
        ▼                    ▼
    Send(1, udp, because="no answer in time") … ──► Failed at the end of the list or of the time

RFC 1035 section 7 (resolvers), RFC 5452 (which answers to believe), RFC 6891 section 7 (servers without EDNS),
RFC 7766 (TCP).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from clusterdns.errors import MalformedMessage
from clusterdns.wire import numbers
from clusterdns.wire.query import HEADER, Query
from clusterdns.wire.response import Response, matches, read_response

Transport = Literal["udp", "tcp"]
Try = tuple[int, Transport]
"""An upstream, by its place in the forwarder's list, and how to ask it."""


# In every step, `because` says what the upstream of the try before it did wrong; it is empty if nothing.


class Send(NamedTuple):
    """Ask this upstream, and report back after `seconds` without an answer."""

    upstream: int
    transport: Transport
    seconds: float
    edns: bool = True
    because: str = ""


class Finished(NamedTuple):
    """The answer for everyone who asked."""

    response: Response
    because: str = ""


class Failed(NamedTuple):
    """No upstream answered; `upstream` and `because` are those of the last try."""

    upstream: int
    because: str


Step = Send | Finished | Failed


class Exchange:
    """One question's way through `tries`, in their order, until `deadline` (monotonic seconds).

    `try_seconds` is the patience with one try; the last one gets what is left until the deadline.
    """

    __slots__ = ("_deadline", "_edns", "_position", "_query", "_resent", "_transport", "_tries", "_truncated", "_wait")

    def __init__(self, query: Query, tries: Sequence[Try], *, deadline: float, try_seconds: float) -> None:
        self._query = query
        self._tries = tries
        self._deadline = deadline
        self._wait = try_seconds
        self._position = 0
        self._transport = tries[0][1]
        self._edns = True
        self._resent = False
        self._truncated: Response | None = None

    def start(self, now: float) -> Step:
        """The first step."""
        return self._send(now)

    def answered(self, message: bytes, now: float) -> Step | None:
        """A message with the ID of the current try arrived from its upstream."""
        over_udp = self._transport == "udp"
        if not matches(message, self._query):
            # "A resolver implementation MUST match responses to all of the following attributes of the query" … "Query
            # name" (RFC 5452 section 9.1). Over UDP anyone can send such a message, and the real answer may still
            # come; over TCP it is what the upstream said.
            return None if over_udp else self._next("answered another question", now)
        if message[3] & numbers.RCODE == numbers.FORMERR and self._edns:
            # "Responders that choose not to implement the protocol extensions … MUST respond with a return code
            # (RCODE) of FORMERR to messages containing an OPT record" (RFC 6891 section 7).
            self._edns = False
            return self._send(now)
        try:
            response = read_response(message if message[5] else self._with_question(message))
        except MalformedMessage as error:
            # A datagram that is longer than we receive, or was cut on its way, says no more than a TC bit does.
            return self._change_to_tcp(now) if over_udp else self._next(f"malformed answer: {error}", now)
        if over_udp and response.truncated:
            self._truncated = response
            return self._change_to_tcp(now)
        return Finished(response)

    def timed_out(self, now: float) -> Step:
        """The current try's `seconds` passed."""
        return self._next("no answer in time", now)

    def lost(self, reason: str, now: float, *, reused: bool) -> Step:
        """The connection of the current try ended without an answer.

        `reused` says that it had been open before the message was sent. Upstreams close idle connections at any time;
        a query that crossed with that is no failure of theirs: "DNS clients SHOULD retry unanswered queries if the
        connection closes before receiving all outstanding responses" (RFC 7766 section 6.2.4). Once, over a new one.
        """
        if reused and not self._resent:
            self._resent = True
            return self._send(now)
        return self._next(reason, now)

    def unsent(self, reason: str, now: float) -> Step:
        """The message of the current try could not be sent."""
        return self._next(reason, now)

    def _change_to_tcp(self, now: float) -> Step:
        self._transport = "tcp"
        return self._send(now)

    def _next(self, because: str, now: float) -> Step:
        failed = self._tries[self._position][0]
        self._position += 1
        if self._position == len(self._tries) or now >= self._deadline:
            # A truncated answer, passed on, lets the client try what we could not.
            return Finished(self._truncated, because) if self._truncated else Failed(failed, because)
        self._transport = self._tries[self._position][1]
        self._edns = True
        self._resent = False
        return self._send(now, because)

    def _send(self, now: float, because: str = "") -> Step:
        left = self._deadline - now
        if left <= 0:
            return self._next("no answer in time", now)
        return Send(
            self._tries[self._position][0],
            self._transport,
            self._wait if self._wait < left else left,
            self._edns,
            because,
        )

    def _with_question(self, message: bytes) -> bytes:
        """The answer of a server that did not repeat the question, with it and nothing else."""
        message_id, flags, *_counts = HEADER.unpack_from(message)
        return HEADER.pack(message_id, flags, 1, 0, 0, 0) + self._query.question
