"""The emulator's DNS sockets: UDP and TCP on one address, for the hosts of one VPC.

A thin adapter around `message.respond`. Not built for load, so UDP is a plain asyncio transport. TCP follows RFC 7766:
length prefix, several queries per connection, an idle timeout, a bound on connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import logging
from typing import cast

from clusterdns.limits import TCP_CONNECTIONS, TCP_IDLE_SECONDS
from externaldns.providers.privatezone.emulator.answer import ZoneView
from externaldns.providers.privatezone.emulator.message import respond

log = logging.getLogger(__name__)

PORT_TRIES = 16


class DnsServer:
    """Answers queries from `view` until closed."""

    def __init__(
        self,
        view: ZoneView,
        *,
        idle_seconds: float = TCP_IDLE_SECONDS.default,
        connections: int = int(TCP_CONNECTIONS.default),
    ) -> None:
        self._view = view
        self._idle_seconds = idle_seconds
        self._connections = connections
        self._turns = itertools.count()
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen on UDP and TCP at the same port, and return the real address; port 0 picks a free one."""
        loop = asyncio.get_running_loop()
        for attempt in itertools.count(1):
            tcp = await asyncio.start_server(self._serve_tcp, host, port)
            bound = tcp.sockets[0].getsockname()
            try:
                transport, _ = await loop.create_datagram_endpoint(lambda: _Udp(self), local_addr=(host, bound[1]))
            except OSError as error:
                tcp.close()
                await tcp.wait_closed()
                # The port that TCP was given may be someone else's on UDP.
                if port == 0 and error.errno == errno.EADDRINUSE and attempt < PORT_TRIES:
                    continue
                raise
            self._tcp, self._udp = tcp, transport
            return str(bound[0]), int(bound[1])
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Stop listening and end all connections."""
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
            for client in self._clients:
                client.cancel()
            await asyncio.gather(*self._clients, return_exceptions=True)
            await self._tcp.wait_closed()

    def respond(self, wire: bytes, *, tcp: bool) -> bytes | None:
        """Answer one message, or not."""
        return respond(wire, self._view, next(self._turns), tcp=tcp)

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._clients.add(task)
        try:
            if len(self._clients) <= self._connections:
                with contextlib.suppress(asyncio.IncompleteReadError):  # The peer has sent its last query.
                    await self._converse(reader, writer)
            writer.close()
            async with asyncio.timeout(self._idle_seconds):
                await writer.wait_closed()
        except (TimeoutError, ConnectionError):
            pass  # The peer is idle or gone: the connection ends.
        finally:
            self._clients.discard(task)
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            # One timeout for length, message and answer: a peer that sends or takes them byte by byte ends too.
            async with asyncio.timeout(self._idle_seconds):
                length = int.from_bytes(await reader.readexactly(2), "big")
                answer = self.respond(await reader.readexactly(length), tcp=True)
                if answer is None:
                    return  # It does not speak DNS: nothing would ever come, so it need not wait.
                writer.write(len(answer).to_bytes(2, "big") + answer)
                await writer.drain()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        answer = self._server.respond(data, tcp=False)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, cast(tuple[str, int], addr))

    def error_received(self, exc: Exception) -> None:
        log.debug("UDP: %s", exc)
