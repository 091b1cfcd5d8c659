"""What this process keeps of the clusters, written down for those that answer (`shared`): one table for each cluster.

    watch ──► stores ──► indexes ──► here ──► table in shared memory ◄── each process that answers

An index knows of each change before it is written here. A table goes with its cluster, which frees all it has at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial

from autopath.clusters import Origin, Source, View
from autopath.index import ClusterIndex, wire_key
from autopath.shared_keys import NO, OFF, POD, SYNCED, YES, IndexKeys, encode, join, split
from clusterdns.cache.watched import Watched
from clusterdns.daemon.shared_table import TableWriter
from clusterdns.kube.addresses import pack
from clusterdns.kube.kinds import KINDS
from clusterdns.kube.objects import EndpointSlice, Namespace, PodClaim, Service
from clusterdns.kube.packed import PackedSlice, pack_slice
from clusterdns.kube.search_lists import NamespacesOff
from clusterdns.limits import CHANGED_SUBJECTS

_log = logging.getLogger(__name__)

Described = list[tuple[Origin, list[View]]]
"""What stands in the tables: each one's cluster, and the views by the numbers of their indexes."""


class Gathered(Watched):
    """The changes that the processes which answer are to be told of, gathered from one time to the next."""

    def __init__(self) -> None:
        super().__init__(0)
        self._subjects: set[bytes] | None = None
        self._is_everything = False

    def forget_about(self, subjects: Iterable[bytes]) -> None:
        """These have changed."""
        self._subjects = self._subjects or set()
        self._subjects.update(subjects)
        if len(self._subjects) > CHANGED_SUBJECTS.default:
            self._subjects.clear()
            self._is_everything = True

    def forget(self, *_change: object) -> None:
        """Everything may have changed."""
        self._is_everything = True

    def take(self) -> list[bytes] | None:
        """The subjects that have changed since the last time; None for everything, and if nobody has said which."""
        subjects, self._subjects = self._subjects, None
        is_everything, self._is_everything = self._is_everything, False
        return None if subjects is None or is_everything else list(subjects)


class Publisher:
    """Writes each cluster into a table of its own, and tells `changed` when anything in one is another."""

    def __init__(self, changed: Callable[[], None], make_table: Callable[[], TableWriter] = TableWriter) -> None:
        self._changed = changed
        self._make_table = make_table
        self._sources: dict[Origin, PublishedSource] = {}

    def follow(self, sources: Mapping[Origin, Source]) -> None:
        """Write down what is in these, and what changes from now on; what is written down already stays so."""
        for origin, source in sources.items():
            if origin not in self._sources:
                self._sources[origin] = PublishedSource(source, self._make_table(), self._changed)
            self._sources[origin].follow_indexes()

    def describe(self, named: Collection[Origin]) -> tuple[Described, list[int]]:
        """What there is to be read of these, and the descriptors of the tables, in the same order."""
        found = [(origin, source) for origin, source in self._sources.items() if origin in named]
        return [(origin, list(source.views)) for origin, source in found], [each.table.descriptor for _, each in found]

    def drop_all_but(self, named: Collection[Origin]) -> None:
        """Let go of the tables of all other clusters, which are not followed any more."""
        for origin in self._sources.keys() - set(named):
            self._sources.pop(origin).table.close()


class PublishedSource:
    """One cluster, and its table."""

    def __init__(self, source: Source, table: TableWriter, changed: Callable[[], None]) -> None:
        self.table = table
        self.views: list[View] = []
        """The view of each index, by its number."""
        self._source = source
        self._changed = changed
        self._is_incomplete = False
        for kind in KINDS:
            source.cluster.store(kind).subscribe_synced(partial(self._write_synced, SYNCED + kind.encode()))
        source.cluster.pod_claims.subscribe(self._claim_changed)
        self._off = NamespacesOff(source.cluster.namespaces)
        source.cluster.namespaces.subscribe(self._namespace_changed)

    def follow_indexes(self) -> None:
        """Write down the indexes that are not yet."""
        for view, index in self._source.indexes.items():
            if view not in self.views:
                _PublishedIndex(index, IndexKeys(len(self.views)), self)
                self.views.append(view)

    def put(self, key: bytes, value: bytes | None) -> None:
        """Write an entry; None takes it away."""
        if self.table.delete(key) if value is None else self.table.put(key, value):
            self._changed()
        if self.table.is_incomplete is not self._is_incomplete:
            self._is_incomplete = not self._is_incomplete
            self._say_whether_complete()

    def _say_whether_complete(self) -> None:
        if self._is_incomplete:
            _log.error(
                "a cluster takes more than %d bytes of shared memory: names that had no room are SERVFAIL, and so are "
                "those that do not exist. Leave objects out (`labels`, `namespaces`), or serve without multisocket",
                self.table.used,
            )
        else:
            _log.info("all of the cluster has room in shared memory again")

    def _write_synced(self, place: bytes, synced: bool) -> None:
        self.put(place, YES if synced else NO)

    def _claim_changed(self, old: PodClaim | None, new: PodClaim | None) -> None:
        for address in {address for claim in (old, new) if claim for address in (claim.v4, claim.v6) if address}:
            owner = self._source.pods.owner_of(address)
            self.put(POD + address, encode(_told(owner)) if owner else None)

    def _namespace_changed(self, old: Namespace | None, new: Namespace | None) -> None:
        for namespace in (old, new):
            if namespace is not None:
                self.put(OFF + namespace.name.encode(), b"" if namespace.name in self._off else None)


