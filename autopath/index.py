"""The cluster's Services and endpoints by what DNS questions ask for: the stores, turned around.

    stores ──(old, new)──► here ──► zone, reverse

Keyed by wire bytes, so that a question needs no text: `\\x03web\\x04shop` (Service, then namespace) is cut out of
the question as it stands. Each change touches only what it names. Endpoints are 150,000 in a large cluster, and few
of them are ever asked for by name: a slice's names and rdata are made when first asked for, and thrown away when the
slice changes; the address map shares its text with the store.

Pure: no I/O; the clock that stamps the zone's serial is passed in.
"""

from __future__ import annotations

import copy
import enum
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from autopath.addresses import dashed
from autopath.serial import serial_after
from clusterdns.histogram import Histogram
from clusterdns.kube.addresses import pack
from clusterdns.kube.objects import Endpoint, EndpointSlice, Namespace, Service
from clusterdns.kube.store import Cluster
from clusterdns.wire.names import MAX_LABEL, name_from_text

PROGRAMMING_SECONDS = tuple(0.001 * 2**step for step in range(20))
"""CoreDNS's buckets for the time from a change to its being in DNS: a millisecond to nine minutes."""


class ServiceKind(enum.Enum):
    """How a Service is answered."""

    CLUSTER_IP = "ClusterIP"
    HEADLESS = "headless"
    EXTERNAL_NAME = "ExternalName"


# Python 3.11 takes ten times as long to find them in their class.
CLUSTER_IP, HEADLESS, EXTERNAL_NAME = ServiceKind


Addresses = tuple[tuple[bytes, ...], tuple[bytes, ...]]
"""Packed IPv4 addresses and IPv6 addresses, each once."""


class IndexedSlice:
    """One EndpointSlice of a Service."""

    __slots__ = ("_names", "_with_pod_names", "service", "slice")

    def __init__(self, service: IndexedService, current: EndpointSlice, with_pod_names: bool) -> None:
        self.service = service
        self.slice = current
        self._with_pod_names = with_pod_names
        self._names: dict[bytes, tuple[bytes, ...]] | None = None

    def put(self, current: EndpointSlice) -> None:
        self.slice = current
        self._names = None

    def copied(self, service: IndexedService) -> IndexedSlice:
        """The slice as it is now, behind a copy of its Service."""
        return IndexedSlice(service, self.slice, self._with_pod_names)

    @property
    def ready(self) -> dict[bytes, tuple[bytes, ...]]:
        """The ready endpoints: folded label to packed addresses. Several endpoints may share a host name."""
        if self._names is None:
            self._names = self._table(self.slice.endpoints)
        return self._names

    def ready_in(self, zone: bytes) -> dict[bytes, tuple[bytes, ...]]:
        """Those of `ready` that run in this topology zone (folded). Made anew each time: few ask."""
        return self._table(each for each in self.slice.endpoints if each.zone.lower().encode() == zone)

    def _table(self, endpoints: Iterable[Endpoint]) -> dict[bytes, tuple[bytes, ...]]:
        names: dict[bytes, tuple[bytes, ...]] = {}
        for endpoint in endpoints:
            if endpoint.ready:
                for address in endpoint.addresses:
                    packed = pack(address)
                    if packed is not None:
                        label = self._label(endpoint, address)
                        names[label] = (*names.get(label, ()), packed)
        return names

    def labels_of(self, address: str) -> list[bytes]:
        """The folded labels of the ready endpoints at `address`; several share it on their host's network."""
        ready = (each for each in self.slice.endpoints if each.ready and address in each.addresses)
        return [self._label(each, address) for each in ready]

    def _label(self, endpoint: Endpoint, address: str) -> bytes:
        """Host name, else pod name where `endpoint_pod_names` says so, else the address with dashes, as in CoreDNS."""
        name = endpoint.hostname
        if not name and self._with_pod_names and endpoint.target_kind == "Pod":
            name = endpoint.target_name
        label = name.lower().encode()
        # A pod's name may be longer than a label (253); CoreDNS then uses the address.
        return label if 0 < len(label) <= MAX_LABEL else dashed(address).encode("ascii")


