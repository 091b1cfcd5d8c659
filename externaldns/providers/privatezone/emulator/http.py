"""The API on HTTP: one request in, a signature check, a quota, an operation, one JSON object out.

RPC style as the SDK speaks it: POST (or GET) `/`, every parameter in the query, an empty body. Errors have the
gateway's shape `{RequestId, HostId, Code, Message, Recommend}`. Bytes that are not HTTP get aiohttp's 400, and a
connection on which no request is complete in time is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from clusterdns.daemon.http import quiet_logger
from clusterdns.errors import ConfigError
from clusterdns.limits import PRIVATEZONE_BODY_BYTES, TCP_IDLE_SECONDS
from externaldns.providers.privatezone.emulator import api, failure
from externaldns.providers.privatezone.emulator.call import Call
from externaldns.providers.privatezone.emulator.failure import ApiFailure
from externaldns.providers.privatezone.emulator.faults import CUT, LOST, REFUSALS, Faults
from externaldns.providers.privatezone.emulator.parameters import Parameters
from externaldns.providers.privatezone.emulator.quota import TokenBucket
from externaldns.providers.privatezone.emulator.signature import (
    AccessKey,
    NonceMemory,
    SignedRequest,
    decode_query,
    verify,
)
from externaldns.providers.privatezone.emulator.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Admitted:
    """A call whose signature and quota are in order."""

    action: str
    operation: api.Operation
    parameters: Mapping[str, str]


SHUTDOWN_SECONDS = 1.0  # For a request that is being read; an operation itself never waits.


class ApiServer:
    """Answers the API from `store`.

    `quotas` are calls a second by family (None: no limit), `codes` replaces error codes by others, `faults` happen.
    """

    def __init__(
        self,
        store: Store,
        key: AccessKey,
        *,
        quotas: Mapping[api.Family, float | None] | None = None,
        codes: Mapping[str, str] | None = None,
        faults: Faults | None = None,
        dice: Callable[[], float] = random.random,
        idle_seconds: float = TCP_IDLE_SECONDS.default,
    ) -> None:
        self._store = store
        self._key = key
        self._codes = codes or {}
        now = time.monotonic()
        families: tuple[api.Family, ...] = ("read", "write", "zone")
        self._buckets = {family: TokenBucket((quotas or {}).get(family), now) for family in families}
        self._faults = faults or Faults()
        self._dice = dice
        self._nonces = NonceMemory()
        self._idle_seconds = idle_seconds
        self._silent: dict[RequestHandler, asyncio.TimerHandle] = {}
        self._server = web.Server(self._handle, logger=quiet_logger(log), lingering_time=idle_seconds)
        self._listener: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen, and return the real address. Raises ConfigError if it can't be had."""
        try:
            # Through `_accept`: aiohttp closes a connection that is idle after a request, but would wait for ever for
            # the first one.
            self._listener = await asyncio.get_running_loop().create_server(self._accept, host, port)
        except OSError as error:
            raise ConfigError(f"can't listen for the API: {error.strerror}") from error
        address = self._listener.sockets[0].getsockname()
        return str(address[0]), int(address[1])

    async def close(self) -> None:
        """Stop listening and close all connections."""
        if self._listener is not None:
            self._listener.close()
            for timer in self._silent.values():
                timer.cancel()
            self._server.pre_shutdown()
            await self._server.shutdown(SHUTDOWN_SECONDS)
            # From Python 3.12 on this waits for all connections: not for a peer that does not read its answer.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SHUTDOWN_SECONDS):
                    await self._listener.wait_closed()

    def _accept(self) -> RequestHandler:
        connection = self._server()
        loop = asyncio.get_running_loop()
        self._silent[connection] = loop.call_later(self._idle_seconds, self._end_silence, connection)
        return connection

    def _end_silence(self, connection: RequestHandler) -> None:
        del self._silent[connection]
        connection.force_close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if timer := self._silent.pop(request.protocol, None):
            timer.cancel()
        request_id = str(uuid.uuid4()).upper()
        try:
            async with asyncio.timeout(self._idle_seconds):
                signed = await _read(request)
            call = self._admit(request.raw_path, signed)
            await asyncio.sleep(self._faults.seconds(call.action, writes=call.operation.writes))
            fault = self._faults.pick(call.action, writes=call.operation.writes, dice=self._dice)
            if fault in REFUSALS:
                raise ApiFailure(REFUSALS[fault])
            fields = {} if fault == CUT else self._answer(call, request.remote or "")
            if fault in (CUT, LOST) and request.transport is not None:
                request.transport.abort()
            return web.json_response({"RequestId": request_id, **fields})
        except ApiFailure as refused:
            error = refused
        except TimeoutError:
            error = ApiFailure(failure.BODY_SLOW)
        except Exception:
            # A defect of the emulator: the caller must still get the gateway's shape, for the SDK can't read another.
            log.exception("call %s failed", request_id)
            error = ApiFailure(failure.INTERNAL)
        code = self._codes.get(error.code, error.code)
        body = {
            "RequestId": request_id,
            "HostId": _clean(request.headers.get("host", "")),
            "Code": code,
            "Message": error.message,
            "Recommend": f"https://api.alibabacloud.com/troubleshoot?q={code}&product=pvtz&requestId={request_id}",
        }
        return web.json_response(body, status=error.status)

    def _admit(self, target: str, request: SignedRequest) -> _Admitted:
        """Check who calls, what, and whether not too often."""
        if target.partition("?")[0] != "/" or request.method not in ("GET", "POST"):
            raise ApiFailure(failure.ACTION_UNKNOWN)
        wall = time.time()
        verified = verify(request, self._key, wall)
        self._nonces.use(verified, wall)
        operation = api.find_operation(verified.action, verified.version)
        if not self._buckets[operation.family].take(time.monotonic()):
            raise ApiFailure(failure.THROTTLED)
        return _Admitted(verified.action, operation, verified.parameters)

    def _answer(self, admitted: _Admitted, client: str) -> Mapping[str, object]:
        call = Call(
            store=self._store,
            parameters=Parameters(admitted.parameters),
            now_ms=int(time.time() * 1000),
            client=client,
        )
        return api.execute(admitted.action, admitted.operation, call)


async def _read(request: web.BaseRequest) -> SignedRequest:
    body = b""
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > PRIVATEZONE_BODY_BYTES.default:
            raise ApiFailure(failure.BODY_TOO_LARGE, limit=PRIVATEZONE_BODY_BYTES.default)
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        name = name.lower()
        headers[name] = f"{headers[name]},{_clean(value)}" if name in headers else _clean(value)
    return SignedRequest(
        method=request.method,
        query=decode_query(_clean(request.raw_path).partition("?")[2]),
        headers=headers,
        body=body,
    )


def _clean(text: str) -> str:
    """Replace bytes that are not UTF-8, which aiohttp hands over as lone surrogates."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
