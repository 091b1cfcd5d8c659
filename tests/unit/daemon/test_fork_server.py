"""Processes are started by one that stays as it was: they are our children, and have the descriptors they are given."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from clusterdns.daemon.fork_server import _PR_SET_CHILD_SUBREAPER, ForkServer, NoMoreProcesses

CODE = 7


def _said(number: int) -> bytes:
    return f"{number:8d} 3 what to do".encode()


def work(descriptors: Sequence[int]) -> int:
    """Say who one is, and what one has read; end when told to."""
    where, read, wait = descriptors
    fds = sorted(int(each.name) for each in Path("/proc/self/fd").iterdir() if _is_something(each))
    os.write(where, f"{os.getpid():8d} {len(fds)} ".encode() + os.pread(read, 100, 0))
    os.read(wait, 1)
    return CODE


def _is_something(descriptor: Path) -> bool:
    try:
        return int(descriptor.name) > 2 and os.readlink(descriptor) != os.devnull
    except OSError:
        return False  # that of the listing


def _exit_code(number: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def play(script: Callable[[ForkServer], Awaitable[None]]) -> None:
    server = ForkServer(work)
    try:
        asyncio.run(script(server))  # type: ignore[arg-type]
    finally:
        server.close()
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)  # other tests leave processes to init


def test_a_process_is_our_child_and_has_what_it_is_given() -> None:
    async def script(server: ForkServer) -> None:
        heard, said = os.pipe()
        waited, told = os.pipe()
        text = os.memfd_create("text")
        os.write(text, b"what to do")
        numbers = [await server.start([said, text, waited]) for _ in range(2)]
        assert len(set(numbers)) == 2
        found = {os.read(heard, len(_said(number))) for number in numbers}
        assert found == {_said(number) for number in numbers}
        os.write(told, b"xx")
        assert {_exit_code(number) for number in numbers} == {CODE}
        for each in (heard, said, waited, told, text):
            os.close(each)

    play(script)


def test_it_outlives_signals_to_all_and_ends_with_us() -> None:
    async def script(server: ForkServer) -> None:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
            os.kill(server._number, each)
        heard, said = os.pipe()
        waited, told = os.pipe()
        text = os.memfd_create("text")
        number = await server.start([said, text, waited])
        os.read(heard, 1)
        os.kill(number, signal.SIGKILL)
        assert _exit_code(number) == -signal.SIGKILL
        for descriptor in (heard, said, waited, told, text):
            os.close(descriptor)

    play(script)  # it waits for the server's end


def test_when_it_is_killed_there_are_no_more() -> None:
    async def script(server: ForkServer) -> None:
        os.kill(server._number, signal.SIGKILL)
        with pytest.raises(NoMoreProcesses):
            await server.start([0])

    play(script)


def test_a_failed_fork_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    # In the server alone: it has been forked from a process in which only the first fork works.
    real = os.fork

    def once() -> int:
        monkeypatch.setattr(os, "fork", fail)
        return real()

    async def script(server: ForkServer) -> None:
        with pytest.raises(BlockingIOError):
            await server.start([0])

    monkeypatch.setattr(os, "fork", once)
    play(script)
