"""Keyed stores: the cluster's objects as the rest of the suite sees them.

A source (a watch of the API server, or a folder of manifests) writes; indexes and controllers subscribe and
read. Everything runs in the event loop's thread, so that a reader never sees half a change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Set
from typing import Any, Generic, TypeVar

from clusterdns.kube.kinds import is_custom
from clusterdns.kube.lean import CLAIMS, NAMES, Form, ready_endpoints
from clusterdns.kube.objects import (
    DNSEndpoint,
    EndpointSlice,
    Gateway,
    HostAddresses,
    Ingress,
    Key,
    KubeObject,
    Named,
    Namespace,
    Node,
    Pod,
    PodClaim,
    Route,
    Service,
    ServiceImport,
)
from clusterdns.kube.packed import packed_endpoints

T = TypeVar("T", bound=Named)

Listener = Callable[[T | None, T | None], None]
"""Called with (old, new) after the store has changed; `old` is None for an added object, `new` for a deleted one."""


class Store(Generic[T]):
    """The objects of one kind by (namespace, name). `synced` is False until the first whole list is in.

    With a `form` something else is kept of an object than the object itself; changes are told of what is kept.
    """

    def __init__(self, kind: str, form: Form | None = None) -> None:
        self.kind = kind
        self._synced = asyncio.Event()
        self._refused = ""
        self._settled = asyncio.Event()
        self.form = form
        self.unreadable: set[Key | None] = set()
        """What the server has and can't be read; None stands for all that have no name that can be read."""
        # By namespace, then by name: a tuple of both as a key would be a fifth of what a pod costs.
        self._objects: dict[str, dict[str, T]] = {}
        self._listeners: list[Listener[T]] = []
        self._synced_listeners: list[Callable[[bool], None]] = []

    @property
    def synced(self) -> bool:
        return self._synced.is_set()

    @synced.setter
    def synced(self, synced: bool) -> None:
        if synced:
            self._synced.set()
            self._settled.set()
        else:
            self._synced.clear()
            self._settled.clear()
        for listener in self._synced_listeners:
            listener(synced)

    @property
    def refused(self) -> str:
        """Why the first whole list is not to be had at present; "" while it may come, and when it is in."""
        return "" if self.synced else self._refused

    @refused.setter
    def refused(self, why: str) -> None:
        self._refused = why
        self._settled.set()

    async def wait_synced(self) -> None:
        """Return as soon as the first whole list is in."""
        await self._synced.wait()

    async def wait_settled(self) -> None:
        """Return as soon as the first whole list is in, or it shows that it is not to be had."""
        await self._settled.wait()

    def __len__(self) -> int:
        return sum(map(len, self._objects.values()))

    def __iter__(self) -> Iterator[T]:
        return iter([each for names in self._objects.values() for each in names.values()])

    def by_namespace(self) -> dict[str, dict[str, T]]:
        """What is here now, by namespace, then name: a copy that costs a few milliseconds for 150,000 objects."""
        return {namespace: names.copy() for namespace, names in self._objects.items()}

    def get(self, namespace: str, name: str) -> T | None:
        return self._objects.get(namespace, {}).get(name)

    def subscribe(self, listener: Listener[T], *, from_now: bool = False) -> None:
        """Call `listener` for each change from now on; the objects already here are told first, as added.

        With `from_now` those are not told.
        """
        self._listeners.append(listener)
        if not from_now:
            for current in self:
                listener(None, current)

    def subscribe_synced(self, listener: Callable[[bool], None]) -> None:
        """Call `listener` with `synced` as it is now, and whenever it is set from now on."""
        self._synced_listeners.append(listener)
        listener(self.synced)

    def put(self, new: KubeObject) -> None:
        """Add or replace one object; if it is kept as the one before was, nobody is told."""
        kept: Any = self.form.of(new) if self.form else new
        self.take(kept)

    def take(self, kept: T) -> None:
        """Add or replace one object, in the form in which it is kept."""
        names = self._objects.get(kept.namespace)
        if names is None:
            names = self._objects[kept.namespace] = {}
        old = names.get(kept.name)
        if old == kept:
            return
        names[kept.name] = kept
        self._tell(old, kept)

    def delete(self, key: Key) -> None:
        """Remove one object; a key that is not here is no error (a watch may repeat itself)."""
        namespace, name = key
        names = self._objects.get(namespace, {})
        old = names.pop(name, None)
        if old is not None:
            if not names:
                del self._objects[namespace]
            self._tell(old, None)

    def replace(self, objects: Iterable[KubeObject]) -> None:
        """Make the store hold exactly `objects` and mark it synced; only differences are told."""
        seen: set[Key] = set()
        for new in objects:
            seen.add(new.key)
            self.put(new)
        self.keep(seen)

    def keep(self, keys: Set[Key]) -> None:
        """Remove what is not in `keys` and mark the store synced."""
        self.finish([each.key for each in self if each.key not in keys])

    def finish(self, gone: Iterable[Key]) -> None:
        """Remove what is `gone` and mark the store synced: the end of a list whose objects were put one by one.

        No second copy of the store ever exists, and a reader sees each object either as it was or as it is.
        """
        for key in gone:
            self.delete(key)
        self.synced = True

    def forget(self) -> Iterator[None]:
        """Remove every object, one with each step: nobody fills the store any more, and it is not synced."""
        self.synced = False
        self.unreadable.clear()
        for each in self:
            self.delete(each.key)
            yield

    def _tell(self, old: T | None, new: T | None) -> None:
        for listener in self._listeners:
            listener(old, new)


class Cluster:
    """The stores of one cluster. A program fills only those that it needs; the others stay empty and unsynced."""

    def __init__(self, *, lean: bool = False, pod_names: bool = False, packed: bool = False) -> None:
        """`lean`: keep only what DNS answers are made of, for clusters of any size. Pods are then in `pod_claims`, and
        endpoints know their pod only with `pod_names`. `packed`: slices are as `clusterdns.kube.packed` has them, for a
        process that does not answer.
        """
        self.packed = packed
        self.namespaces: Store[Namespace] = Store("Namespace")
        self.services: Store[Service] = Store("Service", NAMES if lean else None)
        self.endpoint_slices: Store[EndpointSlice] = Store(
            "EndpointSlice", (packed_endpoints if packed else ready_endpoints)(pod_names) if lean else None
        )
        self.pods: Store[Pod] = Store("Pod")
        self.pod_claims: Store[PodClaim] = Store("Pod", CLAIMS)
        self.nodes: Store[Node] = Store("Node")
        self.service_imports: Store[ServiceImport] = Store("ServiceImport")
        self.ingresses: Store[Ingress] = Store("Ingress")
        self.dns_endpoints: Store[DNSEndpoint] = Store("DNSEndpoint")
        self.gateways: Store[Gateway] = Store("Gateway")
        self.http_routes: Store[Route] = Store("HTTPRoute")
        self.grpc_routes: Store[Route] = Store("GRPCRoute")
        self.host_addresses: Store[HostAddresses] = Store("HostAddresses")
        """Not from the cluster, but from DNS: whoever wants them fills it."""
        self._by_kind: dict[str, Store[Any]] = {
            store.kind: store for store in vars(self).values() if isinstance(store, Store)
        }
        self._by_kind["Pod"] = self.pod_claims if lean else self.pods

    def store(self, kind: str) -> Store[Any]:
        """The store of the objects of that kind: `Service`, `Pod` ... KeyError for a kind that is not kept.

        A kind that goes by its resource's name has a store from the first time that it is asked for.
        """
        if is_custom(kind):
            return self._by_kind.setdefault(kind, Store(kind))
        return self._by_kind[kind]
