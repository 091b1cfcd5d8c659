"""The delete guard: many deletions at once are stopped, and the operator told how to allow them. Pure.

    deletions of 10 minutes, those that wait included      what happens
    ----------------------------------------------------   -----------------------------------------------------
    at most 10, or --max-delete-percent of the zone's      all are made, after --delete-grace-loops full runs
      records, and no more than --max-delete (if set)
    more; or all of the zone's records, if more than 3     none is; everything else goes on

So an empty list from the API server, a changed annotation prefix or a deleted custom resource costs no record, however
small the portions are in which it arrives. What waits, and what was deleted, is forgotten as soon as it is wanted
again. A change of type is no deletion: the name stays. What a process before us has deleted is known from the Lease
(`resume`); where there is none, at most 10 are made in the first ten minutes (`start`). `now` is monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from clusterdns.limits import EXTERNALDNS_DELETE_FLOOR, EXTERNALDNS_DELETE_WINDOW_SECONDS, EXTERNALDNS_EMPTY_ZONE
from externaldns.changes import Changes
from externaldns.deletion_history import History
from externaldns.record import Endpoint, RecordKey


@dataclass(frozen=True, slots=True)
class DeleteLimits:
    """The flags of the same names."""

    max_delete: int = 0
    """Most deletions of a zone; 0: no such limit."""
    max_delete_percent: float = 30.0
    """Most deletions of a zone, in percent of its records that are ours. The first few are always allowed, unless they
    are all that there are; 100 allows everything."""
    grace_loops: int = 0
    """Full runs for which a record must have been unwanted before it is deleted."""
    allow_mass_delete: bool = False


@dataclass(frozen=True, slots=True)
class Guarded:
    """The changes that may be made, and for each zone whose deletions are stopped, the words that say so."""

    changes: Changes
    stopped: Mapping[str, str] = field(default_factory=dict)
    waiting: int = 0
    """Deletions that are not made now."""


class DeleteGuard:
    """Counts the deletions of each zone."""

    def __init__(self, limits: DeleteLimits | None = None) -> None:
        self._limits = limits or DeleteLimits()
        self._waiting: dict[str, dict[RecordKey, int]] = {}
        """By zone: the deletions that were held back, with the full runs that have asked for them."""
        self._made: dict[str, dict[RecordKey, float]] = {}
        self._made_before: dict[str, list[tuple[float, int]]] = {}
        """By zone: when another process has deleted how many."""
        self._strict_until = float("-inf")

    @property
    def waiting(self) -> int:
        """How many deletions are held back."""
        return sum(map(len, self._waiting.values()))

    def start(self, now: float) -> None:
        """Nothing is known of what was deleted before."""
        self._strict_until = now + EXTERNALDNS_DELETE_WINDOW_SECONDS.default

    def resume(self, history: History, now: float) -> None:
        """`history` has all deletions of the last minutes, our own as well."""
        self._made = {}
        self._made_before = {zone: [(now - ago, count) for ago, count in some] for zone, some in history.items()}

    def history(self, now: float) -> History:
        """Return the deletions of the last minutes."""
        zones = self._made.keys() | self._made_before.keys()
        found = {
            zone: [*self._earlier(zone, now), *((at, 1) for at in self._recently_made(zone, now).values())]
            for zone in zones
        }
        return {zone: [(now - at, count) for at, count in some] for zone, some in found.items() if some}

    def check(
        self,
        changes: Changes,
        zone_of: Callable[[str], str],
        owned: Mapping[str, int],
        now: float,
        considered: Callable[[str], bool] | None = None,
    ) -> Guarded:
        """Return `changes` without the deletions that must not be made now.

        `owned` has the number of our records by zone. `considered` tells which names the plan was about; None for all
        of them, which is what makes a full run.
        """
        staying = {endpoint.dns_name for endpoint in changes.create}
        for new in changes.create:
            # What comes back is not lost: pods that are replaced one after the other are no mass deletion.
            self._made.get(zone_of(new.dns_name), {}).pop(new.key, None)
        deletions: dict[str, list[Endpoint]] = {}
        for old in changes.delete:
            if old.dns_name not in staying:
                deletions.setdefault(zone_of(old.dns_name), []).append(old)
        allowed: set[RecordKey] = set()
        stopped: dict[str, str] = {}
        for zone in deletions.keys() | self._waiting.keys():
            asked = {old.key for old in deletions.get(zone, [])}
            waiting = self._count_loops(zone, asked, considered)
            made = self._recently_made(zone, now)
            before = sum(count for _, count in self._earlier(zone, now))
            total = len(waiting.keys() | made.keys()) + before
            most = self._most(owned.get(zone, 0) + len(made.keys() - asked) + before, total, now)
            if total > most and not self._limits.allow_mass_delete:
                stopped[zone] = self._say(zone, total, most, asked or waiting.keys(), now)
                continue
            ripe = {key for key in asked if waiting[key] >= self._limits.grace_loops}
            allowed |= ripe
            for key in ripe:
                del waiting[key]
                made[key] = now
        kept = tuple(old for old in changes.delete if old.dns_name in staying or old.key in allowed)
        self._waiting = {zone: keys for zone, keys in self._waiting.items() if keys}
        return Guarded(replace(changes, delete=kept), stopped, self.waiting)

    def _count_loops(
        self, zone: str, asked: set[RecordKey], considered: Callable[[str], bool] | None
    ) -> dict[RecordKey, int]:
        waiting = self._waiting.setdefault(zone, {})
        for key in [key for key in waiting if key not in asked and (considered is None or considered(key[0]))]:
            del waiting[key]
        for key in asked:
            waiting[key] = waiting.get(key, 0) + (considered is None)
        return waiting

    def _recently_made(self, zone: str, now: float) -> dict[RecordKey, float]:
        made = self._made.setdefault(zone, {})
        since = now - EXTERNALDNS_DELETE_WINDOW_SECONDS.default
        for key in [key for key, at in made.items() if at <= since]:
            del made[key]
        return made

    def _earlier(self, zone: str, now: float) -> list[tuple[float, int]]:
        since = now - EXTERNALDNS_DELETE_WINDOW_SECONDS.default
        return [(at, count) for at, count in self._made_before.get(zone, []) if at > since]

    def _is_strict(self, now: float) -> bool:
        return now < self._strict_until and self._limits.max_delete_percent < 100

    def _most(self, owned: int, total: int, now: float) -> int:
        most = max(EXTERNALDNS_DELETE_FLOOR.default_int, int(owned * self._limits.max_delete_percent / 100))
        if self._is_strict(now):
            most = EXTERNALDNS_DELETE_FLOOR.default_int
        if total >= owned and self._limits.max_delete_percent < 100:
            # Whoever really takes the last few Services away must not need a flag; nobody takes ten away at once.
            most = min(most, EXTERNALDNS_EMPTY_ZONE.default_int)
        return min(most, self._limits.max_delete) if self._limits.max_delete else most

    def _say(self, zone: str, total: int, most: int, keys: object, now: float) -> str:
        some = sorted(keys)[:3]  # type: ignore[call-overload]
        names = ", ".join(f"{name} {record_type}" for name, record_type, _ in some)
        etc = ", ..." if total > 3 else ""
        what = f"zone {zone}: {total} records would be deleted ({names}{etc}), more than the {most}"
        if self._is_strict(now):
            return (
                f"{what} that may go in the first ten minutes after a start without --leader-election, as nothing "
                "tells what was deleted before; none is until then. If they are to go now, run with --allow-mass-delete"
            )
        return (
            f"{what} that --max-delete-percent and --max-delete allow in ten minutes; none is. If they are to go, "
            "run with --allow-mass-delete until they are gone"
        )
