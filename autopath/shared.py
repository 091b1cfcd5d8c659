"""What a process that answers knows of the clusters: it looks things up in tables that another one fills (`publish`).

    question ──► index (here) ──► Services in use, as long as their entries stay as they are ──► table

It keeps no copy of a cluster, only the Services that were asked for last, decoded: the same rows that an index of its
own would have. Each look-up compares a number or two in shared memory, so that what has changed is never used.
A name that can't be told for now (`Unreadable`) is SERVFAIL.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable, Collection, Container, Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

from autopath.clusters import Origin, Shape, View, external_shape, origin_of, view_of
from autopath.index import Addresses, IndexedService, IndexedSlice
from autopath.shared_keys import OFF, POD, SYNCED, YES, IndexKeys, decode_claim, decode_row, decode_slice, split
from clusterdns.cache.watched import Watched
from clusterdns.daemon.shared_table import Mark, SharedTable, Unreadable
from clusterdns.directives.config.kubernetes import Config
from clusterdns.kube.addresses import pack
from clusterdns.kube.objects import PodClaim
from clusterdns.kube.search_lists import Clients, PodSearchLists
from clusterdns.limits import SHARED_ROWS
from clusterdns.search.lists import SearchList

_CLAIMS = 1024
"""How many decoded claims are kept: those of one namespace are mostly the same."""

Owner = TypeVar("Owner", bound=IndexedService | IndexedSlice)
Name = TypeVar("Name", str, bytes)


class SharedClusters:
    """The clusters behind tables, as directives name them. Implements `autopath.lookups.Sources`."""

    def __init__(self, sources: Mapping[Origin, SharedSource]) -> None:
        self.watched = Watched()
        """The answers in packet caches that hold until something changes that they are about."""
        self._sources = sources

    def forget(self, subjects: Collection[bytes] | None = None) -> None:
        """Something has changed in one of them, `subjects` or everything: what was made of it is made anew."""
        if subjects is None:
            self.watched.forget()
        else:
            self.watched.forget_about(subjects)
        for source in self._sources.values():
            source.forget()

    def source_for(self, config: Config) -> SharedSource:
        """The source that a directive names."""
        return self._sources[origin_of(config)]


class SharedSource:
    """One cluster. Implements `autopath.lookups.Source`."""

    def __init__(self, table: SharedTable, views: list[View]) -> None:
        """`views` are those of the indexes in the table, by their numbers."""
        self.cluster = _Stores(table)
        self.pods = SharedPods(table)
        self._table = table
        self._views = views
        self._clients: list[Clients] = []

    def index_for(self, config: Config) -> SharedIndex:
        return self._index(view_of(Shape.OWN, config))

    def imported_index_for(self, config: Config) -> SharedIndex | None:
        return self._index(view_of(Shape.IMPORTED, config)) if config.multicluster else None

    def external_index_for(self, config: Config, headless: bool) -> SharedIndex:
        return self._index(view_of(external_shape(headless), config))

    def search_lists_for(self, zone: bytes) -> PodSearchLists:
        # Of those that have asked since something has changed.
        self._clients.append(Clients())
        return _SearchLists(self.pods, _Names[str](self._table, OFF), zone, clients=self._clients[-1])

    def forget(self) -> None:
        """Something has changed."""
        for clients in self._clients:
            clients.forget()

    def _index(self, view: View) -> SharedIndex:
        return SharedIndex(
            self._table, self._views.index(view), chosen=view.chosen_namespaces, with_pod_names=view.pod_names
        )


class _SearchLists(PodSearchLists):
    """The search lists of pods."""

    def search_list_of(self, client: str) -> SearchList | None:
        """See `PodSearchLists.search_list_of`; who can't be told is not known, and searches by itself."""
        try:
            return super().search_list_of(client)
        except Unreadable:
            return None


class _Stores:
    """Which kinds of objects are all there."""

    def __init__(self, table: SharedTable) -> None:
        self._table = table

    def store(self, kind: str) -> _Store:
        return _Store(self._table, SYNCED + kind.encode())


class _Store(NamedTuple):
    table: SharedTable
    key: bytes

    @property
    def synced(self) -> bool:
        """What can't be told for now is not: SERVFAIL, as for a name."""
        try:
            return self.table.get(self.key) == YES
        except Unreadable:
            return False


