"""Frames between processes, however the bytes arrive."""

from __future__ import annotations

import asyncio
import socket

import pytest

from clusterdns.daemon.channel import Channel, Frame

FRAMES = [Frame(b"h", b""), Frame(b"P", b"\0\1\2"), Frame(b"m", b"x" * 100_000)]
BYTES = b"".join(len(frame.body).to_bytes(4, "big") + frame.kind + frame.body for frame in FRAMES)


def test_what_is_sent_arrives() -> None:
    async def send_and_receive() -> None:
        ours, theirs = socket.socketpair()
        here, there = await Channel.open(ours), await Channel.open(theirs)
        for frame in FRAMES:
            here.send(*frame)
        assert [await there.receive() for _ in FRAMES] == FRAMES
        there.send(b"r", b"OK")
        assert await here.receive() == Frame(b"r", b"OK")
        await here.close()
        assert await there.receive() is None
        # Nobody is there to take it, which is no error of the one who sends.
        for _ in range(3):
            there.send(b"r", b"OK")
            await asyncio.sleep(0)
        await there.close()
        here.send(b"r")

    asyncio.run(send_and_receive())


@pytest.mark.parametrize("cut", [0, 1, 4, 5, 6, 12, 13, 14, len(BYTES) - 1, len(BYTES)])
def test_cut_at_any_offset(cut: int) -> None:
    async def receive() -> list[Frame | None]:
        reader = asyncio.StreamReader()
        ours, theirs = socket.socketpair()
        channel = Channel(reader, (await asyncio.open_unix_connection(sock=ours))[1])
        reader.feed_data(BYTES[:cut])
        reader.feed_eof()
        found = []
        while (frame := await channel.receive()) is not None:
            found.append(frame)
        await channel.close()
        theirs.close()
        return [*found, None]

    ends, end = [], 0
    for frame in FRAMES:
        end += 5 + len(frame.body)
        ends.append(end)
    whole = [frame for frame, end in zip(FRAMES, ends, strict=True) if end <= cut]
    assert asyncio.run(receive()) == [*whole, None]


def test_the_backlog_is_what_the_other_end_has_not_taken() -> None:
    async def fill() -> tuple[int, int]:
        ours, theirs = socket.socketpair()
        channel = await Channel.open(ours)
        before = channel.backlog
        channel.send(b"P", bytes(10_000_000))
        after = channel.backlog
        theirs.close()
        await channel.close()
        return before, after

    before, after = asyncio.run(fill())
    assert before == 0
    assert after > 1_000_000
