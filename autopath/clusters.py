"""The clusters that `kubernetes` directives answer from: each source once, whatever the number of directives.

A source is a folder of manifests, an API server by kubeconfig, or the cluster that this pod runs in. Directives that
name the same one share its stores, so that memory and watches do not multiply with server blocks.
"""

from __future__ import annotations

import asyncio
import enum
import functools
import gc
import logging
import time
from collections.abc import Callable, Collection, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from autopath import subjects
from autopath.index import ClusterIndex
from autopath.k8s_external import external_index_over
from autopath.kubernetes import imported_index_over, index_over
from clusterdns.cache.watched import Watched
from clusterdns.daemon.lifecycle import eternal, settle_memory
from clusterdns.directives.config.kubernetes import Config
from clusterdns.directives.parts import Parts
from clusterdns.errors import ConfigError
from clusterdns.histogram import Histogram
from clusterdns.kube.access import Access
from clusterdns.kube.api import check_access
from clusterdns.kube.kinds import KINDS
from clusterdns.kube.label_selector import read_label_selector
from clusterdns.kube.manifests import ManifestFolder
from clusterdns.kube.pod_index import PodIndex
from clusterdns.kube.search_lists import KnownClients, NamespacesOff, PodSearchLists
from clusterdns.kube.store import Cluster
from clusterdns.kube.watcher import UNFINISHED_PODS, ClusterWatch
from clusterdns.limits import KUBERNETES_RELOAD_SECONDS

_log = logging.getLogger(__name__)


class Origin(NamedTuple):
    """Where a cluster's objects come from, and which of them do."""

    manifests: str
    access: Access
    labels: str
    namespace_labels: str
    pod_names: bool

    @property
    def selectors(self) -> dict[str, str]:
        """The label selectors, by kind."""
        kinds = ("Service", "EndpointSlice", "Pod", "ServiceImport") if self.labels else ()
        return dict.fromkeys(kinds, self.labels) | (
            {"Namespace": self.namespace_labels} if self.namespace_labels else {}
        )


def origin_of(config: Config) -> Origin:
    """The cluster that a directive names."""
    return Origin(config.manifests, config.access, config.labels, config.namespace_labels, config.endpoint_pod_names)


class Shape(enum.Enum):
    """What an index is made over."""

    OWN = "the cluster's Services"
    IMPORTED = "multi-cluster Services"
    EXTERNAL = "Services that are reached from outside"
    EXTERNAL_HEADLESS = "these, and headless ones"


_MAKERS: dict[Shape, Callable[..., ClusterIndex]] = {
    Shape.OWN: index_over,
    Shape.IMPORTED: imported_index_over,
    Shape.EXTERNAL: functools.partial(external_index_over, headless=False),
    Shape.EXTERNAL_HEADLESS: functools.partial(external_index_over, headless=True),
}


class View(NamedTuple):
    """What an index of one cluster is told apart by."""

    shape: Shape
    namespaces: tuple[str, ...]
    chosen_namespaces: bool
    endpoints: bool
    pod_names: bool


def view_of(shape: Shape, config: Config) -> View:
    """What a directive sees of its cluster."""
    return View(shape, config.namespaces, bool(config.namespace_labels), config.endpoints, config.endpoint_pod_names)


def external_shape(headless: bool) -> Shape:
    """That of `k8s_external`."""
    return Shape.EXTERNAL_HEADLESS if headless else Shape.EXTERNAL


@dataclass(slots=True)
class Source:
    """One cluster."""

    cluster: Cluster
    startup_seconds: float = 0.0
    pods: PodIndex = field(init=False)
    indexes: dict[View, ClusterIndex] = field(default_factory=dict)

    _search_lists: dict[bytes, PodSearchLists] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pods = PodIndex(self.cluster.pod_claims)

    def index_for(self, config: Config) -> ClusterIndex:
        """The index for a directive; those that need the same one share it, also after a reload."""
        return self._index(Shape.OWN, config)

    def imported_index_for(self, config: Config) -> ClusterIndex | None:
        """The same for multi-cluster Services; None without `multicluster`."""
        return self._index(Shape.IMPORTED, config) if config.multicluster else None

    def external_index_for(self, config: Config, headless: bool) -> ClusterIndex:
        """The same for `k8s_external`, in front of a `kubernetes` with this Config."""
        return self._index(external_shape(headless), config)

    def _index(self, shape: Shape, config: Config) -> ClusterIndex:
        view = view_of(shape, config)
        if view not in self.indexes:
            self.indexes[view] = _MAKERS[shape](self.cluster, config, wall_clock=time.time)
        return self.indexes[view]

    def search_lists_for(self, zone: bytes) -> PodSearchLists:
        """The search lists of the pods in the zone (a folded wire name); made once, also after a reload."""
        if zone not in self._search_lists:
            namespaces = self.cluster.namespaces
            self._search_lists[zone] = PodSearchLists(
                self.pods, NamespacesOff(namespaces), zone, clients=KnownClients(self.pods, namespaces)
            )
        return self._search_lists[zone]


