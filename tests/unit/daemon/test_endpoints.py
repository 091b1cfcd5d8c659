"""HTTP endpoints that a Corefile asks for: followed, and tried again while their place is somebody else's."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
import pytest

from clusterdns.corefile.reading import Endpoint
from clusterdns.daemon.endpoints import HttpEndpoints, Pages
from clusterdns.demo.processes import free_ports
from tests.support.virtual_time import run
from tests.unit.daemon.serving import page

LOOPBACK = "127.0.0.1"


def says(text: str) -> Callable[[], tuple[int, str, bytes]]:
    return lambda: (200, "text/plain", text.encode())


def scene(body: Callable[[HttpEndpoints], Coroutine[Any, Any, None]]) -> None:
    async def with_endpoints() -> None:
        endpoints = HttpEndpoints()
        try:
            await body(endpoints)
        finally:
            await endpoints.close()

    run(with_endpoints())


def at(port: int, **texts: str) -> Pages:
    return {Endpoint(LOOPBACK, port): {f"/{path}": says(text) for path, text in texts.items()}}


def test_pages_come_change_and_go() -> None:
    async def body(endpoints: HttpEndpoints) -> None:
        first, second = free_ports(2)
        await endpoints.follow(at(first, health="one", ready="two"))
        assert await page(first, "/health") == (200, "one")
        assert await page(first, "/ready") == (200, "two")
        await endpoints.follow({**at(first, health="three"), **at(second, metrics="four")})
        assert await page(first, "/health") == (200, "three")
        assert (await page(first, "/ready"))[0] == 404
        assert await page(second, "/metrics") == (200, "four")
        await endpoints.follow(at(second, metrics="five"))
        assert await page(second, "/metrics") == (200, "five")
        with pytest.raises(aiohttp.ClientConnectorError):
            await page(first, "/health")
        assert endpoints.ports == {Endpoint(LOOPBACK, second): second}

    scene(body)


def test_a_place_that_is_taken_is_said_once_and_had_when_it_is_free(caplog: pytest.LogCaptureFixture) -> None:
    async def body(endpoints: HttpEndpoints) -> None:
        (free,) = free_ports(1)
        with socket.create_server((LOOPBACK, 0)) as other:
            taken = other.getsockname()[1]
            await endpoints.follow({**at(taken, health="up", ready="up"), **at(free, metrics="up")})
            assert await page(free, "/metrics") == (200, "up")
            await asyncio.sleep(60)
            assert list(endpoints.ports) == [Endpoint(LOOPBACK, free)]
            (record,) = caplog.records
            assert record.getMessage().startswith(f"can't serve HTTP on 127.0.0.1:{taken}: another program listens")
            assert record.getMessage().endswith("DNS is served without /health, /ready, which is tried again")
        await asyncio.sleep(60)
        assert await page(taken, "/ready") == (200, "up")
        assert [record.getMessage() for record in caplog.records[1:]] == [f"HTTP on 127.0.0.1:{taken} is served now"]

    caplog.set_level("INFO")
    scene(body)


def test_a_place_that_is_no_longer_wanted_is_not_tried_again() -> None:
    async def body(endpoints: HttpEndpoints) -> None:
        (free,) = free_ports(1)
        with socket.create_server((LOOPBACK, 0)) as other:
            taken = other.getsockname()[1]
            await endpoints.follow(at(taken, health="up"))
            await endpoints.follow(at(free, health="up"))
        await asyncio.sleep(60)
        with pytest.raises(aiohttp.ClientConnectorError):
            await page(taken, "/health")
        assert await page(free, "/health") == (200, "up")

    scene(body)


def test_close_while_a_place_is_tried_again_ends_that() -> None:
    async def body(endpoints: HttpEndpoints) -> None:
        before = asyncio.all_tasks()
        with socket.create_server((LOOPBACK, 0)) as other:
            await endpoints.follow(at(other.getsockname()[1], health="up"))
            assert asyncio.all_tasks() > before
            await endpoints.close()
        assert asyncio.all_tasks() == before

    scene(body)
