"""The lines of a watch out of the pieces in which the network brings them.

    socket ──pieces──► here ──whole lines──► decode

Pure: no I/O. Each byte is copied once, however many pieces a line comes in.
"""

from __future__ import annotations

from clusterdns.errors import KubeApiError


class LineSplitter:
    """Takes pieces, gives whole lines; never keeps more than `longest` bytes of one that has not ended."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._begun: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """The lines that end in `piece`, without their ends; empty ones are left out. Raises KubeApiError."""
        lines: list[bytes] = []
        start = 0
        # `split` looks at one byte after the other, which takes ten times as long.
        while (end := piece.find(b"\n", start)) >= 0:
            lines.append(piece[start:end])
            start = end + 1
        rest = piece[start:]
        self._size += len(lines[0] if lines else rest)
        if self._size > self._longest:
            raise KubeApiError(200, "Malformed", f"a watch event of more than {self._longest} bytes")
        if not lines:
            self._begun.append(rest)
            return []
        lines[0] = b"".join((*self._begun, lines[0]))
        self._begun = [rest]
        self._size = len(rest)
        return [line for line in lines if line]
