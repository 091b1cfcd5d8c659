"""A TCP listener with a fake server behind it, and clients of it, for the tests of the listener."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from clusterdns.listen.respond import Peer, Send
from clusterdns.listen.sockets import open_tcp
from clusterdns.listen.tcp import TcpListener
from tests.support import messages
from tests.support.virtual_time import run


def query(number: int, *, late: bool = False) -> bytes:
    """A query whose ID is `number`; a late one's answer has to be sent by the test."""
    return messages.query("late.example." if late else "now.example.", message_id=number)


def framed(*messages: bytes) -> bytes:
    return b"".join(len(message).to_bytes(2, "big") + message for message in messages)


class Echo:
    """A server whose answer is the query with the response bit set; `late.example` has to wait."""

    def __init__(self, padding: int = 0) -> None:
        self.asked: list[bytes] = []
        self.peers: list[Peer] = []
        self.late: list[Callable[[], None]] = []
        self.changed = asyncio.Event()
        self._padding = bytes(padding)

    def __call__(self, message: bytes, peer: Peer, send: Send, /) -> bytes | None:
        self.asked.append(message)
        self.peers.append(peer)
        self.changed.set()
        answer = self.answer_to(message)
        if b"\4late" not in message:
            return answer
        self.late.append(lambda: send(answer, peer))
        return None

    def answer_to(self, message: bytes) -> bytes:
        return message[:2] + bytes((message[2] | 0x80,)) + message[3:] + self._padding

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that changes as queries are asked."""
        while not condition():
            self.changed.clear()
            await self.changed.wait()


class Client:
    """One connection. `answers` reads whole messages; at the end of the connection there is none."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> bytes:
        size = int.from_bytes(await self._reader.readexactly(2), "big")
        return await self._reader.readexactly(size)

    async def ids(self, count: int) -> list[int]:
        return [int.from_bytes((await self.answer())[:2], "big") for _ in range(count)]

    async def ended(self) -> bool:
        """True if the listener has closed the connection and nothing more has come."""
        try:
            return await self._reader.read() == b""
        except ConnectionResetError:
            return True


class Listening:
    """A listener, the server behind it, and clients of it that are closed at the end."""

    def __init__(self, address: str, respond: Echo, **limits: Any) -> None:
        self.echo = respond
        self.listener = TcpListener(open_tcp(address, 0), respond, **limits)
        self._clients: list[Client] = []

    async def client(self, address: str = "") -> Client:
        """A client at this address; empty: at whichever the system takes."""
        source = (address, 0) if address else None
        client = Client(*await asyncio.open_connection(*self.listener.address, local_addr=source))
        self._clients.append(client)
        return client

    async def close(self) -> None:
        for client in self._clients:
            client.writer.transport.abort()
        await self.listener.close()


@asynccontextmanager
async def listening(address: str = "127.0.0.1", respond: Echo | None = None, **limits: Any) -> AsyncIterator[Listening]:
    server = Listening(address, respond or Echo(), **limits)
    await server.listener.start()
    try:
        yield server
    finally:
        await server.close()


Body = Callable[[Listening], Coroutine[Any, Any, None]]


def with_listener(body: Body, **limits: Any) -> None:
    async def main() -> None:
        async with listening(**limits) as server:
            await body(server)

    run(main())
