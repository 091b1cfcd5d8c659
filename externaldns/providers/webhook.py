"""Others' providers, by ExternalDNS's webhook protocol (`--provider=webhook`).

It knows no zones and no changes of parts: what it holds is read whole, and a POST is done or not. Its codes must be
exactly those of the protocol. Whatever goes wrong is tried again with the next run.
"""

from __future__ import annotations

import asyncio
import io
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

import aiohttp

from clusterdns.errors import ClusterDNSError, ConfigError
from clusterdns.kube.requests import NO_ANSWER, RequestCounters
from clusterdns.limits import WEBHOOK_BODY_BYTES, WEBHOOK_TRIES
from externaldns.changes import ChangeResult, NameChange
from externaldns.domain_filter import ROOT, DomainFilter
from externaldns.providers.provider import Snapshot
from externaldns.record import Endpoint, RecordKey
from externaldns.webhook_protocol import (
    MEDIA_TYPE,
    BadPayload,
    decode_endpoints,
    decode_filter,
    encode_changes,
    encode_endpoints,
)

T = TypeVar("T")

logger = logging.getLogger(__name__)


CALLS = {
    ("GET", "/records"): "records",
    ("POST", "/records"): "applychanges",
    ("POST", "/adjustendpoints"): "adjustendpoints",
}
"""What ExternalDNS's metrics call each request."""


class WebhookError(ClusterDNSError):
    """The webhook provider did not answer, or not as the protocol has it."""

    retryable = True


class WebhookProvider:
    """Implements `externaldns.providers.provider.Provider` over HTTP; timeouts are seconds."""

    def __init__(
        self,
        url: str,
        *,
        read_timeout: float,
        write_timeout: float,
        dry_run: bool = False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """ConfigError if `url` is none."""
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ConfigError(f"{url!r} is no URL: write http://HOST:PORT", source="--webhook-provider-url")
        self._url = url.rstrip("/")
        self._read_timeout = aiohttp.ClientTimeout(total=read_timeout)
        self._write_timeout = aiohttp.ClientTimeout(total=write_timeout)
        self._dry_run = dry_run
        self._sleep = sleep
        self._session: aiohttp.ClientSession | None = None
        self._domains: DomainFilter | None = None
        self._records: dict[RecordKey, Endpoint] = {}
        self._doubtful = False
        self.times = RequestCounters()
        self.requests: Counter[str] = Counter()
        """Requests by what they were about: one of CALLS."""
        self.errors: Counter[str] = Counter()
        """Those of them that failed."""

    async def read(self) -> Snapshot:
        self._domains = self._domains or await self._negotiate()
        body = await self._ask("GET", "/records", 200, self._read_timeout)
        records = _decoded(decode_endpoints, body)
        self._records = {record.key: record for record in records if self._domains.match(record.dns_name)}
        self._doubtful = False
        return Snapshot(tuple(self._records.values()), self._zones())

    async def changed(self) -> bool:
        return True

    async def zones(self) -> Sequence[str]:
        self._domains = self._domains or await self._negotiate()
        return self._zones()

    def forget(self) -> None:
        self._doubtful = True

    async def look(self, names: Iterable[str]) -> Snapshot:
        cached = self._domains is not None and not self._doubtful
        if not cached:
            await self.read()
        wanted = frozenset(names)
        records = tuple(record for record in self._records.values() if record.dns_name in wanted)
        return Snapshot(records, self._zones(), cached=cached)

    async def adjust(self, endpoints: Sequence[Endpoint]) -> list[Endpoint]:
        body = await self._ask("POST", "/adjustendpoints", 200, self._read_timeout, encode_endpoints(endpoints))
        adjusted = _decoded(decode_endpoints, body)
        return [each for each in adjusted if self._domains is None or self._domains.match(each.dns_name)]

    async def apply(self, changes: Sequence[NameChange]) -> list[ChangeResult]:
        if self._dry_run:
            for change in changes:
                for step in change.steps:
                    logger.info("dry run, not done: %s", step)
            return [ChangeResult(change) for change in changes]
        if not changes:
            return []
        try:
            await self._ask("POST", "/records", 204, self._write_timeout, encode_changes(changes))
        except WebhookError as error:
            self._doubtful = True
            return [ChangeResult(change, error) for change in changes]
        for change in changes:
            for step in change.steps:
                if step.new is None:
                    self._records.pop(step.endpoint.key, None)
                else:
                    self._records[step.new.key] = step.new
        return [ChangeResult(change) for change in changes]

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _negotiate(self) -> DomainFilter:
        """Return the provider's domain filter; it may still be starting, so that it is asked several times."""
        pause = 0.5
        for left in reversed(range(WEBHOOK_TRIES.default_int)):
            try:
                return _decoded(decode_filter, await self._ask("GET", "/", 200, self._read_timeout))
            except WebhookError as error:
                if not left:
                    raise
                logger.warning("%s; asked again in %.1f s", error, pause)
            await self._sleep(pause)
            pause *= 2
        raise AssertionError("the last try returns or raises")

    def _zones(self) -> tuple[str, ...]:
        """Return what stands for zones: the domains that the provider wants, or all there are."""
        domains = self._domains.includes if self._domains else ()
        return tuple(domain.removeprefix(".") for domain in domains) or (ROOT,)

    async def _ask(
        self, method: str, path: str, expected: int, timeout: aiohttp.ClientTimeout, body: bytes | None = None
    ) -> bytes:
        kind = CALLS.get((method, path))
        self.requests[kind or ""] += 1
        try:
            return await self._exchange(method, path, expected, timeout, body)
        except WebhookError:
            self.errors[kind or ""] += 1
            raise

    async def _exchange(
        self, method: str, path: str, expected: int, timeout: aiohttp.ClientTimeout, body: bytes | None
    ) -> bytes:
        self._session = self._session or aiohttp.ClientSession()
        clock, code = asyncio.get_running_loop().time, NO_ANSWER
        began = clock()
        headers = {"Accept": MEDIA_TYPE} | ({"Content-Type": MEDIA_TYPE} if body is not None else {})
        what = f"webhook {method} {path}"
        data = None if body is None else io.BytesIO(body)
        try:
            async with self._session.request(
                method, self._url + path, data=data, headers=headers, timeout=timeout
            ) as response:
                code = str(response.status)
                if response.status != expected:
                    text = (await response.content.read(200)).decode("utf-8", "replace").strip()
                    raise WebhookError(f"{what}: the answer is {response.status}, not {expected}: {text}")
                if expected == 200 and response.headers.get("Content-Type") != MEDIA_TYPE:
                    found = response.headers.get("Content-Type", "nothing")
                    raise WebhookError(f"{what}: the answer is {found}, not {MEDIA_TYPE}")
                answer = bytearray()
                async for chunk in response.content.iter_any():
                    answer += chunk
                    if len(answer) > WEBHOOK_BODY_BYTES.default:
                        raise WebhookError(f"{what}: the answer is longer than {WEBHOOK_BODY_BYTES.default} bytes")
                return bytes(answer)
        except TimeoutError:
            raise WebhookError(f"{what}: no answer in {timeout.total:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise WebhookError(f"{what}: {str(error) or type(error).__name__}") from error
        finally:
            url = urlsplit(self._url)
            self.times.add(url.netloc, code, 0.0, clock() - began, scheme=url.scheme, path=path, method=method)


def _decoded(decode: Callable[[bytes], T], body: bytes) -> T:
    try:
        return decode(body)
    except BadPayload as error:
        raise WebhookError(str(error)) from error
