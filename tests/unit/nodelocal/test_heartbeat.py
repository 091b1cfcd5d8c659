"""Questions to ourselves, on loopback and virtual time."""

from __future__ import annotations

import asyncio
import logging

import dnslib
import pytest

import nodelocal.heartbeat
from clusterdns.listen.sockets import open_udp
from clusterdns.listen.steering import WORD
from nodelocal.heartbeat import Heartbeat
from tests.support.virtual_time import run

ADDRESSES = ("127.0.0.1", "::1")


class Server(asyncio.DatagramProtocol):
    """Answers, or does not; `asked` are the questions, and `clients` where they came from."""

    def __init__(self) -> None:
        self.answers = True
        self.asked: list[dnslib.DNSRecord] = []
        self.clients: set[str] = set()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = dnslib.DNSRecord.parse(data)
        self.asked.append(question)
        self.clients.add(addr[0])
        if self.answers:
            reply = question.reply()
            reply.header.rcode = dnslib.RCODE.REFUSED
            self.transport.sendto(bytes(reply.pack()), addr)


class Scene:
    """A heartbeat that asks servers on one port of the loopback addresses."""

    def __init__(self, *addresses: str) -> None:
        self.servers = {address: Server() for address in addresses}
        self._transports: list[asyncio.DatagramTransport] = []

    async def __aenter__(self) -> Scene:
        port = 0
        for address in self.servers:
            port = await self.listen(address, port)
        self.heartbeat = Heartbeat(tuple(self.servers), port)
        self.port = port
        self._task = asyncio.create_task(self.heartbeat.run())
        return self

    async def listen(self, address: str, port: int) -> int:
        sock = open_udp(address, port)
        port = sock.getsockname()[1]
        server = self.servers[address]
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: server, sock=sock)
        self._transports.append(transport)
        return port

    async def __aexit__(self, *error: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.deafen()
        await asyncio.sleep(0)

    def deafen(self) -> None:
        """Close the servers' sockets."""
        while self._transports:
            self._transports.pop().abort()

    def silent(self) -> list[str]:
        return list(self.heartbeat.silent)


def test_each_address_is_asked_twice_a_second_from_loopback() -> None:
    async def body() -> None:
        async with Scene(*ADDRESSES) as scene:
            await asyncio.sleep(10.1)
            for address, server in scene.servers.items():
                assert len(server.asked) == 21
                assert server.clients == {address}
            assert scene.silent() == []

    run(body())


def test_the_question_needs_no_upstream_and_no_cache() -> None:
    async def body() -> None:
        async with Scene("127.0.0.1") as scene:
            await asyncio.sleep(3)
            asked = scene.servers["127.0.0.1"].asked
            name = f"{WORD.decode()}.id.server."
            assert {(str(each.q.qname), each.q.qtype, each.q.qclass) for each in asked} == {(name, 16, 3)}
            assert {(each.header.opcode, each.header.qr) for each in asked} == {(0, 0)}
            assert len({each.header.id for each in asked}) > 1

    run(body())


def test_answered_when_each_address_has_answered_once() -> None:
    async def body() -> None:
        async with Scene(*ADDRESSES) as scene:
            scene.servers["::1"].answers = False
            waiting = asyncio.create_task(scene.heartbeat.answered(ADDRESSES))
            await scene.heartbeat.answered(["127.0.0.1"])
            await asyncio.sleep(5)
            assert not waiting.done()
            scene.servers["::1"].answers = True
            await waiting
            scene.servers["::1"].answers = False
            await asyncio.sleep(5)
            await scene.heartbeat.answered(ADDRESSES)

    run(body())


def test_silence_is_said_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="nodelocal.heartbeat")

    async def body() -> None:
        async with Scene(*ADDRESSES) as scene:
            await asyncio.sleep(5)
            scene.servers["::1"].answers = False
            await asyncio.sleep(1.4)
            assert scene.silent() == []
            await asyncio.sleep(60)
            assert scene.silent() == ["::1"]
            scene.servers["::1"].answers = True
            await asyncio.sleep(1.1)
            assert scene.silent() == []

    run(body())
    said = [record.getMessage() for record in caplog.records if record.name == "nodelocal.heartbeat"]
    assert [message.partition(":")[0] for message in (line.removeprefix("::1 ") for line in said)] == [
        "does not answer us",
        "answers us again",
    ]


def test_a_closed_port_is_asked_until_it_opens() -> None:
    async def body() -> None:
        async with Scene("127.0.0.1") as scene:
            await asyncio.sleep(1)
            scene.deafen()
            await asyncio.sleep(5)
            assert scene.silent() == ["127.0.0.1"]
            await scene.listen("127.0.0.1", scene.port)
            await asyncio.sleep(1.1)
            assert scene.silent() == []

    run(body())


def test_an_address_that_no_interface_has_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = nodelocal.heartbeat._open
    tries: list[str] = []

    def open_later(address: str, port: int) -> object:
        tries.append(address)
        if len(tries) < 3:
            raise OSError(99, "Cannot assign requested address")
        return opened(address, port)

    async def body() -> None:
        async with Scene("127.0.0.1") as scene:
            await asyncio.sleep(5.1)
            assert len(tries) == 3
            assert len(scene.servers["127.0.0.1"].asked) == 9

    monkeypatch.setattr(nodelocal.heartbeat, "_open", open_later)
    run(body())
