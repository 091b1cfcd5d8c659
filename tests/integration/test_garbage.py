"""Garbage on every port of the suite: FORMERR or silence as the RFCs say, no traceback, no stuck connection."""

from __future__ import annotations

import asyncio
import socket
import struct
from pathlib import Path

import dns.message
import dns.rcode

from clusterdns.demo.processes import fetch
from clusterdns.demo.suite import Suite
from tests.support import garbage
from tests.support.asking import ask, rcode

_SECONDS = 10.0
_GOOD = dns.message.make_query("sentinel.corp.example", "A", id=0x7777).to_wire()

HTTP_GARBAGE = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"GET /%00%ff?%zz HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
    bytes(range(256)) * 20,
)


def test_no_port_is_hurt_by_garbage(tmp_path: Path) -> None:
    async def scenario() -> None:
        suite = Suite(tmp_path)
        try:
            await suite.start()
            for name, port in suite.dns_ports.items():
                await _udp(name, port)
                await _tcp(name, port)
                assert rcode(await ask(port, "sentinel.corp.example A")) == "NXDOMAIN", name
                assert rcode(await ask(port, "sentinel.corp.example A", tcp=True)) == "NXDOMAIN", name
            for port in suite.http_ports.values():
                for rubbish in HTTP_GARBAGE:
                    await _send_http(port, rubbish)
                status, _text = await fetch(f"http://127.0.0.1:{port}/")
                assert status < 500
            assert all(program.pid for program in suite.programs)
        finally:
            await suite.stop()
        for program in suite.programs:
            assert "Traceback" not in program.log.read_text(errors="replace"), program.log_end(40)

    asyncio.run(scenario())


async def _udp(name: str, port: int) -> None:
    """Each row by itself, with a good query behind it whose answer shows that nothing else is coming."""
    loop = asyncio.get_running_loop()
    for title, (message, rcodes) in garbage.ROWS.items():
        with _connected(port) as sock:
            await loop.sock_sendall(sock, message)
            answers = await _until_good(sock)
        got: set[int | None] = {_rcode(answer) for answer in answers} or {garbage.SILENCE}
        assert got <= set(rcodes), f"{name}, UDP, {title}: {got}"
    with _connected(port) as sock:
        for message in garbage.random_messages(300, seed=port):
            await loop.sock_sendall(sock, message)
        await _until_good(sock)


async def _tcp(name: str, port: int) -> None:
    for title, (message, rcodes) in garbage.ROWS.items():
        answers = await _exchange(
            port, struct.pack("!H", len(message)) + message + struct.pack("!H", len(_GOOD)) + _GOOD
        )
        got: set[int | None] = {_rcode(answer) for answer in answers if answer[:2] != _GOOD[:2]} or {garbage.SILENCE}
        assert got <= set(rcodes), f"{name}, TCP, {title}: {got}"
    # Lengths that lie: nothing comes back, the connection does not keep anything busy, and others are served.
    for lie in (b"\xff\xff", b"\xff\xff" + b"x" * 1000, b"\0\0", b"\0\x01a", b"\0"):
        assert await _exchange(port, lie) == []


async def _exchange(port: int, sent: bytes) -> list[bytes]:
    """What comes back on a connection whose client has no more to send; the server must end it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        writer.write_eof()
        async with asyncio.timeout(_SECONDS):
            received = await reader.read()
    except ConnectionError:
        received = b""
    finally:
        writer.close()
    answers = []
    while len(received) >= 2:
        length = int.from_bytes(received[:2], "big")
        answers.append(received[2 : 2 + length])
        received = received[2 + length :]
    return answers


async def _until_good(sock: socket.socket) -> list[bytes]:
    """The answers in front of that to a good query; the second one, for the first may overtake what came with it."""
    loop = asyncio.get_running_loop()
    answers = []
    async with asyncio.timeout(_SECONDS):
        for _ in range(2):
            await loop.sock_sendall(sock, _GOOD)
            while (answer := await loop.sock_recv(sock, 65535))[:2] != _GOOD[:2]:
                answers.append(answer)
    return answers


async def _send_http(port: int, rubbish: bytes) -> None:
    _reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(rubbish)
        writer.write_eof()
        async with asyncio.timeout(_SECONDS):
            await _reader.read()
    except ConnectionError:
        pass  # thrown out: just as well
    finally:
        writer.close()


def _connected(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.connect(("127.0.0.1", port))
    return sock


def _rcode(answer: bytes) -> int:
    return int(dns.message.from_wire(answer, ignore_trailing=False).rcode())
