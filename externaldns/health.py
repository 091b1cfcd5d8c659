"""/healthz: whether this process does its work, in a line for each part. No I/O.

200   the loop comes round; what it waits for (a first list, the lease, an API that is away) is no reason to be
      restarted, and is said
503   the loop has not come round for EXTERNALDNS_HUNG_SECONDS: nothing but a restart helps
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from clusterdns.limits import EXTERNALDNS_HUNG_SECONDS
from externaldns.controller import Controller
from externaldns.loop import ControlLoop


@dataclass(frozen=True, slots=True)
class Health:
    """The parts that health is about; `clock` is the loop's."""

    controller: Controller
    loop: ControlLoop
    clock: Callable[[], float]
    wall_clock: Callable[[], float]
    heard: Callable[[], float]
    """When the provider's API last answered: a run that waits for its quota is long, and not hung."""
    role: Callable[[], str]
    """Who leads: `leading`, `standing by; NAME leads`, or `no election`."""

    def answer(self) -> tuple[int, str, bytes]:
        """Return status, content type and body."""
        since = self.clock() - max(self.loop.beat, self.heard())
        hung = since > EXTERNALDNS_HUNG_SECONDS.default
        measured = self.controller.measured
        missing = self.controller.not_synced()
        objects = "not listed yet: " + ", ".join(missing) if missing else "synced"
        for name, why in self.controller.left_out().items() if not missing else ():
            objects += f"; source {name} can't be read: {why}"
        synced = f"{self.wall_clock() - measured.last_sync:.0f} s ago" if measured.last_sync else "never"
        lines = [
            f"hung: the loop has not come round for {since:.0f} s" if hung else "OK",
            f"election: {self.role()}",
            f"objects: {objects}",
            f"last good run: {synced}; failed runs since: {measured.consecutive_errors}",
            *([f"last failure: {measured.last_error}"] if measured.last_error else []),
            f"names that fail: {self.loop.failing}; deletions held back: {measured.deletions_waiting}",
            f"records kept against a mistake or a source that can't be read: {measured.kept}",
        ]
        return (503 if hung else 200), "text/plain; charset=utf-8", ("\n".join(lines) + "\n").encode()
