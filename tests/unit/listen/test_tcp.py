"""The TCP listener on real loopback sockets: RFC 7766's framing, and clients that behave badly."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from clusterdns.limits import TCP_BATCH, TCP_PIPELINE
from clusterdns.listen.respond import Peer, Send, client_address
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

    async def client(self) -> Client:
        client = Client(*await asyncio.open_connection(*self.listener.address))
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


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.5", "0.0.0.0", "::1", "::"])
def test_a_query_and_its_answer(address: str) -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        client.send(framed(query(1)))
        assert await client.answer() == server.echo.answer_to(query(1))
        (peer,) = server.echo.peers
        assert (client_address(peer), peer[1]) == client.writer.get_extra_info("sockname")[:2]
        assert (server.listener.connections, server.listener.counters.accepted) == (1, 1)

    with_listener(body, address=address)


def test_several_queries_in_one_segment() -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        client.send(framed(*(query(number) for number in range(10))))
        assert await client.ids(10) == list(range(10))

    with_listener(body)


@pytest.mark.parametrize("cut", range(len(framed(query(2), query(3)))))
def test_a_stream_cut_anywhere(cut: int) -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        stream = framed(query(2), query(3))
        # The answer to the first query says that what was sent together with it has been read.
        client.send(framed(query(1)) + stream[:cut])
        assert await client.ids(1) == [1]
        client.send(stream[cut:])
        assert await client.ids(2) == [2, 3]

    with_listener(body)


def test_a_stream_byte_by_byte() -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        for byte in framed(query(1), query(2)):
            client.send(bytes((byte,)))
            await asyncio.sleep(0)
        assert await client.ids(2) == [1, 2]

    with_listener(body)


def test_late_answers_in_any_order() -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        client.send(framed(query(1, late=True), query(2, late=True), query(3)))
        assert await client.ids(1) == [3]
        for send in reversed(server.echo.late):
            send()
        assert await client.ids(2) == [2, 1]

    with_listener(body)


def test_the_longest_message_there_is() -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        longest = query(1) + bytes(65535 - len(query(1)))
        client.send(framed(longest, query(2)))
        assert await client.answer() == server.echo.answer_to(longest)
        assert await client.ids(1) == [2]

    with_listener(body)


# What is no query; "silence" over TCP is the end of the connection.
GARBAGE = {
    "length 0": b"\0\0",
    "length 1": b"\0\1x",
    "shorter than a header": b"\0\x0b" + query(9)[:11],
    "a response": framed(Echo().answer_to(query(9))),
    "the first bytes of a response": framed(Echo().answer_to(query(9)))[:5],
    "HTTP": b"\r\n\xff\xff\xff\xff",
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_garbage_ends_the_connection(garbage: bytes) -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        client.send(garbage)
        assert await client.ended()
        assert server.echo.asked == []
        assert server.listener.connections == 0
        assert server.listener.counters.idle_closed == 0

    with_listener(body)


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_what_came_before_garbage_is_answered_and_what_comes_behind_is_not(garbage: bytes) -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        client.send(framed(query(1), query(2, late=True)) + garbage + framed(query(3)))
        assert await client.ids(1) == [1]
        server.echo.late[0]()
        assert await client.ids(1) == [2]
        assert await client.ended()
        assert len(server.echo.asked) == 2

    with_listener(body)


UNFINISHED = {
    "nothing": b"",
    "half a length": b"\xff",
    "65,535 bytes promised": b"\xff\xff",
    "a header": framed(query(1))[:14],
    "all but the last byte": framed(query(1))[:-1],
}


@pytest.mark.parametrize("data", UNFINISHED.values(), ids=UNFINISHED)
def test_idle_connections_are_closed(data: bytes) -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        client.send(data)
        assert await client.ended()
        assert 10 <= asyncio.get_running_loop().time() <= 12
        assert (server.listener.connections, server.listener.counters.idle_closed) == (0, 1)

    with_listener(body, idle_seconds=10)


@pytest.mark.parametrize("data", UNFINISHED.values(), ids=UNFINISHED)
def test_a_connection_that_its_client_ends_is_not_idle(data: bytes) -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        client.send(data)
        client.writer.write_eof()
        assert await client.ended()
        assert asyncio.get_running_loop().time() < 1
        assert (server.listener.connections, server.echo.asked) == (0, [])

    with_listener(body)


def test_bytes_that_trickle_in_do_not_keep_a_connection() -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        client.send(b"\xff\xff")
        for _ in range(20):
            client.send(b"x")
            await asyncio.sleep(1)
        assert (server.listener.connections, server.listener.counters.idle_closed) == (0, 1)

    with_listener(body, idle_seconds=10)


def test_queries_and_answers_keep_a_connection() -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        for number in range(5):
            client.send(framed(query(number)))
            assert await client.ids(1) == [number]
            await asyncio.sleep(8)
        client.send(framed(query(5, late=True)))
        await server.echo.until(lambda: bool(server.echo.late))
        await asyncio.sleep(8)
        server.echo.late[0]()
        await asyncio.sleep(8)
        client.send(framed(query(6)))
        assert await client.ids(2) == [5, 6]
        assert server.listener.counters.idle_closed == 0

    with_listener(body, idle_seconds=10)


def test_a_half_closed_connection_gets_its_late_answers() -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        client.send(framed(query(1), query(2, late=True), query(3, late=True)))
        client.writer.write_eof()
        assert await client.ids(1) == [1]
        for send in server.echo.late:
            send()
        assert await client.ids(2) == [2, 3]
        assert await client.ended()
        assert server.listener.connections == 0

    with_listener(body)


def test_a_half_closed_connection_of_more_than_a_batch() -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        count = 3 * TCP_BATCH.default_int + 1
        client.send(framed(*(query(number) for number in range(count))))
        client.writer.write_eof()
        assert await client.ids(count) == list(range(count))
        assert await client.ended()

    with_listener(body)


def test_a_half_closed_connection_of_more_than_may_be_in_flight() -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        count = TCP_PIPELINE.default_int + 10
        client.send(framed(*(query(number, late=True) for number in range(count))))
        client.writer.write_eof()
        late = server.echo.late
        await server.echo.until(lambda: len(late) == TCP_PIPELINE.default_int)
        for number in range(count):
            late[number]()
        assert await client.ids(count) == list(range(count))
        assert await client.ended()

    with_listener(body)


def test_no_more_than_a_pipeline_of_queries_in_flight() -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        limit = TCP_PIPELINE.default_int
        late = server.echo.late
        client.send(framed(*(query(number, late=True) for number in range(limit + 50))))
        await server.echo.until(lambda: len(late) >= limit)
        await asyncio.sleep(1)
        assert len(late) == limit
        late[0]()
        assert len(late) == limit + 1
        for number in range(1, limit + 50):
            late[number]()
        assert await client.ids(limit + 50) == list(range(limit + 50))
        client.send(framed(query(7)))
        assert await client.ids(1) == [7]

    with_listener(body)


def test_a_batch_of_queries_and_others_have_their_turn() -> None:
    class Counting(Echo):
        def __call__(self, message: bytes, peer: Peer, send: Send, /) -> bytes | None:
            if not self.asked:
                asyncio.get_running_loop().call_soon(lambda: turns.append(len(self.asked)))
            return super().__call__(message, peer, send)

    turns: list[int] = []

    async def body(server: Listening) -> None:
        client = await server.client()
        count = 3 * TCP_BATCH.default_int
        client.send(framed(*(query(number) for number in range(count))))
        assert await client.ids(count) == list(range(count))
        assert turns == [TCP_BATCH.default_int]

    with_listener(body, respond=Counting())


def test_an_answer_that_lands_while_another_query_is_asked() -> None:
    # An upstream that fails may take several queries with it in one call.
    class Landing(Echo):
        def __call__(self, message: bytes, peer: Peer, send: Send, /) -> bytes | None:
            while b"\4late" not in message and self.late:
                self.late.pop()()
            return super().__call__(message, peer, send)

    async def body(server: Listening) -> None:
        client = await server.client()
        sent = [query(1, late=True), query(2, late=True), query(3), query(4, late=True), query(5), query(6)]
        client.send(framed(*sent))
        assert sorted(await client.ids(6)) == [1, 2, 3, 4, 5, 6]
        assert server.echo.asked == sent

    with_listener(body, respond=Landing())


def test_a_client_that_does_not_read_is_not_read_and_gets_all_in_the_end() -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        count = 2000
        client.send(framed(*(query(number) for number in range(count))))
        await asyncio.sleep(5)
        # Socket buffers take a few MB, and no more is kept than a batch of answers behind them.
        asked = len(server.echo.asked)
        assert asked < count / 2
        await asyncio.sleep(4)
        assert len(server.echo.asked) == asked
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert await client.ids(count) == list(range(count))

    with_listener(body, respond=Echo(padding=60000), idle_seconds=10)


def test_a_client_that_never_reads_is_idle() -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.send(framed(*(query(number) for number in range(2000))))
        await asyncio.sleep(15)
        assert (server.listener.connections, server.listener.counters.idle_closed) == (0, 1)

    with_listener(body, respond=Echo(padding=60000), idle_seconds=10)


def test_too_many_connections() -> None:
    async def body(server: Listening) -> None:
        first, second = await server.client(), await server.client()
        for client in (first, second):
            client.send(framed(query(1)))
            assert await client.ids(1) == [1]
        third = await server.client()
        assert await third.ended()
        counters = server.listener.counters
        assert (server.listener.connections, counters.accepted, counters.refused) == (2, 2, 1)
        second.writer.write_eof()
        assert await second.ended()
        fourth = await server.client()
        fourth.send(framed(query(4)))
        assert await fourth.ids(1) == [4]
        first.send(framed(query(5)))
        assert await first.ids(1) == [5]

    with_listener(body, max_connections=2)


@pytest.mark.parametrize("linger", [b"", struct.pack("ii", 1, 0)], ids=["closed", "reset"])
def test_a_client_that_is_gone_before_its_answer(linger: bytes) -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        if linger:
            client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        client.send(framed(*(query(number, late=True) for number in range(20))))
        await server.echo.until(lambda: len(server.echo.late) == 20)
        client.writer.transport.abort()
        await asyncio.sleep(1)
        # A client that has closed its side may still read; the first answer shows that this one does not.
        assert server.listener.connections == (0 if linger else 1)
        for send in server.echo.late:
            send()
        await asyncio.sleep(1)
        assert (server.listener.connections, server.listener.counters.idle_closed) == (0, 0)
        other = await server.client()
        other.send(framed(query(3)))
        assert await other.ids(1) == [3]

    with_listener(body)


def test_closing_while_answers_are_under_way() -> None:
    async def body(server: Listening) -> None:
        address = server.listener.address
        client, other = await server.client(), await server.client()
        client.send(framed(query(1, late=True)))
        other.send(framed(query(2)))
        assert await other.ids(1) == [2]
        await server.echo.until(lambda: bool(server.echo.late))
        closing = asyncio.create_task(server.listener.close())
        await asyncio.sleep(0)
        server.echo.late[0]()
        await closing
        assert await client.ended()
        assert await other.ended()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)

    with_listener(body)


def test_closing_a_listener_that_was_never_started() -> None:
    async def body() -> None:
        sock = open_tcp("127.0.0.1", 0)
        await TcpListener(sock, Echo()).close()
        assert sock.fileno() == -1

    run(body())


def test_a_burst_of_connections_waits_to_be_accepted() -> None:
    # More than asyncio's own backlog of 100, connecting before the listener has its turn.
    async def body(server: Listening) -> None:
        sockets = []
        try:
            for _ in range(200):
                sock = socket.socket()
                sockets.append(sock)
                sock.settimeout(5)
                sock.connect(server.listener.address)
            await asyncio.sleep(1)
            assert server.listener.connections == len(sockets)
        finally:
            for sock in sockets:
                sock.close()

    with_listener(body)
