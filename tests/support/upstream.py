"""An upstream on loopback that does what a test tells it, over UDP and TCP on one port.

    async with Upstream() as upstream:                       # answers A 192.0.2.1 to everything
        upstream.script = lambda asked: Do.DROP
        ...
        await upstream.wait_for(1)                           # until one question has arrived
        assert upstream.asked[0].transport == "udp"

It runs in the test's own event loop. `stop` and `start` are its death and its return on the same port.
"""

from __future__ import annotations

import asyncio
import enum
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

import dnslib

ADDRESS = "192.0.2.1"


class Do(enum.Enum):
    """What to do with one question."""

    ANSWER = enum.auto()
    HOLD = enum.auto()
    """Answer at `release`."""
    DROP = enum.auto()
    TRUNCATE = enum.auto()
    """TC, and no records."""
    WRONG_ID = enum.auto()
    WRONG_QUESTION = enum.auto()
    GARBAGE = enum.auto()
    """The right ID and question, then nonsense."""
    NOISE = enum.auto()
    """Bytes that are no message; over TCP, no length either."""
    CUT = enum.auto()
    """Half of the answer; over TCP, the end of the connection behind it."""
    CLOSE = enum.auto()
    """Over TCP, the end of the connection; over UDP as DROP."""


@dataclass(frozen=True)
class Asked:
    """One question that arrived. `connection` numbers TCP connections from 1; `port` and `address` are the sender's."""

    transport: Literal["udp", "tcp"]
    message: bytes
    port: int
    connection: int
    address: str = ""

    @property
    def parsed(self) -> dnslib.DNSRecord:
        return dnslib.DNSRecord.parse(self.message)

    @property
    def name(self) -> str:
        return str(self.parsed.q.qname)

    @property
    def has_edns(self) -> bool:
        return any(record.rtype == dnslib.QTYPE.OPT for record in self.parsed.ar)

    def answer(self, address: str = ADDRESS, *, rcode: int = 0, records: int = 1) -> bytes:
        """A whole answer: `records` address records, or an rcode."""
        reply = self.parsed.reply()
        reply.header.rcode = rcode
        for _ in range(0 if rcode else records):
            reply.add_answer(dnslib.RR(self.parsed.q.qname, dnslib.QTYPE.A, rdata=dnslib.A(address), ttl=30))
        return bytes(reply.pack())


Script = Callable[[Asked], Do | bytes]
"""What to do with a question; bytes are the message to send, as it is."""


