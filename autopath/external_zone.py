"""The zones of `k8s_external`: Services by the addresses that they have outside of the cluster.

    <service>.<namespace>.<zone>, and what stands in front of it in the cluster's zone
    ns1.dns.<zone>      A, AAAA: this server, from outside

    stores ──► external_stores ──► ClusterIndex ──► ClusterZone, behind the zone's own names

A Service's addresses are spec.externalIPs and status.loadBalancer.ingress: they take the place of its cluster IPs, and
a load balancer that has only a host name makes it an ExternalName. Pure. Names and apex are those of CoreDNS.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from autopath import answers
from autopath.apex import address_record
from autopath.contents import service_records
from autopath.decision import NODATA, Decision
from autopath.imports import follow
from autopath.lookups import Index
from autopath.name_servers import NameServers
from autopath.serial import serial_handed_out
from autopath.zone import ClusterZone
from clusterdns.cache.watched import ANYTHING, Subjects
from clusterdns.directives.transfer import Contents
from clusterdns.kube.addresses import pack
from clusterdns.kube.objects import Service
from clusterdns.kube.store import Cluster
from clusterdns.wire import numbers
from clusterdns.wire.names import name_from_text
from clusterdns.wire.records import Record, soa_rdata


def external_stores(cluster: Cluster, headless: bool) -> Cluster:
    """Stores that follow those of `cluster`: the Services that are reached from outside, as they are reached.

    With `headless` those are also headless Services, by their endpoints.
    """
    made = Cluster(packed=cluster.packed)
    cluster.namespaces.subscribe(follow(made.namespaces, lambda namespace: namespace))
    cluster.services.subscribe(follow(made.services, lambda service: _from_outside(service, headless)))
    if headless:
        cluster.endpoint_slices.subscribe(follow(made.endpoint_slices, lambda each: each))
    return made


def _from_outside(service: Service, headless: bool) -> Service | None:
    addresses, host_name = _ways_to(service)
    if addresses:
        return Service(name=service.name, namespace=service.namespace, cluster_ips=addresses, ports=service.ports)
    if host_name:
        return Service(name=service.name, namespace=service.namespace, type="ExternalName", external_name=host_name)
    return service if headless and service.headless else None


def _ways_to(service: Service) -> tuple[tuple[str, ...], str]:
    """Its addresses outside, and else the host name of its load balancer; a CNAME can't stand beside addresses."""
    ways = dict.fromkeys((*service.external_ips, *service.load_balancer))
    addresses = tuple(each for each in ways if pack(each) is not None)
    return addresses, next((each for each in ways if pack(each) is None), "")


class ExternalApex:
    """The apex of an external zone: SOA, and NS with this server's addresses outside."""

    def __init__(self, zone: bytes, label: bytes, ttl: int, index: Index, name_servers: NameServers) -> None:
        self.server = b"\x03ns1" + label + zone
        self._label = label
        self._zone = zone
        self._ttl = ttl
        self._index = index
        self._name_servers = name_servers

    def authority(self, name: bytes, serial: int | None = None) -> Record:
        """The SOA, as the authority of `name`: at or below the zone, in any spelling; `serial` as in `Apex`."""
        zone, ttl = self._zone, self._ttl
        serial = self._index.serial if serial is None else serial
        rdata = soa_rdata(self.server, b"\x0ahostmaster" + self._label + zone, serial, 7200, 1800, 86400, ttl)
        return Record(name[len(name) - len(zone) :], numbers.SOA, ttl, rdata)

    def decide(self, name: bytes, qtype: int) -> Decision:
        """The decision on the apex, as `name` spells it."""
        if qtype == numbers.SOA:
            return Decision(True, (self.authority(name),))
        if qtype == numbers.NS:
            glue = [address_record(self.server, address, self._ttl) for address in self.addresses()]
            return Decision(True, (Record(name, numbers.NS, self._ttl, self.server),), glue)
        return NODATA

    def addresses(self) -> list[bytes]:
        """Where this server is reached from outside: by the Services in front of it."""
        services = (row.service for row in self._name_servers.services())
        found = (pack(address) for service in services if service is not None for address in _ways_to(service)[0])
        return list(dict.fromkeys(address for address in found if address is not None))


class ExternalZone:
    """One forward zone: its own names, and behind them those of Services."""

    def __init__(self, name: bytes, index: Index, name_servers: NameServers, *, label: str, ttl: int) -> None:
        """`name` is the zone's, folded; `index` is over `external_stores`, `name_servers` over the cluster's own.

        `label` is in front of the zone's own names. `ttl` is in seconds.
        """
        self.name = name
        self._label = name_from_text(label)[:-1]
        self._ttl = ttl
        self._index = index
        self.apex = ExternalApex(name, self._label, ttl, index, name_servers)
        self._services = ClusterZone(name, index, ttl=ttl, bare=True)

    def decide(self, name: bytes, folded: bytes, qtype: int) -> Decision:
        """The decision on a name at or below the zone; `name` is in the client's spelling."""
        if folded == self.name:
            return self.apex.decide(name, qtype)
        if folded == self._label + self.name:
            return NODATA
        if folded == self.apex.server:
            return answers.addresses(name, qtype, self._ttl, self.apex.addresses())
        return self._services.decide(name, folded, qtype)

    def subjects(self, folded: bytes) -> Subjects:
        """What the decision is about: a Service, or for the zone's own names those in front of this server."""
        if folded == self.name or folded.endswith(self._label + self.name):
            return ANYTHING
        return self._services.subjects(folded)

    def serial(self, now: float) -> int:
        """With which the zone is handed out at Unix time `now`."""
        return serial_handed_out(self._index.serial, now)

    def contents(self, now: float) -> Contents:
        """The whole zone as it is at Unix time `now`."""
        serial = self.serial(now)
        return Contents(self.apex.authority(self.name, serial), serial, self._records)

    def _records(self) -> Iterator[Record]:
        frozen, index = self._services.as_of_now()
        own = [
            Record(self.name, numbers.NS, self._ttl, self.apex.server),
            *(address_record(self.apex.server, address, self._ttl) for address in self.apex.addresses()),
        ]
        return chain(own, service_records(frozen, index))
