"""The exchange of one forwarded question: what to send next, and when it is over. No I/O, no clock, no sockets.

The forwarder carries out what an exchange returns, and tells it what happened: an answer arrived, the connection was
lost, the message could not be sent, or it is `wake_at` o'clock. An input returns the next step, or None: nothing
changed. An earlier try stays welcome until the end: whoever answers first, answers.

    plan: (0, udp) (1, udp) (0, tcp) (0, udp) (1, udp)      two upstreams, twice, and once over the other transport
    Ask(0, udp) ─ TC ──► Ask(0, tcp) ─ answer ──► Response
        │ hedge_after        │ lost
        ▼                    ▼
    Ask(1, udp), and still 0;   Blame("reset", Ask(1, udp)) … ──► Failed at the end of the plan, or of the time

RFC 1035 section 7 (resolvers), RFC 5452 (which answers to believe), RFC 6891 section 7 (servers without EDNS),
RFC 7766 (TCP).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, NamedTuple, TypeVar

from clusterdns.errors import MalformedMessage
from clusterdns.limits import FORWARD_SECONDS, FORWARD_TRY_SECONDS
from clusterdns.wire import numbers
from clusterdns.wire.query import HEADER, HEADER_BYTES, Query
from clusterdns.wire.response import Response, matches, read_response

U = TypeVar("U")
"""An upstream, as whoever carries out the steps knows it; it is only compared and handed back."""

Transport = Literal["udp", "tcp"]
"""`tcp` is also what TLS is asked over."""

_LATE = "no answer in time"
_NO_ANSWER = frozenset({numbers.SERVFAIL, numbers.REFUSED})


class Ask(NamedTuple, Generic[U]):
    """Ask this upstream. `is_again`: once more over another connection, as the first had been closed."""

    upstream: U
    transport: Transport
    edns: bool = True
    is_again: bool = False


class Failed(NamedTuple, Generic[U]):
    """No upstream answered; `upstream` and `because` are those of the last failure. None: there was nobody to ask."""

    upstream: U | None
    because: str


class Wait(enum.Enum):
    """This try is over, and nothing is to be sent: another one is under way."""

    FOR_OTHERS = enum.auto()


Then = Ask[U] | Response | Failed[U] | Wait
"""A Response is the answer for everyone who asked."""


class Blame(NamedTuple, Generic[U]):
    """The upstream of the try, or of every late one if it is time that is up, did something wrong; `then` goes on."""

    because: str
    then: Then[U]


Step = Ask[U] | Response | Failed[U] | Wait | Blame[U]


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for all exchanges of a forwarder.

    `total_seconds` are for the whole exchange, `try_seconds` the patience with one try. `failover` are the rcodes with
    which an upstream passes a question on to the next one.
    """

    total_seconds: float = FORWARD_SECONDS.default
    try_seconds: float = FORWARD_TRY_SECONDS.default
    failover: frozenset[int] = frozenset()


