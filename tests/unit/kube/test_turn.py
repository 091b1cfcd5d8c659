"""When a watch lets others have their turn: rows of what came, and how long each piece of it took."""

from __future__ import annotations

import asyncio

import pytest

from clusterdns.kube.turn import Turn
from clusterdns.limits import KUBE_TURN_SECONDS

TURN = KUBE_TURN_SECONDS.default

WORK: list[tuple[str, list[list[float]], list[int]]] = [
    ("one change", [[0.1]], []),
    ("changes now and then, each short", [[0.3]] * 4, [3]),
    ("a piece with many lines", [[0.3] * 9], [3, 7]),
    ("pieces that wait for nothing", [[0.3, 0.3], [0.3, 0.3], [0.3]], [3]),
    ("a long line", [[5.0], [0.1]], [0]),
]


@pytest.mark.parametrize(("pieces", "expected"), [row[1:] for row in WORK], ids=[row[0] for row in WORK])
def test_others_have_their_turn_after_so_much_work(pieces: list[list[float]], expected: list[int]) -> None:
    """`pieces` are times of work in turns; `expected` are the numbers of those after which others came."""
    now = 0.0
    others_came: list[int] = []
    number = 0

    async def watch() -> None:
        nonlocal now, number
        turn = Turn(lambda: now)
        for piece in pieces:
            now += 100.0  # a watch waits for its changes
            assert turn.go_on() == now
            for share in piece:
                now += share * TURN
                await turn.end_in_time()
                number += 1

    async def other(watching: asyncio.Task[None]) -> None:
        while not watching.done():
            others_came.append(number)
            await asyncio.sleep(0)

    async def main() -> None:
        watching = asyncio.create_task(watch())
        await asyncio.sleep(0)
        await other(watching)

    asyncio.run(main())
    assert others_came == expected
