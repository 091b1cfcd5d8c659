"""Hosts of load balancers: what DNS says of them is kept, and no failure of DNS takes a record away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from clusterdns.forward.host_names import Found, LookUpFailure
from clusterdns.kube.objects import HostAddresses, Service
from clusterdns.kube.store import Cluster
from externaldns import flags
from externaldns import service as program
from externaldns.sources.load_balancer_hosts import LoadBalancerHosts, hosts_of
from externaldns.sources.service import ServiceOptions, ServiceSource
from externaldns.sources.wanted import WantedRecords
from tests.support import virtual_time
from tests.support.background import in_background
from tests.unit.externaldns.sources.building import NAME, annotated, records, shown

LB = "lb.ex.net"
DOWN = LookUpFailure("Timeout while contacting DNS servers")
NOBODY = LookUpFailure("Domain name not found")
NONE = Found((), 600)


class Dns:
    """Answers by record type for every host; what it has no answer for it never answers."""

    def __init__(self, **answers: Found | Exception) -> None:
        self.answers: dict[str, Found | Exception] = dict(answers)
        self.asked: list[tuple[float, str, str]] = []
        self.open = self.most = 0
        self.closed = False

    async def find(self, name: str, record_type: str) -> Found:
        self.asked.append((asyncio.get_running_loop().time(), name, record_type))
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            await asyncio.sleep(0.01)
            answer = self.answers.get(record_type)
            if answer is None:
                await asyncio.Event().wait()
            if isinstance(answer, Exception):
                raise answer
            assert answer is not None
            return answer
        finally:
            self.open -= 1

    async def close(self) -> None:
        self.closed = True

    def hosts(self, since: float = 0.0) -> list[str]:
        return sorted(name for at, name, record_type in self.asked if record_type == "A" and at >= since)


def service(name: str = "web", *hosts: str, type: str = "LoadBalancer", **more: Any) -> Service:
    annotations = annotated(hostname=f"{name}.ex.com")
    return Service(namespace="shop", name=name, type=type, load_balancer=hosts, annotations=annotations, **more)


def play(dns: Dns, script: Callable[[Cluster], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        cluster = Cluster()
        async with in_background(LoadBalancerHosts(cluster.services, cluster.host_addresses, dns).run()):
            await script(cluster)
        assert dns.closed

    virtual_time.run(main())


def held(cluster: Cluster) -> Mapping[str, tuple[str, ...]]:
    return {each.name: each.addresses for each in cluster.host_addresses}


@pytest.mark.parametrize(
    ("given", "hosts"),
    [
        (service("web", LB, "192.0.2.1", "fd00::1", "b.ex.net"), [LB, "b.ex.net"]),
        (service("web", LB, external_ips=("192.0.2.1",)), []),
        (service("web", LB, type="ClusterIP"), []),
        (service("web"), []),
    ],
)
def test_hosts_of(given: Service, hosts: list[str]) -> None:
    assert list(hosts_of(given)) == hosts


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"A": Found(("192.0.2.2", "192.0.2.1"), 600), "AAAA": NONE}, {LB: ("192.0.2.1", "192.0.2.2")}),
        ({"A": Found(("192.0.2.1",), 600), "AAAA": Found(("fd00::1",), 600)}, {LB: ("192.0.2.1", "fd00::1")}),
        ({"A": Found(("192.0.2.1",), 600), "AAAA": DOWN}, {LB: ("192.0.2.1",)}),
        ({"A": NONE, "AAAA": NONE}, {}),
        ({"A": NOBODY, "AAAA": NOBODY}, {}),
        ({"A": ValueError("a bug"), "AAAA": DOWN}, {}),
        # It never answers: the others need not wait for it for ever.
        ({}, {}),
    ],
)
def test_the_first_answers(answers: dict[str, Found | Exception], expected: dict[str, tuple[str, ...]]) -> None:
    async def script(cluster: Cluster) -> None:
        cluster.services.replace([service("web", LB)])
        await cluster.host_addresses.wait_synced()
        assert held(cluster) == expected

    play(Dns(**answers), script)


def test_nothing_is_synced_before_the_services_are() -> None:
    dns = Dns(A=NONE, AAAA=NONE)

    async def script(cluster: Cluster) -> None:
        cluster.services.put(service("web", LB))
        await asyncio.sleep(100)
        assert (cluster.host_addresses.synced, dns.asked) == (False, [])

    play(dns, script)


FIRST = {"A": Found(("192.0.2.1",), 600), "AAAA": Found(("fd00::1",), 600)}


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ({"A": Found(("192.0.2.2",), 600)}, ("192.0.2.2", "fd00::1")),
        ({"AAAA": NONE}, ("192.0.2.1",)),
        # What fails, and what knows nothing, takes nothing away.
        ({"A": DOWN, "AAAA": DOWN}, ("192.0.2.1", "fd00::1")),
        ({"A": NOBODY, "AAAA": NOBODY}, ("192.0.2.1", "fd00::1")),
        ({"A": NONE, "AAAA": NONE}, ("192.0.2.1", "fd00::1")),
        ({"A": DOWN, "AAAA": NONE}, ("192.0.2.1",)),
        ({"A": Found(("192.0.2.2",), 600), "AAAA": DOWN}, ("192.0.2.2", "fd00::1")),
    ],
)
def test_what_later_answers_change(later: dict[str, Found | Exception], expected: tuple[str, ...]) -> None:
    dns = Dns(**FIRST)

    async def script(cluster: Cluster) -> None:
        cluster.services.replace([service("web", LB)])
        await cluster.host_addresses.wait_synced()
        dns.answers |= later
        await asyncio.sleep(65)
        assert held(cluster) == {LB: expected}

    play(dns, script)


@pytest.mark.parametrize(
    ("answers", "seconds"),
    [
        (FIRST, 60),
        ({"A": Found(("192.0.2.1",), 20), "AAAA": NONE}, 20),
        ({"A": Found(("192.0.2.1",), 0), "AAAA": NONE}, 5),
        ({"A": DOWN, "AAAA": DOWN}, 5),
    ],
)
def test_when_it_is_asked_again(answers: dict[str, Found | Exception], seconds: int) -> None:
    dns = Dns(**answers)

    async def script(cluster: Cluster) -> None:
        cluster.services.replace([service("web", LB)])
        await asyncio.sleep(3 * seconds - 1)
        times = [at for at, _, record_type in dns.asked if record_type == "A"]
        assert [round(later - earlier) for earlier, later in pairwise(times)] == [seconds, seconds]

    play(dns, script)


def test_services_come_and_go() -> None:
    dns = Dns(**FIRST)

    async def script(cluster: Cluster) -> None:
        cluster.services.replace([service("a", LB), service("b", LB)])
        await cluster.host_addresses.wait_synced()
        assert dns.hosts() == [LB]
        # Whatever is new is asked for at once; what nobody names any more is forgotten.
        now = asyncio.get_running_loop().time()
        cluster.services.put(service("c", "c.ex.net"))
        cluster.services.delete(("shop", "a"))
        await asyncio.sleep(1)
        assert (dns.hosts(now), set(held(cluster))) == (["c.ex.net"], {LB, "c.ex.net"})
        cluster.services.put(service("b", "192.0.2.9"))
        cluster.services.delete(("shop", "c"))
        assert held(cluster) == {}
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(200)
        assert dns.hosts(now) == []

    play(dns, script)


def test_no_more_are_asked_for_at_once_than_is_allowed() -> None:
    dns = Dns(**FIRST)

    async def script(cluster: Cluster) -> None:
        cluster.services.replace([service(f"s{number}", f"{number}.ex.net") for number in range(100)])
        await cluster.host_addresses.wait_synced()
        assert (len(held(cluster)), dns.most) == (100, 2 * 10)

    play(dns, script)


def test_trouble_is_said_once_and_again_after_it_was_over(caplog: pytest.LogCaptureFixture) -> None:
    dns = Dns(**FIRST)

    async def script(cluster: Cluster) -> None:
        cluster.services.replace([service("web", LB)])
        for answers in ({"A": DOWN, "AAAA": DOWN}, FIRST, {"A": NOBODY, "AAAA": NOBODY}):
            await asyncio.sleep(61)
            dns.answers |= answers
        await asyncio.sleep(61)

    play(dns, script)
    said = [text for text in caplog.messages if LB in text]
    assert said == [
        f"the load balancer's host {LB} is not found: {trouble}; 192.0.2.1, fd00::1 stay" for trouble in (DOWN, NOBODY)
    ]


def resolving(cluster: Cluster) -> ServiceSource:
    return ServiceSource(cluster, options=ServiceOptions(resolve_hosts=True))


def known(cluster: Cluster, *addresses: str, host: str = LB) -> None:
    cluster.host_addresses.take(HostAddresses(name=host, addresses=addresses))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (service("web", LB), {f"{NAME} A 192.0.2.1", f"{NAME} AAAA fd00::1"}),
        (service("web", LB, "192.0.2.9"), {f"{NAME} A 192.0.2.1,192.0.2.9", f"{NAME} AAAA fd00::1"}),
        (service("web", LB, external_ips=("192.0.2.7",)), {f"{NAME} A 192.0.2.7"}),
        (service("web", external_name="a.ex.net", type="ExternalName"), {f"{NAME} CNAME a.ex.net"}),
    ],
)
def test_the_service_source_has_the_addresses(given: Service, expected: set[str]) -> None:
    cluster = Cluster()
    cluster.services.replace([given])
    known(cluster, "192.0.2.1", "fd00::1")
    assert records(resolving(cluster)) == expected
    assert cluster.host_addresses in resolving(cluster).stores


def test_without_the_flag_a_host_is_a_cname_and_nothing_waits_for_dns() -> None:
    cluster = Cluster()
    cluster.services.replace([service("web", LB)])
    known(cluster, "192.0.2.1")
    source = ServiceSource(cluster)
    assert records(source) == {f"{NAME} CNAME {LB}"}
    assert cluster.host_addresses not in source.stores


def test_a_host_that_is_not_known_leaves_its_name_in_doubt() -> None:
    cluster = Cluster()
    cluster.services.replace([service("web", LB, "192.0.2.9")])
    wanted = WantedRecords([resolving(cluster)])
    wanted.take_dirty()
    assert shown(wanted.endpoints().endpoints) == {f"{NAME} A 192.0.2.9"}
    assert [(source, each.dns_name) for source, each in wanted.invalid()] == [("service", NAME)]


def test_new_addresses_make_the_names_of_its_services_dirty() -> None:
    cluster = Cluster()
    wanted = WantedRecords([resolving(cluster)])
    cluster.services.replace([service("web", LB), service("other", "b.ex.net")])
    wanted.take_dirty()
    known(cluster, "192.0.2.1")
    assert wanted.take_dirty() == {NAME}
    assert shown(wanted.endpoints([NAME]).endpoints) == {f"{NAME} A 192.0.2.1"}


MANIFEST = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop, annotations: {external-dns.kubernetes.io/hostname: web.ex.com}}
spec: {type: LoadBalancer}
status: {loadBalancer: {ingress: [{hostname: lb.ex.net}]}}
"""


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["--resolve-service-load-balancer-hostname"], [LB]),
        (["--resolve-service-load-balancer-hostname", "--namespace=bank"], []),
        ([], []),
    ],
)
def test_the_program_asks_for_the_hosts_of_services_that_it_makes_records_of(
    arguments: list[str], asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dns = Dns(**FIRST)
    monkeypatch.setattr(program, "CAresLookUp", lambda: dns)
    (tmp_path / "web.yaml").write_text(MANIFEST)
    required = ["--source=service", "--provider=alibabacloud", "--policy=sync", f"--manifests={tmp_path}"]
    config = flags.parse([*required, *arguments], {})

    async def main() -> None:
        cluster = Cluster()
        async with in_background(program.fill(config, cluster)):
            await cluster.services.wait_synced()
            if config.source.service.resolve_hosts:
                await cluster.host_addresses.wait_synced()
            assert dns.hosts() == asked

    virtual_time.run(main())
