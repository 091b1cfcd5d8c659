"""status.observedGeneration of DNSEndpoints: written by the leader when what they ask for is done, and only then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from clusterdns.kube.access import Access
from clusterdns.kube.api import ApiServer
from clusterdns.kube.kinds import KINDS
from clusterdns.kube.store import Cluster
from clusterdns.kube.watcher import ClusterWatch
from externaldns import flags
from externaldns.assembly import build_status
from externaldns.controller import Controller
from externaldns.endpoint_status import StatusWriter
from externaldns.loop import ControlLoop
from externaldns.ownership import TxtRegistry
from externaldns.schedule import Schedule
from externaldns.sources.crd import CrdSource
from tests.support import virtual_time
from tests.support.apiserver import ApiServerDouble
from tests.support.background import in_background
from tests.unit.externaldns.baton import Baton
from tests.unit.externaldns.in_memory import MemoryProvider


def put(double: ApiServerDouble, name: str, generation: int, *targets: str) -> None:
    sets = [{"dnsName": f"{name}.ex.com", "targets": list(targets), "recordType": "A"}]
    metadata = {"generation": generation}
    status = {"observedGeneration": generation - 1} if generation > 1 else {}
    double.put("DNSEndpoint", name, "shop", metadata=metadata, spec={"endpoints": sets}, status=status)


def observed(double: ApiServerDouble) -> dict[str, int]:
    held = double.selected(KINDS["DNSEndpoint"], "", {})
    return {each["metadata"]["name"]: each["status"].get("observedGeneration", 0) for each in held}


def patches(double: ApiServerDouble) -> int:
    return sum(request.path.endswith("/status") for request in double.requests)


@asynccontextmanager
async def at_work(
    double: ApiServerDouble, folder: Path, provider: MemoryProvider, baton: Baton | None = None
) -> AsyncIterator[None]:
    """externaldns with the source crd, and the objects of `double`."""
    if baton is None:
        baton = Baton()
        baton.give(True)
    clock = asyncio.get_running_loop().time
    cluster, access = Cluster(), Access(double.kubeconfig(folder))
    server = ApiServer(access)
    controller = Controller([CrdSource(cluster)], TxtRegistry("me"), provider, leadership=baton, clock=clock)
    status = StatusWriter(cluster.dns_endpoints, server, lambda: baton.leads)
    loop = ControlLoop(
        controller, Schedule(60), events=True, leadership=baton, clock=clock, dice=lambda: 0.0,
        at_rest=lambda waits: status.settle(controller.settled("crd", waits)),
    )  # fmt: skip
    watch = ClusterWatch(cluster, access, frozenset({"DNSEndpoint"}), dice=lambda: 0.0)
    try:
        async with in_background(watch.run(), loop.run(), status.run()):
            yield
    finally:
        await server.close()


def test_it_is_written_when_the_records_are_made_and_once_for_each_generation(tmp_path: Path) -> None:
    provider = MemoryProvider()

    async def body() -> None:
        async with ApiServerDouble() as double:
            put(double, "web", 1, "192.0.2.1")
            put(double, "db", 7, "192.0.2.2")
            async with at_work(double, tmp_path, provider):
                await asyncio.sleep(5)
                assert observed(double) == {"web": 1, "db": 7}
                assert patches(double) == 2
                put(double, "web", 2, "192.0.2.9")
                await asyncio.sleep(200)
                assert observed(double) == {"web": 2, "db": 7}
                assert patches(double) == 3
            async with at_work(double, tmp_path, provider):
                await asyncio.sleep(200)
                assert patches(double) == 3, "nor anew by the next process"

    virtual_time.run(body())


def test_a_name_that_can_not_be_written_is_not_seen_to_and_one_that_can_not_be_a_record_is(tmp_path: Path) -> None:
    provider = MemoryProvider()
    provider.refuses = {"bad.ex.com"}

    async def body() -> None:
        async with ApiServerDouble() as double:
            for name in ("bad", "web"):
                put(double, name, 1, "192.0.2.1")
            put(double, "mistake", 1, "192.0.2.999")
            async with at_work(double, tmp_path, provider):
                await asyncio.sleep(30)
                assert observed(double) == {"bad": 0, "web": 1, "mistake": 1}
                provider.refuses = set()
                await asyncio.sleep(300)
                assert observed(double) == {"bad": 1, "web": 1, "mistake": 1}

    virtual_time.run(body())


def test_nothing_is_written_while_the_zone_can_not_be_read(tmp_path: Path) -> None:
    provider = MemoryProvider()
    provider.away = OSError("away")

    async def body() -> None:
        async with ApiServerDouble() as double:
            put(double, "web", 1, "192.0.2.1")
            async with at_work(double, tmp_path, provider):
                await asyncio.sleep(100)
                assert patches(double) == 0
                provider.away = None
                await asyncio.sleep(100)
                assert observed(double) == {"web": 1}

    virtual_time.run(body())


def test_a_standby_writes_nothing(tmp_path: Path) -> None:
    async def body() -> None:
        async with ApiServerDouble() as double:
            put(double, "web", 1, "192.0.2.1")
            baton = Baton()
            async with at_work(double, tmp_path, MemoryProvider(), baton):
                await asyncio.sleep(100)
                assert patches(double) == 0
                baton.give(True)
                await asyncio.sleep(5)
                assert observed(double) == {"web": 1}
                baton.give(False)
                put(double, "web", 2, "192.0.2.2")
                await asyncio.sleep(100)
                assert patches(double) == 1

    virtual_time.run(body())


@pytest.mark.parametrize(("status", "tries"), [(403, 4), (500, 4), (404, 3), (422, 3)])
def test_a_refusal_is_said_once_and_harms_nothing(
    status: int, tries: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    provider = MemoryProvider()

    async def body() -> None:
        async with ApiServerDouble() as double:
            double.refusals["status"] = status
            for name in ("a", "b", "c"):
                put(double, name, 1, "192.0.2.1")
            async with at_work(double, tmp_path, provider):
                await asyncio.sleep(100)
                # Where it may heal, one of them is tried each half minute; where it won't, each of them is, once.
                assert patches(double) == tries
                assert len(provider.records) == 6
                double.refusals.clear()
                await asyncio.sleep(100)
                done = 1 if status in (403, 500) else 0
                assert observed(double) == {"a": done, "b": done, "c": done}

    virtual_time.run(body())
    said = [message for message in caplog.messages if message.startswith("the status of DNSEndpoints can't be written")]
    assert len(said) == (0 if status == 404 else 1)


@pytest.mark.parametrize(
    ("arguments", "writes"),
    [
        (["--source=crd"], True),
        (["--source=service", "--source=crd"], True),
        (["--source=service"], False),
        (["--source=crd", "--dry-run"], False),
        (["--source=crd", "--manifests=examples/cluster"], False),
    ],
)
def test_who_writes_it_at_all(arguments: list[str], writes: bool) -> None:
    config = flags.parse([*arguments, "--provider=alibabacloud", "--policy=sync"], {})
    status = build_status(config, Cluster(), ApiServer(), Baton())
    assert (status is not None) is writes