class Upstream:
    """See the module. `accepts=False`: TCP connections are never completed. `tls`: they speak TLS."""

    def __init__(
        self,
        script: Script = lambda asked: Do.ANSWER,
        *,
        host: str = "127.0.0.1",
        accepts: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._tls = tls
        self.script = script
        self.host = host
        self.port = 0
        self.asked: list[Asked] = []
        self.connections = 0
        """TCP connections that were accepted so far."""
        self._accepts = accepts
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._held: list[tuple[Asked, Callable[[bytes], None]]] = []
        self._udp: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Transport, asyncio.Future[None]] = {}
        self._plugs: list[socket.socket] = []

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; again on the same port after a stop."""
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listening, datagrams = self._bind(family)
        self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=datagrams)
        if self._accepts:
            self._server = await loop.create_server(lambda: _Stream(self), sock=listening, ssl=self._tls)
            return
        # The kernel completes as many connections as the backlog holds: these fill it.
        self._plugs.append(listening)
        for _ in range(2):
            plug = socket.socket(family)
            plug.setblocking(False)
            plug.connect_ex((self.host, self.port))
            self._plugs.append(plug)

    def _bind(self, family: socket.AddressFamily) -> tuple[socket.socket, socket.socket]:
        while True:
            listening = socket.create_server((self.host, self.port), family=family, backlog=100 if self._accepts else 0)
            datagrams = socket.socket(family, socket.SOCK_DGRAM)
            try:
                datagrams.bind(listening.getsockname()[:2])
            except OSError:
                # Free for TCP, but somebody's for UDP.
                listening.close()
                datagrams.close()
                if self.port:
                    raise
            else:
                self.port = listening.getsockname()[1]
                return listening, datagrams

    async def stop(self) -> None:
        """Die: connections are reset, the port is closed."""
        if self._udp is not None:
            self._udp.abort()
            self._udp = None
        if self._server is not None:
            self._server.close()
            self._server = None
        gone = list(self._open.values())
        self.close_connections()
        for plug in self._plugs:
            plug.close()
        self._plugs.clear()
        self._held.clear()
        await asyncio.gather(*gone)
        await asyncio.sleep(0)  # the datagram transport closes its socket in the loop's next turn

    def close_connections(self) -> None:
        """End every TCP connection, and go on listening."""
        for transport in list(self._open):
            transport.abort()

    @property
    def open_connections(self) -> int:
        return len(self._open)

    def release(self, *, backwards: bool = False) -> None:
        """Answer what was held."""
        held, self._held = self._held, []
        if backwards:
            held.reverse()
        for asked, send in held:
            send(asked.answer())

    async def wait_for(self, count: int) -> None:
        """Return when `count` questions have arrived since the beginning."""
        if len(self.asked) < count:
            arrived = asyncio.get_running_loop().create_future()
            self._waiters.append((count, arrived))
            await arrived

    def receive(self, asked: Asked, send: Callable[[bytes], None], close: Callable[[bytes], None]) -> None:
        """One question: `send` sends a message, `close` ends the connection behind raw bytes."""
        self.asked.append(asked)
        for count, arrived in self._waiters:
            if len(self.asked) >= count and not arrived.done():
                arrived.set_result(None)
        what = self.script(asked)
        if isinstance(what, bytes):
            send(what)
        elif what is Do.ANSWER:
            send(asked.answer())
        elif what is Do.HOLD:
            self._held.append((asked, send))
        elif what is Do.TRUNCATE:
            answer = asked.answer(records=0)
            send(answer[:2] + bytes((answer[2] | 0x02,)) + answer[3:])
        elif what is Do.WRONG_ID:
            answer = asked.answer()
            send(bytes((answer[0] ^ 0xFF,)) + answer[1:])
        elif what is Do.WRONG_QUESTION:
            other = dnslib.DNSRecord.question("another.example")
            other.header.id = asked.parsed.header.id
            send(bytes(other.reply().pack()))
        elif what is Do.GARBAGE:
            send(asked.answer(records=3)[:-20] + b"\xff" * 9)
        elif what is Do.NOISE:
            close(b"\x00\x03\xff\xfe\xfd" * 7)
        elif what is Do.CUT:
            answer = asked.answer()
            close((len(answer).to_bytes(2, "big") if asked.transport == "tcp" else b"") + answer[: len(answer) // 2])
        elif what is Do.CLOSE:
            close(b"")

    def opened(self, transport: asyncio.Transport) -> int:
        self._open[transport] = asyncio.get_running_loop().create_future()
        self.connections += 1
        return self.connections

    def closed(self, transport: asyncio.Transport) -> None:
        self._open.pop(transport).set_result(None)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        def send(message: bytes) -> None:
            self._transport.sendto(message, addr)

        def close(raw: bytes) -> None:
            if raw:
                send(raw)

        self._upstream.receive(Asked("udp", data, addr[1], 0, addr[0]), send, close)


class _Stream(asyncio.Protocol):
    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._received = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._number = self._upstream.opened(transport)
        self._peer: tuple[str, int] = transport.get_extra_info("peername")[:2]

    def connection_lost(self, exc: Exception | None) -> None:
        self._upstream.closed(self._transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= 2:
            end = 2 + int.from_bytes(self._received[:2], "big")
            if len(self._received) < end or self._transport.is_closing():
                return
            message, self._received = self._received[2:end], self._received[end:]
            asked = Asked("tcp", message, self._peer[1], self._number, self._peer[0])
            self._upstream.receive(asked, self._send, self._close)

    def _send(self, message: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(len(message).to_bytes(2, "big") + message)

    def _close(self, raw: bytes) -> None:
        if raw:
            self._transport.write(raw)
        self._transport.close()
