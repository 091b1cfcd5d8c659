"""Frames over a socket pair between a process and its child: four bytes of length, one byte of kind, a body."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import NamedTuple

_HEAD_BYTES = 5


class Frame(NamedTuple):
    """`kind` is one byte."""

    kind: bytes
    body: bytes


class Channel:
    """One end. `open` makes one in the running event loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, sock: socket.socket) -> Channel:
        """A channel over a connected socket, which it then owns."""
        return cls(*await asyncio.open_unix_connection(sock=sock))

    @property
    def backlog(self) -> int:
        """How many bytes the other end has still to take."""
        return self._writer.transport.get_write_buffer_size()

    def send(self, kind: bytes, body: bytes = b"") -> None:
        """Send a frame, as soon as the other end takes it; nothing if that has closed."""
        if not self._writer.is_closing():
            self._writer.write(len(body).to_bytes(4, "big") + kind + body)

    async def receive(self) -> Frame | None:
        """The next frame; None at the end."""
        try:
            head = await self._reader.readexactly(_HEAD_BYTES)
            return Frame(head[4:], await self._reader.readexactly(int.from_bytes(head[:4], "big")))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def close(self) -> None:
        """Send what is still to be sent, and close."""
        self._writer.close()
        with contextlib.suppress(ConnectionError):  # the other end was faster
            await self._writer.wait_closed()
