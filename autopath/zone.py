"""The zone of the cluster: a question to a decision, by the Kubernetes DNS specification 1.1.0 and as CoreDNS answers.

    <service>.<namespace>.svc.<zone>                      A, AAAA, SRV; CNAME for ExternalName
    <endpoint>.<service>.<namespace>.svc.<zone>           A, AAAA, SRV
    _<port>._<protocol>.<service>.<namespace>.svc.<zone>  SRV
    <dashed address>.<namespace>.pod.<zone>               A or AAAA
    dns-version.<zone>                                    TXT

Pure, and on the path of each first question: the name is cut, not parsed, and looked up as wire bytes. Labels are
self-delimiting, so what is in front of `svc.<zone>` can equal a key of the index only label by label; only names
that miss are taken apart. Owner names are cut out of the question, in the client's spelling.
Where this departs from CoreDNS or from the specification, docs/kubernetes-dns.md says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from autopath.addresses import from_dashed, pack
from autopath.decision import NODATA, NXDOMAIN, Decision
from autopath.index import ClusterIndex, IndexedService, ServiceKind
from clusterdns.directives.config.kubernetes import PodMode
from clusterdns.kube.objects import EndpointPort, Pod, ServicePort
from clusterdns.wire import numbers
from clusterdns.wire.names import MAX_NAME, labels
from clusterdns.wire.records import Record, soa_rdata, srv_rdata, txt_rdata

SPECIFICATION = b"1.1.0"
_VERSION_TTL = 28800
_SOA_MAXIMUM_TTL = 300

_SIZES = {numbers.A: 4, numbers.AAAA: 16}

Port = ServicePort | EndpointPort


PodAt = Callable[[str], Pod | None]
"""Canonical address to the pod that owns it."""


def start_of_authority(owner: bytes, zone: bytes, ttl: int, serial: int) -> Record:
    """The SOA of `zone` (folded), with the timers of CoreDNS. `owner` is the zone's name as the question spells it."""
    rdata = soa_rdata(b"\x02ns\x03dns" + zone, b"\x0ahostmaster" + zone, serial, 7200, 1800, 86400, ttl)
    return Record(owner, numbers.SOA, min(ttl, _SOA_MAXIMUM_TTL), rdata)


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
    ) -> None:
        """`name` is the zone's, folded; `pod_at` is asked for verified pods only. `ttl` is in seconds."""
        self.name = name
        self._svc = b"\x03svc" + name
        self._index = index
        self._ttl = ttl
        self._pods = pods
        self._pod_at = pod_at
        self._ignore_empty = ignore_empty_services

    def decide(self, name: bytes, folded: bytes, qtype: int) -> Decision:
        """The decision on a name at or below the zone; `name` is in the client's spelling."""
        row = self._index.services.get(folded.removesuffix(self._svc))
        if row is not None:
            return self._service(row, name, qtype)
        parts = labels(folded[: len(folded) - len(self.name)] + numbers.ROOT)
        match parts[::-1]:
            case []:
                return self._apex(name, qtype)
            case [b"dns-version"] if qtype == numbers.TXT:
                return Decision(True, (Record(name, numbers.TXT, _VERSION_TTL, txt_rdata(SPECIFICATION)),))
            # The SOA names ns.dns as the zone's server. `dns` above it stays denied, as in CoreDNS: if it existed, the
            # search for a host of that name would end here.
            case [b"dns-version"] | [b"svc"] | [b"pod"] | [b"dns", b"ns"]:
                return NODATA
            case [b"svc", namespace]:
                return NODATA if namespace in self._index.namespaces else NXDOMAIN
            case [b"svc", _, _, label]:
                return self._endpoint(label, name, folded, qtype)
            case [b"svc", _, _, protocol, port]:
                return self._port(port, protocol, name, folded, qtype)
            case [b"pod", namespace]:
                known = self._pods is not PodMode.DISABLED and namespace in self._index.namespaces
                return NODATA if known else NXDOMAIN
            case [b"pod", namespace, label]:
                return self._pod(label, namespace, name, qtype)
        return NXDOMAIN

    def _apex(self, name: bytes, qtype: int) -> Decision:
        if qtype == numbers.SOA:
            return Decision(True, (start_of_authority(name, self.name, self._ttl, self._index.serial),))
        return NODATA

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

    def _endpoint(self, label: bytes, name: bytes, folded: bytes, qtype: int) -> Decision:
        """A name in front of a Service: an endpoint of it, whatever kind of Service but ExternalName."""
        row = self._row_behind(folded, skip=1)
        if row is None:
            return NXDOMAIN
        slices = [each for each in row.slices.values() if label in each.ready]
        if not slices:
            # `_tcp` is an empty non-terminal above `_http._tcp`: it exists (RFC 8020 section 2), or else a resolver
            # that minimises its questions (RFC 9156) would never get to the port.
            protocol = label.removeprefix(b"_")
            stem = protocol != label and any(_matches(port, None, protocol) for port in _ports(row))
            return NODATA if stem else NXDOMAIN
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
        return self._addresses(name, qtype, dict.fromkeys(address for each in slices for address in each.ready[label]))

    def _port(self, port: bytes, protocol: bytes, name: bytes, folded: bytes, qtype: int) -> Decision:
        """`_port._protocol` in front of a Service; CoreDNS takes both without their underscores, too."""
        row = self._row_behind(folded, skip=2)
        if row is None:
            return NXDOMAIN
        wanted = (port.removeprefix(b"_"), protocol.removeprefix(b"_"))
        if not all(wanted) or not any(_matches(each, *wanted) for each in _ports(row)):
            return NXDOMAIN
        if qtype != numbers.SRV:
            return NODATA
        return self._srv(name, self._service_targets(row, name[len(port) + len(protocol) + 2 :], *wanted))

    def _row_behind(self, folded: bytes, skip: int) -> IndexedService | None:
        """The row of the Service behind the first `skip` labels, unless names in front of it can't exist."""
        start = 0
        for _ in range(skip):
            start += 1 + folded[start]
        row = self._index.services.get(folded[start:].removesuffix(self._svc))
        if row is None or row.kind is ServiceKind.EXTERNAL_NAME or not self._is_served(row):
            return None
        return row

    def _service_targets(
        self, row: IndexedService, base: bytes, port: bytes | None = None, protocol: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes, int | None]]:
        """(target, packed address, port) of each pair that matches; `base` is the Service's name as it is spelled."""
        if row.kind is ServiceKind.CLUSTER_IP:
            for each in _ports(row):
                if _matches(each, port, protocol):
                    yield from ((base, address, each.port) for address in (*row.v4, *row.v6))
            return
        for indexed in row.slices.values():
            matching = [each.port for each in indexed.slice.ports if _matches(each, port, protocol)]
            for label, addresses in indexed.ready.items():
                target = bytes((len(label),)) + label + base
                yield from ((target, address, number) for address in addresses for number in matching)

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
            [
                Record(target, numbers.A if len(address) == 4 else numbers.AAAA, self._ttl, address)
                for target, address in hosts
            ],
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
        answer = [Record(name, qtype, ttl, address) for address in addresses if len(address) == size]
        return Decision(True, answer) if answer else NODATA


def _ports(row: IndexedService) -> Sequence[Port]:
    """The ports by which a Service's names are made: its own, or those of its slices where clients reach endpoints."""
    if row.kind is ServiceKind.CLUSTER_IP:
        return row.service.ports if row.service is not None else ()
    return [port for each in row.slices.values() if each.ready for port in each.slice.ports]


def _matches(port: Port, name: bytes | None, protocol: bytes | None) -> bool:
    """None matches any; the others are folded."""
    return (name is None or port.name.lower().encode() == name) and (
        protocol is None or port.protocol.lower().encode() == protocol
    )
