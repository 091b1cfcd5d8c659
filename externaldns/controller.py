"""The controller: wanted records, current records, plan, apply; for all names each interval, for some at once.

    full run      the zones are looked at; if one has changed without us, or it is time, all names are planned
    short run     the names whose objects have changed, or whose last change failed, are planned against the mirror

`run_once` is a full run. `externaldns.loop` repeats both: a run that fails is logged, counted and tried
again, and never ends the loop. Time comes from outside (`clock`: monotonic seconds).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from clusterdns.errors import ClusterDNSError
from clusterdns.kube.leader import Alone, Leadership
from clusterdns.kube.objects import Key
from clusterdns.limits import EXTERNALDNS_BATCH_NAMES, EXTERNALDNS_HUNG_SECONDS
from externaldns import deletion_history
from externaldns.changes import ChangeResult, NameChange
from externaldns.decision import Decider, Decision, Found, Rules
from externaldns.domain_filter import Zones
from externaldns.guard import DeleteGuard
from externaldns.measurements import Measurements, count_types
from externaldns.mistakes import Mistakes
from externaldns.own_rows import OwnRows, SortedOut
from externaldns.ownership import Registry
from externaldns.policy import sync
from externaldns.providers.provider import Provider, Snapshot
from externaldns.record import Endpoint, RecordKey
from externaldns.sources import readiness
from externaldns.sources.source import Collected, Source
from externaldns.sources.wanted import WantedRecords
from externaldns.sparing import Doubts
from externaldns.undone import Undone, unowned

logger = logging.getLogger(__name__)

Report = Callable[[Sequence[ChangeResult], Mapping[str, float]], None]
"""Told of each batch of changes that was applied, and when the objects behind each name changed (monotonic)."""


class NotSynced(ClusterDNSError):
    """A store that records are made from has not been filled yet: what is missing in it would be deleted."""

    retryable = True

    def __init__(self, kinds: Sequence[str]) -> None:
        super().__init__(f"not synced yet: {', '.join(kinds)}; nothing is changed until they are")


class ZoneUnread(ClusterDNSError):
    """A zone could not be read; the others were."""

    retryable = True


class ApplyFailed(ClusterDNSError):
    """Some names could not be changed; the others were."""

    retryable = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: the names that were changed, and those that could not be, with the reason."""

    changed: tuple[str, ...]
    failed: Mapping[str, Exception]
    unread: Mapping[str, Exception] = field(default_factory=dict)
    """Zones that could not be read, and were left alone."""


