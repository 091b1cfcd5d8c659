"""Which of two processes that share a port gets what arrives: the one that was first, until the second takes over.

    bind beside another process ──► hold ──► only our own questions come to us ──► they are answered ──► take_over
                                                                                      all that is new comes to us
By itself the kernel spreads datagrams and connections over all sockets of a port (SO_REUSEPORT): over one that can't
answer yet, and over one that is about to be closed, with whatever is in its buffer. A classic BPF program, which all
sockets of an address and port have in common, says instead which of them gets a message, by the order in which they
were bound (socket(7), SO_ATTACH_REUSEPORT_CBPF). Where there is no such socket, the kernel spreads as ever. So whoever
is alone gets everything, whatever the program says, and nothing has to be undone when a process ends, or is killed.
"""

from __future__ import annotations

import ctypes
import logging
import secrets
import socket
import struct
from collections.abc import Sequence

_log = logging.getLogger(__name__)

WORD = secrets.token_hex(2).encode()
"""First label of our own questions, four bytes: others' have it by chance, and are answered by us then as well."""

_ATTACH_REUSEPORT_CBPF = 51
# linux/filter.h: code, jump if true, jump if false, operand. The program sees a datagram behind its UDP header.
_INSTRUCTION = struct.Struct("=HBBI")
_PROGRAM = struct.Struct("@HP")
_LOAD_WORD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_BEHIND_FIRST_LENGTH = 13  # RFC 1035 section 4.1: twelve bytes of header, then the length of the name's first label
_FIRST, _SECOND = (_RETURN, 0, 0, 0), (_RETURN, 0, 0, 1)

_Instruction = tuple[int, int, int, int]


def hold(sock: socket.socket) -> None:
    """Leave all to who was here first, but for datagrams that ask what we ask ourselves. Call at once after bind."""
    if sock.type == socket.SOCK_STREAM:
        _attach(sock, [_FIRST])
    else:
        own = int.from_bytes(WORD, "big")
        _attach(sock, [(_LOAD_WORD, 0, 0, _BEHIND_FIRST_LENGTH), (_JUMP_IF_EQUAL, 0, 1, own), _SECOND, _FIRST])


def take_over(sock: socket.socket) -> None:
    """Take all that arrives from now on. What has arrived is still with who was here first, and so are connections."""
    _attach(sock, [_SECOND])


def _attach(sock: socket.socket, program: Sequence[_Instruction]) -> None:
    instructions = ctypes.create_string_buffer(b"".join(_INSTRUCTION.pack(*each) for each in program))
    try:
        sock.setsockopt(
            socket.SOL_SOCKET,
            _ATTACH_REUSEPORT_CBPF,
            _PROGRAM.pack(len(program), ctypes.addressof(instructions)),
        )
    except OSError as error:
        # Before Linux 4.6, and in sandboxes: the kernel spreads, and a datagram may be lost when a process ends.
        _log.debug("who gets what arrives is up to the kernel: %s", error.strerror)
