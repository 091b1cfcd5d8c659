"""The TCP listener on real loopback sockets: RFC 7766's framing, late answers, and what is no query."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from clusterdns.listen.respond import Peer, Send, client_address
from clusterdns.listen.sockets import open_tcp
from clusterdns.listen.tcp import TcpListener
from tests.support.virtual_time import run
from tests.unit.listen.tcp_server import Echo, Listening, framed, query, with_listener


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


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_no_answer_waits_for_the_acknowledgement_of_another(address: str) -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        client.send(framed(query(1)))
        await client.answer()
        (connection,) = server.listener._connections
        assert connection._transport is not None
        accepted = connection._transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

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
