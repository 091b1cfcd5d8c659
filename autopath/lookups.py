"""What zones ask of a cluster's indexes: those are in the process itself (`index`), or in shared memory (`shared`)."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Protocol, TypeVar

from autopath.index import IndexedService, IndexedSlice
from clusterdns.directives.config.kubernetes import Config
from clusterdns.kube.pod_index import Pods
from clusterdns.kube.search_lists import PodSearchLists

Owner_co = TypeVar("Owner_co", covariant=True)


class Services(Protocol):
    """Services by wire key."""

    def get(self, key: bytes) -> IndexedService | None: ...


class Owners(Protocol[Owner_co]):
    """Who has an address."""

    def at(self, address: str) -> Sequence[Owner_co]:
        """The owners of `address` (canonical text)."""


class Index(Protocol):
    """The Services and endpoints of one cluster, as one directive sees them; see `ClusterIndex`."""

    @property
    def services(self) -> Services: ...

    @property
    def namespaces(self) -> Container[bytes]: ...

    @property
    def services_at(self) -> Owners[IndexedService]: ...

    @property
    def slices_at(self) -> Owners[IndexedSlice]: ...

    @property
    def serial(self) -> int: ...

    def exposes(self, row: IndexedService) -> bool: ...

    def as_of_now(self) -> WholeIndex: ...


class WholeIndex(Index, Protocol):
    """One that can be gone through: it does not change meanwhile."""

    @property
    def services(self) -> Mapping[bytes, IndexedService]: ...


class Synced(Protocol):
    """Whether the objects of one kind are all known."""

    @property
    def synced(self) -> bool: ...


class Stores(Protocol):
    """The objects of one cluster."""

    def store(self, kind: str) -> Synced: ...


class Source(Protocol):
    """One cluster."""

    @property
    def cluster(self) -> Stores: ...

    @property
    def pods(self) -> Pods: ...

    def index_for(self, config: Config) -> Index:
        """The index for a directive."""

    def imported_index_for(self, config: Config) -> Index | None:
        """The same for multi-cluster Services; None without `multicluster`."""

    def external_index_for(self, config: Config, headless: bool) -> Index:
        """The same for `k8s_external`, in front of a `kubernetes` with this Config."""

    def search_lists_for(self, zone: bytes) -> PodSearchLists:
        """The search lists of the pods in the zone (a folded wire name)."""


class Sources(Protocol):
    """The clusters that directives name."""

    def source_for(self, config: Config) -> Source:
        """The cluster that a directive names."""
