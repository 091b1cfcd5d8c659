"""The `loop` directive: an upstream that leads back to this server is found, named and asked no more.

At start, each upstream of the server block is asked a question of its own that nobody else asks, as CoreDNS's `loop`
has it: `<random number>.<random number>.<zone>`, type HINFO. If it comes in at one of our own chains, the upstream it
was sent to leads back here. CoreDNS then ends its process, and a node whose resolv.conf is wrong has no DNS at all;
here the others go on to be asked, and the one that looped is looked at again until it does so no longer.

    clusterdns.daemon.loop_probe: asks ──► upstream ──► … ──► Loop.handle: saw it ──► LoopCheck: not to be asked

Nothing here does I/O or knows the time; `now` is monotonic seconds.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from clusterdns.directives.chain import Handler, Reply, Request, reply_with
from clusterdns.forward.upstreams import Upstream
from clusterdns.limits import LOOP_RECHECK_SECONDS, LOOP_RETRY_SECONDS, LOOP_SECONDS
from clusterdns.wire import numbers

HINFO: Final = 13


class Sightings:
    """The questions under way, and which of them came back; shared by all server blocks of a process."""

    def __init__(self) -> None:
        self._seen: dict[bytes, bool] = {}

    def expect(self, folded: bytes) -> None:
        """A question for this folded name is about to be sent."""
        self._seen[folded] = False

    def saw(self, folded: bytes) -> bool:
        """A question for this name has come in: True if it is one of ours."""
        if folded not in self._seen:
            return False
        self._seen[folded] = True
        return True

    def forget(self, folded: bytes) -> bool:
        """The question is over: True if it came back."""
        return self._seen.pop(folded)


class Loop:
    """One directive's handler."""

    def __init__(self, sightings: Sightings, following: Handler) -> None:
        self._sightings = sightings
        self._following = following

    async def handle(self, request: Request) -> Reply:
        if request.query.qtype == HINFO and self._sightings.saw(request.query.folded):
            # Not another time around.
            return reply_with(request, "loop", rcode=numbers.REFUSED, cacheable=False)
        return await self._following(request)


def probe_name(zone: bytes, random_number: Callable[[], int]) -> bytes:
    """A folded wire name below `zone` that nobody else asks for; `random_number` gives 64 bits."""
    labels = (str(random_number()).encode() for _ in range(2))
    return b"".join(bytes((len(label),)) + label for label in labels) + zone


class Outcome(enum.Enum):
    """What became of a question."""

    CAME_BACK = enum.auto()
    ANSWERED = enum.auto()
    SILENT = enum.auto()


@dataclass(slots=True)
class _State:
    first_asked: float
    ask_at: float
    loops: bool = False


class LoopCheck:
    """What is known of the upstreams of one `forward`."""

    def __init__(self) -> None:
        self._states: dict[Upstream, _State] = {}

    @property
    def looping(self) -> tuple[Upstream, ...]:
        """Those that lead back here."""
        return tuple(upstream for upstream, state in self._states.items() if state.loops)

    def follow(self, upstreams: Sequence[Upstream], now: float) -> None:
        """These are the upstreams now, whether they are asked or not; what was known of others is forgotten."""
        self._states = {upstream: self._states.get(upstream) or _State(now, now) for upstream in upstreams}

    def due(self, now: float) -> list[Upstream]:
        """Who is to be asked now."""
        return [upstream for upstream, state in self._states.items() if state.ask_at <= now]

    def note(self, upstream: Upstream, outcome: Outcome, now: float) -> bool:
        """Learn what became of a question; True if it changes what is known of the upstream."""
        state = self._states.get(upstream)
        if state is None:
            return False
        before = state.loops
        if outcome is not Outcome.SILENT:
            state.loops = outcome is Outcome.CAME_BACK
        if state.loops:
            state.ask_at = now + LOOP_RECHECK_SECONDS.default
        elif outcome is Outcome.ANSWERED or now - state.first_asked >= LOOP_SECONDS.default:
            # It has answered without us, or is not there: then a loop will be noticed when it is (by `follow`) anew.
            state.ask_at = math.inf
        else:
            # "will try to send queries for up to 30 seconds, with a 2 second delay between each try" (CoreDNS loop).
            state.ask_at = now + LOOP_RETRY_SECONDS.default
        return state.loops != before
