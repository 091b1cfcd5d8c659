"""The UDP listener on real loopback sockets, a datagram at a time and in batches."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import pytest

from clusterdns.limits import UDP_BATCH, UDP_QUERY_BYTES
from clusterdns.listen.respond import VIEWED, Peer, Repeat, RepeatTo, Send, client_address, repeat_nothing
from clusterdns.listen.sockets import open_udp
from clusterdns.listen.udp import UdpListener
from tests.support.virtual_time import run


class Echo:
    """A server that answers with the message in upper case; what starts with `late` or `silent` it does not answer."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, Peer]] = []
        self.late: list[tuple[bytes, Peer, Send]] = []
        self.somebody_asked = asyncio.Event()

    def __call__(self, message: bytes, peer: Peer, send: Send, /) -> bytes | None:
        self.asked.append((message, peer))
        self.somebody_asked.set()
        if message.startswith(b"late"):
            self.late.append((message.upper(), peer, send))
            return None
        return None if message.startswith(b"silent") else message.upper()


@contextmanager
def listening(
    address: str,
    respond: Echo,
    in_batches: bool,
    repeat: Repeat = repeat_nothing,
    repeat_to: RepeatTo = repeat_nothing,
) -> Iterator[UdpListener]:
    listener = UdpListener(open_udp(address, 0), respond, repeat, repeat_to, in_batches=in_batches)
    listener.start()
    try:
        yield listener
    finally:
        listener.close()


@contextmanager
def client_of(listener: UdpListener, address: str | None = None) -> Iterator[socket.socket]:
    """A client that takes answers from the address it asked only."""
    address = address or listener.address[0]
    family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.connect((address, listener.address[1]))
        yield sock


async def receive(sock: socket.socket) -> bytes:
    async with asyncio.timeout(60):
        return await asyncio.get_running_loop().sock_recv(sock, 65535)


# Where the listener is bound, and the address that the client asks.
PLACES = [
    ("127.0.0.1", "127.0.0.1"),
    ("127.0.0.5", "127.0.0.5"),
    ("0.0.0.0", "127.0.0.1"),
    ("0.0.0.0", "127.0.0.5"),
    ("::1", "::1"),
    ("::", "::1"),
]
ways = pytest.mark.parametrize("in_batches", [False, True])


at_places = pytest.mark.parametrize(("bound", "asked"), PLACES)


def places(test: Callable[[str, str, bool], None]) -> Callable[[str, str, bool], None]:
    """Run a test at all places, in both ways."""
    both: Callable[[str, str, bool], None] = ways(at_places(test))
    return both


@places
def test_answers_come_from_the_address_that_was_asked(bound: str, asked: str, in_batches: bool) -> None:
    async def body() -> None:
        echo = Echo()
        with listening(bound, echo, in_batches) as listener, client_of(listener, asked) as client:
            client.send(b"one")
            assert await receive(client) == b"ONE"
            ((_, peer),) = echo.asked
            assert (client_address(peer), peer[1]) == client.getsockname()[:2]

    run(body())


@places
def test_late_answers_come_from_there_too_and_in_any_order(bound: str, asked: str, in_batches: bool) -> None:
    async def body() -> None:
        echo = Echo()
        with listening(bound, echo, in_batches) as listener, client_of(listener, asked) as client:
            client.send(b"late 1")
            client.send(b"late 2")
            client.send(b"now")
            assert await receive(client) == b"NOW"
            for answer, peer, send in reversed(echo.late):
                send(answer, peer)
            assert [await receive(client), await receive(client)] == [b"LATE 2", b"LATE 1"]

    run(body())


@places
def test_silence(bound: str, asked: str, in_batches: bool) -> None:
    async def body() -> None:
        echo = Echo()
        with listening(bound, echo, in_batches) as listener, client_of(listener, asked) as client:
            for message in (b"silent", b"", b"silent again", b"spoken"):
                client.send(message)
            # The empty answer to the empty message is silence, too.
            assert await receive(client) == b"SPOKEN"
            assert len(echo.asked) == 4

    run(body())


