"""The stores filled from an API server: carries out what each kind's reflector decides.

    API server -> api (bytes) -> decode (objects) -> reflector (decisions, store) -> indexes and controllers
                                      ^------------ this module moves one to the other and sleeps

One task and one session per kind: a kind that is forbidden or slow does not hold up the others.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Set
from contextlib import aclosing
from types import MappingProxyType
from typing import Any, NamedTuple

from clusterdns.errors import KubeApiError
from clusterdns.kube.access import Access
from clusterdns.kube.api import ApiServer
from clusterdns.kube.decode import MalformedObject, Unreadable, decode_event, decode_page
from clusterdns.kube.kinds import Kind, find_kind
from clusterdns.kube.pace import Pace
from clusterdns.kube.reflector import ListPage, Pause, Reflector, WatchFrom
from clusterdns.kube.requests import RequestCounters
from clusterdns.kube.store import Cluster, Store
from clusterdns.kube.turn import Turn
from clusterdns.limits import (
    KUBE_LIST_PAGE,
    KUBE_PAGE_BYTES,
    KUBE_UNREADABLE_SAID,
    KUBE_WATCH_SILENCE_SECONDS,
)

log = logging.getLogger(__name__)

UNFINISHED_PODS = "status.phase!=Succeeded,status.phase!=Failed"
"""Field selector that drops pods which have run to their end: their addresses belong to others already."""


class WatchState(NamedTuple):
    """How one watch is: seconds since the server said anything, whole lists so far, objects that can't be read now."""

    host: str
    resource: str
    silence: float
    lists: int
    unreadable: int


class ClusterWatch:
    """Keeps the stores of `kinds` equal to what an API server has.

    `namespace` limits namespaced kinds to one namespace; selectors are by kind. `on_list` is called after each whole
    list, once all kinds are synced. `dice` returns random numbers in [0, 1): they spread the requests of many nodes
    over time.
    """

    def __init__(
        self,
        cluster: Cluster,
        access: Access,
        kinds: frozenset[str],
        namespace: str = "",
        *,
        field_selectors: Mapping[str, str] = MappingProxyType({}),
        label_selectors: Mapping[str, str] = MappingProxyType({}),
        on_list: Callable[[], None] = lambda: None,
        dice: Callable[[], float] = random.random,
        requests: RequestCounters | None = None,
    ) -> None:
        self.requests = requests or RequestCounters()
        self._on_list = on_list
        pace = Pace(access)
        self._watches = [
            _KindWatch(
                cluster.store(name),
                find_kind(name),
                Reflector(cluster.store(name), dice, optional=find_kind(name).optional),
                ApiServer(access, pace, self.requests),
                find_kind(name).path(namespace),
                _selection(field_selectors.get(name, ""), label_selectors.get(name, "")),
                self._listed,
            )
            for name in sorted(kinds)
        ]
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def states(self) -> list[WatchState]:
        """How each watch is."""
        now = asyncio.get_running_loop().time()
        return [
            WatchState(watch.server.host, watch.kind.plural, now - watch.heard_at, watch.lists, watch.unreadable)
            for watch in self._watches
            if watch.lists
        ]

    def _listed(self) -> None:
        if all(watch.store.synced for watch in self._watches):
            self._on_list()

    async def run(self) -> None:
        """List and watch until cancelled. Raises ConfigError at once if there is no usable configuration; an API
        server that is away, or refuses us, is tried again for ever.
        """
        try:
            for watch in self._watches:
                await watch.server.connect()
            async with asyncio.TaskGroup() as tasks:
                for watch in self._watches:
                    task = tasks.create_task(watch.run(), name=f"watch {watch.kind.plural}")
                    self._tasks[watch.kind.name] = task
        finally:
            for watch in self._watches:
                await watch.server.close()

    async def end(self, kinds: Set[str]) -> None:
        """Watch these no longer, and forget what is known of them."""
        for watch in [each for each in self._watches if each.kind.name in kinds]:
            self._watches.remove(watch)
            if task := self._tasks.pop(watch.kind.name, None):
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await watch.forget()
            await watch.server.close()


def _selection(fields: str, labels: str) -> dict[str, str]:
    return ({"fieldSelector": fields} if fields else {}) | ({"labelSelector": labels} if labels else {})


