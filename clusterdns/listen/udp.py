"""DNS over UDP: sockets drained in a loop from the event loop's reader callback.

First code that a datagram meets. One wake-up answers up to a batch of datagrams, then lets other sockets have their
turn; a transport or a task for each datagram costs five times as much. Where the system can, a whole batch is received
with one call, and the answers that are known at once leave with another, ahead of those that are not.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from ipaddress import ip_address

from clusterdns.limits import UDP_BATCH, UDP_QUERY_BYTES
from clusterdns.listen import steering
from clusterdns.listen.batch import IS_AVAILABLE, Batch
from clusterdns.listen.respond import VIEWED, Peer, Repeat, RepeatTo, Respond, Send, repeat_nothing
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
    """Answers what arrives on one socket, which it owns from then on.

    `repeat` is asked first, and then `repeat_to` in batches. They and `respond` may be replaced while it runs.
    `in_batches`: with one system call for many datagrams, which changes nothing but the cost.
    """

    def __init__(
        self,
        sock: socket.socket,
        respond: Respond,
        repeat: Repeat = repeat_nothing,
        repeat_to: RepeatTo = repeat_nothing,
        *,
        in_batches: bool = IS_AVAILABLE,
    ) -> None:
        self.counters = UdpCounters()
        self._sock = sock
        self.respond = respond
        self.repeat = repeat
        self.repeat_to = repeat_to
        self._wildcard = ip_address(sock.getsockname()[0]).is_unspecified
        self._batch = Batch(sock, has_destination=self._wildcard) if in_batches else None
        self._ready: list[tuple[bytes, Peer]] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def address(self) -> tuple[str, int]:
        name = self._sock.getsockname()
        return name[0], name[1]

    def start(self) -> None:
        """Begin to answer; must run in the event loop's thread."""
        self._loop = asyncio.get_running_loop()
        drain = self._drain_wildcard if self._wildcard else self._drain
        self._loop.add_reader(self._sock, drain if self._batch is None else self._drain_batch)

    def take_over(self) -> None:
        """Take what so far goes to another process that listens here."""
        steering.take_over(self._sock)

    def close(self) -> None:
        """Stop answering; what is still under way is forgotten."""
        if self._loop is not None:
            self._loop.remove_reader(self._sock)
            self._loop = None
            self._flush()
        self._sock.close()

    def _drain_batch(self) -> None:
        assert self._batch is not None
        batch = self._batch
        self.counters.batches += 1
        lengths = batch.receive()
        unknown, dropped = batch.repeat(lengths, self.repeat, self.repeat_to)
        self.counters.dropped_answers += dropped
        first_error = None
        for slot in unknown:
            if self._loop is None:
                break
            message, peer = batch.datagram(slot, lengths[slot])
            try:
                answer = self.respond(message, peer, self._send_soon)
            except Exception as error:
                # The others have left the socket already, and nobody else will answer them.
                first_error = first_error or error
                continue
            if answer:
                self._send_soon(answer, peer)
        if first_error is not None:
            raise first_error

    def _send_soon(self, answer: bytes, peer: Peer) -> None:
        """Send an answer together with those that are there in the same turn of the loop."""
        if self._loop is None or not answer:
            return
        self._ready.append((answer, peer))
        if len(self._ready) == 1:
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        if self._batch is not None and self._ready:
            ready, self._ready = self._ready, []
            self.counters.dropped_answers += self._batch.send(ready)

    def _drain(self) -> None:
        self.counters.batches += 1
        for _ in range(UDP_BATCH.default_int):
            try:
                message, peer = self._sock.recvfrom(UDP_QUERY_BYTES.default_int)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of an earlier answer; the socket itself is well
            self._answer(message, peer, self._send)

    def _answer(self, message: bytes, peer: Peer, send: Send) -> None:
        body = self.repeat(message[2:])
        answer = self.respond(message, peer, send) if body is None or body is VIEWED else message[:2] + body
        if answer:
            send(answer, peer)

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
            self._answer(message, asked, self._send_from)

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
