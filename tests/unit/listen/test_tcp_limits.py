"""How long a connection of the TCP listener lives, and how much of it one client gets."""

from __future__ import annotations

import asyncio
import socket

import pytest

from clusterdns.limits import TCP_BATCH, TCP_PIPELINE
from clusterdns.listen.respond import Peer, Send
from clusterdns.listen.tcp import TcpTimeouts
from tests.unit.listen.tcp_server import Echo, Listening, framed, query, with_listener

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

    with_listener(body, timeouts=TcpTimeouts(10, 10, 10))


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

    with_listener(body, timeouts=TcpTimeouts(10, 10, 10))


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

    with_listener(body, timeouts=TcpTimeouts(10, 10, 10))


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

    with_listener(body, respond=Echo(padding=60000), timeouts=TcpTimeouts(10, 10, 10))


def test_a_client_that_never_reads_is_idle() -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.send(framed(*(query(number) for number in range(2000))))
        await asyncio.sleep(15)
        assert (server.listener.connections, server.listener.counters.idle_closed) == (0, 1)

    with_listener(body, respond=Echo(padding=60000), timeouts=TcpTimeouts(10, 10, 10))


def test_too_many_connections() -> None:
    async def body(server: Listening) -> None:
        first, second = await server.client(), await server.client()
        for client in (first, second):
            client.send(framed(query(1), query(2, late=True)))
            assert await client.ids(1) == [1]
        third = await server.client()
        assert await third.ended()
        counters = server.listener.counters
        assert (server.listener.connections, counters.accepted, counters.refused) == (2, 2, 1)
        server.echo.late[1]()
        assert await second.ids(1) == [2]
        fourth = await server.client()
        assert await second.ended()
        fourth.send(framed(query(4)))
        assert await fourth.ids(1) == [4]
        first.send(framed(query(5)))
        assert await first.ids(1) == [5]

    with_listener(body, max_connections=2)


# Who has connections, oldest first, who comes, and which of them is closed for it.
SHARES: dict[str, tuple[list[str], str, int]] = {
    "the client that has most gives": (["127.0.0.2", "127.0.0.3", "127.0.0.3"], "127.0.0.4", 1),
    "of one's own, the one that was silent for longest": (["127.0.0.2", "127.0.0.2", "127.0.0.2"], "127.0.0.2", 0),
    "among equals, the one that was silent for longest": (["127.0.0.4", "127.0.0.2", "127.0.0.3"], "127.0.0.9", 0),
    "who has most gives to itself, not others to it": (["127.0.0.2", "127.0.0.3", "127.0.0.3"], "127.0.0.3", 1),
}


@pytest.mark.parametrize(("clients", "newcomer", "closed"), SHARES.values(), ids=SHARES)
def test_no_client_keeps_others_out(clients: list[str], newcomer: str, closed: int) -> None:
    async def body(server: Listening) -> None:
        held = []
        for number, address in enumerate(clients):
            held.append(await server.client(address))
            held[-1].send(framed(query(number)))
            assert await held[-1].ids(1) == [number]
            await asyncio.sleep(1)
        comes = await server.client(newcomer)
        comes.send(framed(query(9)))
        assert await comes.ids(1) == [9]
        for number, client in enumerate(held):
            if number == closed:
                assert await client.ended()
            else:
                client.send(framed(query(number)))
                assert await client.ids(1) == [number]
        assert server.listener.counters.idle_closed == 1

    with_listener(body, max_connections=3)


def test_a_client_with_many_connections_does_not_push_others_out() -> None:
    async def body(server: Listening) -> None:
        idle = await server.client("127.0.0.2")
        busy = [await server.client("127.0.0.3") for _ in range(2)]
        for client in (idle, *busy):
            client.send(framed(query(1)))
            assert await client.ids(1) == [1]
        for client in busy:
            client.send(framed(query(2, late=True)))
        await server.echo.until(lambda: len(server.echo.late) == 2)
        assert await (await server.client("127.0.0.3")).ended()
        idle.send(framed(query(3)))
        assert await idle.ids(1) == [3]

    with_listener(body, max_connections=3)


def test_queries_that_wait_for_their_turn_are_not_closed_away() -> None:
    async def body(server: Listening) -> None:
        rooms: list[bool] = []
        client = await server.client()

        def respond(message: bytes, peer: Peer, send: Send) -> bytes | None:
            if len(server.echo.asked) == TCP_BATCH.default_int - 1:
                # Before the rest has its turn, another client comes.
                asyncio.get_running_loop().call_soon(lambda: rooms.append(server.listener._make_room("127.0.0.2")))
            return server.echo(message, peer, send)

        server.listener.respond = respond
        client.send(framed(*map(query, range(TCP_BATCH.default_int + 1))))
        assert await client.ids(TCP_BATCH.default_int + 1) == list(range(TCP_BATCH.default_int + 1))
        assert rooms == [False]
        assert server.listener._make_room("127.0.0.2")

    with_listener(body)


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


@pytest.mark.parametrize(
    ("data", "answers", "seconds"),
    [(b"", 0, 3), (framed(query(1))[:-1], 0, 3), (framed(query(1)), 1, 30), (framed(query(1), query(2))[:-1], 1, 3)],
    ids=["nothing", "half a query", "a query", "a query and a half"],
)
def test_a_query_has_to_be_whole_sooner_than_the_next_has_to_come(data: bytes, answers: int, seconds: float) -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        client.send(data)
        await client.ids(answers)
        assert await client.ended()
        assert seconds <= asyncio.get_running_loop().time() <= seconds + 2

    with_listener(body, timeouts=TcpTimeouts(read=3, write=60, idle=30))


def test_a_client_that_does_not_read_has_a_time_of_its_own() -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        for number in range(300):
            client.send(framed(query(number)))
        await asyncio.sleep(4)
        assert server.listener.connections == 1
        await asyncio.sleep(3)
        assert server.listener.connections == 0

    with_listener(body, respond=Echo(padding=60000), timeouts=TcpTimeouts(read=60, write=5, idle=60))


def test_a_changed_timeout_holds_for_connections_that_are_open() -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        await asyncio.sleep(20)
        server.listener.timeouts = TcpTimeouts(read=2)
        assert await client.ended()
        assert asyncio.get_running_loop().time() <= 22

    with_listener(body, timeouts=TcpTimeouts(read=60))


@pytest.mark.parametrize("late", [False, True])
def test_after_so_many_queries_a_connection_has_its_answers_and_ends(late: bool) -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        client.send(framed(query(1), query(2)))
        assert await client.ids(2) == [1, 2]
        client.send(framed(query(3, late=late), query(4)))
        await server.echo.until(lambda: len(server.echo.asked) == 3)
        for send in server.echo.late:
            send()
        assert await client.ids(1) == [3]
        assert await client.ended()
        assert asyncio.get_running_loop().time() < 1

    with_listener(body, timeouts=TcpTimeouts(queries=3))
