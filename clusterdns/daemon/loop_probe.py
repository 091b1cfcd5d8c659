"""Asks upstreams whether they lead back here, for the `loop` directive; what the answers mean is in directives.loop."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import struct

from clusterdns.directives.loop import HINFO, LoopCheck, Outcome, Sightings, probe_name
from clusterdns.forward.forwarder import Forwarder
from clusterdns.forward.upstreams import Upstream
from clusterdns.limits import LOOP_RETRY_SECONDS
from clusterdns.wire import numbers
from clusterdns.wire.names import name_to_text

_log = logging.getLogger(__name__)

_RANDOM_BITS = 64
_HEADER = b"\x01\x00\0\1\0\0\0\0\0\0"  # behind the ID: RD, one question


class LoopProbe:
    """Looks after the upstreams of one `forward` in a server block for `zone` (folded wire name)."""

    def __init__(self, zone: bytes, forwarder: Forwarder, sightings: Sightings) -> None:
        self._zone = zone
        self._forwarder = forwarder
        self._sightings = sightings
        self._check = LoopCheck()
        self._wanted: tuple[Upstream, ...] = ()
        self._left: tuple[Upstream, ...] = ()
        """Those of them that the forwarder was left to ask."""

    async def run(self) -> None:
        """Ask whoever is due, again and again, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._apply(loop.time())
            due = self._check.due(loop.time())
            for upstream, outcome in zip(due, await asyncio.gather(*map(self._ask, due)), strict=True):
                if self._check.note(upstream, outcome, loop.time()):
                    self._tell(upstream)
            self._apply(loop.time())
            await asyncio.sleep(LOOP_RETRY_SECONDS.default)

    def _apply(self, now: float) -> None:
        """Leave the forwarder those that do not loop."""
        upstreams = self._forwarder.upstreams
        if upstreams != self._left:
            # The first time; or it follows a file, whose writer knows nothing of loops.
            self._wanted = upstreams
        self._check.follow(self._wanted, now)
        self._left = tuple(upstream for upstream in self._wanted if upstream not in self._check.looping)
        if self._left != upstreams:
            self._forwarder.replace_upstreams(self._left)

    def _tell(self, upstream: Upstream) -> None:
        zone = name_to_text(self._zone)
        if upstream in self._check.looping:
            _log.error(
                "loop: the upstream %s of %s leads back to this server: it is not asked any more, until it does so no "
                "longer. Write the address of another server, or of a resolv.conf(5) without this one.",
                upstream,
                zone,
            )
        else:
            _log.info("loop: the upstream %s of %s leads back here no longer: it is asked again", upstream, zone)

    async def _ask(self, upstream: Upstream) -> Outcome:
        if upstream.tls:
            return Outcome.ANSWERED  # nobody here answers over TLS
        name = probe_name(self._zone, lambda: secrets.randbits(_RANDOM_BITS))
        message = os.urandom(2) + _HEADER + name + struct.pack("!HH", HINFO, numbers.IN)
        self._sightings.expect(name)
        try:
            await _exchange(upstream, message)
            outcome = Outcome.ANSWERED
        except (OSError, TimeoutError):
            outcome = Outcome.SILENT
        # It may have come back though its answer has not.
        return Outcome.CAME_BACK if self._sightings.forget(name) else outcome


async def _exchange(upstream: Upstream, message: bytes) -> None:
    """Send a message and wait for an answer under its ID. Raises OSError or TimeoutError."""
    loop = asyncio.get_running_loop()
    (family, kind, protocol, _, address), *_ = await loop.getaddrinfo(
        upstream.address, upstream.port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
    )
    with socket.socket(family, kind, protocol) as sock:
        sock.setblocking(False)
        async with asyncio.timeout(LOOP_RETRY_SECONDS.default):
            await loop.sock_connect(sock, address)
            await loop.sock_sendall(sock, message)
            while (await loop.sock_recv(sock, 512))[:2] != message[:2]:
                pass