def _told(claim: PodClaim) -> PodClaim:
    """What answers are made of; nothing of what decides between claims, so that a pod's progress is no change."""
    return PodClaim(name="", namespace=claim.namespace, annotations=claim.annotations, dns=claim.dns)


class _PublishedIndex:
    """One index in the table."""

    def __init__(self, index: ClusterIndex, keys: IndexKeys, source: PublishedSource) -> None:
        self._index = index
        self._keys = keys
        self._source = source
        self._put = source.put
        index.cluster.namespaces.subscribe(self._namespace_changed)
        index.cluster.services.subscribe(self._service_changed)
        index.cluster.endpoint_slices.subscribe(self._slice_changed)
        self._write_serial()

    def _namespace_changed(self, old: Namespace | None, new: Namespace | None) -> None:
        for namespace in (old, new):
            if namespace is not None:
                label = namespace.name.encode()
                self._put(self._keys.namespace + label, b"" if label in self._index.namespaces else None)
        self._write_serial()

    def _service_changed(self, old: Service | None, new: Service | None) -> None:
        either = new or old
        key = wire_key(either.namespace, either.name) if either is not None else None
        if key is not None:
            is_seen = key in self._index.services
            before = set(old.cluster_ips) if old is not None else set()
            after = set(new.cluster_ips) if new is not None and is_seen else set()
            self._write_row(key)
            self._turn(self._keys.services_at, key, before - after, after - before)
        self._write_serial()

    def _slice_changed(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        states = [(each, wire_key(each.namespace, each.service)) for each in (old, new) if each is not None]
        for key in {key for _, key in states if key is not None}:
            slices = self._slices_of(key)
            name = states[0][0].name
            before = {address for each, its in states if each is old and its == key for address in _addresses(each)}
            current = slices.pop(name, None)
            after = set(_addresses(current)) if current is not None else set()
            if current is not None:
                self._put(self._keys.slice + key + name.encode(), encode(current))
            # A row names no slice that is not there.
            self._write_row(key)
            if current is None:
                self._put(self._keys.slice + key + name.encode(), None)
            gone = {each for each in before - after if not any(other.has_address(each) for other in slices.values())}
            self._turn(self._keys.slices_at, key, gone, after - before)
        self._write_serial()

    def _slices_of(self, key: bytes) -> dict[str, PackedSlice]:
        row = self._index.services.get(key)
        return {name: pack_slice(each.slice) for name, each in row.slices.items()} if row is not None else {}

    def _write_row(self, key: bytes) -> None:
        row, place = self._index.services.get(key), self._keys.row + key
        was_there = self._source.table.get(place) is not None
        self._put(place, None if row is None else encode((row.service, tuple(row.slices))))
        if was_there is not (row is not None):
            directory = self._keys.directory_of(key)
            others = [each for each in split(self._source.table.get(directory) or b"") if each != key]
            self._put(directory, join(others if row is None else (*others, key)) or None)

    def _turn(self, place: bytes, key: bytes, gone: Iterable[str], come: Iterable[str]) -> None:
        """The Service `key` has the addresses `come`, and those in `gone` no more."""
        for addresses, has in ((gone, False), (come, True)):
            for packed in filter(None, map(pack, addresses)):
                others = [each for each in split(self._source.table.get(place + packed) or b"") if each != key]
                self._put(place + packed, join((*others, key) if has else others) or None)

    def _write_serial(self) -> None:
        self._put(self._keys.serial, self._index.serial.to_bytes(8, "big"))


def _addresses(each: EndpointSlice | PackedSlice) -> Iterator[str]:
    """Those that can be looked up; what has the type FQDN has none."""
    return (address for endpoint in each.endpoints for address in endpoint.addresses if each.address_type != "FQDN")
