"""Decisions made of addresses and ports: what the zones of a cluster have in common. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from autopath.apex import address_record
from autopath.decision import NODATA, Decision
from autopath.index import Addresses
from clusterdns.kube.objects import EndpointPort, ServicePort
from clusterdns.wire import numbers
from clusterdns.wire.names import MAX_NAME
from clusterdns.wire.records import Record, srv_rdata

_SIZES = {numbers.A: 4, numbers.AAAA: 16}

Port = ServicePort | EndpointPort
Target = tuple[bytes, bytes, int | None]
"""Name, packed address and port; no port is "all ports"."""


def addresses(name: bytes, qtype: int, ttl: int, found: Iterable[bytes]) -> Decision:
    """A or AAAA, of those packed addresses that are of the type; NODATA without any, and for other types."""
    size = _SIZES.get(qtype)
    if size is None:
        return NODATA
    # No record comes twice in a set (RFC 2181 section 5): endpoints on one host's network share its address.
    answer = [Record(name, qtype, ttl, address) for address in dict.fromkeys(found) if len(address) == size]
    return Decision(True, answer) if answer else NODATA


def address_set(name: bytes, qtype: int, ttl: int, found: Addresses) -> Decision:
    """The same where it is known already which are IPv4 and which IPv6 addresses."""
    answer = found[0] if qtype == numbers.A else found[1] if qtype == numbers.AAAA else ()
    return Decision(True, [Record(name, qtype, ttl, address) for address in answer]) if answer else NODATA


def srv(name: bytes, ttl: int, targets: Iterable[Target]) -> Decision:
    """SRV records, and the addresses of their targets as additional records.

    All have priority 0 and share a weight of 100. As in CoreDNS it is shared between pairs of address and port, so
    that two records of a dual-stack Service that turn out the same weigh 50.
    """
    pairs = [pair for pair in targets if pair[2] is not None and len(pair[0]) <= MAX_NAME]
    weight = max(1, 100 // len(pairs)) if pairs else 0
    services = {(target, port): None for target, _, port in pairs}
    hosts = {(target, address): None for target, address, _ in pairs}
    return Decision(
        True,
        [Record(name, numbers.SRV, ttl, srv_rdata(0, weight, port or 0, target)) for target, port in services],
        [address_record(target, address, ttl) for target, address in hosts],
    )


def srv_set(name: bytes, ttl: int, target: bytes, ports: Sequence[Port], found: Addresses) -> Decision:
    """The same for one target that has all `ports` at each of its addresses."""
    v4, v6 = found
    pairs = len(ports) * (len(v4) + len(v6))
    if not pairs:
        return NODATA
    weight = max(1, 100 // pairs)
    services = [
        Record(name, numbers.SRV, ttl, srv_rdata(0, weight, port, target))
        for port in {each.port or 0: None for each in ports}
    ]
    additional = [Record(target, numbers.A, ttl, address) for address in v4]
    if v6:
        additional += [Record(target, numbers.AAAA, ttl, address) for address in v6]
    return Decision(True, services, additional)


def start_behind(name: bytes, skip: int) -> int:
    """Where the labels behind the first `skip` of a name start."""
    start = 0
    for _ in range(skip):
        start += 1 + name[start]
    return start