class IndexedService:
    """One Service name with what is known of it; slices may arrive before their Service, and stay behind it."""

    __slots__ = ("_ready", "key", "kind", "service", "slices", "target", "v4", "v6")

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.slices: dict[str, IndexedSlice] = {}
        self._ready: Addresses | None = None
        self.put(None)

    def put(self, service: Service | None) -> None:
        self.service = service
        self.kind = CLUSTER_IP
        self.v4: tuple[bytes, ...] = ()
        self.v6: tuple[bytes, ...] = ()
        self.target: bytes | None = None
        if service is None:
            return
        if service.type == "ExternalName":
            self.kind = EXTERNAL_NAME
            self.target = _external_target(service.external_name)
        elif service.headless:
            self.kind = HEADLESS
        else:
            self.v4, self.v6 = _by_family(pack(address) or b"" for address in service.cluster_ips)

    @property
    def namespace(self) -> bytes:
        """Its namespace's label."""
        return self.key[self.key[0] + 2 :]

    def copied(self) -> IndexedService:
        """The row as it is now: what it holds is never changed, only replaced."""
        made = copy.copy(self)
        made.slices = {name: each.copied(made) for name, each in self.slices.items()}
        return made

    @property
    def has_ready_endpoints(self) -> bool:
        return any(self.ready_addresses)

    @property
    def ready_addresses(self) -> Addresses:
        """The addresses of all ready endpoints. Made when first asked for, and again when a slice has changed."""
        if self._ready is None:
            tables = [each.ready for each in self.slices.values()]
            self._ready = _by_family(address for table in tables for found in table.values() for address in found)
        return self._ready

    def changed(self) -> None:
        """A slice is not what it was, or new, or gone."""
        self._ready = None


Owner = TypeVar("Owner", bound=IndexedService | IndexedSlice)


class AddressOwners(Generic[Owner]):
    """Who has an address. Nearly always that is one, which then stands in the map itself, without a list around it."""

    def __init__(self) -> None:
        self._owners: dict[str, Owner | tuple[Owner, ...]] = {}

    def __len__(self) -> int:
        return len(self._owners)

    def at(self, address: str) -> tuple[Owner, ...]:
        """The owners of `address` (canonical text), first come first."""
        found = self._owners.get(address)
        if found is None:
            return ()
        return found if isinstance(found, tuple) else (found,)

    def move(self, owner: Owner, old: Iterable[str], new: Iterable[str]) -> None:
        """`owner` had the addresses `old` and has `new` from now on."""
        before, after = set(old), set(new)
        for address in before - after:
            rest = tuple(each for each in self.at(address) if each is not owner)
            if len(rest) > 1:
                self._owners[address] = rest
            elif rest:
                self._owners[address] = rest[0]
            else:
                self._owners.pop(address, None)
        for address in after - before:
            others = self.at(address)
            self._owners[address] = (*others, owner) if others else owner


class NoOwners(AddressOwners[Owner]):
    """Those of a process that nobody asks."""

    def move(self, owner: Owner, old: Iterable[str], new: Iterable[str]) -> None:
        pass


