"""A test double of the Kubernetes API server on loopback that behaves as the recordings say a 1.36 server does.

It serves lists (paged, from a snapshot, with continue tokens) and watches (history, bookmarks, field selectors, its
own end of a watch) of the kinds that the suite reads, and on request it misbehaves: it refuses, forgets its history,
cuts a watch in the middle of an event, goes away and comes back. Works on real and on virtual time.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from clusterdns.kube.kinds import KINDS, Kind
from clusterdns.kube.label_selector import read_label_selector

BOOKMARK_SECONDS = 60.0
"""How often a watch gets a bookmark; a real server's is about this."""

Object = dict[str, Any]
_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    410: "Expired",
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


@dataclass(frozen=True)
class _Change:
    version: int
    kind: Kind
    old: Object | None
    new: Object | None


@dataclass(eq=False)
class _Watch:
    """An open watch. What is in its queue is written: bytes as they are, None ends it, False cuts its connection."""

    kind: Kind
    namespace: str
    query: dict[str, str]
    version: int
    outgoing: asyncio.Queue[bytes | bool | None] = field(default_factory=asyncio.Queue)


class ApiServerDouble:
    """`async with ApiServerDouble() as server:`; then `server.kubeconfig(folder)` is the file that leads to it."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.token = "first-token"
        """Requests with another bearer token get 401."""
        self.bookmarks = True
        self.refusals: dict[str, int] = {}
        """HTTP status by plural ("pods"), or by "" for everything: such requests are refused."""
        self.before_answer: Callable[[Request], None] = lambda request: None
        """Called with each request before it is answered."""
        self.without: set[str] = set()
        """Plurals that this server does not have, as where their custom resource is not installed."""
        self._objects: dict[tuple[str, str, str], Object] = {}
        self._history: list[_Change] = []
        self._snapshots: dict[int, list[Object]] = {}
        self._version = 100
        self._oldest = 100
        self._watches: list[_Watch] = []
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
        path = folder / "kubeconfig.json"
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "double",
                    "contexts": [{"name": "double", "context": {"cluster": "double", "user": "tester"}}],
                    "clusters": [{"name": "double", "cluster": {"server": f"http://127.0.0.1:{self._port}"}}],
                    "users": [{"name": "tester", "user": {"token": self.token}}],
                }
            )
        )
        return str(path)

    # What tests change.

    def put(self, kind: str, name: str, namespace: str = "", **parts: Any) -> None:
        """Create or change an object: `put("Service", "web", "shop", spec={...})`; `metadata` is added to."""
        key = (kind, namespace, name)
        old = self._objects.get(key)
        self._version += 1
        metadata = {"name": name, "uid": f"uid-{self._version}", **parts.pop("metadata", {})}
        if namespace:
            metadata["namespace"] = namespace
        if old is not None and "uid" in old["metadata"]:
            metadata["uid"] = old["metadata"]["uid"]
        metadata["resourceVersion"] = str(self._version)
        new = {"metadata": metadata, **parts}
        self._objects[key] = new
        self._publish(_Change(self._version, KINDS[kind], old, new))

    def delete(self, kind: str, name: str, namespace: str = "") -> None:
        """Delete an object."""
        old = self._objects.pop((kind, namespace, name))
        self._version += 1
        self._publish(_Change(self._version, KINDS[kind], old, None))

    def uninstall(self, kind: str) -> None:
        """Delete the definition of a custom resource: a server deletes the objects first, then it has no such API."""
        for its_kind, namespace, name in list(self._objects):
            if its_kind == kind:
                self.delete(kind, name, namespace)
        self.without.add(KINDS[kind].plural)
        for watch in self._watches:
            if watch.kind.name == kind:
                watch.outgoing.put_nowait(None)

    def expire_history(self) -> None:
        """Forget all changes and snapshots so far (compaction), as if nobody had a version that is current."""
        self._version += 1
        self._oldest = self._version
        self._history.clear()
        self._snapshots.clear()

    def restore_backup(self) -> None:
        """Make every version that was handed out lie in the future."""
        self._version = self._oldest = 1
        self._history.clear()
        self._snapshots.clear()

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
        await self.until(lambda: any(watch.kind.name == kind for watch in self._watches))

    def asked(self, plural: str, watch: bool) -> list[Request]:
        """The requests so far for that collection: its watches, or its list pages."""
        return [each for each in self.requests if each.path.endswith(f"/{plural}") and ("watch" in each.query) == watch]

    # How it answers.

    def _to_watches(self, item: bytes | bool | None) -> None:
        for watch in self._watches:
            watch.outgoing.put_nowait(item)

    def _publish(self, change: _Change) -> None:
        self._history.append(change)
        for watch in self._watches:
            if line := _event(watch, change):
                watch.outgoing.put_nowait(line)

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
        await self._tell()
        found = _collection(request.path)
        if found is None or found[0].plural in self.without:
            return web.Response(status=404, text="404 page not found\n")
        kind, namespace = found
        if token != self.token:
            return _status(401, "Unauthorized")
        if refusal := self.refusals.get("", 0) or self.refusals.get(kind.plural, 0):
            return _status(refusal, f"{kind.plural} is refused by the test")
        if query.get("watch") == "true":
            return await self._watch(request, kind, namespace, query)
        return self._list(kind, namespace, query)

    def _list(self, kind: Kind, namespace: str, query: Mapping[str, str]) -> web.Response:
        limit, start, version = int(query.get("limit", "0")), 0, self._version
        if "continue" in query:
            try:
                place = json.loads(base64.b64decode(query["continue"], validate=True))
            except ValueError:
                return _status(400, "invalid continue token: continue key is not valid: illegal base64 data")
            start, version = place["start"], place["rv"]
            if version not in self._snapshots:
                return _status(410, "The provided continue parameter is too old to display a consistent list result.")
            items = self._snapshots[version]
        else:
            items = [
                each
                for (its_kind, its_namespace, _), each in sorted(self._objects.items())
                if its_kind == kind.name and namespace in ("", its_namespace) and _matches(each, query)
            ]
        metadata: Object = {"resourceVersion": str(version)}
        page = items[start : start + limit] if limit else items
        remaining = len(items) - start - len(page)
        if remaining > 0:
            self._snapshots[version] = items
            place = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": start + len(page)})
            metadata |= {"continue": base64.b64encode(place.encode()).decode(), "remainingItemCount": remaining}
        return web.json_response(
            {"kind": f"{kind.name}List", "apiVersion": kind.api_version, "metadata": metadata, "items": page}
        )

    async def _watch(
        self, request: web.BaseRequest, kind: Kind, namespace: str, query: Mapping[str, str]
    ) -> web.StreamResponse:
        loop = asyncio.get_running_loop()
        version = int(query.get("resourceVersion", "") or 0)
        ends = loop.time() + float(query.get("timeoutSeconds", "1800"))
        response = web.StreamResponse(
            headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"}
        )
        await response.prepare(request)
        if version < self._oldest:
            status = _status_object(410, f"too old resource version: {version} ({self._oldest})")
            await response.write(_line("ERROR", status))
            return response
        watch = _Watch(kind, namespace, dict(query), version)
        for change in self._history:
            if line := _event(watch, change):
                watch.outgoing.put_nowait(line)
        self._watches.append(watch)
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
            self._watches.remove(watch)
            await self._tell()

    async def _next_item(self, watch: _Watch, ends: float) -> bytes | bool | None:
        """The next thing to send: what is queued, else a bookmark when it is time for one, else the end."""
        loop = asyncio.get_running_loop()
        ahead = watch.version > self._version
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
            return _line("BOOKMARK", {**bookmark, "metadata": {"resourceVersion": str(self._version)}})


def _collection(path: str) -> tuple[Kind, str] | None:
    """The kind and namespace that a collection's path names."""
    for kind in KINDS.values():
        if path == kind.path():
            return kind, ""
        parts = path.split("/")
        if len(parts) > 2 and path == kind.path(parts[-2]):
            return kind, parts[-2]
    return None


