"""What a process that answers is told: that something has changed, and not again while it has not heard that."""

from __future__ import annotations

import asyncio
import os
import socket

from clusterdns.daemon.processes import CHANGED, Child

FRAME = b"\0\0\0\0" + CHANGED


def _ended_process() -> int:
    number = os.fork()
    if number == 0:
        os._exit(0)
    return number


async def _play() -> None:
    ours, theirs = socket.socketpair()
    child = Child(0, _ended_process(), ours)
    child.remind(CHANGED)
    listening = asyncio.create_task(child.listen())
    theirs.setblocking(False)
    loop = asyncio.get_running_loop()
    assert await loop.sock_recv(theirs, 100) == FRAME, "what it was told before its channel was open"
    # It does not listen: what is on its way to it says all that there is to say.
    reminders = 0
    while child._channel is not None and not child._channel.backlog:
        child.remind(CHANGED)
        reminders += 1
    for _ in range(1000):
        child.remind(CHANGED)
    expected = FRAME * reminders
    heard = b""
    while len(heard) < len(expected):
        heard += await loop.sock_recv(theirs, 1 << 20)
    assert heard == expected
    child.remind(CHANGED)
    assert await loop.sock_recv(theirs, 100) == FRAME
    theirs.close()
    await listening


def test_reminders_do_not_pile_up() -> None:
    asyncio.run(asyncio.wait_for(_play(), 30))
