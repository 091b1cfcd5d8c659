"""The forwarder: a question in, one answer from one of its upstreams out. The last step of a query's way.

    forward(query) ──► the same message under way? ── yes ──► its flight
                            │ no
                            ▼
                        Ranking ──► Question (exchange.py decides, question.py carries out) ──► tcp.py, udp.py
                                         │
                                         └──► everyone on the flight

No task and no timer per query: callbacks of sockets and of one wheel drive the questions.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from clusterdns.errors import UpstreamFailure
from clusterdns.flight import Flight
from clusterdns.forward.checks import Checks, CheckSettings
from clusterdns.forward.counters import UpstreamCounters
from clusterdns.forward.exchange import Rules, Transport
from clusterdns.forward.health import Health
from clusterdns.forward.hedge import HedgeBudget
from clusterdns.forward.member import Member
from clusterdns.forward.message import compose_body, compose_question
from clusterdns.forward.policy import Choose, Dice, choose_at_random
from clusterdns.forward.question import Question
from clusterdns.forward.random_ids import RandomIds
from clusterdns.forward.ranking import Ranking
from clusterdns.forward.tcp import TcpSettings
from clusterdns.forward.timers import Wheel
from clusterdns.forward.upstreams import Upstream
from clusterdns.limits import FORWARD_MAX_FAILS, QUERIES_IN_FLIGHT
from clusterdns.wire.edns import ClientSubnet
from clusterdns.wire.query import Query
from clusterdns.wire.response import Response


class TooManyQueries(UpstreamFailure):
    """As many questions are under way as are allowed; no upstream is to blame, and a moment later there may be room."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a forwarder asks; times in seconds, the numbers as in CoreDNS's forward.

    `max_fails` 0: no upstream is ever down. `max_tries` 0: two for each upstream, and one over the other transport.
    """

    max_in_flight: int = QUERIES_IN_FLIGHT.default_int
    rules: Rules = field(default_factory=Rules)
    tcp: TcpSettings = field(default_factory=TcpSettings)
    checks: CheckSettings = field(default_factory=CheckSettings)
    max_fails: int = FORWARD_MAX_FAILS.default_int
    max_tries: int = 0
    fail_fast: bool = False


class Forwarder:
    """Asks `upstreams`. Must be made, used and closed in the event loop's thread.

    `choose` is the policy, by default CoreDNS's `random`; `random_id` gives message IDs, `dice` numbers from 0 to 1.
    """

    def __init__(
        self,
        upstreams: Sequence[Upstream],
        settings: Settings | None = None,
        *,
        choose: Choose | None = None,
        random_id: Callable[[], int] | None = None,
        dice: Dice = random.random,
    ) -> None:
        loop = asyncio.get_running_loop()
        settings = settings or Settings()
        self.rejected = 0
        """Questions turned away because `max_in_flight` were under way."""
        self.clock = loop.time
        self.rules = settings.rules
        self.wheel = Wheel(loop)
        self.hedges = HedgeBudget()
        self.is_closed = False
        self._settings = settings
        self._choose = choose or choose_at_random(dice)
        self._random_id = random_id or RandomIds()
        self._dice = dice
        self._questions: dict[bytes, Question] = {}
        self._checks: dict[Member, Checks] = {}
        self._members: dict[Upstream, Member] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._companions: list[asyncio.Task[None]] = []
        self._all_down_before = 0
        self._enlist(upstreams)

    @property
    def in_flight(self) -> int:
        """How many questions are under way."""
        return len(self._questions)

    @property
    def upstreams(self) -> tuple[Upstream, ...]:
        """Who is asked now."""
        return tuple(self._members)

    @property
    def counters(self) -> tuple[UpstreamCounters, ...]:
        """The counts of `upstreams`, in their order."""
        return tuple(member.counters for member in self._members.values())

    @property
    def all_down(self) -> int:
        """How many questions came while all upstreams were down (`coredns_forward_healthcheck_broken_total`)."""
        return self._all_down_before + self._ranking.all_down

    def is_down(self, upstream: Upstream) -> bool:
        """Whether one of `upstreams` failed as many health checks as make it down."""
        return self._members[upstream].health.is_down

    def forward(
        self, query: Query, *, transport: Transport = "tcp", subnet: ClientSubnet | None = None
    ) -> Flight[Response]:
        """Ask an upstream, `transport` first. `subnet` goes with the question; nothing else of the client does.

        The answer is shared by everyone who asks the same meanwhile: its ID, and the spelling of its question, are
        nobody's. The flight fails with UpstreamFailure. Raises TooManyQueries.
        """
        asked = compose_question(query)
        body = compose_body(query, asked, subnet)
        questions = self._questions
        question = questions.get(body)
        if question is not None:
            return question.flight
        if len(questions) >= self._settings.max_in_flight:
            self.rejected += 1
            raise TooManyQueries("any", f"{self._settings.max_in_flight} questions are under way already")
        now = self.clock()
        self.hedges.earn()
        asks, may_hedge = self._ranking.plan(transport, now)
        hedge_after = asks[0].upstream.latency.hedge_after(now) if may_hedge else math.inf
        question = questions[body] = Question(self, query, asked, body, asks, now, hedge_after)
        question.begin(now)
        return question.flight

    def replace_upstreams(self, upstreams: Sequence[Upstream]) -> None:
        """Ask these from now on, none or many, each once. Those that stay keep their connections and their counts.

        Questions that wait for one that is gone are asked elsewhere at once; with nobody left they fail.
        """
        if self.is_closed or tuple(dict.fromkeys(upstreams)) == self.upstreams:
            return
        before = self._members
        self._all_down_before = self.all_down
        self._enlist(upstreams)
        now = self.clock()
        for question in list(self._questions.values()):
            question.send_elsewhere(self._ranking.plan(question.transport, now).asks, now)
        for upstream, member in before.items():
            if upstream not in self._members:
                self._checks.pop(member).stop()
                member.drop("it is an upstream no longer")
                leaving = asyncio.get_running_loop().create_task(member.wait_closed())
                self._leaving.add(leaving)
                leaving.add_done_callback(self._leaving.discard)

    def accompany(self, companion: asyncio.Task[None]) -> None:
        """Cancel this task when the forwarder is closed."""
        self._companions.append(companion)

    def stop(self) -> None:
        """End what is under way with UpstreamFailure, and ask nobody any more; `close` waits for the end of it all."""
        self.is_closed = True
        for companion in self._companions:
            companion.cancel()
        for checks in self._checks.values():
            checks.stop()
        for question in list(self._questions.values()):
            question.end("we are closing")
        for member in self._members.values():
            member.drop("we are closing")
        self.wheel.stop()

    async def close(self) -> None:
        """Stop, and return when every connection and socket is closed."""
        self.stop()
        await asyncio.gather(*self._companions, return_exceptions=True)
        await asyncio.gather(*(member.wait_closed() for member in self._members.values()), *self._leaving)

    def forget(self, body: bytes) -> None:
        """A question is over."""
        del self._questions[body]

    def answered(self, member: Member) -> None:
        """An upstream is well."""
        if self._ranking.troubled:
            member.health.answered()

    def blame(self, member: Member, transport: Transport, now: float) -> None:
        """An upstream failed: it is asked last for a while, and checked."""
        member.counters.failures += 1
        member.health.failed(now)
        self.suspect(member, transport)

    def suspect(self, member: Member, transport: Transport) -> None:
        """An upstream is checked, for it may have failed."""
        checks = self._checks.get(member)
        if checks is not None and not self.is_closed:
            self._trouble(member)
            checks.begin("tcp" if member.is_tls else transport)

    def _enlist(self, upstreams: Sequence[Upstream]) -> None:
        settings = self._settings
        known, self._members = self._members, {}
        for upstream in upstreams:
            member = known.get(upstream) or self._members.get(upstream)
            if member is None:
                health = Health(max_fails=settings.max_fails)
                member = Member(upstream, health, self._random_id, settings.tcp, self._dice)
                self._checks[member] = Checks(member, settings.checks, self.wheel, self.clock, self._trouble)
            self._members[upstream] = member
        self._ranking = Ranking(
            tuple(self._members.values()),
            self._choose,
            max_tries=settings.max_tries,
            fail_fast=settings.fail_fast,
        )
        # Those that are well are soon found to be.
        self._ranking.troubled.update(self._members.values())

    def _trouble(self, member: Member) -> None:
        self._ranking.troubled.add(member)
