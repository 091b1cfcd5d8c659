"""The controller: wanted records, current records, plan, apply; each interval and after each change.

`run_once` is the whole program in ten lines. `run` repeats it: a run that fails is logged, counted and tried again, and
never ends the loop. Time comes from outside (`clock`: monotonic seconds; `wall_clock`: seconds since 1970).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from clusterdns.errors import ClusterDNSError
from externaldns.changes import ChangeResult
from externaldns.domain_filter import DomainFilter, Zones
from externaldns.measurements import Measurements, count_types
from externaldns.ownership import Registry
from externaldns.plan import DEFAULT_MANAGED_TYPES, Scope, Skipped, calculate
from externaldns.policy import Policy, sync
from externaldns.providers.provider import Provider
from externaldns.record import Endpoint
from externaldns.schedule import Schedule
from externaldns.sources.shaping import Shaping
from externaldns.sources.source import Collected, Source, collect

logger = logging.getLogger(__name__)

_SYNC_POLL_SECONDS = 0.05


class NotSynced(ClusterDNSError):
    """A store that records are made from has not been filled yet: what is missing in it would be deleted."""

    retryable = True

    def __init__(self, kinds: Sequence[str]) -> None:
        super().__init__(f"not synced yet: {', '.join(kinds)}; nothing is changed until they are")


class ApplyFailed(ClusterDNSError):
    """Some names could not be changed; the others were."""

    retryable = True


@dataclass(frozen=True, slots=True)
class Rules:
    """What the controller may do."""

    policy: Policy = sync
    domains: DomainFilter = field(default_factory=DomainFilter)
    record_types: frozenset[str] = DEFAULT_MANAGED_TYPES
    shaping: Shaping = field(default_factory=Shaping)


class Controller:
    """Keeps the records of a provider as the sources want them."""

    def __init__(
        self,
        sources: Sequence[Source],
        registry: Registry,
        provider: Provider,
        rules: Rules | None = None,
        *,
        measurements: Measurements | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._sources = sources
        self._registry = registry
        self._provider = provider
        self._rules = rules or Rules()
        self._measured = measurements or Measurements()
        self._wall_clock = wall_clock
        self._told: frozenset[str] = frozenset()

    async def run_once(self) -> int:
        """Bring the provider's records to what the sources want, and return how many names were changed.

        Raises NotSynced before anything is read, the provider's error if the zone can't be read, and ApplyFailed after
        everything that could be changed was changed.
        """
        self._require_synced()
        snapshot = await self._provider.read()
        zones = Zones(snapshot.zones)
        view = self._registry.read(snapshot.records, zones.find)
        collected = collect(self._sources, self._rules.shaping)
        desired = await self._provider.adjust(collected.endpoints)
        scope = Scope(
            self._registry.owner_id,
            self._rules.record_types,
            lambda name: self._rules.domains.match(name) and zones.find(name) != "",
            view.others,
            self._registry.migrate_from or "",
        )
        plan = calculate(view.endpoints, desired, scope, self._rules.policy)
        attached = view.attach(plan.changes, sweep=scope if self._rules.policy is sync else None)
        skipped = plan.skipped + attached.skipped
        self._measure(view.endpoints, collected, zones, skipped)
        self._tell_left_out(skipped, [wanted.dns_name for wanted in desired if not zones.find(wanted.dns_name)])
        return self._conclude(await self._provider.apply(attached.changes))

    async def try_once(self) -> bool:
        """`run_once`, its errors logged and counted; True if there were none."""
        measured = self._measured
        try:
            changed = await self.run_once()
        except Exception as error:
            measured.consecutive_errors += 1
            measured.source_errors += isinstance(error, NotSynced)
            measured.registry_errors += not isinstance(error, NotSynced | ApplyFailed)
            # Anything but our own errors is a bug; its place in the code is needed to mend it.
            logger.error("run failed: %s", error, exc_info=not isinstance(error, ClusterDNSError))
            return False
        measured.consecutive_errors = 0
        measured.last_sync = self._wall_clock()
        if changed:
            measured.last_reconcile = measured.last_sync
            logger.info("names that differed: %d", changed)
        else:
            measured.no_op_runs += 1
            logger.info("all records are up to date")
        return True

    async def run(self, schedule: Schedule, *, events: bool) -> None:
        """Run on `schedule` until cancelled; with `events`, changes in the stores bring the next run forward.

        A run that is cancelled in its midst is completed by the next process: every write leaves the zone in a state
        that a plan can start from.
        """
        clock = asyncio.get_running_loop().time
        changed = asyncio.Event()
        await self.wait_synced()
        if events:
            for store in self._stores():
                store.subscribe(lambda old, new: changed.set())
            changed.clear()  # subscribing tells of every object that is there already; the first run sees them
        while True:
            if schedule.should_run(clock()):
                started = clock()
                succeeded = await self.try_once()
                schedule.run_ended(started, clock(), succeeded)
            try:
                async with asyncio.timeout(schedule.wait_seconds(clock())):
                    await changed.wait()
            except TimeoutError:
                continue
            changed.clear()
            schedule.object_changed(clock())

    async def wait_synced(self) -> None:
        """Return as soon as all stores are synced."""
        while self._not_synced():  # noqa: ASYNC110 - stores tell of changes, not of being synced
            await asyncio.sleep(_SYNC_POLL_SECONDS)

    def _stores(self) -> list[Any]:
        return [store for source in self._sources for store in source.stores]

    def _not_synced(self) -> list[str]:
        return sorted({store.kind for store in self._stores() if not store.synced})

    def _require_synced(self) -> None:
        if missing := self._not_synced():
            raise NotSynced(missing)

    def _conclude(self, results: Sequence[ChangeResult]) -> int:
        """Return how many names were changed; ApplyFailed, with every reason logged, if some were not."""
        failed = [result for result in results if result.error is not None]
        for result in failed:
            logger.error("%s: %s", result.change.name, result.error)
        self._measured.failed_names += len(failed)
        if failed:
            raise ApplyFailed(f"{len(failed)} of {len(results)} names could not be changed")
        return len(results)

    def _measure(
        self, current: Sequence[Endpoint], collected: Collected, zones: Zones, skipped: Sequence[Skipped]
    ) -> None:
        measured, held = self._measured, {record.key for record in current}
        measured.source_endpoints, measured.registry_endpoints = len(collected.endpoints), len(current)
        measured.source_records, measured.registry_records = count_types(collected.endpoints), count_types(current)
        measured.verified_records = count_types(wanted for wanted in collected.endpoints if wanted.key in held)
        measured.invalid = Counter((endpoint.record_type.lower(), name) for name, endpoint in collected.invalid)
        measured.skipped = Counter(
            (skip.record_type.lower(), self._registry.owner_id, skip.foreign_owner, zones.find(skip.name))
            for skip in skipped
        )

    def _tell_left_out(self, skipped: Sequence[Skipped], outside: Sequence[str]) -> None:
        """Warn of what is wanted and not done; once, not in every run."""
        reasons = {f"{name} is left out: no zone that is managed here holds it" for name in outside}
        for skip in skipped:
            holder = f"{skip.foreign_owner!r} owns it" if skip.foreign_owner else "no controller made it"
            reasons.add(f"{skip.name} {skip.record_type} is left alone: {holder}")
        for reason in sorted(reasons - self._told):
            logger.warning("%s", reason)
        self._told = frozenset(reasons)