class _Names(Container[Name]):
    """Names, as text or as labels, that stand in a table."""

    def __init__(self, table: SharedTable, place: bytes) -> None:
        self._table = table
        self._place = place

    def __contains__(self, name: object) -> bool:
        label = name.encode() if isinstance(name, str) else name
        return isinstance(label, bytes) and self._table.get(self._place + label) is not None


class SharedPods:
    """The pods by address. Implements `clusterdns.kube.pod_index.Pods`."""

    def __init__(self, table: SharedTable) -> None:
        self._table = table
        self._decode = functools.lru_cache(_CLAIMS)(decode_claim)

    def pod_at(self, address: str) -> PodClaim | None:
        """See `PodIndex.pod_at`; of the pod only its namespace, its annotations and DNS settings are known."""
        packed = pack(address)
        found = self._table.get(POD + packed) if packed is not None else None
        return self._decode(found) if found is not None else None


class SharedIndex:
    """One index. Implements `autopath.lookups.Index`."""

    def __init__(self, table: SharedTable, number: int, *, chosen: bool = False, with_pod_names: bool = False) -> None:
        """See `ClusterIndex`."""
        self._table = table
        self._keys = keys = IndexKeys(number)
        self.chosen = chosen
        self._with_pod_names = with_pod_names
        self.namespaces = _Names[bytes](table, keys.namespace)
        self.services = SharedServices(table, keys, with_pod_names)
        self.services_at = _Owners(self.services, keys.services_at, self._services_at)
        self.slices_at = _Owners(self.services, keys.slices_at, self._slices_at)

    @property
    def serial(self) -> int:
        return int.from_bytes(self._table.get(self._keys.serial) or b"", "big")

    def exposes(self, row: IndexedService) -> bool:
        """See `ClusterIndex.exposes`."""
        return not self.chosen or row.namespace in self.namespaces

    def as_of_now(self) -> WholeSharedIndex:
        """The names of this moment. What changes while they are read makes a serial that comes after this one's."""
        serial, table, keys = self.serial, self._table, self._keys
        rows = {}
        for directory in keys.directories():
            for key in split(table.get(directory) or b""):
                row = table.get(keys.row + key)
                if row is not None:
                    slices = [table.get(keys.slice + key + name.encode()) for name in decode_row(row)[1]]
                    rows[key] = row, [each for each in slices if each is not None]
        return WholeSharedIndex(self, serial, rows, self._with_pod_names)

    def _services_at(self, row: IndexedService, address: str) -> tuple[IndexedService, ...]:
        return (row,)

    def _slices_at(self, row: IndexedService, address: str) -> tuple[IndexedSlice, ...]:
        slices = row.slices.values()
        return tuple(each for each in slices if any(address in one.addresses for one in each.slice.endpoints))


class _Owners(Generic[Owner]):
    """Who has an address."""

    def __init__(
        self, services: SharedServices, place: bytes, owners: Callable[[IndexedService, str], tuple[Owner, ...]]
    ) -> None:
        """`owners` are those of a Service that is known to have some there."""
        self._services = services
        self._place = place
        self._owners = owners

    def at(self, address: str) -> list[Owner]:
        """See `AddressOwners.at`."""
        packed = pack(address)
        keys = self._services.table.get(self._place + packed) if packed is not None else None
        rows = map(self._services.get, split(keys or b""))
        return [owner for row in rows if row is not None for owner in self._owners(row, address)]


class SharedServices:
    """The Services of one index; those that were asked for last are kept decoded."""

    def __init__(self, table: SharedTable, keys: IndexKeys, with_pod_names: bool) -> None:
        self.table = table
        self.keys = keys
        self.with_pod_names = with_pod_names
        self._rows: OrderedDict[bytes, SharedService] = OrderedDict()

    def get(self, key: bytes) -> IndexedService | None:
        """The row of a Service by its wire key."""
        row = self._rows.get(key)
        if row is not None:
            self._rows.move_to_end(key)
            if self.table.is_current(row.mark):
                return row
        found, mark = self.table.read(self.keys.row + key)
        if found is None:
            self._rows.pop(key, None)
            return None
        if row is None:
            if len(self._rows) >= SHARED_ROWS.default:
                self._rows.popitem(last=False)
            row = self._rows[key] = SharedService(key, self)
        row.refresh(found, mark)
        return row


