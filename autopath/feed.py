"""What changes in the clusters, told to the processes that answer: from one watch to the stores of each of them.

    watch ──► store (of this process) ──► here: one frame ──► each process: its store ──► its indexes

A process begins with what this one had when it was forked; from then on it gets the same changes in the same order, as
they are kept, which is a hundredth of what the API server sends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from autopath.clusters import Source
from clusterdns.kube.objects import EndpointSlice, Namespace, PodClaim, Service, ServiceImport
from clusterdns.kube.store import Store

PUT, DELETE, SYNCED = b"P", b"D", b"S"
"""Kinds of frames. Each body begins with the number of the source and that of the kind of object, a byte each."""

# What a lean cluster keeps of each kind.
_KEPT: dict[str, type[Any]] = {
    "Namespace": Namespace,
    "Service": Service,
    "EndpointSlice": EndpointSlice,
    "Pod": PodClaim,
    "ServiceImport": ServiceImport,
}
_KINDS = list(_KEPT)
_DECODERS = [msgspec.msgpack.Decoder(kept) for kept in _KEPT.values()]
_encode = msgspec.msgpack.Encoder().encode

_SYNC_SECONDS = 0.05


class Feed:
    """Tells `broadcast` (kind and body of a frame) of each change."""

    def __init__(self, broadcast: Callable[[bytes, bytes], None]) -> None:
        self._broadcast = broadcast
        self._followed: set[Store[Any]] = set()
        self._unsynced: list[tuple[Store[Any], bytes]] = []

    def follow(self, sources: Sequence[Source]) -> None:
        """Follow every store of the sources, which keep their numbers; those that are followed already stay so."""
        for number, source in enumerate(sources):
            for kind in source.kinds:
                store = source.cluster.store(kind)
                if store not in self._followed:
                    self._followed.add(store)
                    head = bytes((number, _KINDS.index(kind)))
                    # What is there already, the processes are forked with.
                    store.subscribe(_Teller(head, self._broadcast), from_now=True)
                    if not store.synced:
                        self._unsynced.append((store, head))

    async def run(self) -> None:
        """Tell which stores have had their first whole list, until cancelled."""
        while True:
            for store, head in list(self._unsynced):
                if store.synced:
                    self._unsynced.remove((store, head))
                    self._broadcast(SYNCED, head)
            await asyncio.sleep(_SYNC_SECONDS)


class _Teller:
    """A listener of one store."""

    def __init__(self, head: bytes, broadcast: Callable[[bytes, bytes], None]) -> None:
        self._head = head
        self._broadcast = broadcast

    def __call__(self, old: Any, new: Any) -> None:
        if new is not None:
            self._broadcast(PUT, self._head + _encode(new))
        else:
            self._broadcast(DELETE, self._head + _encode((old.namespace, old.name)))


def take(kind: bytes, body: bytes, sources: Sequence[Source]) -> None:
    """Make the stores here what a frame says; in a process that answers."""
    number, object_kind = body[0], body[1]
    if number >= len(sources):
        return  # a source of a Corefile that came after this process, which is about to be replaced
    store = sources[number].cluster.store(_KINDS[object_kind])
    if kind == PUT:
        store.take(_DECODERS[object_kind].decode(body[2:]))
    elif kind == DELETE:
        namespace, name = msgspec.msgpack.decode(body[2:])
        store.delete((namespace, name))
    else:
        store.finish(())
