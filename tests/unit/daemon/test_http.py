"""The HTTP server over real loopback sockets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from clusterdns.daemon.http import HttpServer
from clusterdns.errors import ConfigError


def _serve(body: Callable[[HttpServer, aiohttp.ClientSession], Awaitable[None]], host: str = "127.0.0.1") -> None:
    async def run() -> None:
        server = HttpServer()
        server.add("/health", lambda: (200, "text/plain; charset=utf-8", b"OK"))
        server.add("/ready", lambda: (503, "text/plain; charset=utf-8", b"kubernetes"))
        await server.start(host, 0)
        try:
            async with aiohttp.ClientSession() as session:
                await body(server, session)
        finally:
            await server.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/health", 200, "OK"),
        ("GET", "/health?verbose=1", 200, "OK"),
        ("HEAD", "/health", 200, ""),
        ("GET", "/ready", 503, "kubernetes"),
        ("GET", "/", 404, "not found\n"),
        ("GET", "/health/", 404, "not found\n"),
        ("POST", "/health", 405, "method not allowed\n"),
        ("POST", "/nowhere", 404, "not found\n"),
    ],
)
def test_answers(method: str, path: str, status: int, body: str) -> None:
    async def ask(server: HttpServer, session: aiohttp.ClientSession) -> None:
        async with session.request(method, f"http://127.0.0.1:{server.port}{path}") as response:
            assert response.status == status
            assert await response.text() == body
            assert response.headers["Content-Type"].startswith("text/plain")
            assert status != 405 or response.headers["Allow"] == "GET, HEAD"

    _serve(ask)


@pytest.mark.parametrize(
    ("host", "urls"),
    [
        ("::1", ["http://[::1]:{}/health"]),
        ("localhost", ["http://localhost:{}/health"]),
        ("0.0.0.0", ["http://127.0.0.1:{}/health"]),
        ("", ["http://127.0.0.1:{}/health", "http://[::1]:{}/health"]),
    ],
)
def test_both_families(host: str, urls: list[str]) -> None:
    async def ask(server: HttpServer, session: aiohttp.ClientSession) -> None:
        for url in urls:
            async with session.get(url.format(server.port)) as response:
                assert response.status == 200

    _serve(ask, host)


def test_a_path_added_later_is_served_and_twice_is_a_bug() -> None:
    async def ask(server: HttpServer, session: aiohttp.ClientSession) -> None:
        server.add("/metrics", lambda: (200, "text/plain", b"x 1\n"))
        async with session.get(f"http://127.0.0.1:{server.port}/metrics") as response:
            assert await response.read() == b"x 1\n"
        with pytest.raises(ValueError, match="/metrics"):
            server.add("/metrics", lambda: (200, "text/plain", b""))

    _serve(ask)


def test_a_failing_handler_is_a_500_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> tuple[int, str, bytes]:
        raise RuntimeError("inner secret")

    async def ask(server: HttpServer, session: aiohttp.ClientSession) -> None:
        server.add("/fail", fail)
        async with session.get(f"http://127.0.0.1:{server.port}/fail") as response:
            assert (response.status, await response.text()) == (500, "internal error\n")
        async with session.get(f"http://127.0.0.1:{server.port}/health") as response:
            assert response.status == 200

    caplog.set_level(logging.ERROR)
    _serve(ask)
    assert [record.getMessage() for record in caplog.records] == ["bug: the handler of /fail failed"]
    assert "inner secret" in caplog.text


@pytest.mark.parametrize(
    ("host", "family", "shown"),
    [("127.0.0.1", socket.AF_INET, "127.0.0.1:{}"), ("::1", socket.AF_INET6, "[::1]:{}")],
)
def test_an_address_in_use_is_named(host: str, family: socket.AddressFamily, shown: str) -> None:
    async def run() -> None:
        server = HttpServer()
        with pytest.raises(ConfigError) as caught:
            await server.start(host, port)
        assert shown.format(port) in str(caught.value)
        assert "another program listens there" in str(caught.value)
        await server.close()

    with socket.create_server((host, 0), family=family) as taken:
        port = taken.getsockname()[1]
        asyncio.run(run())


@pytest.mark.parametrize(
    ("host", "reason"),
    [("203.0.113.1", "no interface here has that address"), ("a" * 64, "that is no host name")],
)
def test_an_address_that_is_not_ours(host: str, reason: str) -> None:
    async def run() -> None:
        with pytest.raises(ConfigError, match=reason):
            await HttpServer().start(host, 0)

    asyncio.run(run())


def test_close_frees_the_port_and_may_be_repeated() -> None:
    async def run() -> None:
        server = HttpServer()
        await server.start("127.0.0.1", 0)
        port = server.port
        await server.close()
        await server.close()
        again = HttpServer()
        await again.start("127.0.0.1", port)
        await again.close()

    asyncio.run(run())


GARBAGE = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
)


@pytest.mark.parametrize("rubbish", GARBAGE, ids=["tls", "no target", "version", "length", "header"])
def test_what_is_not_http_is_thrown_out_without_a_word(caplog: pytest.LogCaptureFixture, rubbish: bytes) -> None:
    async def ask(server: HttpServer, session: aiohttp.ClientSession) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(rubbish)
        with contextlib.suppress(ConnectionError):
            assert (await reader.read()).startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        async with session.get(f"http://127.0.0.1:{server.port}/health") as response:
            assert response.status == 200

    _serve(ask)
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []
