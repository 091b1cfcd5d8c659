"""A cache directive on virtual time: an upstream that takes its time, a clock and timers that the test moves.

scene = Scene(Config(serve_stale=ServeStale()), answers={WEB: FOUND})
first = scene.ask(WEB)
scene.pass_time(0.01)
assert first.reply.source == "upstream"
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from clusterdns.cache.message_cache import MessageCache
from clusterdns.cache.views import ViewsOf, no_views
from clusterdns.cache.waiting import Timer
from clusterdns.directives.cache import build
from clusterdns.directives.chain import Reply, Request
from clusterdns.directives.config.cache import Config
from clusterdns.errors import UpstreamFailure
from clusterdns.flight import Flight, start
from clusterdns.wire.names import name_from_text, name_to_text
from tests.support.chain import NXDOMAIN, Says, request, response_to

WEB = "web.example.org."
DEAD = Says(error=UpstreamFailure("192.0.2.1:53", "no answer"))


class _Timer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class VirtualClock:
    """Monotonic seconds, and timers that go off as they pass."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now
        self._timers: list[tuple[float, int, _Timer]] = []
        self._order = itertools.count()

    def __call__(self) -> float:
        return self.now

    def later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        timer = _Timer(callback)
        heapq.heappush(self._timers, (self.now + seconds, next(self._order), timer))
        return timer

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while self._timers and self._timers[0][0] <= end:
            self.now, _, timer = heapq.heappop(self._timers)
            if timer.callback is not None:
                timer.callback()
        self.now = end

    @property
    def pending(self) -> int:
        """Timers that will still go off."""
        return sum(timer.callback is not None for _, _, timer in self._timers)


class Upstream:
    """Answers by name after `delay` seconds, as `answers` says when they are over; other names with `otherwise`.

    `asked` are the names and when they were asked. With `delay` None an answer never comes; `lost` is what those who
    asked wait for.
    """

    def __init__(self, clock: VirtualClock, answers: Mapping[str, Says], otherwise: Says = NXDOMAIN) -> None:
        self.answers = dict(answers)
        self.otherwise = otherwise
        self.delay: float | None = 0.01
        self.asked: list[tuple[float, str]] = []
        self.requests: list[Request] = []
        self.lost: list[Flight[None]] = []
        self._clock = clock

    async def handle(self, request: Request) -> Reply:
        name = name_to_text(request.query.name)
        self.asked.append((self._clock.now, name))
        self.requests.append(request)
        delay = self.delay
        if delay is None:
            self.lost.append(Flight())
            await self.lost[-1]
        elif delay:
            arrives: Flight[None] = Flight()
            self._clock.later(delay, lambda: arrives.land(None))
            await arrives
        says = self.answers.get(name.lower(), self.otherwise)
        if says.error is not None:
            raise says.error
        return Reply(response_to(request, says), "upstream", **says.reply)

    def die(self) -> None:
        """From now on every question fails after 1.5 seconds, as a forwarder gives up."""
        self.delay = 1.5
        self.answers = {}
        self.otherwise = DEAD


class Asked:
    """A question under way, or over."""

    def __init__(self, clock: VirtualClock, flight: Flight[Reply]) -> None:
        self.flight = flight
        self.seconds: float | None = None
        """How long the answer took, None while there is none."""
        began = clock.now

        def arrived() -> None:
            self.seconds = clock.now - began

        flight.when_done(arrived)

    @property
    def done(self) -> bool:
        return self.flight.done

    @property
    def reply(self) -> Reply:
        assert self.flight.done, "there is no answer yet"
        return self.flight.result()

    @property
    def error(self) -> Exception | None:
        try:
            assert self.reply is not None
        except UpstreamFailure as error:
            return error
        return None


class Scene:
    """A cache of `config` in front of an upstream."""

    def __init__(
        self,
        config: Config = Config(),  # noqa: B008 - it is frozen
        *,
        answers: Mapping[str, Says],
        views_of: ViewsOf = no_views,
        zones: Sequence[str] = (".",),
        **parameters: Any,
    ) -> None:
        self.clock = VirtualClock()
        self.upstream = Upstream(self.clock, answers)
        self.cache = build(
            config,
            [name_from_text(zone) for zone in zones],
            self.clock,
            self.upstream.handle,
            views_of=views_of,
            later=self.clock.later,
            **parameters,
        )

    @property
    def messages(self) -> MessageCache:
        return self.cache.messages

    def ask(self, name: str = WEB, qtype: str = "A", **parameters: Any) -> Asked:
        question = request(name, qtype, now=self.clock.now, **parameters)
        return Asked(self.clock, start(self.cache.handle(question)))

    def get(self, name: str = WEB, qtype: str = "A", **parameters: Any) -> Reply:
        """The reply, however long it takes up to the minute."""
        asked = self.ask(name, qtype, **parameters)
        for _ in range(6000):
            if asked.done:
                break
            self.clock.pass_time(0.01)
        return asked.reply

    def pass_time(self, seconds: float) -> None:
        self.clock.pass_time(seconds)
