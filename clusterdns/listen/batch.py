"""Many datagrams with one system call each way: recvmmsg(2) and sendmmsg(2), through ctypes.

Python's socket module moves one datagram a call and makes an object of each address, which costs more than looking the
answer up. Here a datagram stays where the kernel wrote it, and an answer that is known at once is written over it,
behind its ID. What is not becomes objects, and its answer is put into a slot again when it is there.

    slot    memory      ID and query, then ID and answer
            envelope    the client's socket address as it came, and for wildcard sockets the control message with the
                        address that was asked, from which the answer leaves
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from clusterdns.limits import UDP_BATCH, UDP_QUERY_BYTES
from clusterdns.listen.respond import VIEWED, Peer, Repeat, RepeatTo

_SLOTS = UDP_BATCH.default_int
_SLOT_BYTES = UDP_QUERY_BYTES.default_int
_ID_BYTES = 2


class _Family(NamedTuple):
    """Where IPv4 and IPv6 differ."""

    name: struct.Struct
    """The socket address: its port and address (ip(7), ipv6(7))."""
    address: slice
    """Where the address stands in it."""
    destination_bytes: int
    """The size of in_pktinfo or in6_pktinfo."""
    interface_offset: int
    """Where the interface's number stands in it."""


_FAMILIES = {
    socket.AF_INET: _Family(struct.Struct("!2xH4s8x"), slice(4, 8), 12, 0),
    socket.AF_INET6: _Family(struct.Struct("!2xH4x16s4x"), slice(8, 24), 20, 16),
}
_NAME_BYTES = 32
"""Room for either, and a multiple of what control messages are aligned to."""


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

    What came is in the slots from `receive` until `send` writes over it: `repeat` comes first, `datagram` then takes
    out what that left. `has_destination`: the socket has IP_PKTINFO or IPV6_RECVPKTINFO set, as a wildcard needs.
    """

    def __init__(self, sock: socket.socket, *, has_destination: bool) -> None:
        self._number = sock.fileno()
        self._kind = socket.AddressFamily(sock.family)
        self._family = _FAMILIES[self._kind]
        self._control_bytes = socket.CMSG_SPACE(self._family.destination_bytes) if has_destination else 0
        self._envelope_bytes = _NAME_BYTES + self._control_bytes
        self._memory = _allocate(_SLOT_BYTES)
        self._envelopes = _allocate(self._envelope_bytes)
        self._incoming, self._incoming_vectors = self._messages()
        self._outgoing, self._outgoing_vectors = self._messages()
        self._incoming_at, self._outgoing_at = ctypes.addressof(self._incoming), ctypes.addressof(self._outgoing)
        self._writable = memoryview(self._memory).cast("B")
        self._writable_envelopes = memoryview(self._envelopes).cast("B")
        self._lengths = _column(self._incoming, _MESSAGE_BYTES, _Message.length.offset, "I")
        self._sizes = _column(self._outgoing_vectors, ctypes.sizeof(_Vector), _Vector.length.offset, "L")
        self._interfaces: memoryview[int] | None = None
        if has_destination:
            # Sent as it came, a control message would also name the interface; routing shall decide that.
            offset = _NAME_BYTES + socket.CMSG_LEN(0) + self._family.interface_offset
            self._interfaces = _column(self._envelopes, self._envelope_bytes, offset, "I")

    def _messages(self) -> tuple[ctypes.Array[_Message], ctypes.Array[_Vector]]:
        """The headers of all slots for one way, and what they point to."""
        messages, vectors = (_Message * _SLOTS)(), (_Vector * _SLOTS)()
        for slot, (message, vector) in enumerate(zip(messages, vectors, strict=True)):
            vector.base = ctypes.addressof(self._memory) + slot * _SLOT_BYTES
            vector.length = _SLOT_BYTES
            header = message.header
            header.name = ctypes.addressof(self._envelopes) + slot * self._envelope_bytes
            header.name_length = self._family.name.size
            header.vectors = ctypes.addressof(vector)
            header.vector_count = 1
            if self._control_bytes:
                header.control = header.name + _NAME_BYTES
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

    def repeat(self, lengths: Sequence[int], repeat: Repeat, repeat_to: RepeatTo) -> tuple[list[int], int]:
        """Send the answers that these know; returns the slots of the others, and how many could not be sent."""
        memory, writable, sizes = self._memory, self._writable, self._sizes
        envelopes, address = self._envelopes, self._family.address
        unknown = []
        start = 0
        for slot, length in enumerate(lengths):
            query = memory[start + _ID_BYTES : start + length]
            body = repeat(query)
            if body is VIEWED:
                envelope = slot * self._envelope_bytes
                body = repeat_to(query, envelopes[envelope + address.start : envelope + address.stop])
            if body is None or len(body) > _SLOT_BYTES - _ID_BYTES:
                unknown.append(slot)
            else:
                size = _ID_BYTES + len(body)
                writable[start + _ID_BYTES : start + size] = body
                sizes[slot] = size
            start += _SLOT_BYTES
        dropped = first = 0
        for end in (*unknown, len(lengths)):
            dropped += self._transmit(first, end)
            first = end + 1
        return unknown, dropped

    def datagram(self, slot: int, length: int) -> tuple[bytes, Peer]:
        """What arrived in a slot. The peer is the client's address and port, and the envelope for its answer."""
        start = slot * _SLOT_BYTES
        message = self._memory[start : start + length]
        start = slot * self._envelope_bytes
        envelope = self._envelopes[start : start + self._envelope_bytes]
        port, address = self._family.name.unpack_from(envelope)
        return message, (socket.inet_ntop(self._kind, address), port, envelope)

    def send(self, answers: Sequence[tuple[bytes, Peer]]) -> int:
        """Send answers to peers that `datagram` gave; returns how many could not be sent.

        All of what `receive` brought must have been taken out before.
        """
        dropped = slot = 0
        for answer, peer in answers:
            size = len(answer)
            if size > _SLOT_BYTES:
                dropped += 1
                continue
            if slot == _SLOTS:
                dropped += self._transmit(0, slot)
                slot = 0
            start = slot * _SLOT_BYTES
            self._writable[start : start + size] = answer
            self._sizes[slot] = size
            start = slot * self._envelope_bytes
            self._writable_envelopes[start : start + self._envelope_bytes] = peer[-1]
            slot += 1
        return dropped + self._transmit(0, slot)

    def _transmit(self, first: int, end: int) -> int:
        """Send what is in these slots; returns how many the socket would not take."""
        dropped = 0
        while first < end:
            sent = _library.sendmmsg(self._number, self._outgoing_at + first * _MESSAGE_BYTES, end - first, 0)
            if sent <= 0:
                # The first of these failed.
                dropped += 1
                sent = 1
            first += sent
        return dropped


def _allocate(row_bytes: int) -> Any:
    """Memory for all slots. A slice of it is bytes, which its type does not say."""
    return (ctypes.c_char * (_SLOTS * row_bytes))()


def _column(rows: Any, row_bytes: int, offset: int, code: Literal["I", "L"]) -> memoryview[int]:
    """One field of all rows. `code` is its type as `struct` names it; size_t is an unsigned long on Linux."""
    view = memoryview(rows).cast("B").cast(code)
    return view[offset // view.itemsize :: row_bytes // view.itemsize]
