"""The loop around the controller: full runs each interval, short runs soon after a change, and what failed again.

    object changes  -> queue (200 ms) -> changed objects are asked again -> names -> short run
    name failed     -> queue (1 s, 2 s, 4 s ...) -> short run
    interval        -> can a full run find anything? -> full run, with short runs between its batches
    not leading     -> nothing is written; the zones' mirrors are kept warm

A run that is cancelled in its midst is completed by the next process: every write leaves the zone in a state that a
plan can start from.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import time
from collections.abc import Callable, Mapping

from clusterdns.errors import ClusterDNSError
from clusterdns.kube.leader import Alone, Leadership, NotLeading
from clusterdns.limits import EXTERNALDNS_HUNG_SECONDS, EXTERNALDNS_TOLD_NAMES
from externaldns.controller import ApplyFailed, Controller, NotSynced, Outcome, ZoneUnread
from externaldns.queue import DirtyQueue
from externaldns.schedule import Schedule

logger = logging.getLogger(__name__)

_OBJECTS = ""
"""The key in the queue that stands for the objects that have changed: which names that concerns is asked later."""


class ControlLoop:
    """Runs `controller` on `schedule`."""

    def __init__(
        self,
        controller: Controller,
        schedule: Schedule,
        *,
        events: bool,
        gap_seconds: float = 0.0,
        leadership: Leadership | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        dice: Callable[[], float] = random.random,
        at_rest: Callable[[Callable[[str], bool]], None] = lambda waits: None,
    ) -> None:
        """With `events`, changes in the stores are acted on at once; those of one object `gap_seconds` apart.

        `at_rest` is called after runs, while we lead, with what tells whether a name is still to be done.
        `clock` is monotonic seconds, `wall_clock` seconds since 1970.
        """
        self._controller = controller
        self._schedule = schedule
        self._events = events
        self._leadership = leadership or Alone()
        self._clock = clock
        self._wall_clock = wall_clock
        self._queue: DirtyQueue[str] = DirtyQueue(gap_seconds, dice)
        self._news = asyncio.Event()
        self._first = True
        self._at_rest = at_rest
        self._told: dict[str, str] = {}
        """What was told of names that have failed and not succeeded since."""
        self._whole = False
        """Whether the last full run saw to all names, or has left them in the queue."""
        self.beat = clock()
        """When the loop last came round: what /healthz believes."""

    @property
    def failing(self) -> int:
        """How many names have failed and not succeeded since."""
        return self._queue.failing

    async def run(self) -> None:
        """Run until cancelled."""
        await self._controller.wait_synced(self._live)
        self._controller.on_change(self._mark)
        if self._leadership.leads:
            self._controller.take_over()
        while True:
            self._live()
            if not self._leadership.leads:
                await self._stand_by()
            started = self._clock()
            full, short = self._schedule.should_run(started), self._queue.wait_seconds(started) == 0
            if full:
                succeeded = await self._run_if_needed()
                self._schedule.run_ended(started, self._clock(), succeeded)
            await self._run_due()
            if full or short:
                self.rest()
            now = self._clock()
            wait = min(
                self._schedule.wait_seconds(now), self._queue.wait_seconds(now), EXTERNALDNS_HUNG_SECONDS.default / 10
            )
            try:
                async with asyncio.timeout(wait):
                    await self._news.wait()
            except TimeoutError:
                continue
            self._news.clear()

    async def run_full(self) -> Outcome | None:
        """A full run, its errors logged and counted; None if it could not be made."""
        measured = self._controller.measured
        self._whole = False
        try:
            outcome = await self._controller.run_once(self._come_round)
        except Exception as error:
            self._tell_failed(error)
            return None
        self._first = False
        self._settle(outcome)
        self._whole = not outcome.unread
        if outcome.failed:
            self._tell_failed(ApplyFailed(f"{len(outcome.failed)} names could not be changed"))
            return outcome
        if outcome.unread:
            self._tell_failed(ZoneUnread("; ".join(_say_unread(outcome.unread))))
            return outcome
        measured.run_succeeded(self._wall_clock(), changed=bool(outcome.changed))
        if outcome.changed:
            logger.info("names that differed: %d", len(outcome.changed))
        else:
            logger.info("all records are up to date")
        return outcome

    async def _run_if_needed(self) -> bool:
        """A full run if it could find anything; False if it could not be made, and should be tried again soon."""
        try:
            # With events, objects that have changed wait for a short run.
            if not self._first and not await self._controller.needs_full_run(objects=not self._events):
                if not self._queue.failing:
                    self._controller.measured.run_succeeded(self._wall_clock(), changed=False)
                return True
        except Exception as error:
            self._tell_failed(error)
            return False
        outcome = await self.run_full()
        return outcome is not None and not outcome.unread

    async def _come_round(self) -> None:
        """Between two batches of a full run: what is urgent overtakes it."""
        self._live()
        await self._run_due()

    def rest(self) -> None:
        """Tell that no run is under way, if the last full one saw to all names, and we lead."""
        if self._whole and self._leadership.leads:
            self._at_rest(self._queue.__contains__)

    def _live(self) -> None:
        self.beat = self._clock()

    async def _run_due(self) -> None:
        """A short run for what is due, its errors logged and counted."""
        changed_at = self._queue.take(self._clock())
        marked = changed_at.pop(_OBJECTS, None)
        if marked is not None:
            for name in self._controller.dirty_names():
                if not self._queue.postpone(name, marked, self._clock()):
                    changed_at[name] = min(marked, changed_at.get(name, marked))
        if not changed_at:
            return
        try:
            outcome = await self._controller.run_names(changed_at)
        except Exception as error:
            self._tell_failed(error)
            for name in changed_at:
                self._queue.failed(name, self._clock())
            return
        for name in changed_at:
            if name not in outcome.failed:
                self._done(name)
        self._settle(outcome)
        if outcome.failed:
            self._controller.measured.consecutive_errors += 1
        else:
            self._controller.measured.run_succeeded(self._wall_clock(), changed=bool(outcome.changed))
        if outcome.changed:
            logger.info("names that differed: %d", len(outcome.changed))

    async def _stand_by(self) -> None:
        """Wait until we lead. Whoever leads meanwhile writes to the zones, so the first run after it is a full one."""
        logger.info("standing by")
        self._controller.forget()
        told = ""
        while not self._leadership.leads:
            self._live()
            try:
                await self._controller.warm_up()
                told = ""
            except ClusterDNSError as error:
                if told != str(error):
                    logger.warning("can't read the zones while standing by: %s", error)
                told = str(error)
            try:
                async with asyncio.timeout(min(self._schedule.interval, EXTERNALDNS_HUNG_SECONDS.default / 10)):
                    await self._leadership.leading()
            except TimeoutError:
                continue
        self._controller.take_over()
        self._first = True
        self._schedule.run_now()

    def _mark(self) -> None:
        if self._events:
            self._queue.mark(_OBJECTS, self._clock())
            self._news.set()

    def _settle(self, outcome: Outcome) -> None:
        for name in outcome.changed:
            self._done(name)
        now = self._clock()
        pauses = {name: self._queue.failed(name, now) for name in outcome.failed}
        news = {name: str(error) for name, error in outcome.failed.items() if self._told.get(name) != str(error)}
        # A zone that refuses everything fails all its names: those after the first few have nothing new to say.
        told = EXTERNALDNS_TOLD_NAMES.default_int
        for name, words in itertools.islice(news.items(), told):
            logger.error("%s: %s; it is tried again in %.0f s", name, words, pauses[name])
        if len(news) > told:
            logger.error("%d more names could not be changed, and are tried again as well", len(news) - told)
        self._told |= news

    def _done(self, name: str) -> None:
        self._queue.done(name, self._clock())
        self._told.pop(name, None)

    def _tell_failed(self, error: Exception) -> None:
        measured = self._controller.measured
        measured.consecutive_errors += 1
        measured.source_errors += isinstance(error, NotSynced)
        measured.registry_errors += not isinstance(error, NotSynced | ApplyFailed | NotLeading)
        if isinstance(error, ClusterDNSError) and str(error) == measured.last_error:
            logger.debug("run failed again: %s", error)
            return
        measured.last_error = str(error)
        # Anything but our own errors is a bug; its place in the code is needed to mend it.
        logger.error("run failed: %s", error, exc_info=not isinstance(error, ClusterDNSError))


def _say_unread(zones: Mapping[str, Exception]) -> list[str]:
    return [f"zone {name} can't be read, and stays as it is: {error}" for name, error in sorted(zones.items())]
