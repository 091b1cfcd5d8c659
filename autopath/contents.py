"""Every record of a cluster's zone, for a zone transfer: what its names are, and what it answers to each.

Whoever has the zone from here answers as this server does, but for the names of pods, which are as many as there are
addresses, and those of topology zones. Services are sorted by their names.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain

from autopath.index import EXTERNAL_NAME, IndexedService
from autopath.lookups import WholeIndex
from autopath.zone import ClusterZone, ports_of
from clusterdns.directives.transfer import Contents
from clusterdns.wire import numbers
from clusterdns.wire.names import MAX_LABEL, MAX_NAME, labels
from clusterdns.wire.records import Record

_ADDRESSES = (numbers.A, numbers.AAAA)


def contents_of(zone: ClusterZone, now: float) -> Contents:
    """The zone as it is at Unix time `now`."""
    serial = zone.serial(now)
    return Contents(zone.apex.authority(zone.name, serial), serial, partial(_records, zone))


def _records(zone: ClusterZone) -> Iterator[Record]:
    frozen, index = zone.as_of_now()
    own = (
        record
        for stem, qtypes in ((b"", (numbers.NS,)), (b"\x0bdns-version", (numbers.TXT,)), (b"\x02ns\x03dns", _ADDRESSES))
        for record in _answers(frozen, stem + frozen.name, *qtypes)
    )
    return chain(own, service_records(frozen, index))


def service_records(zone: ClusterZone, index: WholeIndex) -> Iterator[Record]:
    """The records of Services. Both must not change meanwhile: see `ClusterZone.as_of_now`."""
    for key in sorted(index.services, key=_sorting):
        name = key + zone.services
        row = index.services[key]
        if row.kind is EXTERNAL_NAME:
            yield from _answers(zone, name, numbers.CNAME)
            continue
        yield from _answers(zone, name, *_ADDRESSES, numbers.SRV)
        endpoints = {zone.endpoint_labels(each, label) for each in row.slices.values() for label in each.ready}
        for endpoint in sorted(endpoints):
            yield from _answers(zone, endpoint + name, *_ADDRESSES, numbers.SRV)
        for port in sorted(_ports(row)):
            yield from _answers(zone, port + name, numbers.SRV)


def _sorting(key: bytes) -> tuple[bytes, ...]:
    """Namespace and name of a Service, by its key."""
    return tuple(reversed(labels(key + numbers.ROOT)))


def _answers(zone: ClusterZone, name: bytes, *qtypes: int) -> Iterator[Record]:
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
