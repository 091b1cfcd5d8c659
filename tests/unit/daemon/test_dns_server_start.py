"""The start of a DNS server where an address is taken: at once, with patience, interrupted."""

from __future__ import annotations

import asyncio
import logging
import math
import socket

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from clusterdns.daemon.dns_server import DnsServer
from clusterdns.demo.processes import free_ports
from clusterdns.errors import ConfigError
from tests.support.virtual_time import run
from tests.unit.daemon.serving import FOUR, NAME, Client, block, configured, page, taken


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM], ids=["UDP", "TCP"])
def test_without_patience_an_address_that_is_taken_ends_the_start(kind: socket.SocketKind) -> None:
    async def body() -> None:
        port, page_port = free_ports(2)
        with taken(kind) as other:
            text = block(FOUR, port, more=f"health {FOUR}:{page_port}") + block(FOUR, other)
            server = DnsServer(*configured(text), CollectorRegistry())
            with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{other}: another program does"):
                await server.start()
            with pytest.raises(aiohttp.ClientConnectorError):
                await page(page_port, "/health")

    run(body())


def test_with_patience_an_address_is_had_when_it_is_free(caplog: pytest.LogCaptureFixture) -> None:
    async def body() -> None:
        (page_port,) = free_ports(1)
        with taken(socket.SOCK_DGRAM) as other:
            more = f"health {FOUR}:{page_port}\n ready {FOUR}:{page_port}"
            server = DnsServer(*configured(block(FOUR, other, more=more)), CollectorRegistry())
            starting = asyncio.create_task(server.start(patience=math.inf))
            await asyncio.sleep(100)
            # It said so once, and nobody is to restart it for that.
            (record,) = caplog.records
            assert record.getMessage().startswith(f"can't listen on UDP 127.0.0.1:{other}: another program does; stop")
            assert record.getMessage().endswith("; trying again")
            assert await page(page_port, "/health") == (200, "OK")
            assert await page(page_port, "/ready") == (503, "not listening")
        assert await starting
        try:
            assert await page(page_port, "/ready") == (200, "OK")
            with Client(FOUR, other) as client:
                assert await client.address_of(NAME) == "192.0.2.1"
        finally:
            await server.close()

    caplog.set_level(logging.WARNING)
    run(body())


def test_patience_ends() -> None:
    async def body() -> None:
        with taken(socket.SOCK_STREAM) as other:
            server = DnsServer(*configured(block(FOUR, other)), CollectorRegistry())
            started = asyncio.get_running_loop().time()
            with pytest.raises(ConfigError):
                await server.start(patience=30)
            assert 30 <= asyncio.get_running_loop().time() - started < 31

    run(body())


def test_patience_ends_when_the_program_is_to_stop() -> None:
    async def body() -> None:
        with taken(socket.SOCK_STREAM) as other:
            server = DnsServer(*configured(block(FOUR, other)), CollectorRegistry())
            stop = asyncio.Event()
            starting = asyncio.create_task(server.start(math.inf, stop))
            await asyncio.sleep(100)
            stop.set()
            assert not await starting
            await server.close()

    run(body())


def test_patience_can_be_interrupted() -> None:
    async def body() -> None:
        (page_port,) = free_ports(1)
        with taken(socket.SOCK_STREAM) as other:
            more = f"health {FOUR}:{page_port}"
            server = DnsServer(*configured(block(FOUR, other, more=more)), CollectorRegistry())
            starting = asyncio.create_task(server.start(patience=math.inf))
            await asyncio.sleep(5)
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting
            with pytest.raises(aiohttp.ClientConnectorError):
                await page(page_port, "/health")

    run(body())
