"""A DNS server as a daemon: the sockets, HTTP endpoints and metrics around an assembly of server blocks.

What nodelocal and autopath have in common once their Corefile is read: listen, say when ready, answer until told to
stop, go on through the lame duck period, close. `replace` puts another assembly behind the same sockets.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import ExitStack, suppress
from types import MappingProxyType
from typing import Protocol, TypeVar

from prometheus_client import CollectorRegistry

from clusterdns.corefile.reading import Endpoint
from clusterdns.daemon.dns_metrics import (
    Listeners,
    register_dns_metrics,
    register_health_metrics,
    register_listener_metrics,
    register_notify_metrics,
)
from clusterdns.daemon.endpoints import HttpEndpoints, Pages
from clusterdns.daemon.http import Handler, Page
from clusterdns.daemon.lifecycle import eternal
from clusterdns.daemon.loop_probe import LoopProbe
from clusterdns.daemon.metrics import exposition
from clusterdns.daemon.notifier import Notifier
from clusterdns.daemon.self_check import SelfCheck
from clusterdns.directives.assemble import Assembly
from clusterdns.directives.config import health, prometheus, ready, timeouts
from clusterdns.directives.config.no_effect import without_effect
from clusterdns.directives.config.server import ServerConfig
from clusterdns.directives.parts import WILDCARDS
from clusterdns.errors import ConfigError
from clusterdns.limits import DRAIN_QUIET_SECONDS, DRAIN_SECONDS, LISTEN_RETRY_SECONDS
from clusterdns.listen.sockets import open_tcp, open_udp
from clusterdns.listen.tcp import TcpListener, TcpTimeouts
from clusterdns.listen.udp import UdpListener

_log = logging.getLogger(__name__)

_TEXT = "text/plain; charset=utf-8"

T = TypeVar("T")
Place = tuple[str, int]


class Says(Protocol):
    """Who knows how a server is: its pages."""

    def say_health(self) -> Page | Awaitable[Page]: ...

    def say_ready(self) -> Page | Awaitable[Page]: ...

    def say_metrics(self) -> Page | Awaitable[Page]: ...


class DnsServer:
    """Everything that one process listens on for its Corefile, and for `pages` of its own."""

    def __init__(
        self,
        servers: Sequence[ServerConfig],
        assembly: Assembly,
        registry: CollectorRegistry,
        pages: Pages = MappingProxyType({}),
        *,
        is_one_of_several: bool = False,
    ) -> None:
        """With `is_one_of_several`, other processes answer on the same sockets' addresses, each its share, and what is
        served over HTTP is not this one's business, nor is whom to tell of changed zones.
        """
        self._servers = servers
        self._assembly = assembly
        self._registry = registry
        self._listeners: dict[Place, Listeners] = {}
        self._own_pages = pages
        self._is_one_of_several = is_one_of_several
        self._endpoints = HttpEndpoints()
        self._check = SelfCheck(lambda: self.addresses if _all(self._servers, health.Config) else ())
        self._notifier = Notifier(lambda: self._assembly.parts.transfers)
        self._background: list[asyncio.Task[None]] = []
        self._probing: list[asyncio.Task[None]] = []
        self._was_ready: set[str] = set()
        self._retired: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._told: frozenset[str] = frozenset()
        register_dns_metrics(registry, lambda: self._assembly, lambda: self._servers)
        register_health_metrics(registry, self._check)
        register_listener_metrics(registry, lambda: self._listeners)
        register_notify_metrics(registry, self._notifier.results)

    async def start(self, patience: float = 0.0, stop: asyncio.Event | None = None) -> bool:
        """Listen on everything, or on nothing: raises ConfigError naming the address that can't be had.

        For `patience` seconds (`math.inf`: for ever) such an address is tried again instead, for whoever has it may be
        about to go. Meanwhile /ready says 503, but /health 200, for a restart would help nobody. False if `stop` was
        set before there was an end to that.
        """
        try:
            await self._endpoints.follow(self._pages())
            if not await self._listen_patiently(patience, stop or asyncio.Event()):
                return False
        except BaseException:
            await self.close()
            raise
        self._background.append(eternal("self-check", self._check.run))
        if not self._is_one_of_several:
            self._background.append(eternal("notify", self._notifier.run))
        await self._probe_loops()
        self._tell_without_effect()
        _log.info("serving DNS on %s", ", ".join(map(_text, self._listeners)))
        return True

    async def replace(self, servers: Sequence[ServerConfig], assembly: Assembly) -> None:
        """Answer by `assembly` from now on. Sockets of both configurations stay open and lose no query.

        Raises ConfigError if a new address can't be had; then everything stays as it was.
        """
        try:
            await self._listen(servers, assembly)
        except BaseException:
            await _close_forwarders(assembly)
            raise
        old, self._assembly, self._servers = self._assembly, assembly, servers
        for place in old.dispatchers.keys() & assembly.dispatchers.keys():
            # What was counted before goes on to be.
            assembly.dispatchers[place].traffic = old.dispatchers[place].traffic
        self._was_ready.clear()
        await self._probe_loops()
        self._tell_without_effect()
        await self._close_all_but(assembly.dispatchers)
        await self._endpoints.follow(self._pages())
        retiring = asyncio.create_task(_retire(old))
        self._retired.add(retiring)
        retiring.add_done_callback(self._retired.discard)

    @property
    def addresses(self) -> list[Place]:
        """The (address, port) pairs that answer over UDP and TCP."""
        return [(place[0], udp.address[1]) for place, (udp, _) in self._listeners.items()]

    def take_over(self) -> None:
        """Take what so far goes to another process that listens here: it is about to end, and we answer."""
        for udp, tcp in self._listeners.values():
            udp.take_over()
            tcp.take_over()

    async def serve_until(self, stop: asyncio.Event, leaving: Callable[[], Awaitable[None]] | None = None) -> None:
        """Answer until `stop` is set, through the longest lame duck period of the Corefile, and until nobody asks any
        more, but for that no longer than DRAIN_SECONDS; then close.

        `leaving` is awaited in between: it sends clients elsewhere while those that come are still answered.
        """
        await stop.wait()
        self._stopping = True
        if leaving is not None:
            await leaving()
        lameduck = max((config.lameduck for config in _all(self._servers, health.Config)), default=0.0)
        if lameduck:
            _log.info("answering for %g s more (lameduck)", lameduck)
            await asyncio.sleep(lameduck)
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS.default):
                await self._drain()
        await self.close()

    async def close(self) -> None:
        """Stop listening and forget what is under way. Closing twice does nothing."""
        self._stopping = True
        await self._close_all_but(())
        await self._endpoints.close()
        await _cancel([*self._background, *self._probing, *self._retired])
        await _close_forwarders(self._assembly)

    async def _drain(self) -> None:
        """Until every query has its answer and no new one has come for DRAIN_QUIET_SECONDS.

        Connections that are open may ask on: whoever wants to ask more when they end, connects anew (RFC 7766 section
        6.2.4).
        """
        asked = -1
        while (now := self._asked()) != asked or any(each.waiting for each in self._assembly.dispatchers.values()):
            asked = now
            await asyncio.sleep(DRAIN_QUIET_SECONDS.default)

    def _asked(self) -> int:
        """A number that grows with every datagram and connection."""
        return sum(udp.counters.batches + tcp.counters.accepted for udp, tcp in self._listeners.values())

    async def _listen_patiently(self, patience: float, stop: asyncio.Event) -> bool:
        loop = asyncio.get_running_loop()
        give_up, pause, said = loop.time() + patience, LISTEN_RETRY_SECONDS.default, ""
        while True:
            try:
                await self._listen(self._servers, self._assembly)
                return True
            except ConfigError as error:
                if loop.time() >= give_up:
                    raise
                if str(error) != said:
                    _log.warning("%s; trying again", error)
                said = str(error)
            try:
                async with asyncio.timeout(min(pause, give_up - loop.time())):
                    await stop.wait()
                return False
            except TimeoutError:
                pause = min(2 * pause, LISTEN_RETRY_SECONDS.maximum)

    async def _listen(self, servers: Sequence[ServerConfig], assembly: Assembly) -> None:
        """Open what is new; only when all of it is open, point every listener at `assembly`."""
        places = [place for place in assembly.dispatchers if place not in self._listeners]
        opened = _open(places, spreads=self._is_one_of_several)
        for place, (udp_socket, tcp_socket) in opened.items():
            dispatcher = assembly.dispatchers[place]
            udp = UdpListener(udp_socket, dispatcher.respond_udp, dispatcher.repeat, dispatcher.repeat_to)
            tcp = TcpListener(tcp_socket, dispatcher.respond_tcp)
            self._listeners[place] = udp, tcp
            udp.start()
            await tcp.start()
        for place, dispatcher in assembly.dispatchers.items():
            if place in self._listeners:
                udp, tcp = self._listeners[place]
                udp.respond = dispatcher.respond_udp
                udp.repeat, udp.repeat_to = dispatcher.repeat, dispatcher.repeat_to
                tcp.respond = dispatcher.respond_tcp
                tcp.timeouts = _timeouts(servers, place)

    async def _close_all_but(self, places: Collection[Place]) -> None:
        for place in [place for place in self._listeners if place not in places]:
            udp, tcp = self._listeners.pop(place)
            udp.close()
            await tcp.close()

    async def _probe_loops(self) -> None:
        await _cancel(self._probing)
        parts = self._assembly.parts
        probes = [LoopProbe(block.zones[0], forwarder, parts.sightings) for block, forwarder in parts.loops]
        self._probing = [eternal("loop probe", probe.run) for probe in probes]

    def _tell_without_effect(self) -> None:
        """Once for each configuration that is new in it."""
        found = without_effect(self._servers)
        if news := [text for text in found if text not in self._told]:
            _log.warning("accepted without effect: %s", ", ".join(news))
        self._told = frozenset(found)

    def _pages(self) -> Pages:
        """What is wanted where; several server blocks may name one place, and it is the same for all of them."""
        if self._is_one_of_several:
            return {}
        return pages_of(self._servers, self, self._own_pages)

    def say_health(self) -> tuple[int, str, bytes]:
        """/health: 503 with the addresses on which this server does not answer itself; restarting it may help."""
        if silent := self._check.silent:
            return 503, _TEXT, f"no answer on {', '.join(map(_text, silent))}".encode()
        return 200, _TEXT, b"OK"

    def say_ready(self) -> tuple[int, str, bytes]:
        """/ready: 503 with the names of what is not ready, and from the first signal to stop."""
        continuously = any(config.continuously for config in _all(self._servers, ready.Config))
        late = []
        for name, is_ready in self._assembly.parts.ready:
            if is_ready():
                self._was_ready.add(name)
            elif continuously or name not in self._was_ready:
                late.append(name)
        if self._stopping:
            return 503, _TEXT, b"stopping"
        if not self._listeners:
            return 503, _TEXT, b"not listening"
        if late:
            return 503, _TEXT, ",".join(late).encode()
        return 200, _TEXT, b"OK"

    def say_metrics(self) -> tuple[int, str, bytes]:
        """/metrics: everything that is counted."""
        return exposition(self._registry)


def pages_of(servers: Sequence[ServerConfig], says: Says, own: Pages = MappingProxyType({})) -> Pages:
    """What a Corefile wants served over HTTP, and where, with `own` pages beside it."""
    pages: dict[Endpoint, dict[str, Handler]] = {place: dict(paths) for place, paths in own.items()}
    for health_config in _all(servers, health.Config):
        pages.setdefault(health_config.endpoint, {})["/health"] = says.say_health
    for ready_config in _all(servers, ready.Config):
        pages.setdefault(ready_config.endpoint, {})["/ready"] = says.say_ready
    for prometheus_config in _all(servers, prometheus.Config):
        pages.setdefault(prometheus_config.endpoint, {})["/metrics"] = says.say_metrics
    return pages


def _open(places: Iterable[Place], *, spreads: bool) -> dict[Place, tuple[socket.socket, socket.socket]]:
    """A UDP and a TCP socket for each of these, or none at all. Raises ConfigError."""
    found = {}
    with ExitStack() as opened:
        for place in places:
            try:
                udp = opened.enter_context(open_udp(*place, spreads=spreads))
                tcp = opened.enter_context(open_tcp(*place, spreads=spreads))
            except ConfigError as error:
                if place[0] == WILDCARDS[1] and _has_no_ipv6(error):
                    continue
                raise
            found[place] = udp, tcp
        opened.pop_all()
    return found


def _timeouts(servers: Sequence[ServerConfig], place: Place) -> TcpTimeouts:
    """Those of the first server block at this place that has `timeouts`: a connection may ask all of its blocks."""
    address, port = place
    for server in servers:
        is_there = any(key.port == port for key in server.keys) and address in (server.addresses or (address,))
        if is_there and (config := server.one(timeouts.Config)):
            return TcpTimeouts(config.read, config.write, config.idle, config.queries)
    return TcpTimeouts()


def _all(servers: Sequence[ServerConfig], kind: type[T]) -> list[T]:
    return [config for server in servers for config in server.all(kind)]


async def _cancel(tasks: Collection[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _retire(assembly: Assembly) -> None:
    """Let the queries of a replaced configuration end, then close its connections and empty its caches.

    Its parts know each other, so that they stay until the garbage collector looks at all there is, which is seldom: a
    configuration that changes every minute would have ten of them in memory, with all that they keep.
    """
    waited = 0.0
    while waited < DRAIN_SECONDS.default and any(forwarder.in_flight for _, forwarder in assembly.parts.forwards):
        await asyncio.sleep(0.1)
        waited += 0.1
    await _close_forwarders(assembly)
    for dispatcher in assembly.dispatchers.values():
        dispatcher.packets.clear()
    for _, messages in assembly.parts.caches:
        messages.clear()


async def _close_forwarders(assembly: Assembly) -> None:
    for _, forwarder in assembly.parts.forwards:
        await forwarder.close()


def _has_no_ipv6(error: ConfigError) -> bool:
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def _text(place: Place) -> str:
    return f"[{place[0]}]:{place[1]}" if ":" in place[0] else f"{place[0]}:{place[1]}"
