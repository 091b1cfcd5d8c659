"""autopath in a large cluster: time to ready, memory, CPU, and what 500 changes a second do to those who ask.

    python -m bench scale [--pods 150000] [--services 10000] [--rate 500] [--seconds 15] [--rounds 3]

The API server is a process of its own that computes the cluster (bench.synthetic_api); autopath is the real program,
with `pods verified` and autopath, from its start on. Prints the table that docs show.
"""

from __future__ import annotations

import argparse
import json
import mmap
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.latency import percentile, wait_until_seen
from bench.processes import Server
from bench.synthetic_api import MOST_CHANGES, changed_pod
from bench.synthetic_cluster import Size, SyntheticCluster, pod_address
from clusterdns.demo.processes import free_ports

_QUERIES_PER_SECOND = 1000
_READY_SECONDS = 120.0
_SETTLE_SECONDS = 3.0
_PROBE_SECONDS = 0.05


@dataclass(slots=True)
class Measured:
    """What one size took: seconds, MB; latencies in seconds, one for each round."""

    size: Size
    ready_seconds: float = 0.0
    ready_cpu_seconds: float = 0.0
    peak_mb: float = 0.0
    steady_mb: float = 0.0
    relisted_mb: float = 0.0
    """After every list was read a second time."""
    quiet: list[dict[str, float]] = field(default_factory=list)
    changing: list[dict[str, float]] = field(default_factory=list)
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
    parser.add_argument("--seconds", type=int, default=15, help="for each round, with and without changes")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    if options.rate * options.seconds * options.rounds > MOST_CHANGES:
        parser.error(f"no more than {MOST_CHANGES} changes in all")
    with tempfile.TemporaryDirectory(prefix="clusterdns-scale-") as folder:
        size = Size(options.pods, options.services)
        print_table(measure(Path(folder), size, options.rate, options.seconds, options.rounds), options.rate)
    return 0


def measure(folder: Path, size: Size, rate: int, seconds: int, rounds: int) -> Measured:
    """Start both processes, wait for autopath to be ready, then measure in rounds: quiet, changing."""
    measured = Measured(size)
    api, dns, ready = free_ports(3)
    names = folder / "names"
    cluster = SyntheticCluster(size)
    names.write_text(
        "".join(f"service-{each:05d}.{cluster.namespace_of(each)}.svc.cluster.local\n" for each in range(size.services))
    )
    with running(folder, "api", "bench.synthetic_api", str(api), str(size.pods), str(size.services), f"{folder}/times"):
        wait_for(api)
        started = time.monotonic()
        with running(
            folder, "autopath", "autopath.service", "-conf", write_corefile(folder, api, dns, ready)
        ) as process:
            server = Server("autopath", dns, process)
            wait_until_ready(server, ready, folder / "autopath.log")
            measured.ready_seconds = time.monotonic() - started
            measured.ready_cpu_seconds = server.cpu_seconds()
            time.sleep(_SETTLE_SECONDS)
            measured.peak_mb = _memory_mb(process.pid, "VmHWM")
            measured.steady_mb = _memory_mb(process.pid, "VmRSS")
            for number in range(rounds):
                with load(folder, dns, seconds, names, measured.quiet):
                    pass
                before = server.cpu_seconds()
                with load(folder, dns, seconds, names, measured.changing):
                    first = number * rate * seconds
                    ask_for_changes(api, first, rate, seconds - 2)
                    measured.visible += _probe(folder / "times", dns, size, first, rate, seconds - 2)
                measured.changing_cpu.append((server.cpu_seconds() - before) / seconds)
                time.sleep(1)
            measured.steady_mb = max(measured.steady_mb, _memory_mb(process.pid, "VmRSS"))
            list_again(api)
            measured.peak_mb = max(measured.peak_mb, _memory_mb(process.pid, "VmHWM"))
            measured.relisted_mb = _memory_mb(process.pid, "VmRSS")
    return measured


