"""What a process is told again and again reaches it, and does not pile up while it is busy."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress

from clusterdns.daemon.processes import CHANGED, METRICS, Child

_FRAME_BYTES = 5


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
    said, wanted = b"", (count + 1) * _FRAME_BYTES
    with theirs, suppress(TimeoutError):
        while len(said) < wanted:
            said += await asyncio.wait_for(asyncio.get_running_loop().sock_recv(theirs, 1 << 16), 5)
        assert not child._channel.backlog
    listening.cancel()
    await child._channel.close()
    return [said[start + 4 : start + _FRAME_BYTES] for start in range(0, len(said), _FRAME_BYTES)]


def test_what_was_asked_for_before_is_no_reason_not_to_say_it() -> None:
    kinds = asyncio.run(_told_to_one_that_is_busy())
    assert kinds[-2:] == [METRICS, CHANGED]
    assert kinds.count(CHANGED) == 2
