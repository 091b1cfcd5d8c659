"""fork(2) for a process without a running event loop: the child shares its memory, and nothing else.

Pages are copied when somebody writes to them, and Python writes reference counts into each object that it uses: what
is forked should be small, and not change much (`fork_server`).
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Collection
from pathlib import Path

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGCHLD)


def fork(child: Callable[[], int], keep: Collection[int]) -> int:
    """The number of a new process, in which `child` is run; it ends with the exit code that this returns.

    Of the parent it has stdin, stdout, stderr and the descriptors in `keep`, and the default signal handlers. It must
    not touch what has to do with the parent's event loop.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    # A signal that the child gets before its handlers are its own would be told to the parent's event loop.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        number = os.fork()
        if number == 0:
            _become_child(child, keep)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    return number


def _become_child(child: Callable[[], int], keep: Collection[int]) -> None:
    """Never returns: the stack above belongs to the parent."""
    code = 1
    try:
        # The collector would write to each object that it looks at.
        gc.freeze()
        signal.set_wakeup_fd(-1)
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        _let_go_but(keep)
        code = child()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _let_go_but(keep: Collection[int]) -> None:
    """Let go of the parent's sockets and files, but for stdin, stdout, stderr and those in `keep`.

    Their numbers stay taken: objects that believe to own one may yet close it, and must not close another's.
    """
    null = os.open(os.devnull, os.O_RDWR)
    for entry in list(Path("/proc/self/fd").iterdir()):
        number = int(entry.name)
        if number > 2 and number != null and number not in keep:
            try:
                os.fstat(number)
            except OSError:
                continue  # that of the listing itself
            os.dup2(null, number, inheritable=False)
