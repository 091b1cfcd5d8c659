"""`externaldns webhook`: a provider of ours, served to an ExternalDNS of others by its webhook protocol.

    GET  /                  the domains: our filter's, as far as zones go      200
    GET  /records           all records of the provider                        200
    POST /adjustendpoints   wanted endpoints, as the provider would store them 200
    POST /records           changes; all of them are made                      204

What goes wrong on the way to the provider is a 500 or 503: the other side logs it and comes again with its next loop.
Any other code would end it. A body of the wrong type or form is a 415 or 400, one that is too large a 413.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from clusterdns.errors import ClusterDNSError, ConfigError
from clusterdns.limits import WEBHOOK_BODY_BYTES
from externaldns.domain_filter import DomainFilter
from externaldns.measurements import Measurements
from externaldns.providers.provider import Provider
from externaldns.webhook_protocol import (
    MEDIA_TYPE,
    BadPayload,
    decode_changes,
    decode_endpoints,
    encode_endpoints,
    encode_filter,
)

logger = logging.getLogger(__name__)


class NoZones(ClusterDNSError):
    """There is no zone that records could go into."""


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebhookServer:
    """Serves `provider`, whose records `domains` let through."""

    def __init__(self, provider: Provider, domains: DomainFilter, measurements: Measurements | None = None) -> None:
        self._provider = provider
        self._domains = domains
        self.measured = measurements or Measurements()
        self._lock = asyncio.Lock()
        self._read = False
        app = web.Application(client_max_size=WEBHOOK_BODY_BYTES.default_int, middlewares=[_errors])
        app.router.add_get("/", self._negotiate)
        app.router.add_get("/records", self._records)
        app.router.add_post("/records", self._apply)
        app.router.add_post("/adjustendpoints", self._adjust)
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen, and return the real address. Raises ConfigError if it can't be had."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            raise ConfigError(f"can't listen: {error.strerror}", source=f"--webhook-address {host}:{port}") from error
        address = self._runner.addresses[0]
        return str(address[0]), int(address[1])

    async def close(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _negotiate(self, request: web.Request) -> web.Response:
        _require_accept(request)
        domains = self._domains.within(await self._provider.zones())
        if domains is None:
            # An empty filter would mean all domains there are.
            raise NoZones("no zone is managed here that the domain filter lets through")
        return _answer(encode_filter(domains))

    async def _records(self, request: web.Request) -> web.Response:
        _require_accept(request)
        async with self._lock:
            snapshot = await self._provider.read()
            # Whoever asks would take records that are not in the answer for missing ones.
            snapshot.require_whole()
            self._read = True
        self.measured.registry_endpoints = len(snapshot.records)
        return _answer(encode_endpoints(record for record in snapshot.records if self._domains.match(record.dns_name)))

    async def _adjust(self, request: web.Request) -> web.Response:
        wanted = decode_endpoints(await _body(request))
        return _answer(encode_endpoints(await self._provider.adjust(wanted)))

    async def _apply(self, request: web.Request) -> web.Response:
        changes = decode_changes(await _body(request))
        async with self._lock:
            if not self._read:
                await self._provider.read()
                self._read = True
            await self._provider.look({step.endpoint.dns_name for change in changes for step in change.steps})
            results = await self._provider.apply(changes)
        self.measured.count_results(results)
        failed = [result for result in results if result.error is not None]
        for result in failed:
            logger.error("%s: %s", result.change.name, result.error)
        if failed:
            raise web.HTTPInternalServerError(
                text=f"{len(failed)} of {len(results)} names could not be changed: {failed[0].error}\n"
            )
        return web.Response(status=204)


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except BadPayload as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from error
    except ClusterDNSError as error:
        logger.error("%s %s: %s", request.method, request.path, error)
        raise web.HTTPServiceUnavailable(text=f"{error}\n") from error


def _require_accept(request: web.Request) -> None:
    if request.headers.get("Accept", "*/*") not in (MEDIA_TYPE, "*/*"):
        raise web.HTTPNotAcceptable(text=f"this is {MEDIA_TYPE}\n")


async def _body(request: web.Request) -> bytes:
    if request.headers.get("Content-Type") != MEDIA_TYPE:
        raise web.HTTPUnsupportedMediaType(text=f"the content must be {MEDIA_TYPE}\n")
    return await request.read()


def _answer(body: bytes) -> web.Response:
    return web.Response(body=body, headers={"Content-Type": MEDIA_TYPE})
