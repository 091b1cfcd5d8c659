"""The end of a DNS server: what has come is answered, and whoever goes on asking is not answered for ever."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from clusterdns.demo.processes import free_ports
from clusterdns.limits import DRAIN_QUIET_SECONDS, DRAIN_SECONDS
from tests.support.upstream import ADDRESS, Do, Upstream
from tests.support.virtual_time import run
from tests.unit.daemon.serving import FOUR, Client, block, serving


def test_a_question_that_waits_for_its_upstream_is_answered() -> None:
    async def body() -> None:
        (port,) = free_ports(1)
        async with Upstream() as upstream:
            upstream.script = lambda asked: Do.HOLD
            corefile = f"example:{port} {{\n bind {FOUR}\n forward . {FOUR}:{upstream.port}\n}}\n"
            async with serving(corefile) as server:
                stop = asyncio.Event()
                stop.set()
                with Client(FOUR, port) as client:
                    asking = asyncio.create_task(client.address_of())
                    await upstream.wait_for(1)
                    ending = asyncio.create_task(server.serve_until(stop))
                    await asyncio.sleep(3 * DRAIN_QUIET_SECONDS.default)
                    assert not ending.done()
                    upstream.release()
                    assert await asking == ADDRESS
                await ending

    run(body())


def test_where_nobody_asks_the_end_comes_soon() -> None:
    async def body() -> None:
        loop = asyncio.get_running_loop()
        (port,) = free_ports(1)
        async with serving(block(FOUR, port)) as server:
            stop = asyncio.Event()
            stop.set()
            started = loop.time()
            await server.serve_until(stop)
            # Virtual time.
            assert loop.time() - started <= 2 * DRAIN_QUIET_SECONDS.default

    run(body())


def test_whoever_goes_on_asking_is_answered_for_a_while() -> None:
    async def body() -> None:
        loop = asyncio.get_running_loop()
        (port,) = free_ports(1)
        async with serving(block(FOUR, port)) as server:
            stop = asyncio.Event()
            stop.set()
            ended: list[float] = []
            with Client(FOUR, port) as client:
                started = loop.time()
                ending = asyncio.create_task(server.serve_until(stop))
                ending.add_done_callback(lambda _: ended.append(loop.time()))
                answers = 0
                with suppress(ConnectionRefusedError, TimeoutError):
                    while True:
                        answers += await client.address_of() == "192.0.2.1"
                        await asyncio.sleep(DRAIN_QUIET_SECONDS.default / 2)
            assert answers > DRAIN_SECONDS.default / DRAIN_QUIET_SECONDS.default
            # Virtual time.
            assert ended[0] - started == pytest.approx(DRAIN_SECONDS.default, abs=0.5)

    run(body())
