"""Several processes that answer as one server (`multisocket`), and the one above them that does all the rest.

    this process: watches, Corefile, HTTP, signals ──► fork server ──► process 0: sockets (SO_REUSEPORT), caches, chains
         │  ▲                                                      ──► process 1: the same
         │  └── is ready, has counted ... ◄──────────── socket pair each
         └───── something has changed in the cluster ─►

A process that ends is started again, after a pause that doubles while it ends soon. When this one ends, so do they.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import msgspec

from clusterdns.daemon import lifecycle
from clusterdns.daemon.channel import Channel, Frame
from clusterdns.daemon.fork_server import ForkServer, NoMoreProcesses, Work
from clusterdns.daemon.http import Page
from clusterdns.daemon.merged_metrics import MergedMetrics
from clusterdns.limits import BACKGROUND_RESTART_SECONDS, PROCESS_ANSWER_SECONDS, PROCESS_START_SECONDS

_log = logging.getLogger(__name__)

_TEXT = "text/plain; charset=utf-8"
_POLL_SECONDS = 0.02
_NOT_LISTENING = (b"not listening", b"process ")
"""How /ready begins of a process that does not listen yet, or has ended."""

HEALTH, READY, METRICS = b"h", b"r", b"m"
"""Kinds of frames that ask a process for one of its pages; it answers with the same kind. METRICS also comes unasked,
last of all."""
CHANGED = b"c"
"""The kind of a frame that tells a process: what it has kept of clusters is not true any more. A body says what of it,
in a form of the program's own; without one it is everything."""

Start = Callable[[], Awaitable[tuple[int, socket.socket]]]
"""Starts a process: its number, and our end of the channel to it."""


class Child:
    """One process that answers."""

    def __init__(self, slot: int, number: int, sock: socket.socket) -> None:
        self.slot = slot
        self.number = number
        self.started_at = time.monotonic()
        self.metrics = ""
        """As it said last."""
        self._sock = sock
        self._channel: Channel | None = None
        self._early: list[Frame] = []
        self._sent_last = Frame(b"", b"")
        self._answers: dict[bytes, asyncio.Future[Page]] = {}

    async def listen(self) -> None:
        """Take what it says until it ends, and reap it."""
        self._channel = await Channel.open(self._sock)
        for frame in self._early:
            self._channel.send(*frame)
        while (said := await self._channel.receive()) is not None:
            page = msgspec.msgpack.decode(said.body, type=Page)
            if said.kind == METRICS:
                self.metrics = page[2].decode()
            answer = self._answers.pop(said.kind, None)
            if answer is not None:
                answer.set_result(page)
        for answer in self._answers.values():
            answer.cancel()
        await self._channel.close()
        # It is about to end, or a moment after: its socket was closed.
        while os.waitpid(self.number, os.WNOHANG) == (0, 0):  # noqa: ASYNC110, ASYNC222
            await asyncio.sleep(_POLL_SECONDS)

    async def ask(self, kind: bytes) -> Page:
        """One of its pages. 503 if it does not answer in time: it hangs, or has ended."""
        answer = self._answers.get(kind)
        if answer is None:
            answer = self._answers[kind] = asyncio.get_running_loop().create_future()
            self.send(kind)
        await asyncio.wait({answer}, timeout=PROCESS_ANSWER_SECONDS.default)
        if not answer.done() or answer.cancelled():
            return 503, _TEXT, f"process {self.number} does not answer".encode()
        return answer.result()

    def send(self, kind: bytes, body: bytes = b"") -> None:
        """Send a frame."""
        self._sent_last = Frame(kind, body)
        if self._channel is None:
            self._early.append(self._sent_last)
        else:
            self._channel.send(kind, body)

    def remind(self, kind: bytes, body: bytes = b"") -> None:
        """The same for a kind that without a body says all that others could: those not taken yet need no more."""
        if self._channel is None or not self._channel.backlog:
            self.send(kind, body)
        elif self._sent_last != Frame(kind, b""):
            self.send(kind)

    def kill(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.number, number)


