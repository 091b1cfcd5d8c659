"""externaldns from a Service's change to its answer in DNS: the real process, the emulator's real process, real time.

    python -m bench externaldns [--services 500] [--quota 100] [--latency 0.05] [--registry txt] [--changes 100]

The API server is tests.support.apiserver, in this process, so that the moment of a change is known. What was written,
and when, is read from the emulator's own change log; calls, throttling and failures are externaldns's metrics. A change
is in DNS when the emulator answers with it: it is asked every few milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alibabacloud_pvtz20180101 import models
from alibabacloud_pvtz20180101.client import Client
from alibabacloud_tea_openapi.utils_models import Config

from bench.large_cluster import running, wait_for
from bench.latency import percentile, question
from bench.processes import Server
from bench.table import print_table
from clusterdns.demo.processes import fetch, free_ports
from clusterdns.limits import PRIVATEZONE_RATE
from tests.support.apiserver import ApiServerDouble
from tests.support.until import until

_ZONE = "bench.internal"
_VPC = "vpc-bench"
_KEY = ("bench-key", "bench-secret")
_POLL_SECONDS = 0.1
_ASK_SECONDS = 0.01
_PATIENCE_SECONDS = 30.0
_CALLS = "clusterdns_externaldns_privatezone_calls_total"


@dataclass(frozen=True, slots=True)
class Workload:
    """How much of everything; `quota` is the emulator's, in writing calls a second, `latency` seconds of each call."""

    services: int = 500
    quota: int = 100
    latency: float = 0.05
    registry: str = "txt"
    changes: int = 100
    rate: float = 20.0
    rate_seconds: float = 10.0
    gap: float = 5.0
    """--min-event-sync-interval: how long a name that was changed is left alone. None is changed sooner here."""

    @property
    def steady_changes(self) -> int:
        """Changes at the rate."""
        return round(self.rate * self.rate_seconds)

    @property
    def rows(self) -> int:
        """Records that the first sync has to write."""
        return self.services * (2 if self.registry == "txt" else 1)


@dataclass(slots=True)
class Measured:
    """What was seen; seconds and MB. Calls are by family and outcome, as externaldns counts them."""

    sync_seconds: float = 0.0
    sync_calls: Counter[str] = field(default_factory=Counter)
    sync_failures: float = 0.0
    sync_cpu_seconds: float = 0.0
    memory_mb: float = 0.0
    single: list[float] = field(default_factory=list)
    single_calls: Counter[str] = field(default_factory=Counter)
    steady: list[float] = field(default_factory=list)
    steady_calls: Counter[str] = field(default_factory=Counter)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark for one workload; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m bench externaldns", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    usual = Workload()
    parser.add_argument("--services", type=int, default=usual.services)
    parser.add_argument("--quota", type=int, default=usual.quota, help="writing calls a second that the server allows")
    parser.add_argument("--latency", type=float, default=usual.latency, help="seconds that each call takes")
    parser.add_argument("--registry", choices=("txt", "remark"), default=usual.registry)
    parser.add_argument("--changes", type=int, default=usual.changes, help="single changes, one after another")
    parser.add_argument("--rate", type=float, default=usual.rate, help="changes a second after that")
    parser.add_argument("--rate-seconds", type=float, default=usual.rate_seconds)
    workload = Workload(**vars(parser.parse_args(arguments)))
    if workload.changes + workload.steady_changes > workload.services:
        parser.error("each change is of another Service: there must be as many")
    with tempfile.TemporaryDirectory(prefix="clusterdns-bench-") as folder:
        bench_externaldns(Path(folder), workload)
    return 0


def bench_externaldns(folder: Path, workload: Workload) -> None:
    """Measure, and print the table."""
    print_measured(workload, asyncio.run(measure(folder, workload)))


async def measure(folder: Path, workload: Workload) -> Measured:
    """Start everything; the first sync, then single changes, then changes at a rate."""
    measured = Measured()
    async with AsyncExitStack() as cleanup:
        scene = await Scene.start(folder, workload, cleanup)
        await _first_sync(scene, workload, measured)
        await until(scene.reconciled, _PATIENCE_SECONDS, _POLL_SECONDS)
        await asyncio.sleep(workload.gap)
        before = await scene.calls()
        for number in range(workload.changes):
            measured.single.append(await scene.change(number))
        measured.single_calls = await _calls_since(before, scene, workload.changes)
        before = await scene.calls()
        measured.steady = await _change_at_rate(scene, workload)
        measured.steady_calls = await _calls_since(before, scene, workload.steady_changes)
        measured.memory_mb = scene.program.memory_bytes() / 1e6
    return measured


