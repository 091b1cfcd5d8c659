"""From one process to its successor: the old one answers until a new one does."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from clusterdns.daemon.http import Page
from clusterdns.daemon.processes import Child, Processes
from tests.support import virtual_time

READY: Page = (200, "text/plain", b"OK")
NOT_YET: Page = (503, "text/plain", b"not listening")


class FakeChild:
    """A process that says what it is told to, and ends when it is told to, or when it is killed."""

    def __init__(self, number: int, page: Page = READY, slot: int = 0) -> None:
        self.slot, self.number, self.metrics, self.started_at = slot, number, "", 0.0
        self.page = page
        self.killed: list[signal.Signals] = []
        self.ended = asyncio.Event()

    async def listen(self) -> None:
        await self.ended.wait()

    async def ask(self, kind: bytes) -> Page:
        return self.page

    def remind(self, kind: bytes) -> None:
        pass

    def kill(self, number: signal.Signals) -> None:
        self.killed.append(number)
        self.ended.set()


async def _start_nothing() -> tuple[int, socket.socket]:
    raise AssertionError("the tests start what there is")


def play(script: Callable[[Processes], Awaitable[None]]) -> None:
    async def main() -> None:
        processes = Processes(1, lambda: (200, "text/plain", b""), _start_nothing)
        await script(processes)
        processes.stop()
        assert await processes.run() == 0

    virtual_time.run(main())


def start(processes: Processes, child: FakeChild) -> None:
    processes._due.clear()
    processes._open(cast(Child, cast(Any, child)))


def test_the_old_process_ends_when_the_new_one_answers() -> None:
    async def script(processes: Processes) -> None:
        old, new = FakeChild(1), FakeChild(2, NOT_YET)
        start(processes, old)
        start(processes, new)
        await asyncio.sleep(1)
        assert old.killed == []
        new.page = READY
        await asyncio.sleep(1)
        assert old.killed == [signal.SIGTERM]
        assert processes.numbers == [2]

    play(script)


@pytest.mark.parametrize("deaths", [1, 3])
def test_while_successors_end_before_they_answer_the_old_process_stays(deaths: int) -> None:
    async def script(processes: Processes) -> None:
        old = FakeChild(1)
        start(processes, old)
        for number in range(deaths):
            new = FakeChild(2 + number, NOT_YET)
            start(processes, new)
            await asyncio.sleep(1)
            new.ended.set()
            await asyncio.sleep(1)
            assert old.killed == []
            assert processes.numbers == [1]
            assert processes._due, "another one is due"
            await asyncio.sleep(10)
        start(processes, FakeChild(9))
        await asyncio.sleep(1)
        assert old.killed == [signal.SIGTERM]
        assert processes.numbers == [9]

    play(script)


def test_an_old_process_that_has_ended_is_not_told_to() -> None:
    """By then its number may be that of any process."""

    async def script(processes: Processes) -> None:
        old, new = FakeChild(1), FakeChild(2, NOT_YET)
        start(processes, old)
        start(processes, new)
        old.ended.set()
        await asyncio.sleep(1)
        new.page = READY
        await asyncio.sleep(1)
        assert (old.killed, processes.numbers, processes.replacing) == ([], [2], False)

    play(script)


def test_an_old_process_that_ends_meanwhile_is_not_kept() -> None:
    async def script(processes: Processes) -> None:
        old, new = FakeChild(1), FakeChild(2, NOT_YET)
        start(processes, old)
        start(processes, new)
        await asyncio.sleep(1)
        old.ended.set()
        await asyncio.sleep(1)
        new.ended.set()
        await asyncio.sleep(1)
        assert processes.numbers == []
        assert processes._due

    play(script)


class Forks:
    """Processes that start when the test lets them, the one that is asked for after the other."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_start = asyncio.Semaphore(0)
        self.error: OSError | None = None
        self.made: list[FakeChild] = []

    async def start(self) -> tuple[int, socket.socket]:
        self.asked += 1
        await self.may_start.acquire()
        if self.error is not None:
            raise self.error
        return self.asked, cast(socket.socket, None)

    def child(self, slot: int, number: int, _sock: socket.socket) -> FakeChild:
        """In the place of `Child`."""
        self.made.append(FakeChild(number, slot=slot))
        return self.made[-1]


def play_starts(count: int, script: Callable[[Processes, Forks], Awaitable[None]]) -> None:
    async def main() -> None:
        forks = Forks()
        processes = Processes(count, lambda: (200, "text/plain", b""), forks.start)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("clusterdns.daemon.processes.Child", forks.child)
            running = asyncio.create_task(processes.run())
            await asyncio.sleep(1)
            await script(processes, forks)
            processes.stop()
            assert await running == 0

    virtual_time.run(main())


def test_a_process_that_is_being_started_has_not_replaced_another_yet() -> None:
    async def script(processes: Processes, forks: Forks) -> None:
        replaced = asyncio.create_task(processes.replaced())
        await asyncio.sleep(1)
        assert (forks.asked, processes.replacing, replaced.done()) == (1, True, False)
        forks.may_start.release()
        await replaced
        assert processes.numbers == [1]

    play_starts(1, script)


@pytest.mark.parametrize("error", [None, OSError(11, "no more processes")], ids=["it starts", "it does not"])
def test_a_process_that_is_not_wanted_any_more_when_it_has_started(error: OSError | None) -> None:
    async def script(processes: Processes, forks: Forks) -> None:
        forks.may_start.release()
        await asyncio.sleep(1)
        processes.replace(1)  # while the second one is being started
        forks.error = error
        forks.may_start.release()
        await asyncio.sleep(0.1)
        forks.error = None
        forks.may_start.release()
        await asyncio.sleep(60)
        assert [child.slot for child in forks.made if not child.killed] == [0]
        assert processes.numbers == [3]
        assert (forks.asked, processes.replacing) == (3, False)

    play_starts(2, script)
