"""How the parts are put together: from flags to a controller, and stores filled from an API server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from clusterdns.kube.store import Cluster
from externaldns import flags
from externaldns.assembly import build_controller
from externaldns.config import Config
from externaldns.measurements import Measurements
from externaldns.service import fill
from tests.support import virtual_time
from tests.support.apiserver import ApiServerDouble
from tests.support.background import in_background
from tests.unit.externaldns.in_memory import MemoryProvider


def parse(*arguments: str) -> Config:
    return flags.parse(["--source=service", "--provider=alibabacloud", "--policy=sync", *arguments], {})


def put_service(server: ApiServerDouble, name: str, namespace: str, hostname: str) -> None:
    server.put(
        "Service",
        name,
        namespace,
        metadata={"annotations": {"external-dns.kubernetes.io/hostname": hostname}},
        spec={"type": "LoadBalancer", "clusterIP": "10.96.0.1"},
        status={"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}},
    )


@pytest.mark.parametrize(
    ("arguments", "held"),
    [
        (["--domain-filter=ex.com"], ["a-db.ex.com TXT", "a-web.ex.com TXT", "db.ex.com A", "web.ex.com A"]),
        (["--namespace=shop"], ["a-web.ex.com TXT", "web.ex.com A"]),
        (["--exclude-domains=web.ex.com"], ["a-db.ex.com TXT", "db.ex.com A"]),
        (["--exclude-record-types=A"], []),
        (["--registry=noop"], ["db.ex.com A", "web.ex.com A"]),
    ],
)
def test_from_an_api_server_to_the_provider(arguments: list[str], held: list[str], tmp_path: Path) -> None:
    provider = MemoryProvider()

    async def body() -> set[str]:
        async with ApiServerDouble() as server:
            put_service(server, "web", "shop", "web.ex.com")
            put_service(server, "db", "data", "db.ex.com")
            config = parse("--kubeconfig", server.kubeconfig(tmp_path), *arguments)
            cluster = Cluster()
            controller = build_controller(config, cluster, provider, Measurements())
            async with in_background(fill(config, cluster)):
                await controller.wait_synced()
                await controller.run_once()
            return {request.path.rpartition("/")[2] for request in server.requests}

    assert virtual_time.run(body()) == {"services", "endpointslices", "pods", "nodes"}
    assert provider.held() == held


def test_gateways_of_other_namespaces_are_seen_while_routes_are_of_one(tmp_path: Path) -> None:
    async def body() -> set[str]:
        async with ApiServerDouble() as server:
            flags_of_it = ["--source=gateway-httproute", "--namespace=shop", "--gateway-namespace=infra"]
            config = parse("--kubeconfig", server.kubeconfig(tmp_path), *flags_of_it)
            cluster = Cluster()
            controller = build_controller(config, cluster, MemoryProvider(), Measurements())
            async with in_background(fill(config, cluster)):
                await controller.wait_synced()
            return {request.path for request in server.requests if "gateway" in request.path}

    paths = virtual_time.run(body())
    root = "/apis/gateway.networking.k8s.io/v1/namespaces"
    assert paths == {f"{root}/shop/httproutes", f"{root}/infra/gateways"}


def test_two_processes_of_one_host_name_and_number_are_not_one_to_the_lease() -> None:
    """As two pods of the host's network on one node are."""
    code = "import os; os.getpid = lambda: 1; from externaldns.assembly import identity; print(identity(), identity())"
    command = [sys.executable, "-c", code]
    names = [subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout for _ in range(2)]
    assert [len(set(each.split())) for each in names] == [1, 1], "a process keeps its name"
    assert names[0] != names[1]


@pytest.mark.parametrize("source", ["empty", "fake"])
def test_sources_without_objects_need_no_api_server_and_do_not_end_the_program(source: str) -> None:
    config = flags.parse([f"--source={source}", "--provider=alibabacloud", "--policy=sync"], {})

    async def body() -> None:
        filling = asyncio.create_task(fill(config, Cluster()))
        done, _ = await asyncio.wait([filling], timeout=1000)
        assert not done
        filling.cancel()
        await asyncio.gather(filling, return_exceptions=True)

    virtual_time.run(body())
