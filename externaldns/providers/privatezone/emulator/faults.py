"""What goes wrong on request: which calls fail, how, and how long a call takes. Pure: the dice are the caller's.

    --fault AddZoneRecord=lost:0.1       of ten AddZoneRecord calls one is done, and its answer never sent
    --fault writes=throttle:0.5          half of all writing calls get Throttling.User
    --latency reads=0.05                 every reading call takes 50 ms

The first rule that fits a call and whose share the dice fall into is the one that counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clusterdns.errors import ConfigError
from clusterdns.limits import EMULATOR_LATENCY_SECONDS
from externaldns.providers.privatezone.emulator.failure import BUSY, INTERNAL, THROTTLED, UNAVAILABLE, FailureRow

ANY, READS, WRITES = "any", "reads", "writes"

REFUSALS: dict[str, FailureRow] = {
    "throttle": THROTTLED,
    "busy": BUSY,
    "unavailable": UNAVAILABLE,
    "error": INTERNAL,
}
LOST, CUT = "lost", "cut"
"""The call is done and its connection closed without an answer; the connection is closed and nothing done."""

KINDS = (*REFUSALS, LOST, CUT)


@dataclass(frozen=True, slots=True)
class Fault:
    """Calls of `target` (an action, `reads`, `writes` or `any`) fail as `kind` says, a `share` of them (0 to 1)."""

    target: str
    kind: str
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Calls of `target` take `seconds`."""

    target: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Faults:
    """All rules; none by default."""

    faults: Sequence[Fault] = ()
    latencies: Sequence[Latency] = ()

    def pick(self, action: str, *, writes: bool, dice: Callable[[], float]) -> str:
        """Return the kind of fault that this call meets; "" for none."""
        for fault in self.faults:
            if _fits(fault.target, action, writes) and dice() < fault.share:
                return fault.kind
        return ""

    def seconds(self, action: str, *, writes: bool) -> float:
        """Return how long this call takes."""
        return sum(latency.seconds for latency in self.latencies if _fits(latency.target, action, writes))


def parse_fault(text: str) -> Fault:
    """Read TARGET=KIND[:SHARE]; raises ConfigError."""
    target, _, rest = text.partition("=")
    kind, colon, share = rest.partition(":")
    number = _number(share) if colon else 1.0
    if not target or kind not in KINDS or not 0 <= number <= 1:
        raise ConfigError(
            f"{text!r} must be TARGET=KIND[:SHARE], as in AddZoneRecord=lost:0.1; kinds are {', '.join(KINDS)}, "
            "a target is an action, reads, writes or any, a share is from 0 to 1",
            source="--fault",
        )
    return Fault(target, kind, number)


def parse_latency(text: str) -> Latency:
    """Read TARGET=SECONDS; raises ConfigError."""
    target, _, seconds = text.partition("=")
    number = _number(seconds)
    if not target or not 0 <= number <= EMULATOR_LATENCY_SECONDS.maximum:
        raise ConfigError(
            f"{text!r} must be TARGET=SECONDS, as in writes=0.05, up to {EMULATOR_LATENCY_SECONDS.maximum} s",
            source="--latency",
        )
    return Latency(target, number)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0


def _fits(target: str, action: str, writes: bool) -> bool:
    return target in (action, ANY, WRITES if writes else READS)
