"""A load balancer's host that DNS does not answer for: no record is lost, before and after a restart."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence

import pytest

from clusterdns.kube.objects import HostAddresses, Service
from clusterdns.kube.store import Cluster
from externaldns.changes import ChangeResult
from externaldns.controller import Controller
from externaldns.decision import Rules
from externaldns.ownership import TxtRegistry
from externaldns.sources.service import ServiceOptions, ServiceSource
from externaldns.sources.shaping import Shaping
from tests.support import virtual_time
from tests.unit.externaldns.in_memory import MemoryProvider, cluster_of
from tests.unit.externaldns.sources.building import NAME, annotated

LB = "lb.ex.net"
WEB = Service(
    namespace="shop", name="web", type="LoadBalancer", load_balancer=(LB,), annotations=annotated(hostname=NAME)
)


def run(
    provider: MemoryProvider,
    *addresses: str,
    services: tuple[Service, ...] = (WEB,),
    resolve: bool = True,
    shaping: Shaping | None = None,
) -> list[str]:
    """A new process and its first run, when DNS says `addresses` of the host; none: it does not answer.

    Returns the failures that were reported.
    """
    cluster: Cluster = cluster_of(*services)
    if addresses:
        cluster.host_addresses.take(HostAddresses(name=LB, addresses=addresses))
    cluster.host_addresses.finish(())
    source = ServiceSource(cluster, options=ServiceOptions(resolve_hosts=resolve))
    failures: list[str] = []

    def report(results: Sequence[ChangeResult], changed_at: Mapping[str, float]) -> None:
        failures.extend(f"{each.change.name}: {each.error}" for each in results if each.error is not None)

    rules = Rules(shaping=shaping or Shaping())
    controller = Controller([source], TxtRegistry("me"), provider, rules, report=report, clock=lambda: 0.0)
    virtual_time.run(controller.run_once())
    return failures


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


@pytest.mark.parametrize("shaping", [Shaping(), Shaping(target_networks=(ipaddress.ip_network("192.0.2.0/24"),))])
def test_its_object_is_told_and_the_log_is_not_told_again(shaping: Shaping, caplog: pytest.LogCaptureFixture) -> None:
    provider = MemoryProvider()
    run(provider, "192.0.2.1", shaping=shaping)
    caplog.clear()
    assert run(provider, shaping=shaping) == [f"{NAME}: A: the addresses of {LB} are not known; what there is stays"]
    assert held(provider) == {"A 192.0.2.1"}
    assert caplog.messages == []


def test_default_targets_in_its_place_need_no_addresses() -> None:
    provider = MemoryProvider()
    shaping = Shaping(default_targets=("192.0.2.9",), force_default_targets=True)
    assert run(provider, shaping=shaping) == []
    assert held(provider) == {"A 192.0.2.9"}


def test_a_service_that_goes_takes_its_records_with_it() -> None:
    provider = MemoryProvider()
    run(provider, "192.0.2.1")
    run(provider, services=())
    assert held(provider) == set()
