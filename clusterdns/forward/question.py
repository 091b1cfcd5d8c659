"""One question under way: carries out what its exchange decides, and tells everyone who waits for the answer.

    forwarder ──► Question.start ──► Exchange ──► Try ──► connection or socket
                      ▲                             │
                      └── woken (wheel)             └── answered, lost ──► Exchange ──► … ──► Flight

Nothing here waits: the wheel and the connections call.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from clusterdns.errors import UpstreamFailure
from clusterdns.flight import Flight
from clusterdns.forward.exchange import Ask, Blame, Exchange, Failed, Rules, Step, Transport, Wait
from clusterdns.forward.hedge import HedgeBudget
from clusterdns.forward.member import Member
from clusterdns.forward.message import without_edns
from clusterdns.forward.timers import Slot, Wheel
from clusterdns.forward.waiter import Carrier
from clusterdns.wire.query import Query
from clusterdns.wire.response import Response

_log = logging.getLogger(__name__)

_NOWHERE: Slot = {}


class Desk(Protocol):
    """What a question needs of its forwarder."""

    rules: Rules
    wheel: Wheel
    hedges: HedgeBudget

    def clock(self) -> float:
        """Monotonic seconds."""

    def forget(self, body: bytes) -> None:
        """The question with this message is over."""

    def answered(self, member: Member) -> None:
        """It answered a question."""

    def blame(self, member: Member, transport: Transport, now: float) -> None:
        """A try ended by its fault."""

    def suspect(self, member: Member, transport: Transport) -> None:
        """Another one was faster, and nothing has been heard of it since."""


class Question(Exchange[Member]):
    """An exchange, and those who wait for it. `body` is its message behind the ID, `question` the part of that."""

    __slots__ = ("_desk", "_slot", "_tries", "body", "flight", "hedge")

    def __init__(
        self,
        desk: Desk,
        query: Query,
        question: bytes,
        body: bytes,
        plan: Sequence[Ask[Member]],
        now: float,
        hedge_after: float,
    ) -> None:
        super().__init__(desk.rules, query, question, plan, now, hedge_after)
        self.body = body
        self.flight: Flight[Response] = Flight()
        self.hedge: Try | None = None
        self._desk = desk
        self._slot: Slot = _NOWHERE
        self._tries: list[Try] = []
        """Those that may still be answered, the newest last."""

    @property
    def transport(self) -> Transport:
        """The one to begin with."""
        return self._plan[0].transport if self._plan else "udp"

    def begin(self, now: float) -> None:
        """Ask the first upstream."""
        self._carry_out(self.start(), now)

    def expire(self) -> None:
        """The wheel: it is `wake_at`."""
        now = self._desk.clock()
        step = self.woken(now, self._desk.hedges.spend)
        if type(step) is Blame:
            for one in self._tries:
                one.carrier.suspect(one.sent_at)
                # If it answered others meanwhile, the name is slow, and not the upstream.
                if not one.is_blamed and one.member.heard_at < one.sent_at:
                    one.is_blamed = True
                    self._desk.blame(one.member, one.ask.transport, now)
            step = step.then
        elif isinstance(step, Ask):
            step.upstream.counters.hedges += 1
            step = self._send(step, now, is_hedge=True)
            if step is None:
                return
        self._carry_out(step or Wait.FOR_OTHERS, now)

    def send_elsewhere(self, plan: Sequence[Ask[Member]], now: float) -> None:
        """Other upstreams from now on."""
        step = self.redirect(plan, now)
        if step is not None:
            self._carry_out(step, now)

    def end(self, reason: str) -> None:
        """There will be no answer."""
        self._finish(Failed(None, reason), self._desk.clock())

    def take(self, one: Try, message: bytes, now: float) -> bool:
        """A message for a try; False if it is not the answer to it."""
        if self.flight.done:
            one.member.counters.late += 1
            return True
        step = self.answered(one.ask, message, now)
        if step is None:
            return False
        self._tries.remove(one)
        if type(step) is Blame:
            self._desk.blame(one.member, one.ask.transport, now)
            self._carry_out(step.then, now)
            return True
        one.member.count_answer(message[3] & 0xF, now - one.sent_at, now)
        self._desk.answered(one.member)
        if type(step) is Response:
            if one is self.hedge:
                one.member.counters.hedges_won += 1
            self._finish(step, now)
        else:
            self._carry_out(step, now)
        return True

    def miss(self, one: Try, reason: str) -> None:
        """The connection of a try is gone."""
        if self.flight.done:
            return
        now = self._desk.clock()
        self._tries.remove(one)
        self._carry_out(self._blamed(one, self.lost(one.ask, reason, now, reused=one.reused), now), now)

    def _blamed(self, one: Try, step: Step[Member], now: float) -> Step[Member]:
        if type(step) is Blame:
            self._desk.blame(one.member, one.ask.transport, now)
            return step.then
        return step

    def _carry_out(self, step: Step[Member], now: float) -> None:
        """Do as the exchange says, until there is something to wait for or it is over."""
        self._slot.pop(self, None)
        while True:
            if isinstance(step, Ask):
                failed = self._send(step, now)
                if failed is None:
                    return
                step = failed
            elif step is Wait.FOR_OTHERS:
                self._slot = self._desk.wheel.set(self, self.wake_at)
                return
            else:
                assert not isinstance(step, Blame | Wait)
                self._finish(step, now)
                return

    def _send(self, ask: Ask[Member], now: float, *, is_hedge: bool = False) -> Step[Member] | None:
        """Send one message; the next step if that failed."""
        member = ask.upstream
        one = Try(self, ask, member, now)
        member.counters.requests += 1
        try:
            one.carrier = member.send(
                one, ask.transport, self.body if ask.edns else without_edns(self.body, self._question), now
            )
        except UpstreamFailure as failure:
            return self._blamed(one, self.unsent(ask, failure.reason, now), now)
        if is_hedge:
            self.hedge = one
        self._tries.append(one)
        self._slot = self._desk.wheel.set(self, self.wake_at)
        return None

    def _finish(self, outcome: Response | Failed[Member], now: float) -> None:
        self._slot.pop(self, None)
        self._desk.forget(self.body)
        tries, self._tries = self._tries, []
        for one in tries:
            # Somebody else was faster.
            one.carrier.abandon(one)
            if not one.is_blamed and one.member.heard_at < one.sent_at:
                self._desk.suspect(one.member, one.ask.transport)
        try:
            if type(outcome) is Response:
                self.flight.land(outcome)
            else:
                assert isinstance(outcome, Failed)
                name = "any" if outcome.upstream is None else outcome.upstream.name
                self.flight.fail(UpstreamFailure(name, outcome.because))
        except Exception:
            # Not ours, and whoever else is to be told by the same read must not go without.
            _log.exception("bug: an answer could not be handed on")


class Try:
    """One message to one upstream: what its connection (a Waiter) calls."""

    __slots__ = ("ask", "carrier", "is_blamed", "member", "message_id", "question", "reused", "sent_at")

    carrier: Carrier
    message_id: int
    reused: bool

    def __init__(self, question: Question, ask: Ask[Member], member: Member, sent_at: float) -> None:
        self.question = question
        self.ask = ask
        self.member = member
        self.sent_at = sent_at
        self.is_blamed = False

    def answered(self, message: bytes, now: float) -> bool:
        return self.question.take(self, message, now)

    def lost(self, reason: str) -> None:
        self.question.miss(self, reason)
