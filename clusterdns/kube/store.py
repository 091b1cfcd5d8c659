"""Keyed stores: the cluster's objects as the rest of the suite sees them.

A source (a watch of the API server, or a folder of manifests) writes; indexes and controllers subscribe and
read. Everything runs in the event loop's thread, so that a reader never sees half a change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from typing import Any, Generic, TypeVar

from clusterdns.kube.objects import (
    DNSEndpoint,
    EndpointSlice,
    Gateway,
    Ingress,
    Key,
    KubeObject,
    Namespace,
    Node,
    Pod,
    Route,
    Service,
    ServiceImport,
)

T = TypeVar("T", bound=KubeObject)

Listener = Callable[[T | None, T | None], None]
"""Called with (old, new) after the store has changed; `old` is None for an added object, `new` for a deleted one."""


class Store(Generic[T]):
    """The objects of one kind by (namespace, name). `synced` is False until the first whole list is in."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.synced = False
        self._objects: dict[Key, T] = {}
        self._listeners: list[Listener[T]] = []

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._objects.values()))

    def get(self, namespace: str, name: str) -> T | None:
        return self._objects.get((namespace, name))

    def subscribe(self, listener: Listener[T]) -> None:
        """Call `listener` for each change from now on; the objects already here are told first, as added."""
        self._listeners.append(listener)
        for current in list(self._objects.values()):
            listener(None, current)

    def put(self, new: T) -> None:
        """Add or replace one object; an object equal to the stored one tells nobody."""
        old = self._objects.get(new.key)
        if old == new:
            return
        self._objects[new.key] = new
        self._tell(old, new)

    def delete(self, key: Key) -> None:
        """Remove one object; a key that is not here is no error (a watch may repeat itself)."""
        old = self._objects.pop(key, None)
        if old is not None:
            self._tell(old, None)

    def replace(self, objects: Iterable[T]) -> None:
        """Make the store hold exactly `objects` and mark it synced; only differences are told."""
        seen: set[Key] = set()
        for new in objects:
            seen.add(new.key)
            self.put(new)
        self.keep(seen)

    def keep(self, keys: Set[Key]) -> None:
        """Remove what is not in `keys` and mark the store synced: the end of a list whose objects were put page by
        page. No second copy of the store ever exists, and a reader sees each object either as it was or as it is.
        """
        for key in [key for key in self._objects if key not in keys]:
            self.delete(key)
        self.synced = True

    def _tell(self, old: T | None, new: T | None) -> None:
        for listener in self._listeners:
            listener(old, new)


class Cluster:
    """The stores of one cluster. A program fills only those that it needs; the others stay empty and unsynced."""

    def __init__(self) -> None:
        self.namespaces: Store[Namespace] = Store("Namespace")
        self.services: Store[Service] = Store("Service")
        self.endpoint_slices: Store[EndpointSlice] = Store("EndpointSlice")
        self.pods: Store[Pod] = Store("Pod")
        self.nodes: Store[Node] = Store("Node")
        self.service_imports: Store[ServiceImport] = Store("ServiceImport")
        self.ingresses: Store[Ingress] = Store("Ingress")
        self.dns_endpoints: Store[DNSEndpoint] = Store("DNSEndpoint")
        self.gateways: Store[Gateway] = Store("Gateway")
        self.http_routes: Store[Route] = Store("HTTPRoute")
        self.grpc_routes: Store[Route] = Store("GRPCRoute")
        self._by_kind: dict[str, Store[Any]] = {
            store.kind: store for store in vars(self).values() if isinstance(store, Store)
        }

    def store(self, kind: str) -> Store[Any]:
        """The store of the objects of that kind: `Service`, `Pod` ... KeyError for a kind that is not kept."""
        return self._by_kind[kind]
