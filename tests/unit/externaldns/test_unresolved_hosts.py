"""A load balancer's host that DNS does not answer for: no record is lost, before and after a restart."""

from __future__ import annotations

import pytest

from clusterdns.kube.objects import HostAddresses, Service
from clusterdns.kube.store import Cluster
from externaldns.controller import Controller, Rules
from externaldns.ownership import TxtRegistry
from externaldns.sources.service import ServiceOptions, ServiceSource
from tests.support import virtual_time
from tests.unit.externaldns.sources.building import NAME, annotated
from tests.unit.externaldns.test_controller import MemoryProvider, cluster_of

LB = "lb.ex.net"
WEB = Service(
    namespace="shop", name="web", type="LoadBalancer", load_balancer=(LB,), annotations=annotated(hostname=NAME)
)


def run(
    provider: MemoryProvider, *addresses: str, services: tuple[Service, ...] = (WEB,), resolve: bool = True
) -> None:
    """A new process and its first run, when DNS says `addresses` of the host; none: it does not answer."""
    cluster: Cluster = cluster_of(*services)
    if addresses:
        cluster.host_addresses.take(HostAddresses(name=LB, addresses=addresses))
    cluster.host_addresses.finish(())
    source = ServiceSource(cluster, options=ServiceOptions(resolve_hosts=resolve))
    virtual_time.run(Controller([source], TxtRegistry("me"), provider, Rules(), clock=lambda: 0.0).run_once())


def held(provider: MemoryProvider) -> set[str]:
    records = (each for each in provider.records.values() if each.record_type != "TXT")
    return {f"{each.record_type} {','.join(each.targets)}" for each in records}


ADDRESSES = {"A 192.0.2.1", "AAAA fd00::1"}


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (("192.0.2.2", "fd00::1"), {"A 192.0.2.2", "AAAA fd00::1"}),
        (("192.0.2.2",), {"A 192.0.2.2"}),
        # It does not answer: what is there stays.
        ((), ADDRESSES),
    ],
)
def test_a_restart(later: tuple[str, ...], expected: set[str]) -> None:
    provider = MemoryProvider()
    run(provider, "192.0.2.1", "fd00::1")
    assert held(provider) == ADDRESSES
    run(provider, *later)
    assert held(provider) == expected


def test_a_cname_stays_until_there_are_addresses_in_its_place() -> None:
    provider = MemoryProvider()
    run(provider, resolve=False)
    assert held(provider) == {f"CNAME {LB}"}
    run(provider)
    assert held(provider) == {f"CNAME {LB}"}
    run(provider, "192.0.2.1", "fd00::1")
    assert held(provider) == ADDRESSES


def test_a_service_that_goes_takes_its_records_with_it() -> None:
    provider = MemoryProvider()
    run(provider, "192.0.2.1")
    run(provider, services=())
    assert held(provider) == set()
