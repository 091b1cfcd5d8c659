"""Message IDs that nobody can guess (RFC 5452 section 9.2), without a system call for each."""

from __future__ import annotations

import os
from array import array

_BATCH = 512


class RandomIds:
    """Calling it gives the next ID, 0 to 65,535, from the kernel's random numbers."""

    __slots__ = ("_ready",)

    def __init__(self) -> None:
        self._ready: array[int] = array("H")

    def __call__(self) -> int:
        if not self._ready:
            self._ready.frombytes(os.urandom(2 * _BATCH))
        return self._ready.pop()
