"""Many datagrams with one system call each way: recvmmsg(2) and sendmmsg(2), through ctypes.

Python's socket module moves one datagram a call and makes an object of each address, which costs more than looking the
answer up. Here a datagram stays where the kernel wrote it: its answer is written over it, behind its ID, and leaves for
the address that stands beside it. Only what can't be answered so becomes objects, and goes the common way.

    slot    memory    ID and query, then ID and answer
            name      the client's socket address, as it came
            control   for wildcard sockets: the address that was asked, from which the answer leaves
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from clusterdns.limits import UDP_BATCH, UDP_QUERY_BYTES
from clusterdns.listen.respond import Peer, Repeat
from clusterdns.listen.sockets import IP_PKTINFO

_SLOTS = UDP_BATCH.default_int
_SLOT_BYTES = UDP_QUERY_BYTES.default_int
_ID_BYTES = 2


class _Family(NamedTuple):
    """Where IPv4 and IPv6 differ."""

    name: struct.Struct
    """The socket address: family, port, address; or family, port, flow, address, scope (ip(7), ipv6(7))."""
    level: int
    kind: int
    destination_bytes: int
    """The size of in_pktinfo or in6_pktinfo; `level` and `kind` are of the control message that has it."""
    interface_offset: int
    """Where the interface's number stands in it."""


_FAMILIES = {
    socket.AF_INET: _Family(struct.Struct("!2xH4s8x"), socket.IPPROTO_IP, IP_PKTINFO, 12, 0),
    socket.AF_INET6: _Family(struct.Struct("!2xHI16s4s"), socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, 20, 16),
}


