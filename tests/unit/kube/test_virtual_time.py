"""The event loop on virtual time, on which other tests stand."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest

from tests.support import virtual_time


def test_sleeping_takes_no_time() -> None:
    async def main() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        woken: list[tuple[str, float]] = []

        async def sleeper(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            woken.append((name, loop.time()))

        await asyncio.gather(sleeper("late", 3600), sleeper("early", 0.5), sleeper("middle", 60))
        return woken

    assert virtual_time.run(main()) == [("early", 0.5), ("middle", 60.0), ("late", 3600.0)]


def test_timeouts_fire_in_order() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert virtual_time.run(main()) == 30.0


def test_data_between_sockets_is_delivered_before_the_clock_moves() -> None:
    async def main() -> float:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readline())
            await writer.drain()
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        async with server, asyncio.timeout(1):
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"x" * 50_000 + b"\n")
            assert len(await reader.readline()) == 50_001
            writer.close()
            await writer.wait_closed()
        return asyncio.get_running_loop().time()

    assert virtual_time.run(main()) == 0.0


def test_clock_stands_still_while_a_thread_works() -> None:
    async def main() -> float:
        async with asyncio.timeout(0.001):
            await asyncio.to_thread(time.sleep, 0.02)
        return asyncio.get_running_loop().time()

    assert virtual_time.run(main()) == 0.0


def test_waiting_in_vain_ends() -> None:
    async def main() -> None:
        for _ in itertools.count():
            await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        virtual_time.run(main(), limit_seconds=600)
