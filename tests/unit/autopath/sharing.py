"""The cluster of a test as another process has it: written into a table, and read from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from autopath.clusters import Source, origin_of
from autopath.kubernetes import Kubernetes
from autopath.publish import Publisher
from autopath.shared import SharedSource
from clusterdns.daemon.shared_table import SharedTable, TableWriter
from clusterdns.directives.chain import Handler
from clusterdns.directives.config.kubernetes import Config
from clusterdns.kube.store import Cluster

TABLE_BYTES = 1 << 23
NOW = 1795309285.0


@contextmanager
def shared(
    cluster: Cluster, config: Config, *, changed: Callable[[], None] = lambda: None, size: int = TABLE_BYTES
) -> Iterator[tuple[Source, SharedSource]]:
    """The source of a directive in the process that watches, and in one that answers."""
    here = Source(cluster, set(config.kinds))
    here.index_for(config)
    here.imported_index_for(config)
    here.external_index_for(config, False)
    here.external_index_for(config, True)
    publisher = Publisher(changed, lambda: TableWriter(size))
    publisher.follow({origin_of(config): here})
    ((_, views),), (descriptor,) = publisher.describe((origin_of(config),))
    table = SharedTable(descriptor)
    try:
        yield here, SharedSource(table, views)
    finally:
        table.close()
        publisher.drop_all_but(())


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
