"""What a run is to change: the plan, less what may not be deleted, or not now. No I/O, no clock.

    what was found, and is wanted -> plan -> and what is misplaced -> sparing -> delete guard -> with ownership records

`externaldns.controller` reads the zones before it, and writes what it decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from externaldns.changes import NameChange
from externaldns.domain_filter import DomainFilter, Zones
from externaldns.guard import DeleteGuard, DeleteLimits, Guarded
from externaldns.hidden import find_hidden
from externaldns.misplaced import Misplaced
from externaldns.ownership import Registry, View
from externaldns.plan import DEFAULT_MANAGED_TYPES, Plan, Scope, Skipped, calculate
from externaldns.policy import Policy, sync
from externaldns.providers.provider import Snapshot
from externaldns.record import Endpoint
from externaldns.sources.shaping import Shaping
from externaldns.sparing import Doubts, spare


@dataclass(frozen=True, slots=True)
class Rules:
    """What the controller may do."""

    policy: Policy = sync
    domains: DomainFilter = field(default_factory=DomainFilter)
    record_types: frozenset[str] = DEFAULT_MANAGED_TYPES
    shaping: Shaping = field(default_factory=Shaping)
    deletions: DeleteLimits = field(default_factory=DeleteLimits)


@dataclass(frozen=True, slots=True)
class Found:
    """What a run found in the zones: their records, and, apart from these, what of ours was moved there by hand."""

    snapshot: Snapshot
    zones: Zones
    view: View
    strays: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a run is to change, and what led to it."""

    changes: tuple[NameChange, ...]
    plan: Plan
    skipped: tuple[Skipped, ...]
    kept: tuple[Endpoint, ...]
    """Records that stay although nobody asks for them (see `externaldns.sparing`)."""
    guarded: Guarded


class Decider:
    """Decides by `rules`; `guard` counts what is deleted."""

    def __init__(self, rules: Rules, registry: Registry, guard: DeleteGuard) -> None:
        self._rules = rules
        self._registry = registry
        self._guard = guard
        self._owned: Counter[str] = Counter()
        """By zone: how many records were ours in the last full run."""

    def decide(
        self, found: Found, desired: Sequence[Endpoint], doubts: Doubts, names: Collection[str] | None, now: float
    ) -> Decision:
        """Decide about `names`, or, None, about all there are: a full run."""
        snapshot, view, full = found.snapshot, found.view, names is None
        considered: Callable[[str], bool] | None = None if names is None else frozenset(names).__contains__
        scope = self._scope(found, considered)
        plan = calculate(view.endpoints, desired, scope, self._rules.policy)
        if full:
            self._owned = _count_owned(view.endpoints, scope, found.zones)
        misplaced = self._find_misplaced(found, desired, scope)
        asked = replace(plan.changes, delete=plan.changes.delete + misplaced.deletions)
        spared = spare(asked, doubts)
        guarded = self._guard.check(spared.changes, found.zones.find, self._owned, now, considered)
        planned, allowed = misplaced.split(guarded.changes.delete)
        needed = misplaced.needed(self._registry)
        sweep = replace(scope, includes=lambda name: scope.includes(name) and name not in needed)
        sweeps = full and self._deletes and not snapshot.unread
        attached = view.attach(replace(guarded.changes, delete=planned), sweep=sweep if sweeps else None)
        changes = misplaced.delete(attached.changes, allowed, view.endpoints, scope)
        return Decision(changes, plan, plan.skipped + attached.skipped, spared.kept, guarded)

    @property
    def _deletes(self) -> bool:
        return self._rules.policy is sync

    def _scope(self, found: Found, considered: Callable[[str], bool] | None) -> Scope:
        domains, unread = self._rules.domains, found.snapshot.unread

        def includes(name: str) -> bool:
            if not domains.match(name) or (considered is not None and not considered(name)):
                return False
            zone = found.zones.find(name)
            return zone != "" and zone not in unread

        registry = self._registry
        return Scope(
            registry.owner_id, self._rules.record_types, includes, found.view.others, registry.migrate_from or ""
        )

    def _find_misplaced(self, found: Found, desired: Iterable[Endpoint], scope: Scope) -> Misplaced:
        snapshot, wished = found.snapshot, frozenset(each.dns_name for each in desired)
        if not self._deletes:
            return Misplaced(found.strays, (), wished)
        hidden = find_hidden(snapshot.hidden, snapshot.records, found.zones.find, self._registry, scope)
        return Misplaced(found.strays, tuple(hidden), wished)


def _count_owned(records: Iterable[Endpoint], scope: Scope, zones: Zones) -> Counter[str]:
    ours = (record for record in records if not scope.owner_id or record.owner == scope.owner_id)
    return Counter(
        zones.find(record.dns_name)
        for record in ours
        if record.record_type in scope.record_types and scope.includes(record.dns_name)
    )
