"""Where cluster DNS is: as given, from the environment, and from a Service that is watched. Watches on virtual time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from clusterdns.forward.upstreams import Upstream
from clusterdns.kube.objects import Endpoint, EndpointPort, EndpointSlice, Service, ServicePort
from nodelocal.cluster_dns import (
    ClusterDns,
    NoClusterDns,
    Target,
    choose,
    endpoints_of,
    environment_name,
    own_namespace,
    read_target,
    servers_of,
)
from tests.support import virtual_time
from tests.support.apiserver import ApiServerDouble

UDP, TCP = ServicePort("dns", 53, "UDP"), ServicePort("dns-tcp", 53)


def test_what_the_flag_means() -> None:
    assert read_target("kube-dns") == Target(service="kube-dns")
    assert read_target("kube-system/kube-dns") == Target(service="kube-dns", namespace="kube-system")
    assert read_target("10.96.0.10, fd00:0::a,10.96.0.10") == Target(
        (Upstream("10.96.0.10", 53), Upstream("fd00::a", 53))
    )
    assert read_target("[fd00::a]:54,10.0.0.1:55") == Target((Upstream("fd00::a", 54), Upstream("10.0.0.1", 55)))


def test_name_of_the_variable() -> None:
    assert environment_name("kube-dns-upstream") == "KUBE_DNS_UPSTREAM_SERVICE_HOST"


def test_own_namespace(tmp_path: Path) -> None:
    assert own_namespace(tmp_path / "namespace") == "kube-system"
    (tmp_path / "namespace").write_text("dns\n")
    assert own_namespace(tmp_path / "namespace") == "dns"


# Cluster IPs, ports, and what they give.
SERVICES: list[tuple[tuple[str, ...], tuple[ServicePort, ...], list[str]]] = [
    (("10.96.0.10",), (UDP, TCP), ["10.96.0.10:53"]),
    (("10.96.0.10", "fd00::a"), (TCP,), ["10.96.0.10:53", "[fd00::a]:53"]),
    (("10.96.0.10",), (ServicePort("", 53, "UDP"), ServicePort("metrics", 9153)), ["10.96.0.10:53"]),
    (("10.96.0.10",), (ServicePort("dns", 5353, "UDP"), ServicePort("dns-tcp", 5353)), ["10.96.0.10:5353"]),
    (("10.96.0.10",), (ServicePort("metrics", 9153),), []),
    (("10.96.0.10",), (ServicePort("dns", 53, "SCTP"),), []),
    ((), (UDP, TCP), []),
]  # fmt: skip


@pytest.mark.parametrize(("cluster_ips", "ports", "servers"), SERVICES)
def test_servers_of_a_service(cluster_ips: tuple[str, ...], ports: tuple[ServicePort, ...], servers: list[str]) -> None:
    assert [str(each) for each in servers_of(Service(name="s", cluster_ips=cluster_ips, ports=ports))] == servers


PORTS = (EndpointPort("dns-tcp", 8053), EndpointPort("dns", 8053, "UDP"), EndpointPort("metrics", 9153))


def slice_of(*endpoints: Endpoint, **more: Any) -> EndpointSlice:
    return EndpointSlice(**{"name": "s-1", "service": "s", "ports": PORTS, "endpoints": endpoints, **more})


SLICES: list[tuple[list[EndpointSlice], list[str]]] = [
    ([], []),
    ([slice_of(Endpoint(("10.0.0.2",)), Endpoint(("10.0.0.1",)))], ["10.0.0.1:8053", "10.0.0.2:8053"]),
    ([slice_of(Endpoint(("fd00::1",)), address_type="IPv6"), slice_of(Endpoint(("10.0.0.1",)))],
     ["10.0.0.1:8053", "[fd00::1]:8053"]),
    ([slice_of(Endpoint(("10.0.0.1",))), slice_of(Endpoint(("10.0.0.1",)))], ["10.0.0.1:8053"]),
    ([slice_of(Endpoint(("10.0.0.1",), ready=False))], []),
    ([slice_of(Endpoint(("10.0.0.1",), terminating=True))], []),
    ([slice_of(Endpoint(("10.0.0.1",)), service="t")], []),
    ([slice_of(Endpoint(("web.example",)), address_type="FQDN")], []),
    ([slice_of(Endpoint(("10.0.0.1",)), ports=(EndpointPort("metrics", 9153),))], []),
    ([slice_of(Endpoint(("10.0.0.1",)), ports=(EndpointPort("", None),))], []),
]  # fmt: skip


@pytest.mark.parametrize(("slices", "servers"), SLICES)
def test_endpoints_of_a_service(slices: list[EndpointSlice], servers: list[str]) -> None:
    assert [str(each) for each in endpoints_of("s", slices)] == servers


# Without an API server.

NAMED = Target(service="kube-dns-upstream")
VARIABLE = "KUBE_DNS_UPSTREAM_SERVICE_HOST"


def test_given_addresses_need_nobody() -> None:
    target = Target((Upstream("10.0.0.1", 53), Upstream("10.0.0.2", 54)))

    async def main() -> None:
        dns = ClusterDns(target, {})
        await dns.start()
        assert (dns.servers(), dns.watched, dns.endpoints) == (target.servers, False, ())
        await dns.close()

    virtual_time.run(main())


@pytest.mark.parametrize("address", ["10.96.0.10", "fd00::a"])
def test_from_the_environment(address: str) -> None:
    async def main() -> None:
        dns = ClusterDns(NAMED, {VARIABLE: address})
        await dns.start()
        assert (dns.servers(), dns.watched) == ((Upstream(address, 53),), False)

    virtual_time.run(main())


NOT_FOUND = "the cluster's DNS, the Service dns/kube-dns-upstream, can't be found:"
NOT_ASKED = (
    "the API server can't be asked (there is neither a service account's token nor -kubeconfig); give the name of a "
    "Service that has a cluster IP, or an address"
)
# The environment, the target, and what is said.
MISSING: list[tuple[dict[str, str], Target, str]] = [
    ({}, NAMED,
     f"-upstreamsvc: {NOT_FOUND} {VARIABLE} is not set (it is in pods younger than the Service), and {NOT_ASKED}"),
    # A Service of that name in another namespace is another one.
    ({VARIABLE: "10.96.0.10"}, Target(service="kube-dns-upstream", namespace="other"),
     f"-upstreamsvc: {NOT_FOUND.replace('dns/', 'other/')} {NOT_ASKED}"),
    # In a pod without a token.
    ({"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"},
     Target(service="kube-dns-upstream", namespace="other"),
     f"-upstreamsvc: {NOT_FOUND.replace('dns/', 'other/')} {NOT_ASKED}"),
    ({VARIABLE: "None"}, NAMED, 'KUBE_DNS_UPSTREAM_SERVICE_HOST: "None" is not an IP address'),
]  # fmt: skip


@pytest.mark.parametrize(("environ", "target", "message"), MISSING)
def test_nobody_knows(environ: dict[str, str], target: Target, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    async def main() -> None:
        dns = ClusterDns(target, environ, namespace="dns")
        await dns.start()
        assert not dns.watched
        with pytest.raises(NoClusterDns) as raised:
            dns.servers()
        assert str(raised.value) == message

    virtual_time.run(main())


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    async def main() -> None:
        dns = ClusterDns(NAMED, {}, kubeconfig=str(tmp_path / "none"))
        await dns.start()
        with pytest.raises(NoClusterDns, match=r"the API server can't be asked \(.*/none: no such kubeconfig file\)"):
            dns.servers()

    virtual_time.run(main())


# With an API server.

SPEC = {"clusterIP": "10.96.0.10", "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}]}
HEADLESS = {**SPEC, "clusterIP": "None"}
WATCHED = Target(service="kube-dns", namespace="kube-system")


def put_slice(server: ApiServerDouble, *addresses: str, name: str = "kube-dns-a") -> None:
    server.put(
        "EndpointSlice",
        name,
        "kube-system",
        metadata={"labels": {"kubernetes.io/service-name": "kube-dns"}},
        addressType="IPv4",
        endpoints=[{"addresses": [address]} for address in addresses],
        ports=[{"name": "dns", "port": 53, "protocol": "UDP"}],
    )


def play(
    folder: Path,
    script: Callable[[ApiServerDouble, ClusterDns], Coroutine[Any, Any, None]],
    target: Target = WATCHED,
    environ: dict[str, str] | None = None,
    *,
    prepare: Callable[[ApiServerDouble], None] = lambda server: None,
) -> None:
    async def main() -> None:
        async with ApiServerDouble() as server:
            prepare(server)
            dns = ClusterDns(
                target, environ or {}, kubeconfig=server.kubeconfig(folder), namespace="kube-system", seed="node-a"
            )
            await dns.start()
            try:
                await script(server, dns)
            finally:
                await dns.close()

    virtual_time.run(main())


async def servers_are(dns: ClusterDns, *expected: str) -> None:
    """Wait until `dns` says so."""
    found: list[str] | str = ""
    for _ in range(100):
        try:
            found = [str(each) for each in dns.servers()]
        except NoClusterDns as error:
            found = str(error)
        if found == list(expected):
            return
        await asyncio.sleep(1)
    pytest.fail(f"{found} instead of {expected}")


def test_a_service_is_followed(tmp_path: Path) -> None:
    async def script(server: ApiServerDouble, dns: ClusterDns) -> None:
        assert [str(each) for each in dns.servers()] == ["10.96.0.10:53"]
        await server.watched("Service")
        server.put("Service", "kube-dns", "kube-system", spec={**SPEC, "clusterIP": "10.96.0.11"})
        await servers_are(dns, "10.96.0.11:53")
        asked = server.lists("services")[0]
        assert asked.path == "/api/v1/namespaces/kube-system/services"
        assert asked.query["fieldSelector"] == "metadata.name=kube-dns"

    play(tmp_path, script, prepare=lambda server: server.put("Service", "kube-dns", "kube-system", spec=SPEC))


def test_endpoints_are_followed(tmp_path: Path) -> None:
    def prepare(server: ApiServerDouble) -> None:
        server.put("Service", "kube-dns", "kube-system", spec=SPEC)
        put_slice(server, "10.0.0.1", "10.0.0.2")

    async def script(server: ApiServerDouble, dns: ClusterDns) -> None:
        heard: asyncio.Queue[list[str]] = asyncio.Queue()
        dns.subscribe(lambda endpoints: heard.put_nowait([str(each) for each in endpoints]))
        assert await heard.get() == ["10.0.0.1:53", "10.0.0.2:53"]
        await server.watched("EndpointSlice")
        put_slice(server, "10.0.0.2")
        assert await heard.get() == ["10.0.0.2:53"]
        put_slice(server, "10.0.0.2", name="kube-dns-b")  # no news
        server.delete("EndpointSlice", "kube-dns-a", "kube-system")
        server.delete("EndpointSlice", "kube-dns-b", "kube-system")
        assert await heard.get() == []
        # The cluster IP is what the Corefile gets, and does not change with them.
        assert [str(each) for each in dns.servers()] == ["10.96.0.10:53"]

    play(tmp_path, script, prepare=prepare)


def test_a_headless_service_is_its_endpoints(tmp_path: Path) -> None:
    async def script(server: ApiServerDouble, dns: ClusterDns) -> None:
        with pytest.raises(
            NoClusterDns, match="the Service kube-system/kube-dns has no cluster IP and no endpoint that"
        ):
            dns.servers()
        await server.watched("EndpointSlice")
        put_slice(server, "10.0.0.1", "10.0.0.2")
        await servers_are(dns, "10.0.0.1:53", "10.0.0.2:53")

    play(tmp_path, script, prepare=lambda server: server.put("Service", "kube-dns", "kube-system", spec=HEADLESS))


def test_never_more_than_a_corefile_takes() -> None:
    endpoints = [Upstream(f"10.0.0.{number}", 53) for number in range(100, 140)]
    chosen = choose(endpoints, "node-a")
    assert len(chosen) == 15
    assert list(chosen) == [each for each in endpoints if each in chosen]
    assert choose(endpoints, "node-b") != chosen
    # One that goes makes room for one other; one that was not chosen is not missed.
    for gone in endpoints:
        left = choose([each for each in endpoints if each != gone], "node-a")
        assert len(left) == 15
        assert set(chosen) - set(left) == {gone} & set(chosen)
    assert choose(endpoints[:15], "node-a") == tuple(endpoints[:15])


def test_a_name_without_variable_is_looked_for_in_the_pods_namespace(tmp_path: Path) -> None:
    async def script(server: ApiServerDouble, dns: ClusterDns) -> None:
        with pytest.raises(NoClusterDns, match=r"there is no Service kube-system/kube-dns$"):
            dns.servers()
        server.put("Service", "kube-dns", "kube-system", spec=SPEC)
        await servers_are(dns, "10.96.0.10:53")
        server.put("Service", "kube-dns", "kube-system", spec={**SPEC, "ports": [{"name": "web", "port": 80}]})
        await asyncio.sleep(1)
        with pytest.raises(NoClusterDns, match=r"has no port named dns or dns-tcp, and no port 53$"):
            dns.servers()

    play(tmp_path, script, Target(service="kube-dns"))


def test_the_environment_helps_until_the_api_server_answers(tmp_path: Path) -> None:
    def prepare(server: ApiServerDouble) -> None:
        server.put("Service", "kube-dns", "kube-system", spec=SPEC)
        server.refusals[""] = 503

    async def script(server: ApiServerDouble, dns: ClusterDns) -> None:
        assert asyncio.get_running_loop().time() < 1  # it was not waited for
        assert dns.watched
        assert dns.servers() == (Upstream("10.96.9.9", 53),)
        server.refusals.clear()
        await servers_are(dns, "10.96.0.10:53")

    play(tmp_path, script, environ={"KUBE_DNS_SERVICE_HOST": "10.96.9.9"}, prepare=prepare)


def test_the_api_server_knows_better_than_the_environment(tmp_path: Path) -> None:
    async def script(server: ApiServerDouble, dns: ClusterDns) -> None:
        await server.watched("EndpointSlice")
        await server.watched("Service")
        await asyncio.sleep(1)  # virtual: the lists are read
        with pytest.raises(NoClusterDns, match=r"there is no Service kube-system/kube-dns$"):
            dns.servers()

    play(tmp_path, script, environ={"KUBE_DNS_SERVICE_HOST": "10.96.9.9"})


def test_an_api_server_that_refuses_is_asked_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)

    def prepare(server: ApiServerDouble) -> None:
        server.put("Service", "kube-dns", "kube-system", spec=SPEC)
        server.refusals["services"] = 403

    async def script(server: ApiServerDouble, dns: ClusterDns) -> None:
        assert asyncio.get_running_loop().time() > 4.9
        with pytest.raises(NoClusterDns, match="be found yet: the API server has not told of the Service"):
            dns.servers()
        server.refusals.clear()
        await servers_are(dns, "10.96.0.10:53")

    play(tmp_path, script, prepare=prepare)
    assert [message for message in caplog.messages if "no current services" in message]
