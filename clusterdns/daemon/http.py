"""The HTTP side of a daemon: /metrics, /health, /ready and whatever else is a small text made on the spot.

A handler is a plain function that returns (status, content type, body); it does no I/O, so that a scrape never waits.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from clusterdns.errors import ConfigError

logger = logging.getLogger(__name__)

Page = tuple[int, str, bytes]
"""Status, content type, body."""

Handler = Callable[[], Page | Awaitable[Page]]


class HttpServer:
    """One listening address and the paths that it serves; paths may be added while it runs."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self._runner: web.ServerRunner | None = None
        self.port = 0
        """The port that is listened on, once started (the one that the kernel chose, if 0 was asked for)."""

    def add(self, path: str, handler: Handler) -> None:
        """Serve `path` (exact, with its leading slash) with `handler`; a path added twice is a bug."""
        if path in self._handlers:
            raise ValueError(f"{path} is already served")
        self._handlers[path] = handler

    def replace(self, handlers: Mapping[str, Handler]) -> None:
        """Serve these paths, and no others, from the next request on."""
        self._handlers = dict(handlers)

    async def start(self, host: str, port: int) -> None:
        """Listen on `host` (an address or name; "" is every address of both families) and `port` (0: any free one).

        ConfigError naming the address if it can't be listened on.
        """
        listening = await _listen(host, port)
        self.port = listening.getsockname()[1]
        # Handlers take no time, so there is nothing to wait for at shutdown but idle keep-alive connections.
        server = web.Server(self._answer, access_log=None, logger=quiet_logger(logger))
        self._runner = web.ServerRunner(server, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()

    async def close(self) -> None:
        """Stop listening and drop the connections; closing twice, or before start, does nothing."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        handler = self._handlers.get(request.path)
        if handler is None:
            return web.Response(status=404, text="not found\n")
        if request.method not in ("GET", "HEAD"):
            # RFC 9110 section 15.5.6: "The origin server MUST generate an Allow header field in a 405 response"
            return web.Response(status=405, text="method not allowed\n", headers={"Allow": "GET, HEAD"})
        try:
            page = handler()
            status, content_type, body = page if isinstance(page, tuple) else await page
        except Exception:
            logger.exception("bug: the handler of %s failed", request.path)
            return web.Response(status=500, text="internal error\n")
        return web.Response(status=status, headers={"Content-Type": content_type}, body=body)


def quiet_logger(parent: logging.Logger) -> logging.Logger:
    """A logger for aiohttp's server: it has no word, let alone a traceback, for a peer that does not speak HTTP."""
    quiet = parent.getChild("server")
    quiet.addFilter(_speaks_http)
    return quiet


def _speaks_http(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


async def _listen(host: str, port: int) -> socket.socket:
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        if not host and socket.has_dualstack_ipv6():
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        infos = await asyncio.get_running_loop().getaddrinfo(
            host or "0.0.0.0", port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, _, _, _, address = infos[0]
        return socket.create_server((str(address[0]), port), family=family)
    except (OSError, UnicodeError) as error:  # UnicodeError: a host name with a label over 63 bytes
        raise ConfigError(f"can't serve HTTP on {where}: {_reason(error)}") from error


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError):
        return "that is no host name"
    if error.errno == errno.EADDRINUSE:
        return "another program listens there; stop it or choose another port"
    if error.errno == errno.EADDRNOTAVAIL:
        return "no interface here has that address"
    if error.errno == errno.EACCES:
        return "ports under 1024 need root or the capability NET_BIND_SERVICE"
    return error.strerror or str(error)