class _KindWatch:
    """The watch of one kind."""

    def __init__(
        self,
        store: Store[Any],
        kind: Kind,
        reflector: Reflector,
        server: ApiServer,
        path: str,
        selection: Mapping[str, str],
        on_list: Callable[[], None],
    ) -> None:
        self.kind = kind
        self.store = store
        self.heard_at = 0.0
        self.lists = 0
        self._trim = store.form.from_raw if store.form else None
        self._on_list = on_list
        self._page_size = KUBE_LIST_PAGE.default_int
        self.server = server
        self._reflector = reflector
        self._path = path
        self._selection = selection
        self._in_trouble = False

    @property
    def unreadable(self) -> int:
        return len(self._reflector.unreadable)

    async def forget(self) -> None:
        turn = Turn(asyncio.get_running_loop().time)
        for _ in self.store.forget():
            await turn.end_in_time()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            step = self._reflector.next_step(loop.time())
            try:
                match step:
                    case Pause(seconds):
                        await asyncio.sleep(seconds)
                    case ListPage(token):
                        await self._list(token)
                    case WatchFrom():
                        await self._watch(step)
            except KubeApiError as error:
                self._reflector.failed(error)
            except MalformedObject as error:
                self._reflector.failed(KubeApiError(200, "Malformed", str(error)))
            self._tell_change()

    async def _list(self, token: str) -> None:
        query = {"limit": str(self._page_size), **self._selection}
        if token:
            query["continue"] = token
        body = await self.server.get(self._path, query)
        turn = Turn(asyncio.get_running_loop().time)
        self.heard_at = turn.go_on()
        page = decode_page(self.kind.name, body, log.warning, self._trim)
        # It is in memory as a whole: of objects that are large, the next one has fewer.
        self._page_size = max(1, min(self._page_size, self._page_size * KUBE_PAGE_BYTES.default_int // len(body)))
        for each in page.objects:
            if isinstance(each, Unreadable):
                self._say_once(each)
                self._reflector.could_not_read(each.key)
            else:
                self._reflector.found(each)
            await turn.end_in_time()
        self._reflector.listed(page.resource_version, page.continue_token)
        if self._reflector.has_whole_list:
            await self._remove_gone(turn)

    async def _watch(self, step: WatchFrom) -> None:
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": step.resource_version,
            "timeoutSeconds": str(step.timeout_seconds),
            **self._selection,
        }
        if not step.resource_version:
            query |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        async with aclosing(self.server.lines(self._path, query, KUBE_WATCH_SILENCE_SECONDS.default)) as batches:
            turn = Turn(asyncio.get_running_loop().time)
            async for lines in batches:
                self.heard_at = turn.go_on()
                for line in lines:
                    if not self._hear(line):
                        return
                    await turn.end_in_time()
                    if self._reflector.has_whole_list:
                        await self._remove_gone(turn)
                del lines, line  # as where they come from
        self._reflector.ended(asyncio.get_running_loop().time())

    def _hear(self, line: bytes) -> bool:
        """Apply one line of the watch. Returns whether to go on reading."""
        event = decode_event(self.kind.name, line, log.warning, self._trim)
        if isinstance(event, Unreadable):
            self._say_once(event)
        goes_on = self._reflector.heard(event)
        self._tell_change()
        return goes_on

    async def _remove_gone(self, turn: Turn) -> None:
        for _ in self._reflector.remove_gone():
            await turn.end_in_time()
        self._tell_change()

    def _say_once(self, event: Unreadable) -> None:
        known, most = self._reflector.unreadable, KUBE_UNREADABLE_SAID.default_int
        if event.key not in known and len(known) <= most:
            problem = event.problem if len(known) < most else f"more {self.kind.plural} can't be read"
            log.warning("%s; what was last known stays in use", problem)

    def _tell_change(self) -> None:
        """Log that the watch is in trouble, or out of it; once, however often it is tried in between."""
        trouble = self._reflector.trouble
        if trouble and not self._in_trouble:
            log.warning("no current %s, the last known stay in use: %s", self.kind.plural, trouble)
        elif self._in_trouble and not trouble:
            log.info("%s are current again", self.kind.plural)
        self._in_trouble = bool(trouble)
        if self._reflector.lists != self.lists:
            self.lists = self._reflector.lists
            self._on_list()
