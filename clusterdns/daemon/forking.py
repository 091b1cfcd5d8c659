"""fork(2) for a process whose event loop has run, but does not run now: the child shares its memory, and nothing else.

What the parent has read of the cluster is there once, whatever the number of children: pages are copied only when
somebody writes to them. Python writes reference counts into each object that it uses, so that they drift apart; but
most of what is kept of a large cluster is seldom asked for.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGCHLD)


def fork(child: Callable[[socket.socket], int]) -> tuple[int, socket.socket]:
    """The number of a new process, and our end of a socket pair; the other end is given to `child`, there.

    `child` is run with the default signal handlers, and the process ends with the exit code that it returns. It must
    not touch what has to do with the parent's event loop.
    """
    ours, theirs = socket.socketpair()
    sys.stdout.flush()
    sys.stderr.flush()
    # A signal that the child gets before its handlers are its own would be told to the parent's event loop.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        number = os.fork()
        if number == 0:
            _become_child(theirs, child)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    theirs.close()
    return number, ours


def _become_child(channel: socket.socket, child: Callable[[socket.socket], int]) -> None:
    """Never returns: the stack above belongs to the parent."""
    code = 1
    try:
        # The collector would write to each object that it looks at.
        gc.freeze()
        signal.set_wakeup_fd(-1)
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        _let_go(channel.fileno())
        code = child(channel)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _let_go(kept: int) -> None:
    """Let go of the parent's sockets and files, but for stdin, stdout, stderr and `kept`.

    Their numbers stay taken: objects that believe to own one may yet close it, and must not close another's.
    """
    null = os.open(os.devnull, os.O_RDWR)
    for entry in list(Path("/proc/self/fd").iterdir()):
        number = int(entry.name)
        if number > 2 and number not in (kept, null):
            try:
                os.fstat(number)
            except OSError:
                continue  # that of the listing itself
            os.dup2(null, number, inheritable=False)
