"""The emulator's DNS sockets: UDP and TCP on one address, for the hosts of one VPC.

A thin adapter between the listeners of `clusterdns.listen` and `message.respond`.
"""

from __future__ import annotations

import itertools
import socket

from clusterdns.errors import ConfigError
from clusterdns.listen.respond import Peer, Send
from clusterdns.listen.sockets import open_tcp, open_udp
from clusterdns.listen.tcp import TcpListener
from clusterdns.listen.udp import UdpListener
from externaldns.providers.privatezone.emulator.answer import ZoneView
from externaldns.providers.privatezone.emulator.message import respond

PORT_TRIES = 16


class DnsServer:
    """Answers queries from `view` between `start` and `close`."""

    def __init__(self, view: ZoneView, host: str, port: int) -> None:
        """Bind UDP and TCP at the same port; 0 picks a free one. Raises ConfigError if they can't be had."""
        self._view = view
        self._turns = itertools.count()
        udp, tcp = _open(host, port, PORT_TRIES)
        self._udp = UdpListener(udp, self._over_udp)
        self._tcp = TcpListener(tcp, self._over_tcp)

    @property
    def address(self) -> tuple[str, int]:
        """The real address, of both UDP and TCP."""
        return self._udp.address

    async def start(self) -> None:
        """Begin to answer."""
        self._udp.start()
        await self._tcp.start()

    async def close(self) -> None:
        """Stop listening and end all connections."""
        self._udp.close()
        await self._tcp.close()

    def _over_udp(self, message: bytes, _peer: Peer, _send: Send) -> bytes | None:
        return respond(message, self._view, next(self._turns), tcp=False)

    def _over_tcp(self, message: bytes, _peer: Peer, _send: Send) -> bytes | None:
        return respond(message, self._view, next(self._turns), tcp=True)


def _open(host: str, port: int, tries: int) -> tuple[socket.socket, socket.socket]:
    tcp = open_tcp(host, port)
    try:
        udp = open_udp(host, tcp.getsockname()[1])
    except ConfigError:
        tcp.close()
        # The port that TCP was given may be someone else's on UDP.
        if port == 0 and tries > 1:
            return _open(host, port, tries - 1)
        raise
    # A second emulator on this port would answer from another database: it must fail to bind, not share the queries.
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)
    return udp, tcp
