"""Requests to an API server: bytes in, bytes out, through the kubernetes package's asyncio client.

The client brings configuration (in-cluster, kubeconfig with all its ways to log in), TLS and the connection pool. Its
models are not used: they would make some hundred Python objects of every Pod. What is here may raise KubeApiError
(status 0: no answer), or ConfigError while connecting; nothing of aiohttp or of the client gets out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import yaml

from clusterdns.errors import ConfigError, KubeApiError
from clusterdns.kube.access import IN_CLUSTER, Access
from clusterdns.kube.decode import decode_status
from clusterdns.kube.lines import LineSplitter
from clusterdns.kube.pace import Pace
from clusterdns.kube.requests import NO_ANSWER, RequestCounters
from clusterdns.limits import (
    KUBE_CONNECT_SECONDS,
    KUBE_LIST_SECONDS,
    KUBE_READ_BYTES,
    KUBE_SEND_SECONDS,
    KUBE_WATCH_LINE_BYTES,
)

_HEADERS = {
    "Accept": "application/json",
    # A server next door: compressing 10 KB per pod costs both sides more than the network does.
    "Accept-Encoding": "identity",
}

_MERGE = {"Content-Type": "application/merge-patch+json"}

# How the client fails on a kubeconfig that is not one: its own error, or whatever None or a list raises when indexed.
_BAD_CONFIGURATION = (yaml.YAMLError, OSError, ValueError, LookupError, TypeError, AttributeError)


class ApiServer:
    """One API server, and one session to it. Connects when first used, and anew after the server refused who we are.

    `pace` is shared by those that ask the same server, so that its limits hold for all of them; so are `counters`.
    """

    def __init__(
        self, access: Access = IN_CLUSTER, pace: Pace | None = None, counters: RequestCounters | None = None
    ) -> None:
        self._access = access
        self._pace = pace or Pace(access)
        self._counters = counters or RequestCounters()
        self._client: Any = None
        self.host = ""
        """Whom it connected to, `name:port`."""

    async def connect(self) -> None:
        """Read the configuration. Raises ConfigError saying what is missing; no request is made yet."""
        # Imported here: it costs 20 MB and 0.3 s, which a program fed from manifests need not pay.
        from kubernetes.aio import client, config

        access = self._access
        # What is read ahead is cut into lines in one turn, while queries wait: the client's own 2 MiB take 10 ms.
        settings = client.Configuration(client_session_kwargs={"read_bufsize": KUBE_READ_BYTES.default_int})
        self._check_files()
        try:
            if access.kubeconfig:
                await config.load_kube_config(
                    access.kubeconfig, access.context or None, client_configuration=settings, persist_config=False
                )
            elif access.endpoint:
                settings.host = access.endpoint.rstrip("/")
                settings.cert_file, settings.key_file = access.certificate or None, access.key or None
                settings.ssl_ca_cert = access.authority or None
            else:
                config.load_incluster_config(client_configuration=settings)
            self._client = client.ApiClient(settings)
            self._client.user_agent = "clusterdns"
            self.host = urlsplit(settings.host).netloc
        except (config.ConfigException, *_BAD_CONFIGURATION) as error:
            if access.kubeconfig:
                raise ConfigError(f"not a usable kubeconfig: {error}", source=access.kubeconfig) from None
            if access.endpoint:
                raise ConfigError(f"not usable for TLS: {error}", source=access.endpoint) from None
            raise ConfigError(f"not in a cluster ({error}): give a kubeconfig file or a folder of manifests") from None

    def _check_files(self) -> None:
        access = self._access
        for path, what in (
            (access.kubeconfig, "kubeconfig"),
            (access.certificate, "certificate"),
            (access.key, "key"),
            (access.authority, "certificate authority"),
        ):
            # The client only logs that a file is missing, then fails on the configuration that it does not have.
            if path and not Path(path).expanduser().is_file():
                raise ConfigError(f"no such {what} file", source=path)

    async def close(self) -> None:
        """Close the connections. A request after that connects anew."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def get(self, path: str, query: Mapping[str, str]) -> bytes:
        """The body of a GET. Raises KubeApiError."""
        timeout = aiohttp.ClientTimeout(total=KUBE_LIST_SECONDS.default, sock_connect=KUBE_CONNECT_SECONDS.default)
        try:
            async with self._pace.request() as waited:
                response = await self._open(path, query, timeout, waited)
                return await response.read()
        except (aiohttp.ClientError, OSError) as error:
            raise _no_answer(error) from None

    async def send(self, method: str, path: str, body: Mapping[str, Any]) -> bytes:
        """The body of the answer to a POST or PUT of the JSON object `body`, or a PATCH, which is a merge patch
        (RFC 7386). Raises KubeApiError.
        """
        timeout = aiohttp.ClientTimeout(total=KUBE_SEND_SECONDS.default, sock_connect=KUBE_CONNECT_SECONDS.default)
        try:
            async with self._pace.request() as waited:
                response = await self._open(path, {}, timeout, waited, method, body)
                return await response.read()
        except (aiohttp.ClientError, OSError) as error:
            raise _no_answer(error) from None

    async def lines(
        self, path: str, query: Mapping[str, str], silence_seconds: float
    ) -> AsyncGenerator[list[bytes], None]:
        """The lines of a watch as they come, until the server ends it or nothing has come for `silence_seconds`.

        Those that came together are handed out together. Raises KubeApiError when it is refused, or breaks off; half a
        line is never handed out.
        """
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=KUBE_CONNECT_SECONDS.default, sock_read=silence_seconds
        )
        response = None
        splitter = LineSplitter(KUBE_WATCH_LINE_BYTES.default_int)
        try:
            async with self._pace.request() as waited:
                response = await self._open(path, query, timeout, waited)
            async for piece in response.content.iter_any():
                lines = splitter.feed(piece)
                del piece  # half a megabyte in a list, and a quiet watch waits here for minutes
                if lines:
                    yield lines
                del lines
        except (aiohttp.ClientError, OSError) as error:
            if response is None or not isinstance(error, aiohttp.SocketTimeoutError):
                raise _no_answer(error) from None
        finally:
            # Not released: a watch that is left early has no end, so its connection is of no use to anyone.
            if response is not None:
                response.close()

    async def _open(
        self,
        path: str,
        query: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,
        waited: float,
        method: str = "GET",
        body: Mapping[str, Any] | None = None,
    ) -> aiohttp.ClientResponse:
        if self._client is None:
            try:
                await self.connect()
            except ConfigError as error:
                # It was fine when the program started, so it is being replaced, or its token is: worth another try.
                raise KubeApiError(0, "NoConfiguration", str(error)) from None
        # The client asks its configuration for the token each time, so a rotated service account token is picked up.
        method, url, headers, _, _ = await self._client.param_serialize(
            method,
            f"{path}?{urlencode(query)}" if query else path,
            header_params=_HEADERS | (_MERGE if method == "PATCH" else {}),
            auth_settings=["BearerToken"],
        )
        clock = asyncio.get_running_loop().time
        began = clock()
        code = NO_ANSWER
        try:
            answer = await self._client.call_api(method, url, headers, body, _request_timeout=timeout)
            response: aiohttp.ClientResponse = answer.response
            code = str(response.status)
        finally:
            seconds, scheme = clock() - began, urlsplit(url).scheme
            self._counters.add(self.host, code, waited, seconds, scheme=scheme, path=path, method=method)
        if response.status in (200, 201):
            return response
        refusal = await response.read()
        if response.status == 401:
            # A token or client certificate that the server no longer takes: read the configuration again next time.
            await self.close()
        status = decode_status(refusal)
        if status is not None and status.message:
            raise KubeApiError(response.status, status.reason or str(response.reason), status.message)
        raise KubeApiError(response.status, str(response.reason), refusal[:200].decode("utf-8", "replace").strip())


async def check_access(access: Access) -> None:
    """Raise ConfigError if this is no usable configuration. No request is made."""
    server = ApiServer(access)
    try:
        await server.connect()
    finally:
        await server.close()


def _no_answer(error: Exception) -> KubeApiError:
    """For connections that are refused, reset, time out or end in the middle. Some of these errors have no text."""
    if isinstance(error, asyncio.TimeoutError):
        return KubeApiError(0, "Timeout", str(error) or "no answer in time")
    if isinstance(error, aiohttp.ClientPayloadError):
        return KubeApiError(0, "NoAnswer", "the connection broke in the middle of the answer")
    return KubeApiError(0, "NoAnswer", str(error) or type(error).__name__)
