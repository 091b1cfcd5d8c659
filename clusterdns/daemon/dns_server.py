"""A DNS server as a daemon: the sockets, HTTP endpoints and metrics around an assembly of server blocks.

What nodelocal and autopath have in common once their Corefile is read: listen, say when ready, answer until told to
stop, go on through the lame duck period, close.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence

from prometheus_client import CollectorRegistry

from clusterdns.corefile.reading import Endpoint
from clusterdns.daemon.dns_metrics import register_dns_metrics
from clusterdns.daemon.http import HttpServer
from clusterdns.daemon.metrics import exposition
from clusterdns.directives.assemble import WILDCARDS, Assembly
from clusterdns.directives.config import health, prometheus, ready
from clusterdns.directives.config.server import ServerConfig
from clusterdns.listen.sockets import open_tcp, open_udp
from clusterdns.listen.tcp import TcpListener
from clusterdns.listen.udp import UdpListener

_log = logging.getLogger(__name__)

_TEXT = "text/plain; charset=utf-8"


class DnsServer:
    """Everything that one process listens on for its Corefile."""

    def __init__(self, servers: Sequence[ServerConfig], assembly: Assembly, registry: CollectorRegistry) -> None:
        self._assembly = assembly
        self._registry = registry
        self._health = [config for server in servers for config in server.all(health.Config)]
        self._ready = [config for server in servers for config in server.all(ready.Config)]
        self._prometheus = [config for server in servers for config in server.all(prometheus.Config)]
        self._udp: list[UdpListener] = []
        self._tcp: list[TcpListener] = []
        self._http: dict[Endpoint, HttpServer] = {}
        self._was_ready: set[str] = set()
        self._stopping = False
        register_dns_metrics(registry, assembly)

    async def start(self) -> None:
        """Listen on everything, or on nothing: raises ConfigError naming the address that can't be had."""
        try:
            self._open()
            await self._start_http()
            for udp in self._udp:
                udp.start()
            for tcp in self._tcp:
                await tcp.start()
        except BaseException:
            await self.close()
            raise
        places = ", ".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.addresses)
        _log.info("serving DNS on %s", places)

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """The (address, port) pairs that answer over UDP and TCP."""
        return [listener.address for listener in self._udp]

    async def serve_until(self, stop: asyncio.Event) -> None:
        """Answer until `stop` is set, and through the longest lame duck period of the Corefile; then close."""
        await stop.wait()
        self._stopping = True
        lameduck = max((config.lameduck for config in self._health), default=0.0)
        if lameduck:
            _log.info("answering for %g s more (lameduck)", lameduck)
            await asyncio.sleep(lameduck)
        await self.close()

    async def close(self) -> None:
        """Stop listening and forget what is under way. Closing twice does nothing."""
        self._stopping = True
        for udp in self._udp:
            udp.close()
        for tcp in self._tcp:
            await tcp.close()
        for http in self._http.values():
            await http.close()
        for _, forwarder in self._assembly.parts.forwards:
            await forwarder.close()
        self._udp, self._tcp, self._http = [], [], {}

    def _open(self) -> None:
        for (address, port), dispatcher in self._assembly.dispatchers.items():
            if address == WILDCARDS[1] and not socket.has_ipv6:
                continue
            self._udp.append(UdpListener(open_udp(address, port), dispatcher.respond_udp))
            self._tcp.append(TcpListener(open_tcp(address, port), dispatcher.respond_tcp))

    async def _start_http(self) -> None:
        paths = [(config.endpoint, "/health", self._say_health) for config in self._health]
        paths += [(config.endpoint, "/ready", self._say_ready) for config in self._ready]
        paths += [(config.endpoint, "/metrics", self._say_metrics) for config in self._prometheus]
        # Several server blocks may name one place; it is the same for all of them.
        for endpoint, path, handler in dict.fromkeys(paths):
            self._http.setdefault(endpoint, HttpServer()).add(path, handler)
        for endpoint, server in self._http.items():
            await server.start(endpoint.host, endpoint.port)

    def _say_health(self) -> tuple[int, str, bytes]:
        return 200, _TEXT, b"OK"

    def _say_ready(self) -> tuple[int, str, bytes]:
        continuously = any(config.continuously for config in self._ready)
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

    def _say_metrics(self) -> tuple[int, str, bytes]:
        return exposition(self._registry)
