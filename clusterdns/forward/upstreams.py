"""Who is asked, in which order, and what happened with each.

The order is made for each question, by a policy, with those that failed a moment ago at the end.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from clusterdns.errors import ConfigError
from clusterdns.forward.exchange import Transport, Try
from clusterdns.limits import FORWARD_AVOID_SECONDS, FORWARD_ROUNDS, PORT


@dataclass(frozen=True, slots=True)
class Upstream:
    """A server to ask. `address` is canonical text, of IPv6 with its zone if it has one (`fe80::1%eth0`)."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


Choose = Callable[[int], int]
"""A policy: how many upstreams there are, to the number of the one to begin with."""


def choose_first(_count: int) -> int:
    """CoreDNS's `sequential`: always the first of the list, the others only when it fails."""
    return 0


def choose_in_turn() -> Choose:
    """CoreDNS's `round_robin`."""
    turn = itertools.count()
    return lambda count: next(turn) % count


@dataclass(slots=True)
class UpstreamCounters:
    """Plain counts of one upstream, made into metrics when those are asked for."""

    requests: int = 0
    """Messages sent, or tried to."""
    answers: Counter[int] = field(default_factory=Counter)
    """Answers used, by rcode."""
    seconds: float = 0.0
    """Time from the sending to the arrival of all those answers together."""
    failures: int = 0
    """Tries that ended by the upstream's fault."""
    connections_opened: int = 0
    connections_reused: int = 0
    """Queries that went over a connection that was open already."""
    late: int = 0
    """Answers that came when nobody waited for them any more; they are dropped."""
    unasked: int = 0
    """Messages that answer nothing that was sent; they are dropped."""


class Ranking:
    """The order in which upstreams are tried; those that failed within `avoid_seconds` come last.

    Upstreams are numbers from 0 to `count` - 1. `choose(count)` gives the one to begin with; the others follow in turn.
    """

    def __init__(
        self,
        count: int,
        choose: Choose,
        *,
        rounds: int = FORWARD_ROUNDS.default_int,
        avoid_seconds: float = FORWARD_AVOID_SECONDS.default,
    ) -> None:
        self._count = count
        self._choose = choose
        self._rounds = rounds
        self._avoid_seconds = avoid_seconds
        self._avoided_until: dict[int, float] = {}
        everyone = [[*range(first, count), *range(first)] for first in range(count)]
        self._rotations: dict[Transport, list[tuple[Try, ...]]] = {
            "udp": [tuple((upstream, "udp") for upstream in order * rounds) for order in everyone],
            "tcp": [tuple((upstream, "tcp") for upstream in order * rounds) for order in everyone],
        }

    def tries(self, transport: Transport, now: float) -> tuple[Try, ...]:
        """Every upstream once, then all again, for as many rounds as there are."""
        first = self._choose(self._count) if self._count > 1 else 0
        rotation = self._rotations[transport][first]
        return self._avoiding(rotation, now) if self._avoided_until else rotation

    def failed(self, upstream: int, now: float) -> None:
        """Ask it last for a while."""
        self._avoided_until[upstream] = now + self._avoid_seconds

    def answered(self, upstream: int) -> None:
        """It is well."""
        if self._avoided_until:
            self._avoided_until.pop(upstream, None)

    def _avoiding(self, tries: tuple[Try, ...], now: float) -> tuple[Try, ...]:
        self._avoided_until = {who: until for who, until in self._avoided_until.items() if until > now}
        once = sorted(tries[: self._count], key=lambda step: step[0] in self._avoided_until)
        return tuple(once * self._rounds)


def read_resolv_conf(path: Path) -> list[Upstream]:
    """The `nameserver` lines of a file, in its order. Raises ConfigError if it can't be read or has none."""
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except OSError as error:
        raise ConfigError(f"forward: {path} can't be read: {error.strerror}") from error
    servers = []
    for line in lines:
        fields = line.split()
        if len(fields) >= 2 and fields[0] == "nameserver":
            try:
                servers.append(Upstream(ip_address(fields[1]).compressed, PORT.default_int))
            except ValueError:
                raise ConfigError(f"forward: {path}: nameserver {fields[1]!r} is no IP address") from None
    if not servers:
        raise ConfigError(f"forward: {path} has no nameserver line")
    return servers