class ClusterIndex:
    """The indexes over one cluster's stores; they follow the stores from their making on.

    `services` is keyed by Service and namespace as wire labels and also holds names of which only slices are known
    (`service` is None); `namespaces` holds labels without their length byte. `serial` is that of the last
    change (`autopath.serial`).
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        wall_clock: Callable[[], float],
        namespaces: Iterable[str] = (),
        chosen_namespaces: bool = False,
        endpoints: bool = True,
        with_pod_names: bool = False,
    ) -> None:
        """Only `namespaces` are seen, all if there are none. With `chosen_namespaces` the store of namespaces holds
        only those that the operator's labels choose, and Services elsewhere are not exposed. Without `endpoints`
        slices are never looked at. Addresses of a `packed` cluster are not turned around.
        """
        self.services: dict[bytes, IndexedService] = {}
        self.namespaces: set[bytes] = set()
        owners = NoOwners if cluster.packed else AddressOwners
        self.services_at: AddressOwners[IndexedService] = owners()
        self.slices_at: AddressOwners[IndexedSlice] = owners()
        self.serial = serial_after(wall_clock())
        self.cluster = cluster
        self._wall_clock = wall_clock
        self._exposed = frozenset(namespaces)
        self._chosen = chosen_namespaces
        self._with_pod_names = with_pod_names
        cluster.namespaces.subscribe(self._namespace_changed)
        cluster.services.subscribe(self._service_changed)
        self.programming_durations = Histogram(PROGRAMMING_SECONDS)
        if endpoints:
            cluster.endpoint_slices.subscribe(self._slice_changed)

    def as_of_now(self) -> ClusterIndex:
        """The names of this moment, which no later change reaches; addresses are not turned around in it."""
        made = copy.copy(self)
        made.services = {key: row.copied() for key, row in self.services.items()}
        made.namespaces = set(self.namespaces)
        return made

    def exposes(self, row: IndexedService) -> bool:
        """Whether the Service's namespace is one of those that are answered for now: labels may change."""
        return not self._chosen or row.namespace in self.namespaces

    def _namespace_changed(self, old: Namespace | None, new: Namespace | None) -> None:
        if old is not None:
            self.namespaces.discard(old.name.encode())
        if new is not None and self._exposes(new.name):
            self.namespaces.add(new.name.encode())

    def _service_changed(self, old: Service | None, new: Service | None) -> None:
        either = new or old
        assert either is not None
        row = self._row(either.namespace, either.name)
        if row is None:
            return
        self.services_at.move(row, old.cluster_ips if old else (), new.cluster_ips if new else ())
        row.put(new)
        self._changed(row)

    def _slice_changed(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        if old is not None and (new is None or (new.service, new.address_type) != (old.service, old.address_type)):
            self._remove_slice(old)
            old = None
        # Addresses of the type FQDN are host names: they have no A, no AAAA and no reverse name.
        row = self._row(new.namespace, new.service) if new is not None and new.address_type != "FQDN" else None
        if new is None or row is None:
            return
        indexed = row.slices.get(new.name)
        if indexed is None:
            indexed = row.slices[new.name] = IndexedSlice(row, new, self._with_pod_names)
        else:
            indexed.put(new)
        self.slices_at.move(indexed, _addresses(old), _addresses(new))
        self._changed(row)
        self._measure(row, new.triggered if old is None or old.triggered != new.triggered else 0.0)

    def _measure(self, row: IndexedService, triggered: float) -> None:
        """From the change of a pod to its being in DNS. What a first list brings has been a change long ago.

        As in CoreDNS for headless Services only: the controller says the time just there for sure.
        """
        if triggered and row.kind is HEADLESS and self.cluster.endpoint_slices.synced:
            self.programming_durations.add(max(0.0, self._wall_clock() - triggered))

    def _remove_slice(self, old: EndpointSlice) -> None:
        key = wire_key(old.namespace, old.service)
        row = self.services.get(key) if key is not None else None
        indexed = row.slices.pop(old.name, None) if row is not None else None
        if row is not None and indexed is not None:
            self.slices_at.move(indexed, _addresses(old), ())
            self._changed(row)

    def _row(self, namespace: str, name: str) -> IndexedService | None:
        """The row of a Service, made if there is none; None if the Service can't be asked for."""
        key = wire_key(namespace, name) if self._exposes(namespace) else None
        if key is None:
            return None
        row = self.services.get(key)
        if row is None:
            row = self.services[key] = IndexedService(key)
        return row

    def _changed(self, row: IndexedService) -> None:
        self.serial = max(self.serial, serial_after(self._wall_clock()))
        row.changed()
        if row.service is None and not row.slices:
            del self.services[row.key]

    def _exposes(self, namespace: str) -> bool:
        return not self._exposed or namespace in self._exposed


def _by_family(addresses: Iterable[bytes]) -> Addresses:
    # No record comes twice in a set (RFC 2181 section 5): endpoints on one host's network share its address.
    found = dict.fromkeys(addresses)
    return tuple(each for each in found if len(each) == 4), tuple(each for each in found if len(each) == 16)


def wire_key(namespace: str, name: str) -> bytes | None:
    """Both as labels; None if either is none. The API server allows less than labels do, a manifest is not checked."""
    labels = (name.lower().encode(), namespace.lower().encode())
    if not all(1 <= len(label) <= MAX_LABEL for label in labels):
        return None
    return b"".join(bytes((len(label),)) + label for label in labels)


def _external_target(text: str) -> bytes | None:
    """The target of an ExternalName Service in wire form, as it is spelled; None for a broken name.

    None also for an address: it can't be the target of a CNAME, and CoreDNS answers no such Service (coredns#2324).
    """
    if not text or pack(text) is not None:
        return None
    try:
        return name_from_text(text)
    except ValueError:
        return None


def _addresses(current: EndpointSlice | None) -> Iterator[str]:
    """Every address, ready or not: readiness changes often, and is looked at when asked.

    Packed endpoints are made each time: not before somebody goes through them.
    """
    if current is not None:
        for each in current.endpoints:
            yield from each.addresses
