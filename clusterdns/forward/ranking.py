"""In which order upstreams are asked: the policy's, with those that failed behind it, and those that are down last.

Pure: made anew for each question from what is known at `now`; while all upstreams are well it is a look-up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from clusterdns.forward.exchange import Ask, Transport
from clusterdns.forward.health import Health
from clusterdns.forward.policy import Choose
from clusterdns.limits import FORWARD_ROUNDS

_OTHER: dict[Transport, Transport] = {"udp": "tcp", "tcp": "udp"}


class Ranked(Protocol):
    """An upstream, as far as its place matters."""

    @property
    def health(self) -> Health: ...

    @property
    def is_tls(self) -> bool:
        """It is asked over TLS and nothing else."""

    def cost(self, now: float) -> float:
        """See `clusterdns.forward.policy.Candidate`."""


R = TypeVar("R", bound=Ranked)


class Plan(NamedTuple, Generic[R]):
    """Whom to ask, one after the other. `may_hedge`: the second is as good as the first, and not the same road."""

    asks: tuple[Ask[R], ...]
    may_hedge: bool


class Ranking(Generic[R]):
    """The order among `upstreams`.

    `max_tries` bounds a plan (0: by its rounds alone). `fail_fast`: nobody is asked while all are down.
    """

    def __init__(
        self,
        upstreams: Sequence[R],
        choose: Choose,
        *,
        rounds: int = FORWARD_ROUNDS.default_int,
        max_tries: int = 0,
        fail_fast: bool = False,
    ) -> None:
        self.all_down = 0
        """How often all upstreams were down when a question came (CoreDNS: health checking must be broken)."""
        self._upstreams = tuple(upstreams)
        self._choose = choose
        self._rounds = rounds
        self._max_tries = max_tries or None
        self._fail_fast = fail_fast
        self.troubled: set[R] = set()
        """Upstreams that may not be well."""
        count = len(self._upstreams)
        self._rotations: dict[Transport, list[Plan[R]]] = {
            "udp": [self._plan(self._from(first), "udp", count) for first in range(count)],
            "tcp": [self._plan(self._from(first), "tcp", count) for first in range(count)],
        }
        self._nobody: Plan[R] = Plan((), False)

    def plan(self, transport: Transport, now: float) -> Plan[R]:
        """Every upstream, for as many rounds as there are; in the third place, the first over the other transport."""
        upstreams = self._upstreams
        if self.troubled:
            return self._plan_around(transport, now)
        if len(upstreams) > 1:
            return self._rotations[transport][self._choose(upstreams, now)]
        return self._rotations[transport][0] if upstreams else self._nobody

    def _plan_around(self, transport: Transport, now: float) -> Plan[R]:
        troubled = self.troubled = {one for one in self.troubled if not one.health.is_well(now)}
        good = [one for one in self._upstreams if one not in troubled] or list(self._upstreams)
        bad = [one for one in self._upstreams if one not in good]
        if all(one.health.is_down for one in self._upstreams):
            self.all_down += 1
            if self._fail_fast:
                return self._nobody
        # The policy chooses among those that are well, as if there were no others; if none is, among all.
        first = self._choose(good, now) if len(good) > 1 else 0
        bad.sort(key=lambda one: one.health.is_down)
        well = len(self._upstreams) - len(troubled)
        return self._plan([*good[first:], *good[:first], *bad], transport, well)

    def _from(self, first: int) -> list[R]:
        return [*self._upstreams[first:], *self._upstreams[:first]]

    def _plan(self, order: Sequence[R], transport: Transport, well: int) -> Plan[R]:
        # Each place has an Ask of its own; see Exchange.
        asks = [Ask(one, "tcp" if one.is_tls else transport) for _ in range(self._rounds) for one in order]
        if not order[0].is_tls:
            # Two silent tries may mean that a firewall, or a path, is closed to the transport.
            asks.insert(2, Ask(order[0], _OTHER[transport]))
        asks = asks[: self._max_tries]
        # Over TCP, a second message to the same upstream would share the fate of the first.
        may_hedge = len(asks) > 1 and (well > 1 or (len(order) == 1 and transport == "udp" and not order[0].is_tls))
        return Plan(tuple(asks), may_hedge)