class Controller:
    """Keeps the records of a provider as the sources want them."""

    def __init__(
        self,
        sources: Sequence[Source],
        registry: Registry,
        provider: Provider,
        rules: Rules | None = None,
        *,
        leadership: Leadership | None = None,
        measurements: Measurements | None = None,
        report: Report = lambda results, changed_at: None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._sources = sources
        self._registry = registry
        self._provider = provider
        self._rules = rules or Rules()
        self._leadership = leadership or Alone()
        self.measured = measurements or Measurements()
        self._report = report
        self._clock = clock
        self._wall_clock = wall_clock
        self._guard = DeleteGuard(self._rules.deletions)
        self._decider = Decider(self._rules, registry, self._guard)
        self._own_rows = OwnRows(registry.marks)
        self._zones = Zones(())
        self._undone = Undone()
        self._overtaken: set[str] = set()
        """Names that short runs have planned anew during a full run, and those of their ownership records."""
        self._unfinished = False
        """Whether the last full run began something that only another one can see through."""
        self._unseen = False
        """Whether objects have changed that were not asked again."""
        self._told_change: Callable[[], None] = lambda: None
        self._mistakes = Mistakes()
        self._invalid: tuple[tuple[str, Endpoint], ...] = ()
        self._mistaken = Doubts()
        self._kept: dict[RecordKey, Endpoint] = {}
        """Records that stay although nobody asks for them: see `externaldns.sparing`."""
        self.measured.sources = tuple(readiness.title(source) for source in sources)
        self._wanted = WantedRecords(sources, self._rules.shaping, self._object_changed)

    async def run_once(self, between: Callable[[], Awaitable[None]] | None = None) -> Outcome:
        """Bring all records of the provider to what the sources want; `between` is awaited between batches of changes.

        Raises NotSynced before anything is read, the provider's error if the zone can't be read, and NotLeading when
        that is lost before everything was changed.
        """
        self._require_synced()
        self.dirty_names()
        self._overtaken.clear()
        self._unfinished = False
        snapshot = await self._provider.read()
        self.measured.count_read(snapshot.cached)
        return await self._run(snapshot, None, {}, between)

    async def run_names(self, changed_at: Mapping[str, float]) -> Outcome:
        """Bring the records of some names there; `changed_at` says when each was changed. Raises as `run_once`."""
        self._require_synced()
        names = set(changed_at)
        beside = {other for name in names for other in self._registry.beside(name, self._zones.find(name))}
        # What the full run found to be an ownership record of nothing may be that of a record by now.
        self._overtaken |= names | beside
        snapshot = await self._provider.look(names | beside)
        self.measured.count_read(snapshot.cached)
        return await self._run(snapshot, names, changed_at)

    async def needs_full_run(self, *, objects: bool = True) -> bool:
        """Tell whether a full run could find anything to do: a zone may have changed without us, deletions wait for
        their time, or, with `objects`, objects have changed. The provider's error if it can't be asked.
        """
        self._require_synced()
        settled = self.measured.left_out == self.left_out().keys() and not (self._unfinished or self._needlessly_kept())
        return self._guard.waiting > 0 or (objects and self._unseen) or not settled or await self._provider.changed()

    def on_change(self, told: Callable[[], None]) -> None:
        """Call `told` when objects have changed: `dirty_names` then says which names that may concern."""
        self._told_change = told

    def dirty_names(self) -> set[str]:
        """Ask the objects that have changed anew; return the names that they asked for, before or now, and those of
        records that need not be kept any longer.
        """
        self._unseen = False
        names = self._wanted.take_dirty()
        invalid = self._wanted.invalid()
        if invalid is not self._invalid:
            self._invalid, self._mistaken = invalid, Doubts.about(each for _, each in invalid)
            self.measured.invalid = Counter((each.record_type.lower(), source) for source, each in invalid)
            if news := self._mistakes.news(each for _, each in invalid):
                self._report(news, {})
        return names | self._needlessly_kept()

    def _object_changed(self) -> None:
        self._unseen = True
        self._told_change()

    def take_over(self) -> None:
        """From now on it is us who write: what the process before us has deleted counts as if we had."""
        note = self._leadership.note
        if note is None:
            self._guard.start(self._clock())
        else:
            self._guard.resume(deletion_history.decode(note, self._wall_clock()), self._clock())

    def forget(self) -> None:
        """Another process may have written to the zones: what was read of them is worth nothing."""
        self._provider.forget()

    async def warm_up(self) -> None:
        """Keep the mirror of the zones, and what is wanted, warm without changing anything: what a standby does."""
        # Nobody asks for the names before the full run that follows; objects that have come and gone would pile up.
        self._wanted.take_dirty()
        snapshot = await self._provider.read()
        self.measured.count_read(snapshot.cached)
        self._look(snapshot, full=True)

    async def wait_synced(self, look: Callable[[], None] = lambda: None) -> None:
        """Return as soon as there is enough to go on; `look` is called now and then until there is."""
        stores = [store for source in self._sources for store in source.stores]
        while self.not_synced():
            look()
            missing = [store for store in stores if not store.synced]
            waits = (store.wait_synced() if store.refused else store.wait_settled() for store in missing)
            tasks = [asyncio.create_task(wait) for wait in waits]
            try:
                await asyncio.wait(
                    tasks, timeout=EXTERNALDNS_HUNG_SECONDS.default / 10, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                for task in tasks:
                    task.cancel()

    def settled(self, source: str, busy: Callable[[str], bool]) -> Callable[[Key], bool]:
        """Return what tells, until the next run, whether that which an object of `source` asks for was planned, and
        none of its names is `busy`.
        """
        if source in self.left_out():
            return lambda key: False
        return lambda key: self._wanted.settled(source, key, busy)

    def not_synced(self) -> list[str]:
        """Return the kinds of objects that must be listed whole before anything is changed."""
        return readiness.awaited(self._sources)

    def left_out(self) -> dict[str, str]:
        """Return the sources that can't be read, and why."""
        return readiness.unreadable(self._sources)

    def _require_synced(self) -> None:
        if missing := self.not_synced():
            raise NotSynced(missing)

    async def _run(
        self,
        snapshot: Snapshot,
        names: Collection[str] | None,
        changed_at: Mapping[str, float],
        between: Callable[[], Awaitable[None]] | None = None,
    ) -> Outcome:
        found = self._look(snapshot, full=names is None)
        zones = self._zones = found.zones
        left_out = self.left_out()
        wanted = self._wanted.endpoints(names, left_out)
        desired = await self._provider.adjust(wanted.endpoints)
        decision = self._decider.decide(found, desired, self._doubts(), names, self._clock())
        self._report([unowned(wish) for wish in decision.plan.unowned], changed_at)
        if names is None:
            self._measure(found, wanted, decision)
            outside = [each.dns_name for each in desired if not zones.find(each.dns_name)]
            self._undone.tell_all(decision.skipped, decision.plan, outside, left_out, decision.guarded.stopped.values())
        else:
            self._undone.tell(decision.guarded.stopped.values())
        self._keep(decision.kept, names)
        self.measured.left_out = frozenset(left_out)
        self.measured.deletions_waiting = decision.guarded.waiting
        # What was hidden may have left an ownership record in its zone that only a run without it can see.
        self._unfinished |= any(step.zone for change in decision.changes for step in change.steps)
        if decision.guarded.changes.delete:
            history = self._guard.history(self._clock())
            self._leadership.leave_note(deletion_history.encode(history, self._wall_clock()))
        outcome = await self._apply(decision.changes, changed_at, between)
        unread = {name: error for name in names or () if (error := snapshot.unread.get(zones.find(name)))}
        return Outcome(outcome.changed, {**outcome.failed, **unread}, snapshot.unread)

    def _keep(self, kept: Iterable[Endpoint], names: Collection[str] | None) -> None:
        """Remember what stays although nobody asks for it, of `names` or altogether."""
        others = {} if names is None else {key: each for key, each in self._kept.items() if key[0] not in names}
        self._kept = others | {record.key: record for record in kept}
        self.measured.kept = len(self._kept)

    def _look(self, snapshot: Snapshot, *, full: bool) -> Found:
        """Return what is in `snapshot`, and learn which rows of it are ours."""
        rules, zones = self._rules, Zones(snapshot.zones)
        sorted_out = self._own_rows.sort_out(snapshot.records) if rules.policy is sync else SortedOut(snapshot.records)
        view, strays = self._registry.read(sorted_out.records, zones.find, self._own_rows.recall), sorted_out.strays
        if strays:
            whole = self._registry.read(snapshot.records, zones.find)
            strays = self._own_rows.let_go(sorted_out, whole.theirs, per_value=whole.others is not None)
        managed = (*rules.record_types, "TXT")
        own = (each for each in view.own if each.record_type in managed and rules.domains.match(each.dns_name))
        self._own_rows.learn(own, view.theirs)
        if full:
            self._own_rows.forget_all_but(snapshot.records, lambda name: zones.find(name) in snapshot.unread)
        known = (each for each in strays if zones.find(each.dns_name) not in snapshot.unread)
        return Found(snapshot, zones, view, tuple(each for each in known if rules.domains.match(each.dns_name)))

    async def _apply(
        self,
        changes: Sequence[NameChange],
        changed_at: Mapping[str, float],
        between: Callable[[], Awaitable[None]] | None,
    ) -> Outcome:
        """Apply `changes` in batches, the lease confirmed before each; a name that `between` saw to is left out."""
        changed: list[str] = []
        failed: dict[str, Exception] = {}
        size = EXTERNALDNS_BATCH_NAMES.default_int
        for start in range(0, len(changes), size):
            if start and between is not None:
                await between()
            batch = changes[start : start + size]
            if between is not None:
                batch = [change for change in batch if change.name not in self._overtaken]
            await self._leadership.confirm()
            results = await self._provider.apply(batch)
            self.measured.applies += 1
            for result in results:
                if result.error is None:
                    changed.append(result.change.name)
                else:
                    failed[result.change.name] = result.error
            self._own_rows.forget_deleted(result.change for result in results if result.error is None)
            self._own_rows.learn((row for result in results for row in result.written), ())
            self.measured.count_results(results)
            self._report(results, changed_at)
        return Outcome(tuple(changed), failed)

    def _doubts(self) -> Doubts:
        sources = self._sources
        return self._mistaken.beside(readiness.readable_kinds(sources), readiness.unknown_objects(sources))

    def _needlessly_kept(self) -> set[str]:
        """Return the names of records that need not be kept any longer."""
        doubts = self._doubts() if self._kept else Doubts()
        return {record.dns_name for record in self._kept.values() if not doubts.keeps(record)}

    def _measure(self, found: Found, wanted: Collected, decision: Decision) -> None:
        measured, current = self.measured, found.view.endpoints
        held = {record.key for record in current}
        measured.source_endpoints, measured.registry_endpoints = len(wanted.endpoints), len(current)
        measured.source_records, measured.registry_records = count_types(wanted.endpoints), count_types(current)
        measured.verified_records = count_types(each for each in wanted.endpoints if each.key in held)
        measured.duplicates = Counter((endpoint.record_type.lower(), name) for name, endpoint in wanted.duplicates)
        measured.skipped = Counter(
            (skip.record_type.lower(), self._registry.owner_id, skip.foreign_owner, found.zones.find(skip.name))
            for skip in decision.skipped
        )
        measured.unowned = len(decision.plan.unowned)