@places
def test_more_than_a_batch_is_answered_and_others_have_their_turn(bound: str, asked: str, in_batches: bool) -> None:
    async def body() -> None:
        echo = Echo()
        count = 2 * UDP_BATCH.default_int + 5
        with (
            listening(bound, echo, in_batches) as listener,
            listening(bound, echo, in_batches) as other,
            client_of(listener, asked) as client,
            client_of(other, asked) as other_client,
        ):
            for number in range(count):
                client.send(b"%d" % number)
            other_client.send(b"other")
            assert await receive(other_client) == b"OTHER"
            assert [int(await receive(client)) for _ in range(count)] == list(range(count))
        order = [message for message, _ in echo.asked]
        # The other socket was ready in the same turn of the loop, before this one or behind one batch of it.
        assert order.index(b"other") in (0, UDP_BATCH.default_int)

    run(body())


@places
def test_closing_while_answers_are_under_way(bound: str, asked: str, in_batches: bool) -> None:
    async def body() -> None:
        echo = Echo()
        with listening(bound, echo, in_batches) as listener, client_of(listener, asked) as client:
            client.send(b"late")
            await echo.somebody_asked.wait()
            listener.close()
            ((answer, peer, send),) = echo.late
            send(answer, peer)
            listener.close()
            with pytest.raises(TimeoutError):
                await receive(client)
        assert listener.counters.dropped_answers == 0

    run(body())


@places
def test_what_is_answered_before_closing_is_sent(bound: str, asked: str, in_batches: bool) -> None:
    async def body() -> None:
        echo = Echo()
        with listening(bound, echo, in_batches) as listener, client_of(listener, asked) as client:
            client.send(b"late")
            await echo.somebody_asked.wait()
            ((answer, peer, send),) = echo.late
            send(answer, peer)
            listener.close()
            assert await receive(client) == b"LATE"

    run(body())


@places
def test_more_late_answers_at_once_than_a_batch_has(bound: str, asked: str, in_batches: bool) -> None:
    async def body() -> None:
        echo = Echo()
        count = 2 * UDP_BATCH.default_int + 5
        with listening(bound, echo, in_batches) as listener, client_of(listener, asked) as client:
            for number in range(count):
                client.send(b"late %d" % number)
            client.send(b"last")
            assert await receive(client) == b"LAST"
            for answer, peer, send in echo.late:
                send(answer, peer)
            assert [await receive(client) for _ in range(count)] == [b"LATE %d" % number for number in range(count)]

    run(body())


@places
def test_closing_from_inside_a_batch(bound: str, asked: str, in_batches: bool) -> None:
    async def body() -> None:
        echo = Echo()
        with listening(bound, echo, in_batches) as listener, client_of(listener, asked) as client:

            def respond(message: bytes, peer: Peer, send: Send, /) -> bytes | None:
                listener.close()
                return echo(message, peer, send)

            listener.respond = respond
            client.send(b"one")
            client.send(b"two")
            await echo.somebody_asked.wait()
            assert [message for message, _ in echo.asked] == [b"one"]

    run(body())


@places
def test_an_answer_that_can_not_be_sent_is_counted_and_nothing_else(bound: str, asked: str, in_batches: bool) -> None:
    class TooMuch(Echo):
        def __call__(self, message: bytes, peer: Peer, send: Send, /) -> bytes | None:
            answer = super().__call__(message, peer, send)
            return bytes(70000) if message == b"too much" else answer

    async def body() -> None:
        echo = TooMuch()
        with listening(bound, echo, in_batches) as listener, client_of(listener, asked) as client:
            client.send(b"too much")
            client.send(b"late")
            client.send(b"one")
            assert await receive(client) == b"ONE"
            assert listener.counters.dropped_answers == 1
            ((_, peer, send),) = echo.late
            send(bytes(70000), peer)
            client.send(b"two")
            assert await receive(client) == b"TWO"
            assert listener.counters.dropped_answers == 2

    run(body())


@places
def test_a_client_that_is_gone(bound: str, asked: str, in_batches: bool) -> None:
    async def body() -> None:
        echo = Echo()
        with listening(bound, echo, in_batches) as listener, client_of(listener, asked) as client:
            with client_of(listener, asked) as gone:
                gone.send(b"late")
                await echo.somebody_asked.wait()
            ((answer, peer, send),) = echo.late
            for _ in range(3):
                send(answer, peer)
                client.send(b"here")
                assert await receive(client) == b"HERE"

    run(body())


