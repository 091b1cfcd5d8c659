"""Multi-cluster Services in the shape of Services, so that one zone answers both.

    store of ServiceImports ─┐
    store of slices ─────────┴─► here ──► stores of their own ──► ClusterIndex ──► ClusterZone of the clusterset

An import's slices are those labelled with its name; each says from which cluster it comes.
Source: KEP-1645, Multi-Cluster Services API, and its DNS specification.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from msgspec import structs

from clusterdns.kube.objects import EndpointSlice, KubeObject, Service, ServiceImport
from clusterdns.kube.store import Cluster, Listener, Store
from clusterdns.wire.names import MAX_LABEL

From = TypeVar("From", bound=KubeObject)
To = TypeVar("To", bound=KubeObject)


def imported_stores(cluster: Cluster) -> Cluster:
    """Stores that follow those of `cluster`: its namespaces, and its imports and their slices as Services have them."""
    made = Cluster(packed=cluster.packed)
    cluster.namespaces.subscribe(follow(made.namespaces, lambda namespace: namespace))
    cluster.service_imports.subscribe(follow(made.services, _service))
    cluster.endpoint_slices.subscribe(follow(made.endpoint_slices, _slice))
    return made


def follow(store: Store[To], shape: Callable[[From], To | None]) -> Listener[From]:
    """A listener that keeps in `store` what `shape` makes of each object; nothing of those that it makes None of."""

    def changed(old: From | None, new: From | None) -> None:
        shaped = shape(new) if new is not None else None
        if shaped is not None:
            store.put(shaped)
        elif old is not None:
            store.delete(old.key)

    return changed


def _service(current: ServiceImport) -> Service:
    return Service(
        name=current.name,
        namespace=current.namespace,
        cluster_ips=current.ips,
        headless=current.headless,
        ports=current.ports,
    )


def _slice(current: EndpointSlice) -> EndpointSlice | None:
    # Without a cluster its endpoints could not be told from those of the same name elsewhere.
    if not current.imported or not 1 <= len(current.source_cluster.encode()) <= MAX_LABEL:
        return None
    return structs.replace(current, service=current.imported)