@contextmanager
def running(folder: Path, name: str, module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m module` with these arguments, its output in a file, ended by pid."""
    with (folder / f"{name}.log").open("wb") as output:
        command = [sys.executable, "-m", module, *arguments]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield process
    finally:
        Server(name, 0, process).stop()


@contextmanager
def load(folder: Path, port: int, seconds: int, names: Path, results: list[dict[str, float]]) -> Iterator[None]:
    """Queries while the body runs, and until their time is over; what they took is appended to `results`."""
    command = [sys.executable, "-m", "bench.latency", str(port), str(seconds), str(_QUERIES_PER_SECOND), str(names)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        yield
        output, _ = process.communicate(timeout=seconds + 30)
    results.append(json.loads(output))


def _probe(times: Path, port: int, size: Size, first: int, rate: int, seconds: float) -> list[float]:
    """Every so often take the change that is due next, and wait for its pod to be there; `first` is the first one."""
    found = []
    cluster = SyntheticCluster(size)
    with times.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as sent:
        started = time.monotonic()
        while (elapsed := time.monotonic() - started) < seconds - 1:
            change = first + int(elapsed * rate) + 2
            pod, generation = changed_pod(change, size.pods)
            address = pod_address(pod, generation).replace(".", "-")
            name = f"{address}.{cluster.namespace_of(cluster.service_of(pod))}.pod.cluster.local"
            seen = wait_until_seen(port, name, time.monotonic() + 5)
            found.append(seen - struct.unpack_from("d", sent, change * 8)[0])
            time.sleep(_PROBE_SECONDS)
    return found


def write_corefile(folder: Path, api: int, dns: int, ready: int) -> str:
    corefile = folder / "Corefile"
    corefile.write_text(
        f".:{dns} {{\n    bind 127.0.0.1\n    errors\n    ready 127.0.0.1:{ready}\n    cache 30\n"
        f"    kubernetes cluster.local in-addr.arpa ip6.arpa {{\n        kubeconfig {write_kubeconfig(folder, api)}\n"
        "        pods verified\n        ttl 30\n    }\n    autopath @kubernetes\n}\n"
    )
    return str(corefile)


def write_kubeconfig(folder: Path, api: int) -> str:
    """A kubeconfig that leads to the API server at that port; its path."""
    kubeconfig = folder / "kubeconfig.json"
    kubeconfig.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "scale",
                "contexts": [{"name": "scale", "context": {"cluster": "scale", "user": "scale"}}],
                "clusters": [{"name": "scale", "cluster": {"server": f"http://127.0.0.1:{api}"}}],
                "users": [{"name": "scale", "user": {"token": "none"}}],
            }
        )
    )
    return str(kubeconfig)


def wait_for(port: int) -> None:
    """Wait until something listens on that port."""
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def wait_until_ready(server: Server, port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=1):
                return
        except (OSError, urllib.error.URLError):
            if server.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"autopath did not get ready:\n{log.read_text(errors='replace')}") from None
            time.sleep(0.02)


def ask_for_changes(port: int, first: int, rate: int, seconds: float) -> None:
    ask(port, f"changes?first={first}&rate={rate}&seconds={seconds}")


def list_again(port: int) -> None:
    """Make the API server forget all versions, and wait until autopath has read everything anew."""
    lists = int(ask(port, "lists"))
    ask(port, "expire")
    deadline = time.monotonic() + _READY_SECONDS
    while int(ask(port, "lists")) < 2 * lists:
        if time.monotonic() > deadline:
            raise RuntimeError("autopath did not list again")
        time.sleep(0.1)
    time.sleep(_SETTLE_SECONDS)


def ask(port: int, path: str) -> bytes:
    """What the synthetic API server says to a GET."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
        found: bytes = answer.read()
    return found


def _memory_mb(pid: int, field: str) -> float:
    """A field of /proc/PID/status (proc(5)) in MB of 1,000,000 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"no {field}")


def print_table(measured: Measured, rate: int) -> None:
    """The table that docs show."""
    size = measured.size

    def latency(rounds: list[dict[str, float]], share: str) -> str:
        return f"{statistics.median(each[share] for each in rounds) * 1e3:.2f} ms"

    rows = [
        ("ready after", f"{measured.ready_seconds:.2f} s"),
        ("CPU time until then", f"{measured.ready_cpu_seconds:.2f} s"),
        ("peak memory", f"{measured.peak_mb:.0f} MB"),
        ("steady memory", f"{measured.steady_mb:.0f} MB"),
        ("after all lists were read again", f"{measured.relisted_mb:.0f} MB"),
        ("query p50, p99", f"{latency(measured.quiet, 'p50')}, {latency(measured.quiet, 'p99')}"),
        (f"with {rate} changes/s", f"{latency(measured.changing, 'p50')}, {latency(measured.changing, 'p99')}"),
        ("CPU with them", f"{statistics.median(measured.changing_cpu):.0%} of a core"),
        (f"{len(measured.visible)} changes seen in DNS p50, p99",
         f"{percentile(measured.visible, 0.5) * 1e3:.0f} ms, {percentile(measured.visible, 0.99) * 1e3:.0f} ms"),
        ("queries lost", f"{sum(each['lost'] for each in measured.quiet + measured.changing):.0f}"),
    ]  # fmt: skip
    print(f"| {size.pods:,} pods and endpoints, {size.services:,} services | |\n|---|---|")
    for name, value in rows:
        print(f"| {name} | {value} |")


if __name__ == "__main__":
    sys.exit(main())