# What a server keeps: queries behind their ID, and the answers behind it.
KEPT = {
    b"a": b"",
    b"short": b"s",
    b"long": b"l" * 1230,
    b"longest": bytes(UDP_QUERY_BYTES.default_int - 2),
}


@places
def test_what_is_kept_is_repeated_behind_the_id_of_each_query(bound: str, asked: str, in_batches: bool) -> None:
    async def body() -> None:
        echo = Echo()
        with listening(bound, echo, in_batches, KEPT.get) as listener, client_of(listener, asked) as client:
            others = [b"1", b"id", b"idshor", b"idshort "]
            for number, key in enumerate(KEPT):
                for message in (b"%02d%s" % (number, key), others[number], b"XX" + key):
                    client.send(message)
            answers = [await receive(client) for _ in range(3 * len(KEPT))]
        repeated = [b"%02d%s" % item for item in enumerate(KEPT.values())] + [b"XX" + body for body in KEPT.values()]
        assert sorted(answers) == sorted(repeated + [other.upper() for other in others])
        assert [message for message, _ in echo.asked] == others

    run(body())


@places
def test_what_depends_on_who_asks(bound: str, asked: str, in_batches: bool) -> None:
    mine = {b"mine": b"yours", b"too long": bytes(UDP_QUERY_BYTES.default_int - 1)}
    clients = set()

    def repeat(query: bytes) -> bytes | None:
        return VIEWED if query in (*mine, b"nobody's") else None

    def repeat_to(query: bytes, client: bytes) -> bytes | None:
        clients.add(client)
        return mine.get(query)

    async def body() -> None:
        echo = Echo()
        with listening(bound, echo, in_batches, repeat, repeat_to) as listener, client_of(listener, asked) as client:
            for message in (b"1 mine", b"2 nobody's", b"3 new", b"4 too long"):
                client.send(message)
            answers = sorted([await receive(client) for _ in range(4)])
            source = ip_address(client.getsockname()[0]).packed
        # Without batches the server itself is asked, which knows the client's address as text.
        assert answers == [b"1 yours" if in_batches else b"1 MINE", b"2 NOBODY'S", b"3 NEW", b"4 TOO LONG"]
        assert clients == ({source} if in_batches else set())

    run(body())


@at_places
def test_in_batches_what_is_kept_goes_out_first(bound: str, asked: str) -> None:
    async def body() -> None:
        kept = {b"kept": b"again", b"too long": bytes(UDP_QUERY_BYTES.default_int - 1)}
        with listening(bound, Echo(), True, kept.get) as listener, client_of(listener, asked) as client:
            for message in (b"0 new", b"1 too long", b"1 kept", b"silent", b"2 new", b"2 kept"):
                client.send(message)
            answers = [await receive(client) for _ in range(5)]
            assert answers == [b"1 again", b"2 again", b"0 NEW", b"1 TOO LONG", b"2 NEW"]

    run(body())


@places
def test_an_error_in_the_server_is_raised_and_costs_nobody_else_an_answer(
    bound: str, asked: str, in_batches: bool
) -> None:
    class Faulty(Echo):
        def __call__(self, message: bytes, peer: Peer, send: Send, /) -> bytes | None:
            if message.startswith(b"fault"):
                raise ArithmeticError(message)
            return super().__call__(message, peer, send)

    async def body() -> None:
        raised: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(str(context["exception"])))
        with listening(bound, Faulty(), in_batches) as listener, client_of(listener, asked) as client:
            for message in (b"one", b"fault", b"two", b"three"):
                client.send(message)
            assert [await receive(client) for _ in range(3)] == [b"ONE", b"TWO", b"THREE"]
        assert raised == ["b'fault'"]

    run(body())


@ways
def test_a_datagram_longer_than_any_query_is_cut(in_batches: bool) -> None:
    async def body() -> None:
        echo = Echo()
        with listening("127.0.0.1", echo, in_batches) as listener, client_of(listener) as client:
            client.send(b"x" * 9000)
            assert await receive(client) == b"X" * 4096

    run(body())


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        (("10.0.0.1", 53), "10.0.0.1"),
        (("fd00::1", 53, 0, 0), "fd00::1"),
        (("fe80::1%eth0", 53, 0, 2), "fe80::1"),
        (("fe80::1%eth0", 53, 0, 2, ()), "fe80::1"),
    ],
)
def test_client_address(peer: Peer, address: str) -> None:
    assert client_address(peer) == address
