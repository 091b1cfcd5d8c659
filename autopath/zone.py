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
from autopath.answers import Port, Target, address_set, addresses, srv, srv_set, start_behind
from autopath.apex import Apex, Servers, nobody
from autopath.decision import NODATA, NXDOMAIN, Decision
from autopath.index import CLUSTER_IP, EXTERNAL_NAME, HEADLESS, IndexedService, IndexedSlice
from autopath.lookups import Index, WholeIndex
from autopath.serial import serial_handed_out
from clusterdns.cache.watched import ANYTHING, Subjects
from clusterdns.directives.config.kubernetes import PodMode
from clusterdns.kube.addresses import pack
from clusterdns.kube.objects import PodClaim
from clusterdns.wire import numbers
from clusterdns.wire.names import labels
from clusterdns.wire.records import Record, txt_rdata

SPECIFICATION = b"1.1.0"
_VERSION_TTL = 28800

Table = tuple[IndexedSlice, dict[bytes, tuple[bytes, ...]]]
"""A slice, and all or some of its ready endpoints: folded label to packed addresses."""


PodAt = Callable[[str], PodClaim | None]
"""Canonical address to the pod that owns it."""


class ClusterZone:
    """One forward zone."""

    def __init__(
        self,
        name: bytes,
        index: Index,
        *,
        ttl: int,
        pods: PodMode = PodMode.DISABLED,
        pod_at: PodAt | None = None,
        ignore_empty_services: bool = False,
        zonal: bool = False,
        clusterset: bool = False,
        bare: bool = False,
        servers: Servers = nobody,
    ) -> None:
        """`name` is the zone's, folded; `pod_at` is asked for verified pods only. `ttl` is in seconds.

        With `clusterset`, `index` is over multi-cluster Services, and endpoints' names have their cluster's behind.
        With `bare` there is no `svc`: Services are right below the zone, alone, and none but headless ones have
        endpoints.
        """
        self.name = name
        self.services = name if bare else b"\x03svc" + name
        self._index = index
        self._ttl = ttl
        self._pods = pods
        self._pod_at = pod_at
        self._ignore_empty = ignore_empty_services
        self._zonal = zonal
        self._clusterset = clusterset
        self._bare = bare
        self.apex = Apex(name, index, ttl, servers)

    def as_of_now(self) -> tuple[ClusterZone, WholeIndex]:
        """The zone, and its index, as they are now and stay, whatever changes."""
        made = copy.copy(self)
        index = made._index = self._index.as_of_now()
        servers = self.apex.servers()
        made.apex = Apex(self.name, index, self._ttl, lambda: servers)
        return made, index

    def serial(self, now: float) -> int:
        """With which the zone is handed out at Unix time `now`."""
        return serial_handed_out(self._index.serial, now)

    def decide(self, name: bytes, folded: bytes, qtype: int) -> Decision:
        """The decision on a name at or below the zone; `name` is in the client's spelling."""
        if qtype == numbers.SRV and folded[1:2] == b"_" and not self._clusterset:
            # A port, nearly always; what is not there as one may yet be something else.
            found = self._port(name, folded, qtype)
            if found.exists:
                return found
        row = self._index.services.get(folded.removesuffix(self.services))
        if row is not None:
            return self._service(row, name, qtype)
        parts = labels(folded[: len(folded) - len(self.name)] + numbers.ROOT)
        match [b"svc", *parts[::-1]] if self._bare else parts[::-1]:
            case [b"svc", _, _]:
                return NXDOMAIN  # a Service, or else it would have been found
            case []:
                return self.apex.decide(name, qtype)
            case [b"dns-version"] if qtype == numbers.TXT:
                return Decision(True, (Record(name, numbers.TXT, _VERSION_TTL, txt_rdata(SPECIFICATION)),))
            # The SOA names ns.dns as the zone's server. `dns` above it stays denied, as in CoreDNS: if it existed, the
            # search for a host of that name would end here.
            case [b"dns", b"ns"]:
                return addresses(name, qtype, self._ttl, self.apex.server_addresses())
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
            case [b"svc", _, _, _, _]:
                return self._port(name, folded, qtype)
            case [b"pod", namespace]:
                known = self._pods is not PodMode.DISABLED and namespace in self._index.namespaces
                return NODATA if known else NXDOMAIN
            case [b"pod", namespace, label]:
                return self._pod(label, namespace, name, qtype)
        return NXDOMAIN

    def subjects(self, folded: bytes) -> Subjects:
        """What the decision on a name at or below the zone is about, for any type; Services by their keys in the index.

        That of a Service is asked for, or what is in front of it, whether there is one or not. Pods, and the zone's
        servers, depend on more. What else there is stays for good, or until a namespace comes or goes.
        """
        front = folded.removesuffix(self.services)
        if len(front) == len(folded):
            front = folded[: len(folded) - len(self.name)]
            return ANYTHING if not front or front.endswith((b"\x03pod", b"\x03dns")) else ()
        service = namespace = offset = 0
        while offset < len(front):
            service, namespace = namespace, offset
            offset += 1 + front[offset]
        return (front[service:],) if namespace else ()

    def _service(self, row: IndexedService, name: bytes, qtype: int) -> Decision:
        if not self._is_served(row):
            return NXDOMAIN
        if row.kind is EXTERNAL_NAME:
            return self._external_name(row, name, qtype)
        if qtype == numbers.SRV:
            return self._srv(row, name, name, ports_of(row))
        headless = row.kind is HEADLESS
        return address_set(name, qtype, self._ttl, row.ready_addresses if headless else (row.v4, row.v6))

    def _is_served(self, row: IndexedService) -> bool:
        """False where the name does not exist, for any type."""
        if row.service is None or not self._index.exposes(row):
            return False
        if row.kind is EXTERNAL_NAME:
            return row.target is not None
        # A headless Service without ready endpoints has no name at all in CoreDNS; one with a cluster IP keeps it,
        # unless `ignore empty_service`.
        needs_endpoints = row.kind is HEADLESS or self._ignore_empty
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
        row = self._row_at(folded[start_behind(folded, 1) :])
        if row is None:
            return NXDOMAIN
        # `_tcp` is an empty non-terminal above `_http._tcp`: it exists (RFC 8020 section 2), or else a resolver
        # that minimises its questions (RFC 9156) would never get to the port. So does a cluster's name.
        protocol = label.removeprefix(b"_")
        above_ports = protocol != label and any(
            port.name and port.protocol.lower().encode() == protocol for port in ports_of(row)
        )
        above_endpoints = self._clusterset and any(each.ready and _is_of(each, label) for each in row.slices.values())
        return NODATA if above_ports or above_endpoints else NXDOMAIN

    def _endpoint(self, label: bytes, cluster: bytes | None, name: bytes, folded: bytes, qtype: int) -> Decision:
        """An endpoint in front of a Service, whatever kind of Service but ExternalName; `cluster` is where it runs."""
        row = self._row_at(folded[start_behind(folded, 1 if cluster is None else 2) :])
        if row is None or (self._bare and row.kind is not HEADLESS):
            return NXDOMAIN
        slices = [
            each for each in row.slices.values() if label in each.ready and (cluster is None or _is_of(each, cluster))
        ]
        if not slices:
            return NXDOMAIN
        if qtype == numbers.SRV:
            return srv(
                name,
                self._ttl,
                [
                    (name, address, port.port)
                    for each in slices
                    for address in each.ready[label]
                    for port in each.slice.ports
                ],
            )
        return addresses(name, qtype, self._ttl, (address for each in slices for address in each.ready[label]))

    def _in_zone(self, pinned: list[bytes], name: bytes, folded: bytes, qtype: int) -> Decision:
        """What is in front of `_zone`: `pin` or `prefer`, and a topology zone, last label first."""
        start = start_behind(folded, 1 + len(pinned))
        row = self._row_at(folded[start:])
        if row is None or row.kind is not HEADLESS or pinned[:1] not in ([], [b"pin"], [b"prefer"]):
            return NXDOMAIN
        if len(pinned) < 2:
            return NODATA  # above the topology zones, any of which may be asked for
        zone = b".".join(pinned[:0:-1])
        tables = [(each, each.ready_in(zone)) for each in row.slices.values()]
        if pinned[0] == b"prefer" and not any(table for _, table in tables):
            tables = [(each, each.ready) for each in row.slices.values()]
        if qtype == numbers.SRV:
            return srv(name, self._ttl, self._endpoint_targets(tables, name[start:], ports_of(row)))
        found = (address for _, table in tables for packed in table.values() for address in packed)
        return addresses(name, qtype, self._ttl, found)

    def _port(self, name: bytes, folded: bytes, qtype: int) -> Decision:
        """`_port._protocol` in front of a Service; CoreDNS takes both without their underscores, too."""
        second = 1 + folded[0]
        start = second + 1 + folded[second]
        row = self._row_at(folded[start:])
        if row is None:
            return NXDOMAIN
        text = folded[:start].decode("latin-1")
        port, protocol = text[1:second].removeprefix("_"), text[second + 1 :].removeprefix("_")
        ports = [each for each in ports_of(row) if each.name.lower() == port and each.protocol.lower() == protocol]
        if not (ports and port and protocol):
            return NXDOMAIN
        return self._srv(row, name, name[start:], ports) if qtype == numbers.SRV else NODATA

    def _row_at(self, folded: bytes) -> IndexedService | None:
        """The row of the Service of this name, unless names in front of it can't exist."""
        row = self._index.services.get(folded.removesuffix(self.services))
        if row is None or row.kind is EXTERNAL_NAME or not self._is_served(row):
            return None
        return row

    def _srv(self, row: IndexedService, name: bytes, base: bytes, ports: Sequence[Port]) -> Decision:
        """SRV for `name`; `ports` are of the row, and `base` is its name as it is spelled."""
        if row.kind is CLUSTER_IP:
            return srv_set(name, self._ttl, base, ports, (row.v4, row.v6))
        tables = [(each, each.ready) for each in row.slices.values()]
        return srv(name, self._ttl, self._endpoint_targets(tables, base, ports))

    def _endpoint_targets(self, tables: Iterable[Table], base: bytes, ports: Sequence[Port]) -> Iterator[Target]:
        for indexed, table in tables:
            matching = [each.port for each in indexed.slice.ports if each in ports]
            for label, packed in table.items():
                target = self.endpoint_labels(indexed, label) + base
                yield from ((target, address, number) for address in packed for number in matching)

    def endpoint_labels(self, indexed: IndexedSlice, label: bytes) -> bytes:
        """What stands in front of the Service's name in that of an endpoint: wire labels."""
        cluster = indexed.slice.source_cluster.lower().encode() if self._clusterset else b""
        behind = bytes((len(cluster),)) + cluster if cluster else b""
        return bytes((len(label),)) + label + behind

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
        return addresses(name, qtype, self._ttl, (packed,) if packed is not None else ())


def _is_of(indexed: IndexedSlice, cluster: bytes) -> bool:
    return indexed.slice.source_cluster.lower().encode() == cluster


def ports_of(row: IndexedService) -> Sequence[Port]:
    """The ports by which a Service's names are made: its own, or those of its slices where clients reach endpoints."""
    if row.kind is CLUSTER_IP:
        return row.service.ports if row.service is not None else ()
    return [port for each in row.slices.values() if each.ready for port in each.slice.ports]
