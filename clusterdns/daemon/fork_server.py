"""A process that does nothing but fork: it is made at the start, while memory is small, and stays as it was then.

    this process ── descriptors ──► fork server ── fork ──► a process that works, and is a child of this one

What this process reads later, no other one has inherited; and whatever it writes to, there is one old copy of it, in
the fork server, whenever and how often processes are started. Each begins with descriptors alone: a channel, files.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import gc
import os
import signal
import socket
from collections.abc import Callable, Sequence

from clusterdns.daemon.forking import fork
from clusterdns.errors import ClusterDNSError

_PR_SET_CHILD_SUBREAPER = 36
_MOST_DESCRIPTORS = 253
"""SCM_MAX_FD, unix(7)."""
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)

Work = Callable[[Sequence[int]], int]
"""What a process does with the descriptors that it was given, which it owns; its exit code."""


class NoMoreProcesses(ClusterDNSError):
    """The fork server was killed."""

    def __init__(self) -> None:
        super().__init__("the process that starts the others is gone")


class ForkServer:
    """Starts processes that do `work`."""

    def __init__(self, work: Work) -> None:
        """To be made before there are threads or an event loop."""
        # The processes are the fork server's grandchildren; those between end at once, and leave them to us.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        # What is here now stays shared: the collector of none of them is to write to each object.
        gc.collect()
        gc.freeze()
        self._socket, theirs = socket.socketpair()
        self._number = fork(lambda: _serve(theirs, work), (theirs.fileno(),))
        theirs.close()
        self._socket.recv(1)  # signals mean nothing to it from now on
        self._socket.setblocking(False)

    async def start(self, descriptors: Sequence[int]) -> int:
        """The number of a new process, a child of this one. Raises OSError, and NoMoreProcesses for good."""
        try:
            socket.send_fds(self._socket, [b"f"], descriptors)
            said = await asyncio.get_running_loop().sock_recv(self._socket, 8)
        except ConnectionError as error:
            raise NoMoreProcesses from error
        if not said:
            raise NoMoreProcesses
        number = int.from_bytes(said, "big", signed=True)
        if number < 0:
            raise OSError(-number, os.strerror(-number))
        return number

    def close(self) -> None:
        """End the fork server, and wait for that."""
        self._socket.close()
        os.waitpid(self._number, 0)


def _serve(commands: socket.socket, work: Work) -> int:
    for ignored in _IGNORED:  # it ends with the one above
        signal.signal(ignored, signal.SIG_IGN)
    commands.sendall(b"r")
    while True:
        said, descriptors, _, _ = socket.recv_fds(commands, 1, _MOST_DESCRIPTORS)
        if not said:
            return 0
        try:
            number = _fork_twice(work, descriptors)
        except OSError as error:
            number = -(error.errno or errno.EAGAIN)
        for each in descriptors:
            os.close(each)
        commands.sendall(number.to_bytes(8, "big", signed=True))


def _fork_twice(work: Work, descriptors: Sequence[int]) -> int:
    """The number of a process whose parent has ended."""
    reading, writing = os.pipe()

    def between() -> int:
        try:
            number = fork(lambda: work(descriptors), descriptors)
        except OSError as error:
            number = -(error.errno or errno.EAGAIN)
        os.write(writing, number.to_bytes(8, "big", signed=True))
        return 0

    try:
        os.waitpid(fork(between, (writing, *descriptors)), 0)
        os.close(writing)
        writing = -1
        said = os.read(reading, 8)
        number = int.from_bytes(said, "big", signed=True) if said else -errno.EAGAIN  # the one between was killed
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)
    if number < 0:
        raise OSError(-number, os.strerror(-number))
    return number
