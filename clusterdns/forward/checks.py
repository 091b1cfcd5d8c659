"""The health checks of one upstream: begun by a failure, repeated until it answers (CoreDNS forward, `health_check`).

A check is a question like any other, over the transport that failed and over the same connections. It needs no task:
the connection calls when the answer is there, the wheel when it is late, and again when the next check is due.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from clusterdns.errors import UpstreamFailure
from clusterdns.forward.exchange import Transport
from clusterdns.forward.member import Member
from clusterdns.forward.message import compose_check
from clusterdns.forward.timers import Slot, Wheel
from clusterdns.forward.waiter import Carrier
from clusterdns.limits import FORWARD_CHECK_SECONDS, FORWARD_HEALTH_SECONDS
from clusterdns.wire import numbers
from clusterdns.wire.response import matches


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """What to ask (NS of `name`, folded wire form), and how long to pause after a check without an answer."""

    pause_seconds: float = FORWARD_HEALTH_SECONDS.default
    answer_seconds: float = FORWARD_CHECK_SECONDS.default
    name: bytes = numbers.ROOT
    recursion_desired: bool = True


class Checks:
    """The checks of one member."""

    __slots__ = (
        "_body",
        "_carrier",
        "_clock",
        "_is_running",
        "_member",
        "_on_failure",
        "_query",
        "_sent_at",
        "_settings",
        "_slot",
        "_transport",
        "_wheel",
        "message_id",
        "reused",
    )

    message_id: int
    reused: bool

    def __init__(
        self,
        member: Member,
        settings: CheckSettings,
        wheel: Wheel,
        clock: Callable[[], float],
        on_failure: Callable[[Member], None],
    ) -> None:
        self._on_failure = on_failure
        self._member = member
        self._settings = settings
        self._wheel = wheel
        self._clock = clock
        self._query, self._body = compose_check(settings.name, recursion_desired=settings.recursion_desired)
        self._transport: Transport = "udp"
        self._is_running = False
        self._carrier: Carrier | None = None
        self._slot: Slot = {}
        self._sent_at = 0.0

    def begin(self, transport: Transport) -> None:
        """Ask over `transport` until there is an answer; nothing if that is being done, or is not to be."""
        if not self._is_running and self._member.health.is_checked:
            self._is_running = True
            self._transport = transport
            self._check()

    def stop(self) -> None:
        """The upstream is one no longer."""
        self._is_running = False
        self._slot.pop(self, None)
        if self._carrier is not None:
            self._carrier.abandon(self)
            self._carrier = None

    def answered(self, message: bytes, now: float) -> bool:
        """Any answer will do: whoever can say REFUSED is there."""
        if not matches(message, self._query):
            return False
        self._end_wait()
        self._is_running = False
        self._member.heard_at = now
        self._member.health.answered()
        return True

    def lost(self, reason: str) -> None:
        self._failed()

    def expire(self) -> None:
        """The answer is late, or the next check is due."""
        carrier = self._carrier
        if carrier is None:
            self._check()
        else:
            carrier.suspect(self._sent_at)
            carrier.abandon(self)
            self._failed()

    def _check(self) -> None:
        now = self._sent_at = self._clock()
        try:
            self._carrier = self._member.send(self, self._transport, self._body, now)
        except UpstreamFailure:
            self._failed()
        else:
            self._slot = self._wheel.set(self, now + self._settings.answer_seconds)

    def _failed(self) -> None:
        self._end_wait()
        if self._is_running:
            now = self._clock()
            self._member.counters.check_failures += 1
            self._member.health.check_failed(now)
            self._on_failure(self._member)
            self._slot = self._wheel.set(self, now + self._settings.pause_seconds)

    def _end_wait(self) -> None:
        self._carrier = None
        self._slot.pop(self, None)
