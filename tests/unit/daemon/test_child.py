"""What a process that answers is told: that something has changed, and not again while it has not heard that."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress

from clusterdns.daemon.channel import Channel
from clusterdns.daemon.processes import CHANGED, METRICS, Child

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


async def _told_of_parts() -> list[bytes]:
    """What arrives of a hundred reminders of parts, each of them sent before the one before it is taken."""
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    theirs.setblocking(False)
    child = Child(0, _ended_process(), ours)
    listening = asyncio.create_task(child.listen())
    while child._channel is None:  # noqa: ASYNC110 (a few turns of the event loop)
        await asyncio.sleep(0)
    body = bytes(1 << 14)
    for _ in range(100):
        child.remind(CHANGED, body)
    bodies: list[bytes] = []
    channel = await Channel.open(theirs)
    while not bodies or bodies[-1]:
        frame = await channel.receive()
        assert frame is not None
        assert frame.kind == CHANGED
        bodies.append(frame.body)
    # All of them are taken, and the next is of a part again.
    while child._channel.backlog:  # noqa: ASYNC110 (a few turns of the event loop)
        await asyncio.sleep(0)
    child.remind(CHANGED, b"next")
    frame = await channel.receive()
    assert frame is not None
    bodies.append(frame.body)
    await channel.close()
    await listening
    assert set(bodies[:-2]) == {body}
    return bodies[-2:]


def test_where_parts_would_pile_up_it_is_told_that_it_is_everything() -> None:
    assert asyncio.run(asyncio.wait_for(_told_of_parts(), 30)) == [b"", b"next"]


async def _told_to_one_that_is_busy() -> list[bytes]:
    """The frames in a process's way: pages are asked for until it takes no more, then it is reminded three times."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    child = Child(0, os.getpid(), ours)
    listening = asyncio.create_task(child.listen())
    while child._channel is None:  # noqa: ASYNC110 (a few turns of the event loop)
        await asyncio.sleep(0)
    count = 1
    child.send(CHANGED)
    while not child._channel.backlog:
        child.send(METRICS)
        count += 1
    for _ in range(3):
        child.remind(CHANGED)
    said, wanted = b"", (count + 1) * len(FRAME)
    with theirs, suppress(TimeoutError):
        while len(said) < wanted:
            said += await asyncio.wait_for(asyncio.get_running_loop().sock_recv(theirs, 1 << 16), 5)
        assert not child._channel.backlog
    listening.cancel()
    await child._channel.close()
    return [said[start + 4 : start + len(FRAME)] for start in range(0, len(said), len(FRAME))]


def test_what_was_asked_for_before_is_no_reason_not_to_say_it() -> None:
    kinds = asyncio.run(_told_to_one_that_is_busy())
    assert kinds[-2:] == [METRICS, CHANGED]
    assert kinds.count(CHANGED) == 2
