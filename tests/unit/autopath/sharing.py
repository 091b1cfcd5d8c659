"""The cluster of a test as another process has it: written into a table, and read from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from autopath.clusters import Source, origin_of
from autopath.kubernetes import Kubernetes
from autopath.publish import Publisher
from autopath.shared import SharedSource
from clusterdns.daemon.shared_table import SharedTable, TableWriter
from clusterdns.directives.chain import Handler
from clusterdns.directives.config.kubernetes import Config
from clusterdns.kube.objects import EndpointSlice
from clusterdns.kube.packed import pack_slice
from clusterdns.kube.store import Cluster, Store

TABLE_BYTES = 1 << 23
NOW = 1795309285.0


@contextmanager
def shared(
    cluster: Cluster, config: Config, *, changed: Callable[[], None] = lambda: None, size: int = TABLE_BYTES
) -> Iterator[tuple[Source, SharedSource]]:
    """The source of a directive in a process that has the cluster for itself, and in one of several that answer."""
    watched = Source(_packed(cluster))
    watched.index_for(config)
    watched.imported_index_for(config)
    watched.external_index_for(config, False)
    watched.external_index_for(config, True)
    told: list[SharedSource] = []

    def tell() -> None:
        changed()
        for each in told:
            each.forget()

    publisher = Publisher(tell, lambda: TableWriter(size))
    publisher.follow({origin_of(config): watched})
    ((_, views),), (descriptor,) = publisher.describe((origin_of(config),))
    table = SharedTable(descriptor)
    told.append(SharedSource(table, views))
    try:
        yield Source(cluster), told[0]
    finally:
        table.close()
        publisher.drop_all_but(())


def _packed(cluster: Cluster) -> Cluster:
    """The cluster as a process keeps it that does not answer; it follows the other one."""
    made = Cluster(lean=True, pod_names=True, packed=True)
    for kind in ("Namespace", "Service", "EndpointSlice", "Pod", "ServiceImport"):
        cluster.store(kind).subscribe(partial(_follow, made.store(kind)))
        cluster.store(kind).subscribe_synced(partial(setattr, made.store(kind), "synced"))
    return made


def _follow(store: Store[Any], old: Any, new: Any) -> None:
    if new is None:
        store.delete(old.key)
    else:
        store.take(pack_slice(new) if isinstance(new, EndpointSlice) else new)


def handler_over(
    source: Source | SharedSource, config: Config, following: Handler, resolve: Handler, own: tuple[str, ...] = ()
) -> Kubernetes:
    """The directive over a source of either kind."""
    return Kubernetes(
        config,
        source.cluster,
        source.index_for(config),
        source.pods,
        imported=source.imported_index_for(config),
        own=own,
        resolve=resolve,
        following=following,
        wall_clock=lambda: NOW,
    )