def _event(watch: _Watch, change: _Change) -> bytes | None:
    """The line that `watch` gets for `change`, if any. What leaves the selector is DELETED, as it last was in it."""
    if change.kind is not watch.kind or change.version <= watch.version:
        return None
    any_state = change.new or change.old or {}
    if watch.namespace and any_state["metadata"].get("namespace") != watch.namespace:
        return None
    before = change.old if change.old is not None and _matches(change.old, watch.query) else None
    after = change.new if change.new is not None and _matches(change.new, watch.query) else None
    shown = copy.deepcopy(after or before)
    if shown is None:
        return None
    shown = {"kind": change.kind.name, "apiVersion": change.kind.api_version, **shown}
    shown["metadata"]["resourceVersion"] = str(change.version)
    return _line("DELETED" if after is None else "ADDED" if before is None else "MODIFIED", shown)


def _matches(shown: Object, query: Mapping[str, str]) -> bool:
    """Label selectors, and field selectors: `status.phase!=Failed,spec.nodeName=node-a`."""
    if not read_label_selector(query.get("labelSelector", "")).matches(shown["metadata"].get("labels", {})):
        return False
    for term in filter(None, query.get("fieldSelector", "").split(",")):
        path, operator, wanted = term.partition("!=") if "!=" in term else term.partition("=")
        value: Any = shown
        for part in path.split("."):
            value = value.get(part, {})
        if ((value or "") == wanted) != (operator == "="):
            return False
    return True


def _line(event_type: str, shown: Object) -> bytes:
    return json.dumps({"type": event_type, "object": shown}, separators=(",", ":")).encode() + b"\n"


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
