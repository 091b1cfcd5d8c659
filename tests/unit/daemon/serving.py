"""DNS servers of a Corefile's text on loopback, and a client of theirs, for the tests of the daemon."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any

import aiohttp
import dns.message
from prometheus_client import CollectorRegistry

from clusterdns.corefile.parse import parse
from clusterdns.daemon.dns_server import DnsServer
from clusterdns.demo.processes import free_ports
from clusterdns.directives.assemble import Assembly, assemble
from clusterdns.directives.config.server import STANDARD, ServerConfig, load

NAME = "web.example."
FOUR, SIX = "127.0.0.1", "::1"


def block(address: str, port: int, answer: str = "192.0.2.1", more: str = "") -> str:
    """A server block that answers `NAME` with `answer`; `more` are further lines of it."""
    return f"example:{port} {{\n bind {address}\n cache\n hosts {{\n {answer} web.example\n }}\n {more}\n}}\n"


def configured(text: str) -> tuple[tuple[ServerConfig, ...], Assembly]:
    servers = load(parse(text, "Corefile", environ={}), STANDARD)
    return servers, assemble(servers, clock=time.monotonic, makers={})


@asynccontextmanager
async def serving(text: str) -> AsyncIterator[DnsServer]:
    """A server of the Corefile `text` that has started."""
    server = DnsServer(*configured(text), CollectorRegistry())
    await server.start()
    try:
        yield server
    finally:
        await server.close()


class Client:
    """One UDP client that keeps its socket."""

    def __init__(self, address: str, port: int) -> None:
        self._sock = socket.socket(
            socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET, socket.SOCK_DGRAM
        )
        self._sock.setblocking(False)
        self._sock.connect((address, port))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()

    async def ask(self, name: str = NAME, qtype: str = "A", **options: Any) -> dns.message.Message:
        """The answer; raises TimeoutError, or ConnectionRefusedError if nobody listens. `options` as make_query's."""
        query = dns.message.make_query(name, qtype, **options).to_wire()
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._sock, query)
        async with asyncio.timeout(60):
            return dns.message.from_wire(await loop.sock_recv(self._sock, 4096))

    async def address_of(self, name: str = NAME) -> str:
        """The address in the answer."""
        answer = await self.ask(name)
        return str(answer.answer[0][0])


async def page(port: int, path: str) -> tuple[int, str]:
    """Status and text of a page; raises ClientConnectorError if nobody listens."""
    url = f"http://127.0.0.1:{port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


class taken:
    """A port that another program has, without sharing it."""

    def __init__(self, kind: socket.SocketKind) -> None:
        self._sock = socket.socket(socket.AF_INET, kind)

    def __enter__(self) -> int:
        self._sock.bind((FOUR, *free_ports(1)))
        if self._sock.type == socket.SOCK_STREAM:
            self._sock.listen()
        return int(self._sock.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._sock.close()