class _Vector(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """struct msghdr."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    """struct mmsghdr."""

    _fields_ = (("header", _Header), ("length", ctypes.c_uint))


_MESSAGE_BYTES = ctypes.sizeof(_Message)
_ZEROS = memoryview((ctypes.c_uint * _SLOTS)()).cast("B").cast("I")

_library = ctypes.CDLL(None, use_errno=True)
IS_AVAILABLE = hasattr(_library, "recvmmsg") and hasattr(_library, "sendmmsg")
"""Whether this system has both calls, as Linux does."""
if IS_AVAILABLE:
    _library.recvmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
    _library.sendmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)


class Batch:
    """Slots for the datagrams of one bound, non-blocking socket, which must be open in every call.

    `receive`, `fill` and `send` follow each other; what `fill` could not answer, `datagram` takes out before the next
    `receive`. `has_destination`: the socket has IP_PKTINFO or IPV6_RECVPKTINFO set, as a wildcard needs.
    """

    def __init__(self, sock: socket.socket, *, has_destination: bool) -> None:
        self._number = sock.fileno()
        self._family = family = _FAMILIES[socket.AddressFamily(sock.family)]
        self._control_bytes = socket.CMSG_SPACE(family.destination_bytes) if has_destination else 0
        self._memory = _allocate(_SLOT_BYTES)
        self._names = _allocate(family.name.size)
        self._controls = _allocate(self._control_bytes)
        self._incoming, self._incoming_vectors = self._messages()
        self._outgoing, self._outgoing_vectors = self._messages()
        self._incoming_at, self._outgoing_at = ctypes.addressof(self._incoming), ctypes.addressof(self._outgoing)
        self._writable = memoryview(self._memory).cast("B")
        self._lengths = _column(self._incoming, _MESSAGE_BYTES, _Message.length.offset, "I")
        self._sizes = _column(self._outgoing_vectors, ctypes.sizeof(_Vector), _Vector.length.offset, "L")
        self._interfaces: memoryview[int] | None = None
        if has_destination:
            # Sent as it came, a control message would also name the interface; routing shall decide that.
            offset = socket.CMSG_LEN(0) + family.interface_offset
            self._interfaces = _column(self._controls, self._control_bytes, offset, "I")

    def _messages(self) -> tuple[ctypes.Array[_Message], ctypes.Array[_Vector]]:
        """The headers of all slots for one way, and what they point to."""
        messages, vectors = (_Message * _SLOTS)(), (_Vector * _SLOTS)()
        for slot, (message, vector) in enumerate(zip(messages, vectors, strict=True)):
            vector.base = ctypes.addressof(self._memory) + slot * _SLOT_BYTES
            vector.length = _SLOT_BYTES
            header = message.header
            header.name = ctypes.addressof(self._names) + slot * self._family.name.size
            header.name_length = self._family.name.size
            header.vectors = ctypes.addressof(vector)
            header.vector_count = 1
            if self._control_bytes:
                header.control = ctypes.addressof(self._controls) + slot * self._control_bytes
                header.control_length = self._control_bytes
        return messages, vectors

    def receive(self) -> list[int]:
        """Take what has arrived, as far as there are slots: the lengths of the datagrams, in order of arrival."""
        count = _library.recvmmsg(self._number, self._incoming_at, _SLOTS, socket.MSG_DONTWAIT, None)
        if count <= 0:
            # Nothing there; or an ICMP error of an earlier answer, which is thereby taken: the socket itself is well.
            return []
        if self._interfaces is not None:
            self._interfaces[:count] = _ZEROS[:count]
        return self._lengths[:count].tolist()

    def fill(self, lengths: Sequence[int], repeat: Repeat) -> list[int]:
        """Write the answers that `repeat` knows over their queries; returns the slots of the others."""
        memory, writable, sizes = self._memory, self._writable, self._sizes
        unknown = []
        start = 0
        for slot, length in enumerate(lengths):
            body = repeat(memory[start + _ID_BYTES : start + length])
            if body is None or len(body) > _SLOT_BYTES - _ID_BYTES:
                unknown.append(slot)
            else:
                size = _ID_BYTES + len(body)
                writable[start + _ID_BYTES : start + size] = body
                sizes[slot] = size
            start += _SLOT_BYTES
        return unknown

    def send(self, count: int, unknown: Sequence[int]) -> int:
        """Send the answers in the first `count` slots, except `unknown`; returns how many the socket would not take."""
        dropped = start = 0
        for end in (*unknown, count):
            while start < end:
                sent = _library.sendmmsg(self._number, self._outgoing_at + start * _MESSAGE_BYTES, end - start, 0)
                if sent <= 0:
                    # It is the first of these that failed.
                    dropped += 1
                    sent = 1
                start += sent
            start = end + 1
        return dropped

    def datagram(self, slot: int, length: int) -> tuple[bytes, Peer]:
        """What arrived in a slot, as the socket module would have given it.

        The peer of a wildcard socket ends with the control messages, one: the address that was asked.
        """
        start = slot * _SLOT_BYTES
        message = self._memory[start : start + length]
        name = self._family.name
        peer: Peer
        if self._family.level == socket.IPPROTO_IP:
            port, address = name.unpack_from(self._names, slot * name.size)
            peer = socket.inet_ntoa(address), port
        else:
            port, flow, address, scope = name.unpack_from(self._names, slot * name.size)
            peer = socket.inet_ntop(socket.AF_INET6, address), port, flow, int.from_bytes(scope, sys.byteorder)
        if not self._control_bytes:
            return message, peer
        behind_head = slot * self._control_bytes + socket.CMSG_LEN(0)
        destination = self._controls[behind_head : behind_head + self._family.destination_bytes]
        return message, (*peer, ((self._family.level, self._family.kind, destination),))


def _allocate(row_bytes: int) -> Any:
    """Memory for all slots. A slice of it is bytes, which its type does not say."""
    return (ctypes.c_char * (_SLOTS * row_bytes))()


def _column(rows: Any, row_bytes: int, offset: int, code: Literal["I", "L"]) -> memoryview[int]:
    """One field of all rows. `code` is its type as `struct` names it; size_t is an unsigned long on Linux."""
    view = memoryview(rows).cast("B").cast(code)
    return view[offset // view.itemsize :: row_bytes // view.itemsize]
