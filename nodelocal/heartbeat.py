"""Questions to ourselves, twice a second: an answer that leaves keeps the kernel sending DNS packets here.

    Heartbeat ── query from loopback ──► kernel ──► our own sockets ──► our own loop ──► answer ──► @alive
                                                                                                    (nftables.py)

The first answers of all addresses prove that a new process can take over from the one that listens beside it: whoever
is asked by name, as here, is the new one (clusterdns.listen.steering).

Each local address is asked over a real socket, however much traffic it has: four small queries a second cost less than
to find out whether one is needed. Nothing else says that we live; a loop that hangs neither asks nor answers.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from clusterdns.limits import INTERCEPTION_ALIVE_SECONDS, INTERCEPTION_ASK_SECONDS
from clusterdns.listen.steering import WORD

_log = logging.getLogger(__name__)

# RFC 4892 section 2.1: whoever asks "id.server" in class CH asks the server itself. Whether it tells or refuses, it
# needs no upstream for that, so that we are alive when all upstreams are dead: there are stale answers then.
QUESTION = bytes([len(WORD)]) + WORD + b"\x02id\x06server\x00" + b"\x00\x10" + b"\x00\x03"
_FLAGS_AND_COUNTS = b"\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00"
_ANSWER_BYTES = 512


@dataclass(slots=True)
class _Asked:
    """One local address. `answered` is when, by the loop's clock; it begins as the time when it was first asked."""

    address: str
    answered: float
    socket: socket.socket | None = None
    silent: bool = False


@dataclass(slots=True)
class Heartbeat:
    """Asks `addresses` (canonical, of both families) at `port` for as long as `run` runs."""

    addresses: Sequence[str]
    port: int
    _all: list[_Asked] = field(default_factory=list)
    _heard: set[str] = field(default_factory=set)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Ask for ever. What can't be asked now is tried again in half a second."""
        loop = asyncio.get_running_loop()
        self._all = [_Asked(address, loop.time()) for address in self.addresses]
        try:
            while True:
                for asked in self._all:
                    self._judge(asked, loop.time())
                    self._ask(asked, loop)
                await asyncio.sleep(INTERCEPTION_ASK_SECONDS.default)
        finally:
            for asked in self._all:
                if asked.socket is not None:
                    loop.remove_reader(asked.socket)
                    asked.socket.close()

    async def answered(self, addresses: Collection[str]) -> None:
        """Wait until each of these has answered once."""
        while not self._heard.issuperset(addresses):
            self._news.clear()
            await self._news.wait()

    @property
    def silent(self) -> tuple[str, ...]:
        """The addresses that have not answered for so long that the kernel sends nobody there."""
        return tuple(asked.address for asked in self._all if asked.silent)

    def _ask(self, asked: _Asked, loop: asyncio.AbstractEventLoop) -> None:
        try:
            if asked.socket is None:
                asked.socket = _open(asked.address, self.port)
                loop.add_reader(asked.socket, self._hear, asked, asked.socket, loop)
            asked.socket.send(secrets.token_bytes(2) + _FLAGS_AND_COUNTS + QUESTION)
        except OSError as error:
            # The address is not there (yet), nobody listens (ECONNREFUSED), or the socket's buffer is full.
            _log.debug("%s can't be asked: %s", asked.address, error.strerror)

    def _hear(self, asked: _Asked, sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        """Take an answer that has come."""
        try:
            sock.recv(_ANSWER_BYTES)
        except OSError:
            return  # ECONNREFUSED: of the question before
        asked.answered = loop.time()
        if asked.address not in self._heard:
            self._heard.add(asked.address)
            self._news.set()

    def _judge(self, asked: _Asked, now: float) -> None:
        """Say it if an address has been silent for too long, or is no longer."""
        silent = now - asked.answered > INTERCEPTION_ALIVE_SECONDS.default
        if silent and not asked.silent:
            _log.warning("%s does not answer us: its clients are sent to cluster DNS until it does", asked.address)
        elif asked.silent and not silent:
            _log.info("%s answers us again", asked.address)
        asked.silent = silent


def _open(address: str, port: int) -> socket.socket:
    """A socket that asks from loopback: the rules let nothing come between us and ourselves for such questions."""
    version = ip_address(address).version
    sock = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.bind(("::1" if version == 6 else "127.0.0.1", 0))
        sock.connect((address, port))
    except OSError:
        sock.close()
        raise
    return sock