async def _first_sync(scene: Scene, workload: Workload, measured: Measured) -> None:
    """Wait until the emulator has all rows."""

    async def has(number: int) -> bool:
        return await scene.records() >= number

    await until(lambda: has(1), _PATIENCE_SECONDS, _POLL_SECONDS)
    seen, cpu = await scene.records(), scene.program.cpu_seconds()
    patience = 10 * workload.rows / workload.quota + _PATIENCE_SECONDS
    await until(lambda: has(workload.rows), patience, _POLL_SECONDS)
    measured.sync_cpu_seconds = scene.program.cpu_seconds() - cpu
    measured.sync_cpu_seconds *= workload.rows / max(1, workload.rows - seen)
    measured.sync_seconds = await scene.writing_seconds()
    measured.sync_calls = await _calls_since(Counter(), scene, workload.rows)
    measured.sync_failures = (await scene.metrics())["clusterdns_externaldns_failed_names_total"]


async def _calls_since(before: Counter[str], scene: Scene, writes: int) -> Counter[str]:
    """The calls since then, once so many writes are counted: DNS has a change before its call has ended."""

    async def counted() -> bool:
        return (await scene.calls())["write ok"] >= before["write ok"] + writes

    await until(counted, _PATIENCE_SECONDS, _POLL_SECONDS)
    return await scene.calls() - before


async def _change_at_rate(scene: Scene, workload: Workload) -> list[float]:
    started = time.monotonic()
    waiting: list[asyncio.Task[float]] = []
    for number in range(workload.steady_changes):
        await asyncio.sleep(max(0.0, started + number / workload.rate - time.monotonic()))
        waiting.append(asyncio.create_task(scene.change(workload.changes + number)))
    return list(await asyncio.gather(*waiting))


class Scene:
    """An API server, an emulator and externaldns between them."""

    def __init__(self, server: ApiServerDouble, program: Server, api: int, dns: int) -> None:
        """`api` and `dns` are the emulator's ports."""
        self._server = server
        self.program = program
        self._dns = dns
        endpoint = {"endpoint": f"127.0.0.1:{api}", "protocol": "http"}
        self._sdk = Client(Config(access_key_id=_KEY[0], access_key_secret=_KEY[1], **endpoint))

    @classmethod
    async def start(cls, folder: Path, workload: Workload, cleanup: AsyncExitStack) -> Scene:
        """Start all three; externaldns finds all Services at its start."""
        api, dns, http = free_ports(3)
        server = ApiServerDouble()
        await server.start()
        cleanup.push_async_callback(server.stop)
        account = folder / "account.json"
        keys = {"accessKeyId": _KEY[0], "accessKeySecret": _KEY[1]}
        account.write_text(json.dumps({"regionId": "cn-hangzhou", "vpcId": _VPC, **keys}))
        flags = [
            f"--api-listen=127.0.0.1:{api}", f"--dns-listen=127.0.0.1:{dns}", f"--database={folder}/zones",
            f"--zone={_ZONE}", f"--vpc={_VPC}", f"--access-key-id={_KEY[0]}", f"--access-key-secret={_KEY[1]}",
            f"--write-qps={workload.quota}", f"--latency=any={workload.latency}",
        ]  # fmt: skip
        module = "externaldns.providers.privatezone.emulator.service"
        cleanup.enter_context(running(folder, "emulator", module, *flags))
        wait_for(api)
        flags = [
            "--source=service", "--publish-internal-services", "--policy=sync", "--txt-owner-id=bench", "--events",
            f"--registry={workload.registry}", "--provider=alibabacloud", f"--alibaba-cloud-config-file={account}",
            f"--alibaba-cloud-endpoint=http://127.0.0.1:{api}", f"--kubeconfig={server.kubeconfig(folder)}",
            "--kube-api-qps=0", f"--min-event-sync-interval={workload.gap}s", f"--metrics-address=127.0.0.1:{http}",
            # Twice what the server allows: how much that is has to be found out.
            f"--privatezone-write-qps={min(2 * workload.quota, PRIVATEZONE_RATE.maximum):.0f}",
        ]  # fmt: skip
        process = cleanup.enter_context(running(folder, "externaldns", "externaldns.service", *flags))
        scene = cls(server, Server("externaldns", http, process), api, dns)
        for number in range(workload.services):
            scene.put(number)
        wait_for(http)
        return scene

    def put(self, number: int, changed: bool = False) -> None:
        """Give Service `number` an address, or the other one that it has when it was changed."""
        self._server.put(
            "Service",
            f"s{number}",
            "shop",
            metadata={"annotations": {"external-dns.kubernetes.io/hostname": _name(number)}},
            spec={"type": "ClusterIP", "clusterIP": _address(number, changed)},
        )

    async def change(self, number: int) -> float:
        """Change a Service; the seconds until DNS answers with its new address, infinite if it does not."""
        began = time.monotonic()
        self.put(number, changed=True)
        wanted, asked = socket.inet_aton(_address(number, True)), question(_name(number), number & 0xFFFF)
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect(("127.0.0.1", self._dns))
            while (now := time.monotonic()) < began + _PATIENCE_SECONDS:
                await loop.sock_sendall(sock, asked)
                try:
                    async with asyncio.timeout(1):
                        answer = await loop.sock_recv(sock, 512)
                except TimeoutError:
                    continue
                # One A record: its address is the end of the message.
                if answer.endswith(wanted):
                    return now - began
                await asyncio.sleep(_ASK_SECONDS)
        return float("inf")

    async def metrics(self) -> dict[str, float]:
        """What externaldns shows now, by series."""
        _, text = await fetch(f"http://127.0.0.1:{self.program.port}/metrics")
        pairs = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {series: float(value) for series, _, value in pairs}

    async def calls(self) -> Counter[str]:
        """The calls so far by family and outcome, such as `write ok`."""
        found: Counter[str] = Counter()
        for series, value in (await self.metrics()).items():
            if series.startswith(_CALLS):
                labels = series.split('"')
                found[f"{labels[1]} {labels[3]}"] = round(value)
        return found

    async def reconciled(self) -> bool:
        """Whether the first sync has ended."""
        return (await self.metrics())["external_dns_controller_last_reconcile_timestamp_seconds"] > 0

    async def records(self) -> int:
        """How many records the emulator has."""
        [zone] = (await asyncio.to_thread(self._sdk.describe_zones, models.DescribeZonesRequest())).body.zones.zone
        return int(zone.record_count)

    async def writing_seconds(self) -> float:
        """From the emulator's first write of a record to its last."""
        newest = await self._change_log(1)
        oldest = await self._change_log(newest.total_items)
        return float(_moment(newest) - _moment(oldest)) / 1000

    async def _change_log(self, page: int) -> Any:
        """A page of one line of the emulator's change log, newest first."""
        asked = models.DescribeChangeLogsRequest(entity_type="PV_RECORD", page_number=page, page_size=1)
        return (await asyncio.to_thread(self._sdk.describe_change_logs, asked)).body


