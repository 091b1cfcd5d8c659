"""Several processes that answer as one server (`multisocket`), and the one above them that does all the rest.

    this process: watches, Corefile, HTTP, signals ──► fork ──► process 0: sockets (SO_REUSEPORT), caches, chains
         │  ▲                                          fork ──► process 1: the same
         │  └── is ready, has counted ... ◄──────────── socket pair each
         └───── what changes in the cluster ──────────►

A process that ends is started again, after a pause that doubles while it ends soon; it begins with what this one knows
by then. One that does not take what it is sent is killed, for the same reason. When this one ends, so do they.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec

from clusterdns.daemon.channel import Channel, Frame
from clusterdns.daemon.forking import fork
from clusterdns.daemon.http import Page
from clusterdns.daemon.merged_metrics import MergedMetrics
from clusterdns.limits import (
    BACKGROUND_RESTART_SECONDS,
    PROCESS_ANSWER_SECONDS,
    PROCESS_BACKLOG_BYTES,
    PROCESS_START_SECONDS,
)

_log = logging.getLogger(__name__)

_TEXT = "text/plain; charset=utf-8"
_POLL_SECONDS = 0.02

HEALTH, READY, METRICS = b"h", b"r", b"m"
"""Kinds of frames that ask a process for one of its pages; it answers with the same kind. METRICS also comes unasked,
last of all."""

T = TypeVar("T")


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
        """Send a frame; a process that has not taken the ones before is killed."""
        if self._channel is None:
            self._early.append(Frame(kind, body))
            return
        self._channel.send(kind, body)
        if self._channel.backlog > PROCESS_BACKLOG_BYTES.default:
            _log.error("process %d does not take what changes: it is started again", self.number)
            self.kill(signal.SIGKILL)

    def kill(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.number, number)


class Processes:
    """Keeps `count` processes running. Made, and used but for `started`, with the event loop running."""

    def __init__(self, count: int, own_metrics: Callable[[], Page]) -> None:
        """`own_metrics` is the exposition of this process."""
        self.stopping = False
        self._count = count
        self._own_metrics = own_metrics
        self._merged = MergedMetrics()
        self._woken = asyncio.Event()
        self._due: dict[int, float] = dict.fromkeys(range(count), 0.0)
        self._pauses: dict[int, float] = {}
        self._children: dict[int, Child] = {}
        self._tasks: dict[Child, asyncio.Task[None]] = {}
        self._handing_over: set[asyncio.Task[None]] = set()
        self._forked: list[Child] = []

    @property
    def numbers(self) -> list[int]:
        """The numbers of the processes that answer."""
        return [child.number for child in self._children.values()]

    def broadcast(self, kind: bytes, body: bytes) -> None:
        """Send a frame to every process."""
        for child in (*self._tasks, *self._forked):
            child.send(kind, body)

    def started(self, slot: int, number: int, sock: socket.socket) -> None:
        """A process was forked. Called while the event loop does not run, so that no change comes in between."""
        self._forked.append(Child(slot, number, sock))

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

    async def next_to_start(self) -> int | None:
        """The slot for which a process is to be forked next; None when this server has ended."""
        loop = asyncio.get_running_loop()
        while self._forked:
            self._open(self._forked.pop())
        while not self.stopping:
            self._woken.clear()
            slot, due = min(self._due.items(), key=lambda item: item[1], default=(0, None))
            if due is not None and due <= loop.time():
                del self._due[slot]
                return slot
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._woken.wait()
        for child in self._tasks:
            child.kill(signal.SIGTERM)
        await asyncio.gather(*self._tasks.values(), *self._handing_over)
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

    async def say_metrics(self) -> Page:
        """/metrics: of all processes, and of those that have ended."""
        await asyncio.gather(*(child.ask(METRICS) for child in self._tasks))
        return self._merged.exposition([self._own_metrics()[2].decode(), *(child.metrics for child in self._tasks)])

    async def _worst(self, kind: bytes) -> Page:
        pages = await asyncio.gather(*(child.ask(kind) for child in self._children.values()))
        return max(pages, key=lambda page: page[0], default=(503, _TEXT, b"not listening"))

    def _open(self, child: Child) -> None:
        self._tasks[child] = asyncio.create_task(self._follow(child))
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
        now = asyncio.get_running_loop().time()
        shortest, longest = BACKGROUND_RESTART_SECONDS.minimum, BACKGROUND_RESTART_SECONDS.maximum
        pause = self._pauses.get(child.slot, shortest)
        if now - child.started_at > longest:
            pause = shortest
        _log.error("process %d ended; another one starts in %g s", child.number, pause)
        self._pauses[child.slot] = min(2 * pause, longest)
        self._due[child.slot] = now + pause
        self._woken.set()

    async def _hand_over(self, before: Child, child: Child) -> None:
        """End the old process once the new one answers, or takes too long; the old one stays if the new one ends."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + PROCESS_START_SECONDS.default
        while loop.time() < give_up and child in self._tasks:
            status, _, body = await child.ask(READY)
            if status == 200 or not body.startswith((b"not listening", b"process ")):
                break
            await asyncio.sleep(_POLL_SECONDS)
        if child in self._tasks or self.stopping or child.slot >= self._count:
            before.kill(signal.SIGTERM)
        elif (successor := self._children.get(child.slot)) is not None:
            await self._hand_over(before, successor)
        elif before in self._tasks:
            self._children[child.slot] = before


def run(
    begin: Callable[[], Awaitable[Processes]],
    end: Callable[[], Awaitable[None]],
    answer: Callable[[socket.socket], int],
) -> int:
    """Run `begin` in a new event loop, then keep the processes running that it describes; at last `end`.

    `answer` is what each of them does; it is given its channel and returns an exit code. A ConfigError of `begin` is
    raised. SIGTERM and SIGINT stop; the second one at once.
    """
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        try:
            loop.set_default_executor(threads := ThreadPoolExecutor())
            processes = runner.run(_begin(begin))
            while (slot := runner.run(processes.next_to_start())) is not None:
                # A lock that a thread holds would stay held in the child for ever.
                threads.shutdown()
                processes.started(slot, *fork(answer))
                loop.set_default_executor(threads := ThreadPoolExecutor())
        finally:
            runner.run(_await(end))
    return 0


async def _begin(begin: Callable[[], Awaitable[Processes]]) -> Processes:
    processes: Processes | None = None
    stopped = asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        if stopped.is_set():
            os._exit(128 + number)
        _log.info("%s: shutting down; once more to exit at once", number.name)
        stopped.set()
        if processes is not None:
            processes.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
    processes = await begin()
    if stopped.is_set():
        processes.stop()
    return processes


async def _await(make: Callable[[], Awaitable[T]]) -> T:
    return await make()
