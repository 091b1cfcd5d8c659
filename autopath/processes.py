"""`multisocket` with more than one process: one that watches the clusters, and those that answer.

The clusters are read once, into a table of shared memory each (`publish`); the processes that answer look there
(`shared`), and are told when something has changed, so that they forget what their packet caches have of it. A changed
Corefile is tried here, and then has a new process in the place of each; the old ones answer until those do. For the
queries of one client that come from one port it is as if there were one process, as the kernel gives all of them to the
same.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import pickle
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence, Set

import msgspec

from autopath.clusters import Clusters, Origin
from autopath.lookups import Sources
from autopath.makers import makers_over
from autopath.publish import Gathered, Publisher
from autopath.shared import SharedClusters, SharedSource
from clusterdns import __version__
from clusterdns.cache.watched import Watched
from clusterdns.daemon import lifecycle
from clusterdns.daemon.channel import Channel
from clusterdns.daemon.corefile_loader import Loaded
from clusterdns.daemon.dns_metrics import register_notify_metrics, register_reload_metrics
from clusterdns.daemon.dns_server import DnsServer, pages_of
from clusterdns.daemon.endpoints import HttpEndpoints
from clusterdns.daemon.fork_server import ForkServer
from clusterdns.daemon.kube_metrics import register_kube_metrics
from clusterdns.daemon.metrics import exposition, new_registry
from clusterdns.daemon.notifier import Notifier
from clusterdns.daemon.processes import CHANGED, HEALTH, METRICS, READY, Processes, run
from clusterdns.daemon.reload import Reload
from clusterdns.daemon.shared_table import SharedTable
from clusterdns.directives.assemble import Assembly, assemble
from clusterdns.directives.config import multisocket
from clusterdns.directives.parts import Parts

_POLL_SECONDS = 0.1


def count(loaded: Loaded) -> int:
    """How many processes a Corefile wants; where its server blocks differ, the most."""
    wanted = [config.processes for server in loaded.servers for config in server.all(multisocket.Config)]
    return max((each or len(os.sched_getaffinity(0)) for each in wanted), default=1)


def serve(loaded: Loaded, load: Callable[[], Loaded], serving: Callable[[], None]) -> int:
    """Serve a Corefile, and whatever it changes to by `load`, until a signal comes. Returns an exit code.

    `serving` is called when all processes listen.
    """
    parent = _Parent(loaded, load, serving)
    return run(parent.begin, parent.end, _work)


class _Parent:
    """The process above."""

    def __init__(self, loaded: Loaded, load: Callable[[], Loaded], serving: Callable[[], None]) -> None:
        self._serving = serving
        self._loaded = loaded
        self._load = load
        self._gathered = Gathered()
        self._clusters = Clusters(packed=True, watched=self._gathered)
        self._named: Mapping[Origin, Set[str]] = {}
        self._is_changed = False
        self._applying = asyncio.Lock()
        self._tried = asyncio.Event()
        self._endpoints = HttpEndpoints()
        self._background: list[asyncio.Task[None]] = []

    async def begin(self, fork_server: ForkServer) -> Processes:
        """Read the clusters, and say what is to run."""
        self._fork_server = fork_server
        self._publisher = Publisher(self._changed)
        registry = new_registry("autopath", __version__)
        self._reload = Reload(self._loaded, self._load, self._apply)
        register_reload_metrics(registry, self._reload.counters)
        register_kube_metrics(registry, self._clusters.watches.values, self._clusters.programming_durations)
        notifier = Notifier(lambda: self._parts.transfers)
        register_notify_metrics(registry, notifier.results)
        self._processes = Processes(count(self._loaded), lambda: exposition(registry), self._start)
        self._parts = await self._try(self._loaded)
        await self._endpoints.follow(pages_of(self._loaded.servers, self._processes))
        await self._clusters.start()
        self._named = self._clusters.named
        self._background = [
            lifecycle.eternal("reload", self._reload.run),
            lifecycle.eternal("clusters that are not named", self._drop),
            lifecycle.eternal("notify", notifier.run),
        ]
        self._background.append(asyncio.create_task(self._say_when_serving()))
        lifecycle.settle_memory()
        return self._processes

    async def end(self) -> None:
        """Close what is here; the processes have ended."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._endpoints.close()
        await self._clusters.close()

    async def _apply(self, changed: Loaded) -> None:
        async with self._applying:
            self._tried.set()
            parts = await self._try(changed)
            await self._clusters.start_behind(self._parts, parts)
            self._loaded, self._parts, self._named = changed, parts, self._clusters.named
            await self._endpoints.follow(pages_of(changed.servers, self._processes))
            self._processes.replace(count(changed))

    async def _say_when_serving(self) -> None:
        while not await self._processes.listen():  # noqa: ASYNC110 (the processes tell only when asked)
            await asyncio.sleep(_POLL_SECONDS)
        self._serving()

    async def _try(self, loaded: Loaded) -> Parts:
        """Make all of a Corefile once, to see that it can be. That also makes the indexes.

        What comes of it says what is ready, and tells secondaries of changes: one process is enough for that.
        """
        self._clusters.name_anew()
        parts = _assemble(loaded, self._clusters, self._clusters.watched).parts
        for _, forwarder in parts.forwards:
            await forwarder.close()
        self._publisher.follow(self._clusters.sources)
        return parts

    async def _drop(self) -> None:
        """Forget the clusters that the Corefile does not name any more, when no process answers from them."""
        while True:
            await self._tried.wait()
            await self._processes.replaced()
            async with self._applying:
                if not self._processes.replacing:
                    self._tried.clear()
                    self._publisher.drop_all_but(self._named)
                    await self._clusters.drop_all_but(self._named)

    def _changed(self) -> None:
        """Tell the processes once, however much changes in this turn."""
        if not self._is_changed:
            self._is_changed = True
            asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        self._is_changed = False
        subjects = self._gathered.take()
        self._processes.broadcast(CHANGED, b"" if subjects is None else msgspec.msgpack.encode(subjects))

    async def _start(self) -> tuple[int, socket.socket]:
        """A new process that answers."""
        described, tables = self._publisher.describe(self._named)
        ours, theirs = socket.socketpair()
        work = os.memfd_create("clusterdns-work")
        try:
            os.write(work, pickle.dumps((self._loaded, described)))
            return await self._fork_server.start([theirs.fileno(), work, *tables]), ours
        except BaseException:
            ours.close()
            raise
        finally:
            os.close(work)
            theirs.close()


