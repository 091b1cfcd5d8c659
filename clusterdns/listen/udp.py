"""DNS over UDP: sockets drained in a loop from the event loop's reader callback.

First code that a datagram meets. One wake-up answers up to a batch of datagrams, then lets other sockets have their
turn; a transport or a task for each datagram costs five times as much.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from ipaddress import ip_address

from clusterdns.limits import UDP_BATCH, UDP_QUERY_BYTES
from clusterdns.listen.respond import Peer, Respond
from clusterdns.listen.sockets import IP_PKTINFO

_IN_PKTINFO = struct.Struct("=I4s4s")
_IN6_PKTINFO = struct.Struct("=16sI")


@dataclass(slots=True)
class UdpCounters:
    """Plain counts of one listener."""

    dropped_answers: int = 0
    """Answers that the socket would not take: its buffer was full, or there was no way to the client."""
    batches: int = 0
    """How often there was something to read."""


class UdpListener:
    """Answers what arrives on one socket, which it owns from then on."""

    def __init__(self, sock: socket.socket, respond: Respond) -> None:
        self.counters = UdpCounters()
        self._sock = sock
        self.respond = respond
        self._wildcard = ip_address(sock.getsockname()[0]).is_unspecified
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def address(self) -> tuple[str, int]:
        name = self._sock.getsockname()
        return name[0], name[1]

    def start(self) -> None:
        """Begin to answer; must run in the event loop's thread."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._sock, self._drain_wildcard if self._wildcard else self._drain)

    def close(self) -> None:
        """Stop answering; what is still under way is forgotten."""
        if self._loop is not None:
            self._loop.remove_reader(self._sock)
            self._loop = None
        self._sock.close()

    def _drain(self) -> None:
        receive, transmit = self._sock.recvfrom, self._sock.sendto
        respond, send = self.respond, self._send
        self.counters.batches += 1
        for _ in range(UDP_BATCH.default_int):
            try:
                message, peer = receive(UDP_QUERY_BYTES.default_int)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of an earlier answer; the socket itself is well
            answer = respond(message, peer, send)
            if answer:
                try:
                    transmit(answer, peer)
                except OSError:
                    self.counters.dropped_answers += 1

    def _send(self, answer: bytes, peer: Peer) -> None:
        if self._loop is None or not answer:
            return
        try:
            self._sock.sendto(answer, peer)
        except OSError:
            self.counters.dropped_answers += 1

    def _drain_wildcard(self) -> None:
        self.counters.batches += 1
        for _ in range(UDP_BATCH.default_int):
            try:
                message, ancillary, _flags, peer = self._sock.recvmsg(UDP_QUERY_BYTES.default_int, 256)
            except BlockingIOError:
                return
            except OSError:
                continue
            # The packet's destination travels with the peer, behind what the server looks at.
            asked: Peer = (*peer, tuple(ancillary))
            answer = self.respond(message, asked, self._send_from)
            if answer:
                self._send_from(answer, asked)

    def _send_from(self, answer: bytes, asked: Peer) -> None:
        if self._loop is None or not answer:
            return
        try:
            self._sock.sendmsg([answer], [_as_source(item) for item in asked[-1]], 0, asked[:-1])
        except OSError:
            self.counters.dropped_answers += 1


def _as_source(item: tuple[int, int, bytes]) -> tuple[int, int, bytes]:
    """The control message that makes an answer leave from where its query arrived (ip(7), ipv6(7), RFC 3542)."""
    level, kind, data = item
    if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
        _interface, specific, destination = _IN_PKTINFO.unpack(data[: _IN_PKTINFO.size])
        # ipi_spec_dst is the local address of the packet, except for broadcasts. No interface: routing decides.
        return level, kind, _IN_PKTINFO.pack(0, specific, destination)
    if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
        # The interface of a link-local client stands in its own address.
        address, _interface = _IN6_PKTINFO.unpack(data[: _IN6_PKTINFO.size])
        return level, kind, _IN6_PKTINFO.pack(address, 0)
    return item
