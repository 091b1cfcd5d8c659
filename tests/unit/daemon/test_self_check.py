"""The self-check of /health: what answers, what does not, and when that is said."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from clusterdns.daemon.self_check import SelfCheck
from clusterdns.listen.respond import Peer, Send
from clusterdns.listen.sockets import open_udp
from clusterdns.listen.udp import UdpListener
from clusterdns.wire.reply import refuse
from tests.support.background import in_background
from tests.support.virtual_time import run


class Server:
    """Answers NOTIMP, late or not at all, as the test says."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.answers = True
        self.late_seconds = 0.0

    def __call__(self, message: bytes, peer: Peer, send: Send, /) -> bytes | None:
        self.asked.append(message)
        if not self.answers:
            return None
        answer = refuse(message, 4)
        if self.late_seconds:
            asyncio.get_running_loop().call_later(self.late_seconds, send, answer, peer)
            return None
        return answer


@contextlib.contextmanager
def listening(address: str, server: Server) -> Iterator[UdpListener]:
    listener = UdpListener(open_udp(address, 0), server)
    listener.start()
    try:
        yield listener
    finally:
        listener.close()


async def check(places: list[tuple[str, int]], body: Callable[[SelfCheck], Coroutine[Any, Any, None]]) -> None:
    checking = SelfCheck(lambda: places)
    async with in_background(checking.run()):
        await body(checking)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_a_server_that_answers(address: str) -> None:
    async def scene() -> None:
        server = Server()
        with listening(address, server) as listener:
            port = listener.address[1]

            async def body(checking: SelfCheck) -> None:
                await asyncio.sleep(4.5)
                assert checking.silent == []
                assert (checking.failures, sum(checking.durations.counts)) == (0, 5)

            await check([(address, port)], body)
        # A status request (opcode 2) without a question, under an ID of its own each time.
        assert {message[2:] for message in server.asked} == {b"\x10\0" + bytes(8)}
        assert len({message[:2] for message in server.asked}) > 1

    run(scene())


def test_silence_is_said_after_three_checks_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        well, ill = Server(), Server()
        with listening("127.0.0.1", well) as first, listening("127.0.0.1", ill) as second:

            async def body(checking: SelfCheck) -> None:
                ill.answers = False
                await asyncio.sleep(2.5)
                assert checking.silent == []
                await asyncio.sleep(1)
                assert checking.silent == [second.address]
                assert checking.failures == 3
                await asyncio.sleep(60)
                ill.answers = True
                await asyncio.sleep(1.5)
                assert checking.silent == []
                # A check that found nothing lasted a second.
                assert checking.durations.counts[-2] == checking.failures

            await check([first.address, second.address], body)
            texts = [record.getMessage() for record in caplog.records]
            assert len(texts) == 2
            assert texts[0].startswith(
                f"health: this server does not answer itself on 127.0.0.1 port {second.address[1]}"
            )
            assert texts[1] == f"health: this server answers on 127.0.0.1 port {second.address[1]} again"

    caplog.set_level(logging.INFO)
    run(scene())


def test_an_answer_that_takes_a_while_is_measured_and_one_that_takes_too_long_does_not_count() -> None:
    async def scene() -> None:
        server = Server()
        with listening("127.0.0.1", server) as listener:

            async def body(checking: SelfCheck) -> None:
                server.late_seconds = 0.2
                await asyncio.sleep(0.5)
                assert checking.durations.counts == [0, 0, 0, 1, 0, 0]
                assert checking.durations.total == pytest.approx(0.2, abs=0.01)
                server.late_seconds = 1.5
                await asyncio.sleep(5)
                assert checking.silent == [listener.address]

            await check([listener.address], body)

    run(scene())


def test_nobody_listens_and_places_that_go_are_forgotten() -> None:
    async def scene() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            place = ("127.0.0.1", sock.getsockname()[1])
        places = [place]

        async def body(checking: SelfCheck) -> None:
            await asyncio.sleep(4.5)
            assert checking.silent == [place]
            places.clear()
            await asyncio.sleep(1)
            assert checking.silent == []

        await check(places, body)

    run(scene())
