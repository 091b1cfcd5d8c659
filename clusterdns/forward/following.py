"""Files that name upstreams, followed: when one of them changes, the forwarder gets what they say then.

A node's resolv.conf changes with its network (DHCP, VPN), and nobody restarts the DNS server for that. Looking at a
file's times is one system call; kubelet and DHCP clients put a new file in the place of the old one, which a watch on
the file would lose.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from clusterdns.errors import ConfigError
from clusterdns.forward.forwarder import Forwarder
from clusterdns.forward.upstreams import Upstream
from clusterdns.limits import FORWARD_FOLLOW_SECONDS

_log = logging.getLogger(__name__)

_State = tuple[tuple[int, int, int] | None, ...]


class Following:
    """Looks at `paths` until the forwarder is closed. `read` gives the upstreams, or raises ConfigError: all stays."""

    def __init__(self, forwarder: Forwarder, paths: Sequence[Path], read: Callable[[], Sequence[Upstream]]) -> None:
        self._loop = asyncio.get_running_loop()
        self._forwarder = forwarder
        self._paths = tuple(paths)
        self._read = read
        self._state = self._look()
        self._wait()

    def _wait(self) -> None:
        self._loop.call_later(FORWARD_FOLLOW_SECONDS.default, self._check)

    def _check(self) -> None:
        if self._forwarder.is_closed:
            return
        self._wait()
        state = self._look()
        if state == self._state:
            return
        self._state = state
        try:
            upstreams = self._read()
        except ConfigError as error:
            _log.warning("%s; going on with %s", error, ", ".join(map(str, self._forwarder.upstreams)))
            return
        if tuple(upstreams) != self._forwarder.upstreams:
            _log.info("forwarding to %s from now on", ", ".join(map(str, upstreams)))
            self._forwarder.replace_upstreams(upstreams)

    def _look(self) -> _State:
        found: list[tuple[int, int, int] | None] = []
        for path in self._paths:
            try:
                status = path.stat()
            except OSError:
                found.append(None)
            else:
                found.append((status.st_mtime_ns, status.st_ino, status.st_size))
        return tuple(found)