class Processes:
    """Keeps `count` processes running. Made, and used, with the event loop running."""

    def __init__(self, count: int, own_metrics: Callable[[], Page], start: Start) -> None:
        """`own_metrics` is the exposition of this process."""
        self.stopping = False
        self._count = count
        self._own_metrics = own_metrics
        self._start = start
        self._merged = MergedMetrics()
        self._woken = asyncio.Event()
        self._due: dict[int, float] = dict.fromkeys(range(count), 0.0)
        self._pauses: dict[int, float] = {}
        self._children: dict[int, Child] = {}
        self._tasks: dict[Child, asyncio.Task[None]] = {}
        self._handing_over: set[asyncio.Task[None]] = set()
        self._is_starting = False

    @property
    def numbers(self) -> list[int]:
        """The numbers of the processes that answer."""
        return [child.number for child in self._children.values()]

    def broadcast(self, kind: bytes, body: bytes = b"") -> None:
        """Tell every process something, as `Child.remind` does; one that starts now hears it, too."""
        for child in self._tasks:
            child.remind(kind, body)

    def replace(self, count: int) -> None:
        """Put new processes in the place of all; each old one answers until its successor does."""
        self._count = count
        self._due = dict.fromkeys(range(count), 0.0)
        for slot in [slot for slot in self._children if slot >= count]:
            self._children.pop(slot).kill(signal.SIGTERM)
        self._woken.set()

    def stop(self) -> None:
        """End: /ready says so at once, and the processes answer through their lame duck period."""
        self.stopping = True
        self._woken.set()

    @property
    def replacing(self) -> bool:
        """Whether some are about to be started, or to answer in the place of others."""
        return bool(self._due or self._is_starting or self._handing_over)

    async def replaced(self) -> None:
        """Wait until those that were to be replaced are gone, or are about to be."""
        while self.replacing:  # noqa: ASYNC110 (after a reload)
            await asyncio.sleep(_POLL_SECONDS)

    async def run(self) -> int:
        """Until all have ended that `stop` has told to; the exit code."""
        code = 0
        while not self.stopping:
            slot = await self._next_slot()
            if slot is None:
                break
            self._is_starting = True
            try:
                self._open(Child(slot, *await self._start()))
            except OSError as error:
                self._start_again(slot, f"no process can be started ({error.strerror})")
            except NoMoreProcesses as error:
                _log.error("%s: all end, to be started anew", error)
                code, self.stopping = 1, True
            finally:
                self._is_starting = False
        for child in self._tasks:
            child.kill(signal.SIGTERM)
        await asyncio.gather(*self._tasks.values(), *self._handing_over)
        return code

    async def _next_slot(self) -> int | None:
        """The slot for which a process is to be started next; None when all are to end."""
        loop = asyncio.get_running_loop()
        while not self.stopping:
            self._woken.clear()
            slot, due = min(self._due.items(), key=lambda item: item[1], default=(0, None))
            if due is not None and due <= loop.time():
                del self._due[slot]
                return slot
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._woken.wait()
        return None

    async def say_health(self) -> Page:
        """/health: that of the process that is worst off."""
        return await self._worst(HEALTH)

    async def say_ready(self) -> Page:
        """/ready: 200 when all of them say so."""
        if self.stopping:
            return 503, _TEXT, b"stopping"
        if len(self._children) < self._count:
            return 503, _TEXT, b"not listening"
        return await self._worst(READY)

    async def listen(self) -> bool:
        """Whether all of them listen, though they may not be ready."""
        status, _, body = await self.say_ready()
        return status == 200 or not body.startswith((*_NOT_LISTENING, b"stopping"))

    async def say_metrics(self) -> Page:
        """/metrics: of all processes, and of those that have ended."""
        await asyncio.gather(*(child.ask(METRICS) for child in self._tasks))
        return self._merged.exposition([self._own_metrics()[2].decode(), *(child.metrics for child in self._tasks)])

    async def _worst(self, kind: bytes) -> Page:
        pages = await asyncio.gather(*(child.ask(kind) for child in self._children.values()))
        return max(pages, key=lambda page: page[0], default=(503, _TEXT, b"not listening"))

    def _open(self, child: Child) -> None:
        self._tasks[child] = asyncio.create_task(self._follow(child))
        if child.slot >= self._count:  # fewer were wanted while it was started
            child.kill(signal.SIGTERM)
            return
        # It may have kept an answer from before a change that it was not told.
        child.remind(CHANGED)
        before, self._children[child.slot] = self._children.get(child.slot), child
        if before is not None:
            task = asyncio.create_task(self._hand_over(before, child))
            self._handing_over.add(task)
            task.add_done_callback(self._handing_over.discard)

    async def _follow(self, child: Child) -> None:
        """Until the process ends; then it is due again, unless it was replaced or is not wanted any more."""
        await child.listen()
        del self._tasks[child]
        if child.metrics:
            self._merged.bury(child.metrics)
        if self._children.get(child.slot) is not child:
            return
        del self._children[child.slot]
        if self.stopping:
            return
        if asyncio.get_running_loop().time() - child.started_at > BACKGROUND_RESTART_SECONDS.maximum:
            self._pauses.pop(child.slot, None)
        self._start_again(child.slot, f"process {child.number} ended")

    def _start_again(self, slot: int, reason: str) -> None:
        """After a pause, which doubles; not if fewer are wanted by now."""
        if slot >= self._count:
            return
        pause = self._pauses.get(slot, BACKGROUND_RESTART_SECONDS.minimum)
        _log.error("%s; another one starts in %g s", reason, pause)
        self._pauses[slot] = min(2 * pause, BACKGROUND_RESTART_SECONDS.maximum)
        self._due[slot] = asyncio.get_running_loop().time() + pause
        self._woken.set()

    async def _hand_over(self, before: Child, child: Child) -> None:
        """End the old process once the new one answers, or takes too long; the old one stays if the new one ends."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + PROCESS_START_SECONDS.default
        while loop.time() < give_up and child in self._tasks:
            status, _, body = await child.ask(READY)
            if status == 200 or not body.startswith(_NOT_LISTENING):
                break
            await asyncio.sleep(_POLL_SECONDS)
        if before not in self._tasks:
            return  # its number may be another's by now
        if child in self._tasks or self.stopping or child.slot >= self._count:
            before.kill(signal.SIGTERM)
        elif (successor := self._children.get(child.slot)) is not None:
            await self._hand_over(before, successor)
        else:
            self._children[child.slot] = before


def run(
    begin: Callable[[ForkServer], Coroutine[Any, Any, Processes]],
    end: Callable[[], Awaitable[None]],
    work: Work,
) -> int:
    """Run `begin` in a new event loop, then the processes that it describes; at last `end`. Returns an exit code.

    `work` is what each of them does. Signals, and a ConfigError of `begin`, are as in `lifecycle.run`.
    """
    server = ForkServer(work)
    try:
        return lifecycle.run(lambda stop: _run(begin, end, server, stop))
    finally:
        server.close()


async def _run(
    begin: Callable[[ForkServer], Coroutine[Any, Any, Processes]],
    end: Callable[[], Awaitable[None]],
    server: ForkServer,
    stop: asyncio.Event,
) -> int:
    async def stop_in_time(processes: Processes) -> None:
        await stop.wait()
        processes.stop()

    try:
        processes = await lifecycle.unless_stopped(stop, begin(server))
        if processes is None:
            return 0
        stopping = asyncio.create_task(stop_in_time(processes))
        code = await processes.run()
        stopping.cancel()
        return code
    finally:
        await end()
