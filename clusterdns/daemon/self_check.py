"""The self-check behind /health: does this server answer a DNS message sent to its own sockets?

Once a second a datagram goes to each address that the server listens on, the way a client's would: through the
kernel, the socket, the event loop and the dispatcher. It asks no upstream, since a restart would not bring one back;
for the same reason it is no question at all but a server status request (opcode STATUS, RFC 1035 section 4.1.1), which
is answered NOTIMP, is not counted, and can't be confused with what clients ask.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from ipaddress import ip_address

from clusterdns.daemon.logs import StateLog
from clusterdns.histogram import SLIM_SECONDS, Histogram
from clusterdns.limits import HEALTH_CHECK_SECONDS, HEALTH_FAILED_CHECKS
from clusterdns.socket_address import socket_address

_log = logging.getLogger(__name__)

Place = tuple[str, int]
_STATUS_REQUEST = b"\x10\x00" + bytes(8)  # behind the ID: opcode 2, all counts 0
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class SelfCheck:
    """Asks each of `places()` once in `interval` seconds, which is also how long an answer may take."""

    def __init__(
        self,
        places: Callable[[], Iterable[Place]],
        *,
        interval: float = HEALTH_CHECK_SECONDS.default,
        tolerated: int = HEALTH_FAILED_CHECKS.default_int,
    ) -> None:
        self.durations = Histogram(SLIM_SECONDS)
        self.failures = 0
        self._places = places
        self._interval = interval
        self._tolerated = tolerated
        self._failed: dict[Place, int] = {}
        """How often in a row a place has not answered."""
        self._state = StateLog(_log)

    @property
    def silent(self) -> list[Place]:
        """The addresses that do not answer."""
        return [place for place, times in self._failed.items() if times >= self._tolerated]

    async def run(self) -> None:
        """Check until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            places = list(self._places())
            self._failed = {place: self._failed.get(place, 0) for place in places}
            for place, seconds in zip(places, await asyncio.gather(*map(self._ask, places)), strict=True):
                self._note(place, seconds)
            await asyncio.sleep(max(0.0, started + self._interval - loop.time()))

    def _note(self, place: Place, seconds: float | None) -> None:
        self.durations.add(self._interval if seconds is None else seconds)
        text = f"{place[0]} port {place[1]}"
        if seconds is not None:
            self._failed[place] = 0
            self._state.good(text, f"health: this server answers on {text} again")
            return
        self.failures += 1
        self._failed[place] += 1
        if self._failed[place] >= self._tolerated:
            self._state.bad(text, f"health: this server does not answer itself on {text}; /health says so")

    async def _ask(self, place: Place) -> float | None:
        """Seconds until the answer came, None if none did."""
        loop = asyncio.get_running_loop()
        address = _LOOPBACK.get(place[0], place[0])
        message = os.urandom(2) + _STATUS_REQUEST
        started = loop.time()
        try:
            with _socket(address) as sock:
                async with asyncio.timeout(self._interval):
                    await loop.sock_connect(sock, socket_address(address, place[1]))
                    await loop.sock_sendall(sock, message)
                    # Another ID: late, for a check that had this port before.
                    while (await loop.sock_recv(sock, 512))[:2] != message[:2]:
                        pass
        except (OSError, TimeoutError):
            return None
        return loop.time() - started


def _socket(address: str) -> socket.socket:
    """A socket that asks from loopback: nodelocal's rules let nothing come between it and itself for such questions.

    Whoever listens on an address of one link answers nobody elsewhere: that one is asked from itself.
    """
    version = ip_address(address).version
    sock = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    if "%" not in address:
        with suppress(OSError):  # loopback without an address of this family
            sock.bind((_LOOPBACK["::" if version == 6 else "0.0.0.0"], 0))
    return sock
