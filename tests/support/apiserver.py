"""A test double of the Kubernetes API server on loopback that behaves as the recordings say a 1.36 server does.

It serves lists (streamed, or paged, from a snapshot, with continue tokens) and watches (history, bookmarks, selectors,
its own end of a watch) of the kinds that the suite reads, and on request it misbehaves: it refuses, is slow, forgets
its history, cuts a list or a watch in the middle of an event, goes away and comes back. Works on real and on virtual
time.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from clusterdns.kube.kinds import KINDS, Kind
from tests.support.kubeconfig import write_kubeconfig
from tests.support.object_history import Object, ObjectHistory, Watch, line
from tests.support.written_objects import WrittenObjects

BOOKMARK_SECONDS = 60.0
"""How often a watch gets a bookmark; a real server's is about this."""

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
}


@dataclass(frozen=True)
class Request:
    """What was asked, and when (seconds of the loop's clock)."""

    at: float
    path: str
    query: dict[str, str]
    token: str

    @property
    def streams(self) -> bool:
        """For a list that is to be streamed."""
        return "sendInitialEvents" in self.query

    @property
    def first_page(self) -> bool:
        """For the first page of a list."""
        return "watch" not in self.query and "continue" not in self.query


class ApiServerDouble(ObjectHistory):
    """`async with ApiServerDouble() as server:`; then `server.kubeconfig(folder)` is the file that leads to it."""

    streams = True
    """Whether lists are streamed where asked for; False: as where the feature gate WatchList is off."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__()
        self.requests: list[Request] = []
        self.token = "first-token"
        """Requests with another bearer token get 401."""
        self.bookmarks = True
        self.stream_cuts: list[int] = []
        """After how many events each of the streamed lists to come is cut off."""
        self.slowness = 0.0
        """Seconds before each answer."""
        self.refusals: dict[str, int] = {}
        """HTTP status by plural ("pods"), or by "" for everything: such requests are refused."""
        self.before_answer: Callable[[Request], None] = lambda request: None
        """Called with each request before it is answered."""
        self.without: set[str] = set()
        """Plurals that this server does not have, as where their custom resource is not installed."""
        self.written = WrittenObjects()
        """Leases and Events."""
        self._tls = tls
        self._port = 0
        self._runner: web.ServerRunner | None = None
        self._news = asyncio.Condition()

    async def __aenter__(self) -> ApiServerDouble:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1; kept over stop and start."""
        return self._port

    async def start(self) -> None:
        """Listen; the second time on the same port as the first, with all objects and all history."""
        self._runner = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True, ssl_context=self._tls)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Go away: cut every connection and refuse new ones."""
        self.cut_watches()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def kubeconfig(self, folder: Path) -> str:
        """Write a kubeconfig that leads here, with the token that holds now; its path."""
        return write_kubeconfig(folder, self._port, self.token)

    def uninstall(self, kind: str) -> None:
        """Delete the definition of a custom resource: a server deletes the objects first, then it has no such API."""
        for namespace, name in self.keys(kind):
            self.delete(kind, name, namespace)
        self.without.add(KINDS[kind].plural)
        for watch in self.watches:
            if watch.kind.name == kind:
                watch.outgoing.put_nowait(None)

    def end_watches(self) -> None:
        """End all watches in order, as at their timeout."""
        self._to_watches(None)

    def cut_watches(self, in_event: bool = False) -> None:
        """Reset the connections of all watches, after half an event if `in_event`."""
        if in_event:
            self._to_watches(b'{"type":"MODIFIED","object":{"metadata":{"name":"half')
        self._to_watches(False)

    def send_line(self, line: bytes) -> None:
        """Send any bytes in all watches."""
        self._to_watches(line)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; looked at after each request and each watch opened or closed."""
        async with self._news:
            await self._news.wait_for(condition)

    async def watched(self, kind: str) -> None:
        """Wait until there is an open watch of `kind`."""
        await self.until(lambda: any(watch.kind.name == kind for watch in self.watches))

    def watched_since(self, plural: str) -> list[Request]:
        """The requests so far to watch that collection from some version on."""
        return [each for each in self.asked(plural) if "watch" in each.query and not each.streams]

    def lists(self, plural: str) -> list[Request]:
        """The lists of that collection begun so far: those to be streamed, or first pages where that is refused."""
        return [each for each in self.asked(plural) if (each.streams if self.streams else each.first_page)]

    def pages(self, plural: str) -> list[Request]:
        """The pages of lists asked for so far."""
        return [each for each in self.asked(plural) if "watch" not in each.query]

    def asked(self, plural: str) -> list[Request]:
        """All requests for that collection so far."""
        return [each for each in self.requests if each.path.endswith(f"/{plural}")]

    # How it answers.

    def _to_watches(self, item: bytes | bool | None) -> None:
        for watch in self.watches:
            watch.outgoing.put_nowait(item)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        loop = asyncio.get_running_loop()
        token = request.headers.get("Authorization", "").partition(" ")[2]
        query = dict(request.query)
        asked = Request(loop.time(), request.path, query, token)
        self.requests.append(asked)
        self.before_answer(asked)
        await asyncio.sleep(self.slowness)
        await self._tell()
        if "/leases/" in request.path:
            return await self._one_lease(request)
        if request.method == "PATCH":
            return await self._patch_status(request)
        found = self._collection(request.path)
        if found is None or found[0].plural in self.without:
            return web.Response(status=404, text="404 page not found\n")
        kind, namespace = found
        if token != self.token:
            return _status(401, "Unauthorized")
        if refusal := self.refusals.get("", 0) or self.refusals.get(kind.plural, 0):
            return _status(refusal, f"{kind.plural} is refused by the test")
        if request.method == "POST":
            return _written(*self.written.create(kind, namespace, json.loads(await request.read())))
        if query.get("watch") == "true":
            return await self._watch(request, kind, namespace, query)
        return self._list(kind, namespace, query)

    def _list(self, kind: Kind, namespace: str, query: Mapping[str, str]) -> web.Response:
        limit, start, version = int(query.get("limit", "0")), 0, self.version
        if "continue" in query:
            try:
                place = json.loads(base64.b64decode(query["continue"], validate=True))
            except ValueError:
                return _status(400, "invalid continue token: continue key is not valid: illegal base64 data")
            start, version = place["start"], place["rv"]
            if version not in self.snapshots:
                return _status(410, "The provided continue parameter is too old to display a consistent list result.")
            items = self.snapshots[version]
        else:
            items = self.selected(kind, namespace, query)
        metadata: Object = {"resourceVersion": str(version)}
        page = items[start : start + limit] if limit else items
        remaining = len(items) - start - len(page)
        if remaining > 0:
            self.snapshots[version] = items
            place = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": start + len(page)})
            metadata |= {"continue": base64.b64encode(place.encode()).decode(), "remainingItemCount": remaining}
        return web.json_response(
            {"kind": f"{kind.name}List", "apiVersion": kind.api_version, "metadata": metadata, "items": page}
        )

    def _collection(self, path: str) -> tuple[Kind, str] | None:
        """The kind and namespace that a collection's path names."""
        for kind in self.kinds:
            if path == kind.path():
                return kind, ""
            parts = path.split("/")
            if len(parts) > 2 and path == kind.path(parts[-2]):
                return kind, parts[-2]
        return None

    async def _patch_status(self, request: web.BaseRequest) -> web.Response:
        """A merge patch of one object's status."""
        path, name, subresource = request.path.rsplit("/", 2)
        found = self._collection(path)
        if refusal := self.refusals.get("", 0) or self.refusals.get("status", 0):
            return _status(refusal, "status is refused by the test")
        if request.headers["Content-Type"] != "application/merge-patch+json":
            return _status(415, "the body of the request was in an unknown format")
        if found is None or subresource != "status" or (found[1], name) not in self.keys(found[0].name):
            return _status(404, "not found")
        kind, namespace = found
        self.change_status(kind.name, name, namespace, json.loads(await request.read())["status"])
        return web.json_response({})

    async def _one_lease(self, request: web.BaseRequest) -> web.Response:
        if refusal := self.refusals.get("", 0) or self.refusals.get("leases", 0):
            return _status(refusal, "leases is refused by the test")
        if request.method == "PUT":
            return _written(*self.written.change(request.path, json.loads(await request.read())))
        return _written(*self.written.read(request.path))

    async def _watch(
        self, request: web.BaseRequest, kind: Kind, namespace: str, query: Mapping[str, str]
    ) -> web.StreamResponse:
        loop = asyncio.get_running_loop()
        streamed = query.get("sendInitialEvents") == "true"
        if streamed and not self.streams:
            return _status(422, "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled")
        version = self.version if streamed else int(query.get("resourceVersion", "") or 0)
        ends = loop.time() + float(query.get("timeoutSeconds", "1800"))
        response = web.StreamResponse(
            headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"}
        )
        await response.prepare(request)
        if version < self.oldest:
            status = _status_object(410, f"too old resource version: {version} ({self.oldest})")
            await response.write(line("ERROR", status))
            return response
        watch = Watch(kind, namespace, query, version)
        lines = self.initial_events(kind, namespace, query) if streamed else self.missed(watch)
        cut = self.stream_cuts.pop(0) if streamed and self.stream_cuts else len(lines)
        for each in (*lines[:cut], *((False,) if cut < len(lines) else ())):
            watch.outgoing.put_nowait(each)
        self.watches.append(watch)
        await self._tell()
        try:
            while True:
                item = await self._next_item(watch, ends)
                if item is None:
                    return response
                if item is False:
                    if request.transport is not None:
                        request.transport.abort()
                    return response
                assert isinstance(item, bytes)
                await response.write(item)
        except ConnectionError:
            return response  # the client has left
        finally:
            self.watches.remove(watch)
            await self._tell()

    async def _next_item(self, watch: Watch, ends: float) -> bytes | bool | None:
        """The next thing to send: what is queued, else a bookmark when it is time for one, else the end."""
        loop = asyncio.get_running_loop()
        ahead = watch.version > self.version
        wait = ends - loop.time()
        if self.bookmarks and not ahead:
            wait = min(wait, BOOKMARK_SECONDS)
        try:
            async with asyncio.timeout(wait):
                return await watch.outgoing.get()
        except TimeoutError:
            if loop.time() >= ends:
                return None
            bookmark = {"kind": watch.kind.name, "apiVersion": watch.kind.api_version}
            return line("BOOKMARK", {**bookmark, "metadata": {"resourceVersion": str(self.version)}})


def _status_object(code: int, message: str) -> Object:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": _REASONS[code],
        "code": code,
    }


def _status(code: int, message: str) -> web.Response:
    return web.json_response(_status_object(code, message), status=code)


def _written(status: int, body: Object) -> web.Response:
    return web.json_response(body, status=status) if body else _status(status, "the object is not as you think")
