"""`multisocket` with more than one process: one that watches the clusters, and those that answer.

The clusters are read once. The processes that answer are forked when that is done, and share what was read; what
changes from then on is told to each (`feed`). A changed Corefile is tried here, and then has a new process in the place
of each; the old ones answer until those do. For the queries of one client that come from one port it is as if there
were one process, as the kernel gives all of them to the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import socket
import time
from collections.abc import Callable

import msgspec

from autopath import feed
from autopath.clusters import Clusters
from autopath.makers import makers_over
from clusterdns import __version__
from clusterdns.daemon import lifecycle
from clusterdns.daemon.channel import Channel
from clusterdns.daemon.corefile_loader import Loaded
from clusterdns.daemon.dns_metrics import register_notify_metrics, register_reload_metrics
from clusterdns.daemon.dns_server import DnsServer, pages_of
from clusterdns.daemon.endpoints import HttpEndpoints
from clusterdns.daemon.kube_metrics import register_kube_metrics
from clusterdns.daemon.metrics import exposition, new_registry
from clusterdns.daemon.notifier import Notifier
from clusterdns.daemon.processes import HEALTH, METRICS, READY, Processes, run
from clusterdns.daemon.reload import Reload
from clusterdns.directives.assemble import Assembly, assemble
from clusterdns.directives.config import multisocket
from clusterdns.directives.transfer import Transfer

_POLL_SECONDS = 0.1


def count(loaded: Loaded) -> int:
    """How many processes a Corefile wants; where its server blocks differ, the most."""
    wanted = [config.processes for server in loaded.servers for config in server.all(multisocket.Config)]
    return max((each or len(os.sched_getaffinity(0)) for each in wanted), default=1)


def serve(loaded: Loaded, load: Callable[[], Loaded]) -> int:
    """Serve a Corefile, and whatever it changes to by `load`, until a signal comes. Raises ConfigError."""
    parent = _Parent(loaded, load)
    return run(parent.begin, parent.end, parent.answer)


class _Parent:
    """The process above; `answer` is what happens in the others."""

    def __init__(self, loaded: Loaded, load: Callable[[], Loaded]) -> None:
        self._loaded = loaded
        self._load = load
        self._clusters = Clusters()
        self._background: list[asyncio.Task[None]] = []

    async def begin(self) -> Processes:
        """Read the clusters, and say what is to run."""
        self._transfers = await self._try(self._loaded)
        registry = new_registry("autopath", __version__)
        self._reload = Reload(self._loaded, self._load, self._apply)
        register_reload_metrics(registry, self._reload.counters)
        register_kube_metrics(registry, self._clusters.watches.values, self._clusters.programming_durations)
        notifier = Notifier(lambda: self._transfers)
        register_notify_metrics(registry, notifier.results)
        self._processes = Processes(count(self._loaded), lambda: exposition(registry))
        self._feed = feed.Feed(self._processes.broadcast)
        self._endpoints = HttpEndpoints()
        await self._endpoints.follow(pages_of(self._loaded.servers, self._processes))
        self._feed.follow(self._clusters.sources)
        await self._clusters.start()
        self._background = [
            lifecycle.eternal("reload", self._reload.run),
            lifecycle.eternal("feed", self._feed.run),
            lifecycle.eternal("notify", notifier.run),
        ]
        if not self._is_synced():
            self._background.append(asyncio.create_task(self._share_later()))
        lifecycle.settle_memory()
        return self._processes

    async def end(self) -> None:
        """Close what is here; the processes have ended."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        if self._background:
            await self._endpoints.close()
        await self._clusters.close()

    def answer(self, sock: socket.socket) -> int:
        """One process that answers, from its fork on."""
        return lifecycle.run(lambda stop: _answer(self._make(self._loaded), self._loaded, self._clusters, sock, stop))

    async def _apply(self, changed: Loaded) -> None:
        transfers = await self._try(changed)
        self._feed.follow(self._clusters.sources)
        await self._clusters.start()
        self._loaded, self._transfers = changed, transfers
        await self._endpoints.follow(pages_of(changed.servers, self._processes))
        self._processes.replace(count(changed))

    def _is_synced(self) -> bool:
        return all(source.synced for source in self._clusters.sources)

    async def _share_later(self) -> None:
        """Processes that had to begin before the clusters were read have each a copy of all that came later."""
        while not self._is_synced():  # noqa: ASYNC110 (at most once, after a start without API server)
            await asyncio.sleep(_POLL_SECONDS)
        lifecycle.settle_memory()
        self._processes.replace(count(self._loaded))

    async def _try(self, loaded: Loaded) -> list[Transfer]:
        """Make all of a Corefile once, to see that it can be. That also makes the indexes, which all then share.

        What comes of it is for telling secondaries of changes: one process is enough for that.
        """
        parts = self._make(loaded)().parts
        for _, forwarder in parts.forwards:
            await forwarder.close()
        return parts.transfers

    def _make(self, loaded: Loaded) -> Callable[[], Assembly]:
        clusters = self._clusters
        return lambda: assemble(
            loaded.servers, clock=time.monotonic, makers=makers_over(clusters), watched=clusters.watched
        )


async def _answer(
    make: Callable[[], Assembly], loaded: Loaded, clusters: Clusters, sock: socket.socket, stop: asyncio.Event
) -> int:
    """Answer until a signal comes, or the process above is gone."""
    registry = new_registry("autopath", __version__)
    server = DnsServer(loaded.servers, make(), registry, is_one_of_several=True)
    channel = await Channel.open(sock)
    pages = {HEALTH: server.say_health, READY: server.say_ready, METRICS: server.say_metrics}

    async def listen() -> None:
        while (frame := await channel.receive()) is not None:
            if frame.kind in pages:
                channel.send(frame.kind, msgspec.msgpack.encode(pages[frame.kind]()))
            else:
                feed.take(frame.kind, frame.body, clusters.sources)
        stop.set()

    listening = asyncio.create_task(listen())
    try:
        if await server.start(math.inf, stop):
            lifecycle.settle_memory()
            await server.serve_until(stop)
    finally:
        channel.send(METRICS, msgspec.msgpack.encode(server.say_metrics()))
        await server.close()
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
        await channel.close()
    return 0
