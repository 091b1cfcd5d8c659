"""Answers of several messages over TCP: in order, no faster than they are read, and whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from clusterdns.listen.respond import Answer, Peer, SendAny
from tests.unit.listen.tcp_server import Echo, Listening, framed, query, with_listener

LARGE = 60_000


class Several(Echo):
    """To queries with an even ID, `count` messages with that ID; `made` is how many have been."""

    def __init__(self, count: int, *, size: int = 100, late: bool = False, breaks_at: int = 0) -> None:
        super().__init__()
        self.made = 0
        self.ended = asyncio.Event()
        self._count = count
        self._size = size
        self._late = late
        self._breaks_at = breaks_at

    def __call__(self, message: bytes, peer: Peer, send: SendAny, /) -> Answer | None:  # type: ignore[override]
        if message[1] % 2:
            return super().__call__(message, peer, send)
        self.asked.append(message)
        self.changed.set()
        if self._late:
            self.late.append(lambda: send(self._messages(message[:2]), peer))
            return None
        return self._messages(message[:2])

    def _messages(self, query_id: bytes) -> Iterator[bytes]:
        for number in range(self._count):
            self.made += 1
            if number + 1 == self._breaks_at:
                raise ZeroDivisionError
            yield query_id + bytes((0x80, 0)) + number.to_bytes(4, "big") + bytes(self._size)
        self.ended.set()


def numbers(count: int) -> list[int]:
    return list(range(count))


def test_all_messages_come_in_order_and_what_is_asked_behind_them_waits() -> None:
    for late in (False, True):

        async def body(server: Listening, late: bool = late) -> None:
            client = await server.client()
            client.send(framed(query(1), query(2), query(3), query(4), query(5)))
            if late:
                await server.echo.until(lambda: len(server.echo.late) == 2)
                for send in server.echo.late:
                    send()
            got = [await client.answer() for _ in range(3 + 2 * 7)]
            ids = [message[1] for message in got]
            if not late:
                assert ids == [1, *[2] * 7, 3, *[4] * 7, 5]
            for asked in (2, 4):
                assert [int.from_bytes(each[4:8], "big") for each in got if each[1] == asked] == numbers(7)

        with_listener(body, respond=Several(7, late=late))


def test_a_client_that_does_not_read_is_not_written_for() -> None:
    several = Several(10_000, size=LARGE)

    async def body(server: Listening) -> None:
        client = await server.client()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.send(framed(query(2)))
        await server.echo.until(lambda: bool(several.asked))
        before = -1
        while before != several.made:
            before = several.made
            await asyncio.sleep(1)
        # What the kernel's buffers on both sides hold, and no more.
        assert several.made < 1000
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert [int.from_bytes((await client.answer())[4:8], "big") for _ in range(1500)] == numbers(1500)

    with_listener(body, respond=several)


def test_a_client_that_goes_away_in_the_middle() -> None:
    several = Several(10_000, size=LARGE)

    async def body(server: Listening) -> None:
        client = await server.client()
        client.send(framed(query(2)))
        await client.answer()
        client.writer.transport.abort()
        await asyncio.sleep(1)
        assert server.listener.connections == 0
        made = several.made
        await asyncio.sleep(1)
        assert several.made == made < 10_000

    with_listener(body, respond=several)


def test_when_a_message_cannot_be_made_the_connection_ends() -> None:
    several = Several(10, breaks_at=4)
    failures: list[object] = []

    async def body(server: Listening) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context["exception"]))
        client = await server.client()
        client.send(framed(query(2)))
        assert await client.ids(3) == [2, 2, 2]
        assert await client.ended()

    with_listener(body, respond=several)
    assert [type(each) for each in failures] == [ZeroDivisionError]


def test_the_last_question_is_answered_whole_before_the_connection_ends() -> None:
    async def body(server: Listening) -> None:
        client = await server.client()
        client.send(framed(query(2)))
        client.writer.write_eof()
        assert await client.ids(50) == [2] * 50
        assert await client.ended()

    with_listener(body, respond=Several(50))
