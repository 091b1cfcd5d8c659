"""Says of each DNSEndpoint which generation of it was seen to: `status.observedGeneration`.

    store -> generations that nobody has seen to -> the loop is at rest, the object's names are done -> a patch

ExternalDNS writes it when it reads the object; here it means that the records are made, or that the object was told why
they can't be. Patches go one after the other, so that a Lease waits behind one at most; one that fails is tried again
after a pause, and nothing else waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from clusterdns.errors import KubeApiError
from clusterdns.kube.api import ApiServer
from clusterdns.kube.kinds import KINDS
from clusterdns.kube.objects import DNSEndpoint, Key
from clusterdns.kube.store import Store
from clusterdns.limits import KUBE_BACKOFF_MAXIMUM_SECONDS

logger = logging.getLogger(__name__)

_KIND = KINDS["DNSEndpoint"]


class StatusWriter:
    """Writes the status of the DNSEndpoints in `store`, for as long as `leads` says that this is ours to do."""

    def __init__(self, store: Store[DNSEndpoint], server: ApiServer, leads: Callable[[], bool] = lambda: True) -> None:
        self._server = server
        self._leads = leads
        self._open: dict[Key, int] = {}
        """Generations that nobody has seen to, by object."""
        self._due: dict[Key, int] = {}
        """Those that are to be written."""
        self._news = asyncio.Event()
        self._told = ""
        store.subscribe(self._changed)

    def settle(self, settled: Callable[[Key], bool]) -> None:
        """Write soon what is `settled` by now: what the object asks for is done, or can't be."""
        done = [key for key in self._open if settled(key)]
        for key in done:
            self._due[key] = self._open.pop(key)
        if self._due:
            self._news.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            if not await self.write():
                await asyncio.sleep(KUBE_BACKOFF_MAXIMUM_SECONDS.default)
                self._news.set()

    async def write(self) -> bool:
        """Write what is due now; False if the rest of it must be tried again."""
        while self._due and self._leads():
            key, generation = next(iter(self._due.items()))
            try:
                await self._patch(key, generation)
            except KubeApiError as error:
                if error.retryable:
                    self._tell(str(error))
                    return False
                # 404: the object is gone. Anything else won't be better the next time.
                if error.status != 404:
                    self._tell(str(error))
            else:
                self._told = ""
            if self._due.get(key) == generation:
                del self._due[key]
        return True

    async def _patch(self, key: Key, generation: int) -> None:
        body = {"status": {"observedGeneration": generation}}
        await self._server.send("PATCH", _KIND.status_path(*key), body)

    def _tell(self, problem: str) -> None:
        if problem != self._told:
            logger.warning("the status of DNSEndpoints can't be written, which harms no record: %s", problem)
        self._told = problem

    def _changed(self, old: DNSEndpoint | None, new: DNSEndpoint | None) -> None:
        changed = new or old
        assert changed is not None, "a change has an old or a new object"
        self._open.pop(changed.key, None)
        if new is None or new.generation <= new.observed_generation:
            self._due.pop(changed.key, None)
        elif self._due.get(new.key) != new.generation:
            self._open[new.key] = new.generation
