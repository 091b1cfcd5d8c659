"""autopath in a large cluster: time to ready, memory, CPU, and what 500 changes a second do to those who ask.

    python -m bench scale [--pods 150000] [--services 10000] [--rate 500] [--seconds 15] [--rounds 3] [--starts 3]

The API server is a process of its own that computes the cluster (bench.synthetic_api); autopath is the real program,
with `pods verified` and autopath, from its start on. What is ours and what is the machine's is told apart by a reader
that drops what it gets (bench.dummy_reader): it takes turns with autopath at reading the lists, and at reading changes
while autopath answers queries. Prints the table that docs show.
"""

from __future__ import annotations

import argparse
import mmap
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.large_cluster import (
    SETTLE_SECONDS,
    ask_for_changes,
    disk_mb,
    dummy_reader,
    list_again,
    load,
    memory_mb,
    render_changes,
    render_lists,
    running,
    running_api,
    wait_until_ready,
    write_corefile,
    write_names,
)
from bench.latency import percentile, wait_until_seen
from bench.processes import Server
from bench.synthetic_api import MOST_CHANGES
from bench.synthetic_cluster import Size, SyntheticCluster, pod_address
from bench.synthetic_events import changed_pod
from clusterdns.demo.processes import free_ports

_PROBE_SECONDS = 0.05


@dataclass(slots=True)
class Start:
    """One start of autopath, and the dummy reader's turn before it: seconds, MB."""

    ready: float
    cpu: float
    api_cpu: float
    read_from_disk: float
    dummy: float
    dummy_cpu: float