class Clusters:
    """The sources of one process. A reload finds those full that the configuration before it has named, too."""

    def __init__(self, *, packed: bool = False, watched: Watched | None = None) -> None:
        """`packed`: this process does not answer (`clusterdns.kube.packed`)."""
        self._packed = packed
        self.watched = watched or Watched()
        """The answers in packet caches that hold until something changes that they are about."""
        self._sources: dict[Origin, Source] = {}
        self._named: dict[Origin, set[str]] = {}
        self._started = False
        self._filling = asyncio.Lock()
        self._tasks: dict[Origin, tuple[frozenset[str], asyncio.Task[None]]] = {}
        """Which kinds of each cluster are being filled, and by whom."""
        self.watches: dict[Origin, ClusterWatch] = {}
        """Those of API servers."""

    def programming_durations(self) -> list[Histogram]:
        """What the indexes have measured: how long changes took into DNS."""
        return [index.programming_durations for source in self._sources.values() for index in source.indexes.values()]

    @property
    def sources(self) -> Mapping[Origin, Source]:
        """Each cluster, in the order in which they were first named."""
        return self._sources

    @property
    def named(self) -> Mapping[Origin, Set[str]]:
        """Those that the last configuration has named, and the kinds that it needs of each."""
        return {origin: frozenset(kinds) for origin, kinds in self._named.items()}

    def source_for(self, config: Config) -> Source:
        """The source that a directive names."""
        origin = origin_of(config)
        self._named.setdefault(origin, set()).update(config.kinds)
        if origin not in self._sources:
            cluster = Cluster(lean=True, pod_names=origin.pod_names, packed=self._packed)
            self._sources[origin] = Source(cluster)
            subjects.follow(self.watched, cluster)
        source = self._sources[origin]
        source.startup_seconds = max(source.startup_seconds, config.startup_timeout)
        return source

    async def start(self, patience: float = 0.0) -> None:
        """Begin to fill what is named and not being filled yet, and wait until it is full, or for the longest
        startup_timeout, but no shorter than `patience`.

        Raises ConfigError for manifests that can't be read, and for no usable configuration of an API server; one that
        does not answer is waited for later.
        """
        named = [(origin, self._sources[origin], frozenset(kinds)) for origin, kinds in self._named.items()]
        async with self._filling:
            for origin, source, kinds in named:
                await self._fill(origin, source.cluster, kinds)
        stores = [source.cluster.store(kind) for _, source, kinds in named for kind in kinds]
        try:
            async with asyncio.timeout(max([patience, *(source.startup_seconds for _, source, _ in named)])):
                for store in stores:
                    await store.wait_synced()
        except TimeoutError:
            if not self._started:
                _log.warning("serving with an unsynced Kubernetes API: cluster names are SERVFAIL until it answers")

        self._started = True

    async def start_behind(self, running: Parts, changed: Parts) -> None:
        """The same for what is to take the place of `running`, which answers meanwhile, so that there is time.

        Raises ConfigError also if `running` has all that it needs, and `changed` would not: SERVFAIL is no progress.
        """
        if running.late:
            await self.start()
            return
        await self.start(KUBERNETES_RELOAD_SECONDS.default)
        if changed.late:
            raise ConfigError("the API server has not given all objects that it needs")

    def name_anew(self) -> None:
        """A configuration is about to name its sources."""
        self._named.clear()

    async def drop_all_but(self, named: Mapping[Origin, Set[str]]) -> None:
        """Forget all other sources, and all other kinds of these. None of them may be in use any more."""
        unnamed = self._sources.keys() - named.keys()
        await _end([self._tasks.pop(origin)[1] for origin in unnamed if origin in self._tasks])
        for origin in unnamed:
            del self._sources[origin]
            self.watches.pop(origin, None)
        for origin, needed in named.items():
            await self._drop_kinds(origin, needed)
        if unnamed:
            await asyncio.sleep(0)  # the one who woke us still knows where the tasks were
            gc.unfreeze()  # stores and indexes know each other: only the garbage collector can take them
            settle_memory()

    async def _drop_kinds(self, origin: Origin, needed: Set[str]) -> None:
        filled, task = self._tasks[origin]
        if origin in self.watches and (kinds := filled - needed):
            self._tasks[origin] = filled & needed, task
            await self.watches[origin].end(kinds)
            settle_memory()

    async def close(self) -> None:
        """Stop filling."""
        await _end([task for _, task in self._tasks.values()])

    async def _fill(self, origin: Origin, cluster: Cluster, kinds: frozenset[str]) -> None:
        """Begin to fill these kinds, if that has not begun yet. Raises ConfigError, and leaves all as it is."""
        filled, before = self._tasks.get(origin, (frozenset[str](), None))
        if filled >= kinds:
            return
        if origin.manifests:
            selectors = {kind: read_label_selector(text) for kind, text in origin.selectors.items()}
            folder = ManifestFolder(Path(origin.manifests), cluster, selectors=selectors)
            folder.load()
            kinds = frozenset(KINDS)  # whatever is needed of them
            filling = eternal(f"manifests {origin.manifests}", folder.watch)
        else:
            await check_access(origin.access)
            kinds |= filled
            watch = self.watches[origin] = ClusterWatch(
                cluster,
                origin.access,
                kinds,
                field_selectors={"Pod": UNFINISHED_PODS},
                label_selectors=origin.selectors,
                on_list=self._settle,
            )
            filling = eternal("kubernetes watch", watch.run)
        if before is not None:
            before.cancel()  # a directive needs more of this cluster than the one before it
        self._tasks[origin] = kinds, filling

    def _settle(self) -> None:
        """A whole list is in. Until the first ones are, questions wait, and whoever starts us does this after that."""
        if self._started:
            settle_memory()


async def _end(tasks: Collection[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
