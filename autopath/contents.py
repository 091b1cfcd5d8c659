"""Every record of a cluster's zone, for a zone transfer: what its names are, and what it answers to each.

Whoever has the zone from here answers as this server does, but for the names of pods, which are as many as there are
addresses, and those of topology zones. Services are sorted by their names.
"""

from __future__ import annotations

from collections.abc import Iterator

from autopath.index import ClusterIndex, IndexedService, ServiceKind
from autopath.zone import ClusterZone, ports_of
from clusterdns.wire import numbers
from clusterdns.wire.names import MAX_LABEL, MAX_NAME, labels
from clusterdns.wire.records import Record

_ADDRESSES = (numbers.A, numbers.AAAA)


def records_of(zone: ClusterZone, index: ClusterIndex) -> Iterator[Record]:
    """All records but the SOA. Both must not change meanwhile: see `ClusterIndex.as_of_now`."""
    yield from _answers(zone, b"", numbers.NS)
    yield from _answers(zone, b"\x0bdns-version", numbers.TXT)
    yield from _answers(zone, b"\x02ns\x03dns", *_ADDRESSES)
    for key in sorted(index.services, key=_sorting):
        service = key + b"\x03svc"
        row = index.services[key]
        if row.kind is ServiceKind.EXTERNAL_NAME:
            yield from _answers(zone, service, numbers.CNAME)
        else:
            yield from _answers(zone, service, *_ADDRESSES, numbers.SRV)
            endpoints = {zone.endpoint_labels(each, label) for each in row.slices.values() for label in each.ready}
            for endpoint in sorted(endpoints):
                yield from _answers(zone, endpoint + service, *_ADDRESSES, numbers.SRV)
            for port in sorted(_ports(row)):
                yield from _answers(zone, port + service, numbers.SRV)


def _sorting(key: bytes) -> tuple[bytes, ...]:
    """Namespace and name of a Service, by its key."""
    return tuple(reversed(labels(key + numbers.ROOT)))


def _answers(zone: ClusterZone, stem: bytes, *qtypes: int) -> Iterator[Record]:
    name = stem + zone.name
    if len(name) <= MAX_NAME:
        for qtype in qtypes:
            yield from zone.decide(name, name, qtype).answer


def _ports(row: IndexedService) -> set[bytes]:
    """The wire labels of its ports' names; a port without a name has none."""
    found = set()
    for port in ports_of(row):
        parts = [f"_{text}".lower().encode() for text in (port.name, port.protocol) if text]
        if len(parts) == 2 and all(len(label) <= MAX_LABEL for label in parts):
            found.add(b"".join(bytes((len(label),)) + label for label in parts))
    return found