class Exchange(Generic[U]):
    """One question's way through `plan`, in its order. `now` is monotonic seconds throughout.

    `question` is the question as it is sent: name in lower case, type and class. After `hedge_after` seconds without
    an answer, the second of the plan is asked, too; infinite for never.
    """

    __slots__ = (
        "_declined",
        "_failed",
        "_fallback",
        "_first",
        "_is_hedging",
        "_newest",
        "_plan",
        "_position",
        "_query",
        "_question",
        "_rules",
        "deadline",
        "wake_at",
    )

    def __init__(
        self, rules: Rules, query: Query, question: bytes, plan: Sequence[Ask[U]], now: float, hedge_after: float
    ) -> None:
        self.deadline = now + rules.total_seconds
        self._rules = rules
        self._query = query
        self._question = question
        self._plan = plan
        self._position = 0
        # The tries within their time: the newest one, and the first one beside it once it has been hedged. They are
        # told apart from the late ones by identity, for which each place of a plan has an Ask of its own.
        self._newest: Ask[U] | None = plan[0] if plan else None
        self._first: Ask[U] | None = None
        self._failed: U | None = None
        self._fallback: Response | None = None
        self._declined: list[U] | None = None
        patience = rules.try_seconds
        self._is_hedging = hedge_after < patience
        if self._is_hedging:
            patience = hedge_after
        self.wake_at = now + patience if patience < rules.total_seconds else self.deadline
        """When to call `woken`."""

    def start(self) -> Ask[U] | Failed[U]:
        """The first step."""
        return self._newest or Failed(None, "there is nobody to ask")

    def answered(self, ask: Ask[U], message: bytes, now: float) -> Step[U] | None:
        """A message with the ID of a try arrived from its upstream. None: not the answer, which may still come."""
        over_udp = ask.transport == "udp"
        if not (
            # Nearly every answer repeats the question as it was sent, byte for byte.
            message.startswith(self._question, HEADER_BYTES) and message[4:6] == b"\0\1" and message[2] & 0x80
        ) and not matches(message, self._query):
            # "A resolver implementation MUST match responses to all of the following attributes of the query" … "Query
            # name" (RFC 5452 section 9.1). Over UDP anyone can send such a message, and the real answer may still
            # come; over TCP it is what the upstream said.
            return None if over_udp else self._fail(ask, "answered another question", now)
        if message[3] & numbers.RCODE == numbers.FORMERR and ask.edns:
            # "Responders that choose not to implement the protocol extensions … MUST respond with a return code
            # (RCODE) of FORMERR to messages containing an OPT record" (RFC 6891 section 7).
            return self._instead(ask, ask._replace(edns=False), now)
        try:
            response = read_response(message if message[5] else self._with_question(message))
        except MalformedMessage as error:
            # A datagram that is longer than we receive, or was cut on its way, says no more than a TC bit does.
            if over_udp:
                return self._instead(ask, ask._replace(transport="tcp"), now)
            return self._fail(ask, f"malformed answer: {error}", now)
        if over_udp and response.truncated:
            # Passed on at the end, if all else fails, it lets the client try what we could not.
            self._fallback = response
            return self._instead(ask, ask._replace(transport="tcp"), now)
        if response.rcode:
            return self._judge(ask, response, now)
        return response

    def lost(self, ask: Ask[U], reason: str, now: float, *, reused: bool) -> Step[U]:
        """The connection of a try ended without an answer.

        `reused` says that it had been open before the message was sent. Upstreams close idle connections at any time;
        a query that crossed with that is no failure of theirs: "DNS clients SHOULD retry unanswered queries if the
        connection closes before receiving all outstanding responses" (RFC 7766 section 6.2.4). Once, over a new one.
        """
        if reused and not ask.is_again:
            return self._instead(ask, ask._replace(is_again=True), now)
        return self._fail(ask, reason, now)

    def unsent(self, ask: Ask[U], reason: str, now: float) -> Step[U]:
        """The message of a try could not be sent."""
        return self._fail(ask, reason, now)

    def woken(self, now: float, may_hedge: Callable[[], bool]) -> Step[U] | None:
        """It is `wake_at`. A step that is no Blame is the hedge, for which `may_hedge` is asked."""
        if self._is_hedging:
            self._is_hedging = False
            if now < self.deadline and may_hedge():
                self._position = 1
                self._first, self._newest = self._newest, self._plan[1]
                self._wake_after(self._rules.try_seconds, now)
                return self._newest
            self._wake_after(self._first_seconds_left(now), now)
            return None
        if self._newest is not None:
            self._failed = self._newest.upstream
        self._first = self._newest = None
        return Blame(_LATE, self._next(_LATE, now))

    def redirect(self, plan: Sequence[Ask[U]], now: float) -> Step[U] | None:
        """Other upstreams from now on. Tries of those that are gone are to be reported as lost behind this."""
        self._plan = plan
        self._position = -1
        if self._newest is None:
            return self._next(_LATE, now)
        if self._is_hedging:
            self._is_hedging = False
            self._wake_after(self._first_seconds_left(now), now)
        return None

    def _judge(self, ask: Ask[U], response: Response, now: float) -> Step[U]:
        """An answer with an rcode."""
        rcode = response.rcode
        declines = rcode in self._rules.failover
        if declines:
            self._declined = [*(self._declined or ()), ask.upstream]
        # Where two were asked, that one can't answer, or will not, is no reason to turn down the other's answer.
        elif rcode not in _NO_ANSWER or not self._has_other_than(ask):
            return response
        self._fallback = response
        self._end(ask)
        if self._newest is not None:
            return Wait.FOR_OTHERS
        self._failed = ask.upstream
        return self._next("", now)

    def _instead(self, ask: Ask[U], other: Ask[U], now: float) -> Step[U]:
        """The same upstream again, asked in another way."""
        if now >= self.deadline:
            return self._fail(ask, _LATE, now)
        if ask is self._newest:
            self._newest = other
        elif ask is self._first:
            self._first = other
        else:
            return Wait.FOR_OTHERS
        self._is_hedging = False
        self._wake_after(self._rules.try_seconds, now)
        return other

    def _fail(self, ask: Ask[U], because: str, now: float) -> Step[U]:
        if ask is not self._newest and ask is not self._first:
            # It was late already, and others have been asked since.
            return Wait.FOR_OTHERS
        self._end(ask)
        if self._newest is not None:
            return Blame(because, Wait.FOR_OTHERS)
        self._failed = ask.upstream
        return Blame(because, self._next(because, now))

    def _has_other_than(self, ask: Ask[U]) -> bool:
        return any(one is not None and one is not ask for one in (self._newest, self._first))

    def _end(self, ask: Ask[U]) -> None:
        if ask is self._newest:
            self._newest, self._first = self._first, None
        elif ask is self._first:
            self._first = None

    def _next(self, because: str, now: float) -> Then[U]:
        """Ask the next of the plan; nobody else is within its time."""
        self._is_hedging = False
        if now < self.deadline:
            while self._position + 1 < len(self._plan):
                self._position += 1
                ask = self._plan[self._position]
                if self._declined is None or ask.upstream not in self._declined:
                    self._newest = ask
                    self._wake_after(self._rules.try_seconds, now)
                    return ask
            if because == _LATE:
                # Nobody is left to ask, but those who were may only be slow.
                self.wake_at = self.deadline
                return Wait.FOR_OTHERS
        return self._fallback or Failed(self._failed, because)

    def _first_seconds_left(self, now: float) -> float:
        return self.deadline - self._rules.total_seconds + self._rules.try_seconds - now

    def _wake_after(self, seconds: float, now: float) -> None:
        at = now + seconds
        self.wake_at = at if at < self.deadline else self.deadline

    def _with_question(self, message: bytes) -> bytes:
        """The answer of a server that did not repeat the question, with it and nothing else."""
        message_id, flags, *_counts = HEADER.unpack_from(message)
        return HEADER.pack(message_id, flags, 1, 0, 0, 0) + self._query.question