@dataclass(slots=True)
class Measured:
    """What one size took: MB; latencies in seconds, one for each round."""

    size: Size
    program: float = 0.0
    """Seconds that the program takes to say its version: Python and the imports."""
    starts: list[Start] = field(default_factory=list)
    peak_mb: float = 0.0
    steady_mb: float = 0.0
    relisted_mb: float = 0.0
    """After every list was read a second time."""
    quiet: list[dict[str, float]] = field(default_factory=list)
    elsewhere: list[dict[str, float]] = field(default_factory=list)
    """The same changes go to the dummy reader, from an API server of its own."""
    changing: list[dict[str, float]] = field(default_factory=list)
    quiet_cpu: list[float] = field(default_factory=list)
    changing_cpu: list[float] = field(default_factory=list)
    """CPU seconds a second, with queries and changes."""
    visible: list[float] = field(default_factory=list)
    """From the sending of a change to the first answer that has it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark for one size; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m bench scale", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("--pods", type=int, default=150_000)
    parser.add_argument("--services", type=int, default=10_000)
    parser.add_argument("--rate", type=int, default=500, help="changes of pods a second")
    parser.add_argument("--seconds", type=int, default=15, help="for each part of each round")
    parser.add_argument("--rounds", type=int, default=3, help="of queries: alone, changes elsewhere, changes here")
    parser.add_argument("--starts", type=int, default=3, help="of the dummy reader and of autopath, in turns")
    options = parser.parse_args(arguments)
    if options.rate * options.seconds * options.rounds > MOST_CHANGES:
        parser.error(f"no more than {MOST_CHANGES} changes in all")
    if min(options.starts, options.rounds) < 1 or options.seconds < 4:
        parser.error("at least one start, one round, and four seconds")
    with tempfile.TemporaryDirectory(prefix="clusterdns-scale-") as folder:
        measured = Measured(Size(options.pods, options.services))
        measure(Path(folder), measured, options)
        print_table(measured, options.rate)
    return 0


def measure(folder: Path, measured: Measured, options: argparse.Namespace) -> None:
    """Start both readers in turns; then queries to the last autopath in rounds: alone, changes elsewhere, here."""
    api, elsewhere, dns, ready = free_ports(4)
    corefile = write_corefile(folder, api, dns, ready)
    # The first run also has the program's files read from the disk.
    for _ in range(2):
        measured.program = _seconds_of(sys.executable, "-m", "autopath.service", "-version")
    with running_api(folder, api, measured.size) as server:
        render_lists(api)
        for number in range(options.starts):
            dummy, dummy_cpu = _read_lists(api)
            server_cpu = server.cpu_seconds()
            started = time.monotonic()
            with running(folder, "autopath", "autopath.service", "-conf", corefile) as process:
                autopath = Server("autopath", dns, process)
                wait_until_ready(autopath, ready, folder / "autopath.log")
                seconds, cpu = time.monotonic() - started, autopath.cpu_seconds()
                api_cpu = server.cpu_seconds() - server_cpu
                measured.starts.append(Start(seconds, cpu, api_cpu, disk_mb(process.pid), dummy, dummy_cpu))
                time.sleep(SETTLE_SECONDS)
                if number == options.starts - 1:
                    measured.peak_mb = memory_mb(process.pid, "VmHWM")
                    measured.steady_mb = memory_mb(process.pid, "VmRSS")
                    with running_api(folder, elsewhere, measured.size, "elsewhere"), dummy_reader(elsewhere):
                        _ask_in_rounds(folder, measured, options, autopath, api, elsewhere)
                    measured.steady_mb = max(measured.steady_mb, memory_mb(process.pid, "VmRSS"))
                    list_again(api)
                    measured.peak_mb = max(measured.peak_mb, memory_mb(process.pid, "VmHWM"))
                    measured.relisted_mb = memory_mb(process.pid, "VmRSS")


def _ask_in_rounds(
    folder: Path, measured: Measured, options: argparse.Namespace, autopath: Server, api: int, elsewhere: int
) -> None:
    names = write_names(folder, measured.size)
    seconds, rate = options.seconds, options.rate
    count = rate * (seconds - 2)
    for number in range(options.rounds):
        first, second = 2 * number * count, (2 * number + 1) * count
        render_changes(api, first, 2 * count)
        render_changes(elsewhere, first, count)
        time.sleep(1)
        before = autopath.cpu_seconds()
        with load(autopath.port, seconds, names, measured.quiet):
            pass
        measured.quiet_cpu.append((autopath.cpu_seconds() - before) / seconds)
        with load(autopath.port, seconds, names, measured.elsewhere):
            ask_for_changes(elsewhere, first, count, rate)
        before = autopath.cpu_seconds()
        with load(autopath.port, seconds, names, measured.changing):
            ask_for_changes(api, first, count, rate)
        measured.changing_cpu.append((autopath.cpu_seconds() - before) / seconds)
        # By itself, as whoever looks for changes takes a good part of a core.
        with load(autopath.port, seconds, names, []):
            ask_for_changes(api, second, count, rate)
            measured.visible += _probe(folder / "api.times", autopath.port, measured.size, second, count, rate)


def _read_lists(api: int) -> tuple[float, float]:
    """Seconds, and CPU seconds, in which a reader that drops everything has read all lists, its start included."""
    started = time.monotonic()
    with dummy_reader(api, "lists") as reader:
        return time.monotonic() - started, reader.cpu_seconds()


def _seconds_of(*command: str) -> float:
    started = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


def _probe(times: Path, port: int, size: Size, first: int, count: int, rate: int) -> list[float]:
    """Every so often take the change that is due next, and wait for its pod to be there; `first` is the first one."""
    found = []
    cluster = SyntheticCluster(size)
    with times.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as sent:
        started = time.monotonic()
        while (change := int((time.monotonic() - started) * rate) + 2) < count - rate:
            pod, generation = changed_pod(first + change, size.pods)
            address = pod_address(pod, generation).replace(".", "-")
            name = f"{address}.{cluster.namespace_of(cluster.service_of(pod))}.pod.cluster.local"
            seen = wait_until_seen(port, name, time.monotonic() + 5)
            found.append(seen - struct.unpack_from("d", sent, (first + change) * 8)[0])
            time.sleep(_PROBE_SECONDS)
    return found


def print_table(measured: Measured, rate: int) -> None:
    """The table that docs show; where there are several figures of one kind, their median."""
    size, starts = measured.size, measured.starts
    quiet, elsewhere, changing = measured.quiet, measured.elsewhere, measured.changing

    def median(values: Sequence[float]) -> str:
        return f"{statistics.median(values):.2f} s"

    def latency(rounds: list[dict[str, float]]) -> str:
        return ", ".join(
            f"{statistics.median(each[share] for each in rounds) * 1e3:.2f} ms" for share in ("p50", "p99")
        )

    def ratio(rounds: list[dict[str, float]], to: list[dict[str, float]]) -> str:
        return f"{statistics.median(one['p99'] / other['p99'] for one, other in zip(rounds, to, strict=True)):.2f}"

    rows = [
        ("ready after", median([each.ready for each in starts])),
        ("all of them", ", ".join(f"{each.ready:.2f} s" for each in starts)),
        ("CPU time until then", median([each.cpu for each in starts])),
        ("read from the disk until then", f"{max(each.read_from_disk for each in starts):.1f} MB at most"),
        ("the program without a cluster (-version)", f"{measured.program:.2f} s"),
        ("a reader that drops the lists, CPU time",
         f"{median([each.dummy for each in starts])}, {median([each.dummy_cpu for each in starts])}"),
        ("CPU time of the API server meanwhile", median([each.api_cpu for each in starts])),
        ("steady memory", f"{measured.steady_mb:.0f} MB"),
        ("peak memory", f"{measured.peak_mb:.0f} MB"),
        ("after all lists were read again", f"{measured.relisted_mb:.0f} MB"),
        ("query p50, p99", latency(quiet)),
        (f"with {rate} changes/s that another reads", latency(elsewhere)),
        (f"with {rate} changes/s", latency(changing)),
        ("p99 with changes: to that without, to that where another reads them",
         f"{ratio(changing, quiet)}, {ratio(changing, elsewhere)}"),
        ("CPU with queries; with changes as well",
         "; ".join(f"{statistics.median(each):.0%} of a core" for each in (measured.quiet_cpu, measured.changing_cpu))),
        (f"{len(measured.visible)} changes seen in DNS p50, p99",
         ", ".join(f"{percentile(measured.visible, share) * 1e3:.0f} ms" for share in (0.5, 0.99))),
        ("queries lost", f"{sum(each['lost'] for each in quiet + elsewhere + changing):.0f}"),
    ]  # fmt: skip
    print(f"| | {size.pods:,} pods and endpoints, {size.services:,} Services |\n|---|---|")
    for name, value in rows:
        print(f"| {name} | {value} |")


if __name__ == "__main__":
    sys.exit(main())