def _moment(log: Any) -> int:
    """When the change of that page was made, in milliseconds since 1970."""
    [line] = log.change_logs.change_log
    return int(line.oper_timestamp)


def _name(number: int) -> str:
    return f"s{number}.{_ZONE}"


def _address(number: int, changed: bool) -> str:
    return f"10.{96 + 64 * changed + number // 62500}.{number // 250 % 250}.{number % 250}"


def print_measured(workload: Workload, measured: Measured) -> None:
    """The table that README shows."""
    per_second = workload.rows / measured.sync_seconds if measured.sync_seconds else float("inf")
    changes = f"{workload.rate:g} changes/s for {workload.rate_seconds:g} s"
    rows = [
        ("first sync", f"{workload.rows:,} records in {measured.sync_seconds:.1f} s"),
        ("calls", _show(measured.sync_calls)),
        ("of the quota", f"{per_second / workload.quota:.0%}"),
        ("names that failed", f"{measured.sync_failures:.0f}"),
        ("CPU per record", f"{measured.sync_cpu_seconds / workload.rows * 1e3:.2f} ms"),
        ("memory", f"{measured.memory_mb:.0f} MB"),
        (f"{len(measured.single)} changes, one after another: in DNS after p50, p95, p99", _seconds(measured.single)),
        ("calls", _show(measured.single_calls)),
        (f"{changes}: in DNS after p50, p95, p99", _seconds(measured.steady)),
        ("calls", _show(measured.steady_calls)),
    ]
    title = (
        f"externaldns, {workload.services:,} Services, registry {workload.registry}; the server allows "
        f"{workload.quota} writes a second, and takes {workload.latency * 1e3:g} ms for each call"
    )
    print_table(title, ("", ""), rows)


def _show(calls: Counter[str]) -> str:
    return ", ".join(f"{kind} {number:,}" for kind, number in sorted(calls.items()) if number)


def _seconds(values: Sequence[float]) -> str:
    return ", ".join(f"{percentile(values, share):.2f} s" for share in (0.5, 0.95, 0.99))


if __name__ == "__main__":
    sys.exit(main())
