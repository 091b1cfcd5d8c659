"""The zone of the cluster: a question to a decision, by the Kubernetes DNS specification 1.1.0 and as CoreDNS answers.

    <service>.<namespace>.svc.<zone>                      A, AAAA, SRV; CNAME for ExternalName
    <endpoint>.<service>.<namespace>.svc.<zone>           A, AAAA, SRV
    _<port>._<protocol>.<service>.<namespace>.svc.<zone>  SRV
    <topology zone>.pin|prefer._zone.<service>.<namespace>.svc.<zone>  A, AAAA, SRV: `zonal`
    <endpoint>.<cluster>.<service>.<namespace>.svc.<clusterset>        A, AAAA, SRV: `multicluster`
    <dashed address>.<namespace>.pod.<zone>               A or AAAA
    dns-version.<zone>                                    TXT

Pure, and on the path of each first question: the name is cut, not parsed, and looked up as wire bytes. Labels are
self-delimiting, so what is in front of `svc.<zone>` can equal a key of the index only label by label; only names
that miss are taken apart. Owner names are cut out of the question, in the client's spelling.
Where this departs from CoreDNS or from the specification, docs/kubernetes-dns.md says so.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence

from autopath.addresses import from_dashed
from autopath.apex import Apex, Servers, address_record, nobody
from autopath.decision import NODATA, NXDOMAIN, Decision
from autopath.index import ClusterIndex, IndexedService, IndexedSlice, ServiceKind
from clusterdns.directives.config.kubernetes import PodMode
from clusterdns.kube.addresses import pack
from clusterdns.kube.objects import EndpointPort, PodClaim, ServicePort
from clusterdns.wire import numbers
from clusterdns.wire.names import MAX_NAME, labels
from clusterdns.wire.records import Record, srv_rdata, txt_rdata

SPECIFICATION = b"1.1.0"
_VERSION_TTL = 28800

_SIZES = {numbers.A: 4, numbers.AAAA: 16}

Port = ServicePort | EndpointPort
Table = tuple[IndexedSlice, dict[bytes, tuple[bytes, ...]]]
"""A slice, and all or some of its ready endpoints: folded label to packed addresses."""


PodAt = Callable[[str], PodClaim | None]
"""Canonical address to the pod that owns it."""


class ClusterZone:
    """One forward zone."""

    def __init__(
        self,
        name: bytes,
        index: ClusterIndex,
        *,
        ttl: int,
        pods: PodMode = PodMode.DISABLED,
        pod_at: PodAt | None = None,
        ignore_empty_services: bool = False,
        zonal: bool = False,
        clusterset: bool = False,
        servers: Servers = nobody,
    ) -> None:
        """`name` is the zone's, folded; `pod_at` is asked for verified pods only. `ttl` is in seconds.

        With `clusterset`, `index` is over multi-cluster Services, and endpoints' names have their cluster's behind.
        """
        self.name = name
        self._svc = b"\x03svc" + name
        self._index = index
        self._ttl = ttl
        self._pods = pods
        self._pod_at = pod_at
        self._ignore_empty = ignore_empty_services
        self._zonal = zonal
        self._clusterset = clusterset
        self.apex = Apex(name, index, ttl, servers)

    def as_of_now(self) -> tuple[ClusterZone, ClusterIndex]:
        """The zone, and its index, as they are now and stay, whatever changes."""
        made = copy.copy(self)
        made._index = self._index.as_of_now()
        servers = self.apex.servers()
        made.apex = Apex(self.name, made._index, self._ttl, lambda: servers)
        return made, made._index

    def decide(self, name: bytes, folded: bytes, qtype: int) -> Decision:
        """The decision on a name at or below the zone; `name` is in the client's spelling."""
        row = self._index.services.get(folded.removesuffix(self._svc))
        if row is not None:
            return self._service(row, name, qtype)
        parts = labels(folded[: len(folded) - len(self.name)] + numbers.ROOT)
        match parts[::-1]:
            case []:
                return self.apex.decide(name, qtype)
            case [b"dns-version"] if qtype == numbers.TXT:
                return Decision(True, (Record(name, numbers.TXT, _VERSION_TTL, txt_rdata(SPECIFICATION)),))
            # The SOA names ns.dns as the zone's server. `dns` above it stays denied, as in CoreDNS: if it existed, the
            # search for a host of that name would end here.
            case [b"dns", b"ns"]:
                return self._addresses(name, qtype, self.apex.server_addresses())
            case [b"dns-version"] | [b"svc"] | [b"pod"]:
                return NODATA
            case [b"svc", namespace]:
                return NODATA if namespace in self._index.namespaces else NXDOMAIN
            case [b"svc", _, _, b"_zone", *pinned] if self._zonal:
                return self._in_zone(pinned, name, folded, qtype)
            case [b"svc", _, _, cluster, label] if self._clusterset and not (cluster[:1] == label[:1] == b"_"):
                return self._endpoint(label, cluster, name, folded, qtype)
            case [b"svc", _, _, label]:
                return self._in_front(label, name, folded, qtype)
            case [b"svc", _, _, protocol, port]:
                return self._port(port, protocol, name, folded, qtype)
            case [b"pod", namespace]:
                known = self._pods is not PodMode.DISABLED and namespace in self._index.namespaces
                return NODATA if known else NXDOMAIN
            case [b"pod", namespace, label]:
                return self._pod(label, namespace, name, qtype)
        return NXDOMAIN

    def _service(self, row: IndexedService, name: bytes, qtype: int) -> Decision:
        if not self._is_served(row):
            return NXDOMAIN
        if row.kind is ServiceKind.EXTERNAL_NAME:
            return self._external_name(row, name, qtype)
        headless = row.kind is ServiceKind.HEADLESS
        if qtype == numbers.A or qtype == numbers.AAAA:
            if headless:
                return self._addresses(name, qtype, row.ready_addresses())
            return self._addresses(name, qtype, row.v4 if qtype == numbers.A else row.v6)
        if qtype == numbers.SRV:
            return self._srv(name, self._service_targets(row, name))
        return NODATA

    def _is_served(self, row: IndexedService) -> bool:
        """False where the name does not exist, for any type."""
        if row.service is None or not self._index.exposes(row):
            return False
        if row.kind is ServiceKind.EXTERNAL_NAME:
            return row.target is not None
        # A headless Service without ready endpoints has no name at all in CoreDNS; one with a cluster IP keeps it,
        # unless `ignore empty_service`.
        needs_endpoints = row.kind is ServiceKind.HEADLESS or self._ignore_empty
        return not needs_endpoints or row.has_ready_endpoints

    def _external_name(self, row: IndexedService, name: bytes, qtype: int) -> Decision:
        # RFC 1034 section 3.6.2 would answer any type with the CNAME. CoreDNS does for these three only, and what
        # clients of a cluster see today is that SRV or TXT are not there.
        if row.target is not None and qtype in (numbers.A, numbers.AAAA, numbers.CNAME):
            answer = (Record(name, numbers.CNAME, self._ttl, row.target),)
            return Decision(True, answer, target=None if qtype == numbers.CNAME else row.target)
        return NODATA

    def _in_front(self, label: bytes, name: bytes, folded: bytes, qtype: int) -> Decision:
        """One label in front of a Service: an endpoint, or a name that exists for the sake of those in front of it."""
        if not self._clusterset:
            found = self._endpoint(label, None, name, folded, qtype)
            if found.exists:
                return found
        row = self._row_behind(folded, skip=1)
        if row is None:
            return NXDOMAIN
        # `_tcp` is an empty non-terminal above `_http._tcp`: it exists (RFC 8020 section 2), or else a resolver
        # that minimises its questions (RFC 9156) would never get to the port. So does a cluster's name.
        protocol = label.removeprefix(b"_")
        above_ports = protocol != label and any(_matches(port, None, protocol) for port in ports_of(row))
        above_endpoints = self._clusterset and any(each.ready and _is_of(each, label) for each in row.slices.values())
        return NODATA if above_ports or above_endpoints else NXDOMAIN

    def _endpoint(self, label: bytes, cluster: bytes | None, name: bytes, folded: bytes, qtype: int) -> Decision:
        """An endpoint in front of a Service, whatever kind of Service but ExternalName; `cluster` is where it runs."""
        row = self._row_behind(folded, skip=1 if cluster is None else 2)
        slices = [
            each
            for each in (row.slices.values() if row is not None else ())
            if label in each.ready and (cluster is None or _is_of(each, cluster))
        ]
        if not slices:
            return NXDOMAIN
        if qtype == numbers.SRV:
            return self._srv(
                name,
                [
                    (name, address, port.port)
                    for each in slices
                    for address in each.ready[label]
                    for port in each.slice.ports
                ],
            )
        return self._addresses(name, qtype, (address for each in slices for address in each.ready[label]))

    def _in_zone(self, pinned: list[bytes], name: bytes, folded: bytes, qtype: int) -> Decision:
        """What is in front of `_zone`: `pin` or `prefer`, and a topology zone, last label first."""
        row = self._row_behind(folded, skip=1 + len(pinned))
        if row is None or row.kind is not ServiceKind.HEADLESS or pinned[:1] not in ([], [b"pin"], [b"prefer"]):
            return NXDOMAIN
        if len(pinned) < 2:
            return NODATA  # above the topology zones, any of which may be asked for
        zone = b".".join(pinned[:0:-1])
        tables = [(each, each.ready_in(zone)) for each in row.slices.values()]
        if pinned[0] == b"prefer" and not any(table for _, table in tables):
            tables = [(each, each.ready) for each in row.slices.values()]
        if qtype == numbers.SRV:
            return self._srv(name, self._endpoint_targets(tables, _behind(name, 1 + len(pinned))))
        return self._addresses(name, qtype, (each for _, table in tables for found in table.values() for each in found))

    def _port(self, port: bytes, protocol: bytes, name: bytes, folded: bytes, qtype: int) -> Decision:
        """`_port._protocol` in front of a Service; CoreDNS takes both without their underscores, too."""
        row = self._row_behind(folded, skip=2)
        if row is None:
            return NXDOMAIN
        wanted = (port.removeprefix(b"_"), protocol.removeprefix(b"_"))
        if not all(wanted) or not any(_matches(each, *wanted) for each in ports_of(row)):
            return NXDOMAIN
        if qtype != numbers.SRV:
            return NODATA
        return self._srv(name, self._service_targets(row, _behind(name, 2), *wanted))

    def _row_behind(self, folded: bytes, skip: int) -> IndexedService | None:
        """The row of the Service behind the first `skip` labels, unless names in front of it can't exist."""
        row = self._index.services.get(_behind(folded, skip).removesuffix(self._svc))
        if row is None or row.kind is ServiceKind.EXTERNAL_NAME or not self._is_served(row):
            return None
        return row

    def _service_targets(
        self, row: IndexedService, base: bytes, port: bytes | None = None, protocol: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes, int | None]]:
        """(target, packed address, port) of each pair that matches; `base` is the Service's name as it is spelled."""
        if row.kind is ServiceKind.CLUSTER_IP:
            for each in ports_of(row):
                if _matches(each, port, protocol):
                    yield from ((base, address, each.port) for address in (*row.v4, *row.v6))
            return
        yield from self._endpoint_targets([(each, each.ready) for each in row.slices.values()], base, port, protocol)

    def _endpoint_targets(
        self, tables: Iterable[Table], base: bytes, port: bytes | None = None, protocol: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes, int | None]]:
        for indexed, table in tables:
            matching = [each.port for each in indexed.slice.ports if _matches(each, port, protocol)]
            for label, addresses in table.items():
                target = self.endpoint_labels(indexed, label) + base
                yield from ((target, address, number) for address in addresses for number in matching)

    def endpoint_labels(self, indexed: IndexedSlice, label: bytes) -> bytes:
        """What stands in front of the Service's name in that of an endpoint: wire labels."""
        cluster = indexed.slice.source_cluster.lower().encode() if self._clusterset else b""
        behind = bytes((len(cluster),)) + cluster if cluster else b""
        return bytes((len(label),)) + label + behind

    def _srv(self, name: bytes, targets: Iterable[tuple[bytes, bytes, int | None]]) -> Decision:
        """SRV records, and the addresses of their targets as additional records.

        All have priority 0 and share a weight of 100. As in CoreDNS it is shared between pairs of address and port, so
        that two records of a dual-stack Service that turn out the same weigh 50.
        """
        pairs = [pair for pair in targets if pair[2] is not None and len(pair[0]) <= MAX_NAME]
        weight = max(1, 100 // len(pairs)) if pairs else 0
        services = dict.fromkeys((target, port) for target, _, port in pairs)
        hosts = dict.fromkeys((target, address) for target, address, _ in pairs)
        return Decision(
            True,
            [
                Record(name, numbers.SRV, self._ttl, srv_rdata(0, weight, port or 0, target))
                for target, port in services
            ],
            [address_record(target, address, self._ttl) for target, address in hosts],
        )

    def _pod(self, label: bytes, namespace: bytes, name: bytes, qtype: int) -> Decision:
        if self._pods is PodMode.DISABLED or namespace not in self._index.namespaces:
            return NXDOMAIN
        address = from_dashed(label)
        if address is None:
            return NXDOMAIN
        if self._pods is PodMode.VERIFIED:
            pod = self._pod_at(address) if self._pod_at is not None else None
            if pod is None or pod.namespace.encode() != namespace:
                return NXDOMAIN
        packed = pack(address)
        return self._addresses(name, qtype, (packed,) if packed is not None else ())

    def _addresses(self, name: bytes, qtype: int, addresses: Iterable[bytes]) -> Decision:
        size = _SIZES.get(qtype)
        if size is None:
            return NODATA
        ttl = self._ttl
        # No record comes twice in a set (RFC 2181 section 5): endpoints on one host's network share its address.
        answer = [Record(name, qtype, ttl, address) for address in dict.fromkeys(addresses) if len(address) == size]
        return Decision(True, answer) if answer else NODATA


def _behind(name: bytes, skip: int) -> bytes:
    """The name behind its first `skip` labels."""
    start = 0
    for _ in range(skip):
        start += 1 + name[start]
    return name[start:]


def _is_of(indexed: IndexedSlice, cluster: bytes) -> bool:
    return indexed.slice.source_cluster.lower().encode() == cluster


def ports_of(row: IndexedService) -> Sequence[Port]:
    """The ports by which a Service's names are made: its own, or those of its slices where clients reach endpoints."""
    if row.kind is ServiceKind.CLUSTER_IP:
        return row.service.ports if row.service is not None else ()
    return [port for each in row.slices.values() if each.ready for port in each.slice.ports]


def _matches(port: Port, name: bytes | None, protocol: bytes | None) -> bool:
    """None matches any; the others are folded."""
    return (name is None or port.name.lower().encode() == name) and (
        protocol is None or port.protocol.lower().encode() == protocol
    )
