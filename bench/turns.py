"""How long a watch keeps queries waiting: the CPU time of the event loop's turns, with lists and with changes.

    python -m bench.turns [PODS SERVICES]

CPU time, not time: other processes of the machine do not count, so that this says what we do, and bench.scale what
clients see. The watch and its indexes are autopath's, in this process; a task of our own takes each turn's time.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from autopath.index import ClusterIndex
from bench.large_cluster import ask_for_changes, list_again, render_changes, render_lists, running_api
from bench.latency import percentile
from bench.synthetic_cluster import Size
from clusterdns.daemon.lifecycle import settle_memory
from clusterdns.demo.processes import free_ports
from clusterdns.kube.access import Access
from clusterdns.kube.pod_index import PodIndex
from clusterdns.kube.store import Cluster
from clusterdns.kube.watcher import ClusterWatch
from tests.support.kubeconfig import write_kubeconfig

_KINDS = frozenset({"Namespace", "Service", "EndpointSlice", "Pod"})
_CHANGES_PER_SECOND = 500
_CHANGES_SECONDS = 10


class Turns:
    """The CPU time of every turn of the event loop since the last look."""

    def __init__(self) -> None:
        self._found: list[float] = []

    async def run(self) -> None:
        while True:
            began = time.process_time()
            await asyncio.sleep(0)
            self._found.append(time.process_time() - began)

    def row(self, what: str) -> str:
        """One row of the table; only turns in which something happened count."""
        busy = [each for each in self._found if each > 0.00005]
        self._found.clear()
        figures = (percentile(busy, 0.5), percentile(busy, 0.99), percentile(busy, 0.999), max(busy, default=0.0))
        return f"| {what} | {len(busy):,} | " + " | ".join(f"{each * 1e3:.2f} ms" for each in figures) + " |"


async def measure(folder: Path, size: Size) -> None:
    """Read everything, take changes, then read everything again; one row each."""
    (api,) = free_ports(1)
    changes = _CHANGES_PER_SECOND * _CHANGES_SECONDS
    with running_api(folder, api, size):
        await asyncio.to_thread(render_lists, api)
        await asyncio.to_thread(render_changes, api, 0, changes)
        cluster = Cluster(lean=True)
        indexes = PodIndex(cluster.pod_claims), ClusterIndex(cluster, wall_clock=time.time)
        watch = ClusterWatch(cluster, Access(write_kubeconfig(folder, api)), _KINDS, on_list=settle_memory)
        turns = Turns()
        tasks = [asyncio.create_task(turns.run()), asyncio.create_task(watch.run())]
        while not all(cluster.store(kind).synced for kind in _KINDS):  # noqa: ASYNC110 (a benchmark)
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        print(f"| {size.pods:,} pods and endpoints | turns | p50 | p99 | p99.9 | longest |\n|---|---|---|---|---|---|")
        print(turns.row("first list, before anything is answered"))
        await asyncio.to_thread(ask_for_changes, api, 0, changes, _CHANGES_PER_SECOND)
        await asyncio.sleep(_CHANGES_SECONDS)
        print(turns.row(f"{_CHANGES_PER_SECOND} changes a second"))
        await asyncio.to_thread(list_again, api)
        print(turns.row("all lists again"))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        del indexes


def main() -> None:
    size = Size(*map(int, sys.argv[1:] or (150_000, 10_000)))
    with tempfile.TemporaryDirectory(prefix="clusterdns-turns-") as folder:
        asyncio.run(measure(Path(folder), size))


if __name__ == "__main__":
    main()
