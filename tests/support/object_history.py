"""What the double of the API server has: objects, their versions, the history of their changes, and who watches.

Pure but for the queues of the watches. Versions count up from 100, one for each change, as etcd's revisions do.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clusterdns.kube.kinds import KINDS, Kind, find_kind
from clusterdns.kube.label_selector import read_label_selector
from tests.support.written_objects import WRITTEN

Object = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """One change of one object."""

    version: int
    kind: Kind
    old: Object | None
    new: Object | None


@dataclass(eq=False)
class Watch:
    """An open watch. What is in its queue is written: bytes as they are, None ends it, False cuts its connection."""

    kind: Kind
    namespace: str
    query: Mapping[str, str]
    version: int
    outgoing: asyncio.Queue[bytes | bool | None] = field(default_factory=asyncio.Queue)


class ObjectHistory:
    """The objects of a cluster, as tests change them, and as lists and watches see them."""

    def __init__(self) -> None:
        self.version = 100
        self.oldest = 100
        """Watches from before this version are refused."""
        self.snapshots: dict[int, list[Object]] = {}
        """What paged lists continue with, by version."""
        self.watches: list[Watch] = []
        self.kinds = {*KINDS.values(), *WRITTEN}
        """Those that the server has; a custom resource from its first object on."""
        self._objects: dict[tuple[str, str, str], Object] = {}
        self._history: list[Change] = []

    # What tests change.

    def put(self, kind: str, name: str, namespace: str = "", **parts: Any) -> None:
        """Create or change an object: `put("Service", "web", "shop", spec={...})`; `metadata` is added to."""
        key = (kind, namespace, name)
        old = self._objects.get(key)
        self.version += 1
        metadata = {"name": name, "uid": f"uid-{self.version}", **parts.pop("metadata", {})}
        if namespace:
            metadata["namespace"] = namespace
        if old is not None and "uid" in old["metadata"]:
            metadata["uid"] = old["metadata"]["uid"]
        metadata["resourceVersion"] = str(self.version)
        new = {"metadata": metadata, **parts}
        self._objects[key] = new
        self.kinds.add(find_kind(kind))
        self._publish(Change(self.version, find_kind(kind), old, new))

    def change_status(self, kind: str, name: str, namespace: str, status: Object) -> None:
        """Merge `status` into that of an object."""
        old = self._objects[kind, namespace, name]
        self.version += 1
        metadata = {**old["metadata"], "resourceVersion": str(self.version)}
        new = {**old, "metadata": metadata, "status": {**old.get("status", {}), **status}}
        self._objects[kind, namespace, name] = new
        self._publish(Change(self.version, find_kind(kind), old, new))

    def delete(self, kind: str, name: str, namespace: str = "") -> None:
        """Delete an object."""
        old = self._objects.pop((kind, namespace, name))
        self.version += 1
        self._publish(Change(self.version, find_kind(kind), old, None))

    def lose(self, kind: str, name: str, namespace: str = "") -> None:
        """Delete an object without any event: how a window of changes that was lost looks to a watch."""
        del self._objects[kind, namespace, name]

    def keys(self, kind: str) -> list[tuple[str, str]]:
        """Namespace and name of every object of that kind."""
        return [(namespace, name) for its_kind, namespace, name in self._objects if its_kind == kind]

    def expire_history(self) -> None:
        """Forget all changes and snapshots so far (compaction), as if nobody had a version that is current."""
        self.version += 1
        self.oldest = self.version
        self._history.clear()
        self.snapshots.clear()

    def restore_backup(self) -> None:
        """Make every version that was handed out lie in the future."""
        self.version = self.oldest = 1
        self._history.clear()
        self.snapshots.clear()

    # What lists and watches see.

    def selected(self, kind: Kind, namespace: str, query: Mapping[str, str]) -> list[Object]:
        """The objects that a list with this query has, sorted as etcd sorts them."""
        return [
            each
            for (its_kind, its_namespace, _), each in sorted(self._objects.items())
            if its_kind == kind.name and namespace in ("", its_namespace) and _matches(each, query)
        ]

    def initial_events(self, kind: Kind, namespace: str, query: Mapping[str, str]) -> list[bytes]:
        """The lines of a streamed list: every object as ADDED, then the bookmark that ends it."""
        names = {"kind": kind.name, "apiVersion": kind.api_version}
        end = {"resourceVersion": str(self.version), "annotations": {"k8s.io/initial-events-end": "true"}}
        return [
            *(line("ADDED", {**names, **each}) for each in self.selected(kind, namespace, query)),
            line("BOOKMARK", {**names, "metadata": end}),
        ]

    def missed(self, watch: Watch) -> list[bytes]:
        """The lines for what has changed since the version from which `watch` began."""
        return [found for change in self._history if (found := _event(watch, change))]

    def _publish(self, change: Change) -> None:
        self._history.append(change)
        for watch in self.watches:
            if found := _event(watch, change):
                watch.outgoing.put_nowait(found)


def line(event_type: str, shown: Object) -> bytes:
    """One line of a watch."""
    return json.dumps({"type": event_type, "object": shown}, separators=(",", ":")).encode() + b"\n"


def _event(watch: Watch, change: Change) -> bytes | None:
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
    return line("DELETED" if after is None else "ADDED" if before is None else "MODIFIED", shown)


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