def _assemble(loaded: Loaded, clusters: Sources, watched: Watched) -> Assembly:
    return assemble(loaded.servers, clock=time.monotonic, makers=makers_over(clusters), watched=watched)


def _work(descriptors: Sequence[int]) -> int:
    """One process that answers."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # the one above reloads
    channel, work, *tables = descriptors
    with open(work, "rb") as file:
        file.seek(0)
        loaded, described = pickle.load(file)
    sources = {
        origin: SharedSource(SharedTable(table), views)
        for (origin, views), table in zip(described, tables, strict=True)
    }
    for table in tables:
        os.close(table)
    sock = socket.socket(fileno=channel)
    # Some tools signal to all, and so does the one above: that is no second signal.
    return lifecycle.run(lambda stop: _answer(loaded, SharedClusters(sources), sock, stop), hurries=False)


async def _answer(loaded: Loaded, clusters: SharedClusters, sock: socket.socket, stop: asyncio.Event) -> int:
    """Answer until a signal comes, or the process above is gone."""
    registry = new_registry("autopath", __version__)
    assembly = _assemble(loaded, clusters, clusters.watched)
    server = DnsServer(loaded.servers, assembly, registry, is_one_of_several=True)
    channel = await Channel.open(sock)
    pages = {HEALTH: server.say_health, READY: server.say_ready, METRICS: server.say_metrics}

    async def listen() -> None:
        try:
            while (frame := await channel.receive()) is not None:
                if frame.kind == CHANGED:
                    clusters.forget(msgspec.msgpack.decode(frame.body, type=list[bytes]) if frame.body else None)
                else:
                    channel.send(frame.kind, msgspec.msgpack.encode(pages[frame.kind]()))
            if stop.is_set():
                os._exit(1)  # the one above has not waited for us
        finally:
            stop.set()  # also if a page can't be made: whoever hears of no change must not answer

    listening = asyncio.create_task(listen())
    try:
        if await server.start(math.inf, stop):
            lifecycle.settle_memory()
            await server.serve_until(stop)
    finally:
        channel.send(METRICS, msgspec.msgpack.encode(server.say_metrics()))
        await server.close()
        listening.cancel()
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await listening
        finally:
            await channel.close()
    return 0
