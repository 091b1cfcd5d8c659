"""The `reload` directive: a changed Corefile takes effect without a restart, a wrong one changes nothing.

The file is read every interval, more or less by the jitter, so that a fleet does not do it all at once; SIGUSR1 means
now. What runs stays as it is until its successor is complete.
"""

from __future__ import annotations

import asyncio
import logging
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from clusterdns.daemon.corefile_loader import Loaded
from clusterdns.directives.config.reload import Config
from clusterdns.errors import ConfigError

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class ReloadCounters:
    """Plain counts, and the digest of what runs."""

    digest: str
    reloads: int = 0
    failures: int = 0


class Reload:
    """Follows one Corefile. `load` reads it; `apply` makes it run, or raises ConfigError and leaves what runs alone."""

    def __init__(
        self,
        running: Loaded,
        load: Callable[[], Loaded],
        apply: Callable[[Loaded], Awaitable[None]],
        dice: Callable[[], float] = random.random,
    ) -> None:
        self.counters = ReloadCounters(running.digest)
        self._running = running
        self._load = load
        self._apply = apply
        self._dice = dice
        self._wake = asyncio.Event()
        self._failed = ""

    def now(self) -> None:
        """Look at once."""
        self._wake.set()

    async def run(self) -> None:
        """Look and follow until cancelled; SIGUSR1 wakes it."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self.now)
        try:
            while True:
                try:
                    async with asyncio.timeout(self._pause()):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                self._wake.clear()
                await self.look()
        finally:
            loop.remove_signal_handler(signal.SIGUSR1)

    async def look(self) -> None:
        """Read the Corefile, and make it run if it is another one."""
        try:
            loaded = self._load()
            if loaded.digest == self._running.digest:
                self._failed = ""
                return
            await self._apply(loaded)
        except ConfigError as error:
            self.counters.failures += 1
            if str(error) != self._failed:
                _log.error("the Corefile is not reloaded, what runs stays: %s", error)
            self._failed = str(error)
            return
        self._failed = ""
        self._running = loaded
        self.counters.reloads += 1
        self.counters.digest = loaded.digest
        _log.info("reloaded the Corefile: SHA512 %s", loaded.digest)

    def _pause(self) -> float | None:
        """Seconds to the next look, by the shortest `reload` of the running Corefile; None without one."""
        configs = [config for server in self._running.servers for config in server.all(Config)]
        if not configs:
            return None
        shortest = min(configs, key=lambda config: config.interval)
        return shortest.interval + shortest.jitter * (2 * self._dice() - 1)
