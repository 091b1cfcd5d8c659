"""A DNS server as a daemon: the sockets, HTTP endpoints and metrics around an assembly of server blocks.

What nodelocal and autopath have in common once their Corefile is read: listen, say when ready, answer until told to
stop, go on through the lame duck period, close. `replace` puts another assembly behind the same sockets.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from prometheus_client import CollectorRegistry

from clusterdns.corefile.reading import Endpoint
from clusterdns.daemon.dns_metrics import register_dns_metrics
from clusterdns.daemon.http import HttpServer
from clusterdns.daemon.metrics import exposition
from clusterdns.directives.assemble import WILDCARDS, Assembly
from clusterdns.directives.config import health, prometheus, ready
from clusterdns.directives.config.server import ServerConfig
from clusterdns.errors import ConfigError
from clusterdns.listen.sockets import open_tcp, open_udp
from clusterdns.listen.tcp import TcpListener
from clusterdns.listen.udp import UdpListener

_log = logging.getLogger(__name__)

_TEXT = "text/plain; charset=utf-8"
_DRAIN_SECONDS = 5.0
"""How long queries of a replaced configuration may still wait for their upstreams; a client waits no longer."""

T = TypeVar("T")
Place = tuple[str, int]
Page = Callable[[], tuple[int, str, bytes]]


class DnsServer:
    """Everything that one process listens on for its Corefile."""

    def __init__(self, servers: Sequence[ServerConfig], assembly: Assembly, registry: CollectorRegistry) -> None:
        self._servers = servers
        self._assembly = assembly
        self._registry = registry
        self._listeners: dict[Place, tuple[UdpListener, TcpListener]] = {}
        self._http: dict[Endpoint, tuple[frozenset[str], HttpServer]] = {}
        self._was_ready: set[str] = set()
        self._retired: set[asyncio.Task[None]] = set()
        self._stopping = False
        register_dns_metrics(registry, lambda: self._assembly)

    async def start(self) -> None:
        """Listen on everything, or on nothing: raises ConfigError naming the address that can't be had."""
        try:
            await self._listen(self._servers, self._assembly)
        except BaseException:
            await self.close()
            raise
        _log.info("serving DNS on %s", ", ".join(map(_text, self._listeners)))

    async def replace(self, servers: Sequence[ServerConfig], assembly: Assembly) -> None:
        """Answer by `assembly` from now on. Sockets of both configurations stay open and lose no query.

        Raises ConfigError if a new address can't be had; then everything stays as it was.
        """
        before = set(self._listeners), set(self._http)
        try:
            await self._listen(servers, assembly)
        except BaseException:
            await self._close_all_but(*before)
            await _close_forwarders(assembly)
            raise
        old, self._assembly, self._servers = self._assembly, assembly, servers
        self._was_ready.clear()
        await self._close_all_but(set(assembly.dispatchers), set(_pages(servers, self)))
        retiring = asyncio.create_task(_retire(old))
        self._retired.add(retiring)
        retiring.add_done_callback(self._retired.discard)

    @property
    def addresses(self) -> list[Place]:
        """The (address, port) pairs that answer over UDP and TCP."""
        return [udp.address for udp, _ in self._listeners.values()]

    async def serve_until(self, stop: asyncio.Event) -> None:
        """Answer until `stop` is set, and through the longest lame duck period of the Corefile; then close."""
        await stop.wait()
        self._stopping = True
        lameduck = max((config.lameduck for config in _all(self._servers, health.Config)), default=0.0)
        if lameduck:
            _log.info("answering for %g s more (lameduck)", lameduck)
            await asyncio.sleep(lameduck)
        await self.close()

    async def close(self) -> None:
        """Stop listening and forget what is under way. Closing twice does nothing."""
        self._stopping = True
        await self._close_all_but(set(), set())
        for retiring in self._retired:
            retiring.cancel()
        await asyncio.gather(*self._retired, return_exceptions=True)
        await _close_forwarders(self._assembly)

    async def _listen(self, servers: Sequence[ServerConfig], assembly: Assembly) -> None:
        """Open what is new; only when all of it is open, point every listener at `assembly`."""
        opened: dict[Place, tuple[UdpListener, TcpListener]] = {}
        for place, dispatcher in assembly.dispatchers.items():
            if place in self._listeners:
                continue
            try:
                sockets = open_udp(*place), open_tcp(*place)
            except ConfigError as error:
                if place[0] == WILDCARDS[1] and _has_no_ipv6(error):
                    continue
                raise
            udp, tcp = UdpListener(sockets[0], dispatcher.respond_udp), TcpListener(sockets[1], dispatcher.respond_tcp)
            self._listeners[place] = opened[place] = udp, tcp
        await self._open_http(_pages(servers, self))
        for udp, tcp in opened.values():
            udp.start()
            await tcp.start()
        for place, dispatcher in assembly.dispatchers.items():
            if place in self._listeners:
                udp, tcp = self._listeners[place]
                udp.respond, tcp.respond = dispatcher.respond_udp, dispatcher.respond_tcp

    async def _open_http(self, pages: Mapping[Endpoint, Mapping[str, Page]]) -> None:
        for endpoint, wanted in pages.items():
            served, http = self._http.get(endpoint) or (frozenset(), HttpServer())
            for path in wanted.keys() - served:
                http.add(path, wanted[path])
            if endpoint not in self._http:
                await http.start(endpoint.host, endpoint.port)
            self._http[endpoint] = served | wanted.keys(), http

    async def _close_all_but(self, places: set[Place], endpoints: set[Endpoint]) -> None:
        for place in [place for place in self._listeners if place not in places]:
            udp, tcp = self._listeners.pop(place)
            udp.close()
            await tcp.close()
        for endpoint in [endpoint for endpoint in self._http if endpoint not in endpoints]:
            await self._http.pop(endpoint)[1].close()

    def say_health(self) -> tuple[int, str, bytes]:
        """/health: 200 for as long as the process lives."""
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
        if late:
            return 503, _TEXT, ",".join(late).encode()
        return 200, _TEXT, b"OK"

    def say_metrics(self) -> tuple[int, str, bytes]:
        """/metrics: everything that is counted."""
        return exposition(self._registry)


