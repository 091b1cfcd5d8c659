"""The HTTP endpoints that a Corefile asks for (/health, /ready, /metrics), which must never cost a query.

A place that can't be had is no reason to stop, or to refuse a Corefile: on the host's network another pod may have
taken the port. It is said once, and tried again until it is free or no longer wanted; DNS is served meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from clusterdns.corefile.reading import Endpoint
from clusterdns.daemon.http import Handler, HttpServer
from clusterdns.daemon.logs import StateLog
from clusterdns.errors import ConfigError
from clusterdns.limits import HTTP_RETRY_SECONDS

_log = logging.getLogger(__name__)

Pages = Mapping[Endpoint, Mapping[str, Handler]]
"""What is served where: handlers by path."""


class HttpEndpoints:
    """Serves the pages that it was last told to `follow`. Must be used in one event loop."""

    def __init__(self, retry_seconds: float = HTTP_RETRY_SECONDS.default) -> None:
        self._retry_seconds = retry_seconds
        self._wanted: Pages = {}
        self._open: dict[Endpoint, HttpServer] = {}
        self._changing = asyncio.Lock()
        self._retrying: asyncio.Task[None] | None = None
        self._state = StateLog(_log)

    @property
    def ports(self) -> dict[Endpoint, int]:
        """The port of each endpoint that is served now; it differs where the Corefile has port 0."""
        return {endpoint: http.port for endpoint, http in self._open.items()}

    async def follow(self, pages: Pages) -> None:
        """Serve these and no others. Endpoints that stay are not closed; those that can't be had are tried again."""
        async with self._changing:
            self._wanted = pages
            self._state = StateLog(_log)
            for endpoint in [endpoint for endpoint in self._open if endpoint not in pages]:
                await self._open.pop(endpoint).close()
            for endpoint, http in self._open.items():
                http.replace(pages[endpoint])
            await self._open_missing()
        if self._missing() and self._retrying is None:
            self._retrying = asyncio.create_task(self._retry())

    async def close(self) -> None:
        """Serve nothing any more."""
        await self.follow({})
        if self._retrying is not None:
            self._retrying.cancel()
            await asyncio.gather(self._retrying, return_exceptions=True)

    async def _retry(self) -> None:
        while self._missing():
            await asyncio.sleep(self._retry_seconds)
            async with self._changing:
                await self._open_missing()
        self._retrying = None

    async def _open_missing(self) -> None:
        for endpoint in self._missing():
            http = HttpServer()
            http.replace(self._wanted[endpoint])
            key = f"{endpoint.host}:{endpoint.port}"
            try:
                await http.start(endpoint.host, endpoint.port)
            except ConfigError as error:
                paths = ", ".join(self._wanted[endpoint])
                self._state.bad(key, f"{error}; DNS is served without {paths}, which is tried again")
                continue
            self._open[endpoint] = http
            self._state.good(key, f"HTTP on {key} is served now")

    def _missing(self) -> list[Endpoint]:
        return [endpoint for endpoint in self._wanted if endpoint not in self._open]
