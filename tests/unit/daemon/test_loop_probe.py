"""Upstreams that lead back here: found, named, not asked, and asked again when they lead elsewhere."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Coroutine
from typing import Any

import pytest

from clusterdns.demo.processes import free_ports
from tests.support.upstream import ADDRESS, Do, Upstream
from tests.support.virtual_time import run
from tests.unit.daemon.serving import Client, configured, serving

HOST = "127.0.0.1"


def scene(body: Coroutine[Any, Any, None]) -> None:
    run(body)


class Relay:
    """Hands datagrams on to a port that the test may change, and their answers back: the way of a loop."""

    def __init__(self, to: int, port: int = 0) -> None:
        self.to = to
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind((HOST, port))
        self.port: int = self.sock.getsockname()[1]
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Relay:
        self._add(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.sock.close()

    def _add(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            message, peer = await loop.sock_recvfrom(self.sock, 4096)
            self._add(self._hand_on(message, peer))

    async def _hand_on(self, message: bytes, peer: Any) -> None:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect((HOST, self.to))
            await loop.sock_sendall(sock, message)
            answer = await loop.sock_recv(sock, 4096)
        await loop.sock_sendto(self.sock, answer, peer)


def block(port: int, *upstreams: int, zone: str = ".") -> str:
    to = " ".join(f"{HOST}:{upstream}" for upstream in upstreams)
    return f"{zone}:{port} {{\n bind {HOST}\n loop\n forward . {to} {{\n policy sequential\n }}\n}}\n"


@pytest.mark.parametrize("zone", [".", "example"])
def test_the_upstream_that_leads_back_is_named_and_the_other_one_asked(
    caplog: pytest.LogCaptureFixture, zone: str
) -> None:
    async def body() -> None:
        (port,) = free_ports(1)
        async with Upstream() as good, Relay(port) as relay, serving(block(port, relay.port, good.port, zone=zone)):
            await asyncio.sleep(1)
            with Client(HOST, port) as client:
                assert await client.address_of() == ADDRESS
                assert await client.address_of("other.example.") == ADDRESS
            assert [asked.name for asked in good.asked if "example" in asked.name][-2:] == [
                "web.example.",
                "other.example.",
            ]
            errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
            assert len(errors) == 1
            assert (
                f"the upstream {HOST}:{relay.port} of {'example.' if zone == 'example' else '.'} leads back"
                in errors[0]
            )

    scene(body())


def test_with_no_other_upstream_questions_fail_at_once_and_the_server_lives() -> None:
    async def body() -> None:
        (port,) = free_ports(1)
        # Straight to itself: written, so nothing leaves it out.
        async with serving(block(port, port)):
            await asyncio.sleep(1)
            with Client(HOST, port) as client:
                started = asyncio.get_running_loop().time()
                assert (await client.ask()).rcode() == 2
                assert asyncio.get_running_loop().time() - started < 0.5

    scene(body())


def test_an_upstream_that_loops_no_longer_is_asked_again() -> None:
    async def body() -> None:
        (port,) = free_ports(1)
        async with Upstream() as good, Relay(port) as relay, serving(block(port, relay.port)):
            await asyncio.sleep(1)
            relay.to = good.port
            await asyncio.sleep(40)
            with Client(HOST, port) as client:
                assert await client.address_of() == ADDRESS

    scene(body())


def test_an_upstream_that_comes_late_is_found_out() -> None:
    async def body() -> None:
        port, late = free_ports(2)
        async with Upstream() as good, serving(block(port, late, good.port)) as server:
            await asyncio.sleep(10)
            ((_, forwarder),) = server._assembly.parts.forwards
            assert len(forwarder.upstreams) == 2
            async with Relay(port, late):
                await asyncio.sleep(10)
                assert [upstream.port for upstream in forwarder.upstreams] == [good.port]

    scene(body())


def test_a_replaced_configuration_is_probed_anew_and_its_predecessor_no_more() -> None:
    async def body() -> None:
        (port,) = free_ports(1)
        async with (
            Upstream() as first,
            Upstream() as second,
            Relay(port) as relay,
            serving(block(port, first.port)) as server,
        ):
            await asyncio.sleep(10)
            await server.replace(*configured(block(port, relay.port, second.port)))
            asked = len(first.asked)
            await asyncio.sleep(100)
            assert len(first.asked) == asked
            with Client(HOST, port) as client:
                assert await client.address_of() == ADDRESS

    scene(body())


def test_without_the_directive_nobody_is_asked_anything() -> None:
    async def body() -> None:
        (port,) = free_ports(1)
        async with Upstream() as upstream, serving(block(port, upstream.port).replace("loop\n", "")):
            await asyncio.sleep(100)
            assert upstream.asked == []

    scene(body())


def test_an_upstream_that_never_answers_is_left_alone_after_a_while() -> None:
    async def body() -> None:
        (port,) = free_ports(1)
        async with Upstream() as upstream, serving(block(port, upstream.port)):
            upstream.script = lambda _: Do.DROP
            await asyncio.sleep(60)
            asked = len(upstream.asked)
            assert 5 <= asked <= 16
            await asyncio.sleep(1000)
            assert len(upstream.asked) == asked

    scene(body())