def _pages(servers: Sequence[ServerConfig], server: DnsServer) -> dict[Endpoint, dict[str, Page]]:
    """What the Corefile wants where; several server blocks may name one place, and it is the same for all of them."""
    pages: dict[Endpoint, dict[str, Page]] = {}
    for health_config in _all(servers, health.Config):
        pages.setdefault(health_config.endpoint, {})["/health"] = server.say_health
    for ready_config in _all(servers, ready.Config):
        pages.setdefault(ready_config.endpoint, {})["/ready"] = server.say_ready
    for prometheus_config in _all(servers, prometheus.Config):
        pages.setdefault(prometheus_config.endpoint, {})["/metrics"] = server.say_metrics
    return pages


def _all(servers: Sequence[ServerConfig], kind: type[T]) -> list[T]:
    return [config for server in servers for config in server.all(kind)]


async def _retire(assembly: Assembly) -> None:
    """Let the queries of a replaced configuration end, then close its connections."""
    waited = 0.0
    while waited < _DRAIN_SECONDS and any(forwarder.in_flight for _, forwarder in assembly.parts.forwards):
        await asyncio.sleep(0.1)
        waited += 0.1
    await _close_forwarders(assembly)


async def _close_forwarders(assembly: Assembly) -> None:
    for _, forwarder in assembly.parts.forwards:
        await forwarder.close()


def _has_no_ipv6(error: ConfigError) -> bool:
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def _text(place: Place) -> str:
    return f"[{place[0]}]:{place[1]}" if ":" in place[0] else f"{place[0]}:{place[1]}"