class SharedService(IndexedService):
    """A Service whose slices are read when they are looked at."""

    __slots__ = ("_digest", "_names", "_services", "_slices", "mark")

    mark: Mark
    _slices: dict[str, IndexedSlice]

    def __init__(self, key: bytes, services: SharedServices) -> None:
        self._services = services
        self._digest = 0
        self._names: tuple[str, ...] = ()
        super().__init__(key)

    def refresh(self, found: bytes, mark: Mark) -> None:
        """Be what `found` says, which was read with `mark`: another entry of the same stripe may have changed."""
        self.mark = mark
        digest = hash(found)
        if digest != self._digest:
            self._digest = digest
            service, self._names = decode_row(found)
            self.put(service)
            self.changed()
            self._slices = {name: self._slices[name] for name in self._names if name in self._slices}

    @property
    def ready_addresses(self) -> Addresses:
        """See `IndexedService.ready_addresses`."""
        self._refresh_slices()
        return super().ready_addresses

    @property
    def slices(self) -> dict[str, IndexedSlice]:
        """As they are now."""
        self._refresh_slices()
        return self._slices

    @slices.setter
    def slices(self, slices: dict[str, IndexedSlice]) -> None:
        self._slices = slices

    def _refresh_slices(self) -> None:
        table = self._services.table
        for name in self._names:
            indexed = self._slices.get(name)
            if not isinstance(indexed, SharedSlice) or not table.is_current(indexed.mark):
                self._read(name, indexed)

    def _read(self, name: str, indexed: IndexedSlice | None) -> None:
        services = self._services
        found, mark = services.table.read(services.keys.slice + self.key + name.encode())
        if found is None:
            self._slices.pop(name, None)  # it is being deleted
            self.changed()
            return
        if not isinstance(indexed, SharedSlice):
            indexed = self._slices[name] = SharedSlice(self, decode_slice(found), services.with_pod_names)
            self.changed()
        elif indexed.digest != hash(found):
            indexed.put(decode_slice(found))
            self.changed()
        indexed.digest, indexed.mark = hash(found), mark


class SharedSlice(IndexedSlice):
    """A slice, with what tells whether it is current."""

    __slots__ = ("digest", "mark")

    digest: int
    mark: Mark


class WholeSharedIndex:
    """The Services of one moment. Implements `autopath.lookups.WholeIndex`."""

    def __init__(
        self,
        index: SharedIndex,
        serial: int,
        rows: Mapping[bytes, tuple[bytes, list[bytes]]],
        with_pod_names: bool,
    ) -> None:
        """`rows` are the entries of each Service and its slices."""
        self.serial = serial
        self.services: Mapping[bytes, IndexedService] = _Rows(rows, with_pod_names)
        self.services_at = index.services_at
        self.slices_at = index.slices_at
        labels = {IndexedService(key).namespace for key in rows}
        self.namespaces = {label for label in labels if label in index.namespaces}
        self._exposed = labels if not index.chosen else self.namespaces

    def exposes(self, row: IndexedService) -> bool:
        """See `ClusterIndex.exposes`."""
        return row.namespace in self._exposed

    def as_of_now(self) -> WholeSharedIndex:
        """It stays as it is."""
        return self


class _Rows(Mapping[bytes, IndexedService]):
    """Rows that are decoded when they are looked at; the last one is kept."""

    def __init__(self, rows: Mapping[bytes, tuple[bytes, list[bytes]]], with_pod_names: bool) -> None:
        self._rows = rows
        self._decode = functools.lru_cache(1)(self._make)
        self._with_pod_names = with_pod_names

    def __getitem__(self, key: bytes) -> IndexedService:
        if key not in self._rows:
            raise KeyError(key)
        return self._decode(key)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def _make(self, key: bytes) -> IndexedService:
        found, slices = self._rows[key]
        row = IndexedService(key)
        row.put(decode_row(found)[0])
        for each in map(decode_slice, slices):
            row.slices[each.name] = IndexedSlice(row, each, self._with_pod_names)
        return row
