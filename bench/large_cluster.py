"""A large cluster for benchmarks: the synthetic API server as a process, and who reads from it.

API server (bench.synthetic_api) ──► autopath, or the dummy reader        asked by bench.latency
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.processes import Server
from bench.synthetic_cluster import Size, SyntheticCluster
from tests.support.kubeconfig import write_kubeconfig

QUERIES_PER_SECOND = 1000
SETTLE_SECONDS = 3.0
_READY_SECONDS = 120.0


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
def running_api(folder: Path, port: int, size: Size, name: str = "api") -> Iterator[Server]:
    """A synthetic API server; when its changes were sent is in the file `NAME.times` of the folder."""
    numbers = (str(port), str(size.pods), str(size.services), f"{folder}/{name}.times")
    with running(folder, name, "bench.synthetic_api", *numbers) as process:
        wait_for(port)
        yield Server(name, port, process)


@contextmanager
def dummy_reader(port: int, *arguments: str) -> Iterator[Server]:
    """One that reads from the API server at `port` and drops it; `arguments` are those of bench.dummy_reader. Begins
    when that has said that it is ready.
    """
    command = [sys.executable, "-m", "bench.dummy_reader", str(port), *arguments]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError("the dummy reader did not get what it wanted")
        yield Server("dummy reader", port, process)
    finally:
        Server("dummy reader", port, process).stop()


@contextmanager
def load(port: int, seconds: int, names: Path, results: list[dict[str, float]]) -> Iterator[None]:
    """Queries while the body runs, and until their time is over; what they took is appended to `results`."""
    command = [sys.executable, "-m", "bench.latency", str(port), str(seconds), str(QUERIES_PER_SECOND), str(names)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        yield
        output, _ = process.communicate(timeout=seconds + 30)
    results.append(json.loads(output))


def write_names(folder: Path, size: Size) -> Path:
    """A file with the name of each Service, one a line."""
    cluster = SyntheticCluster(size)
    names = folder / "names"
    names.write_text(
        "".join(f"service-{each:05d}.{cluster.namespace_of(each)}.svc.cluster.local\n" for each in range(size.services))
    )
    return names


def write_corefile(folder: Path, api: int, dns: int, ready: int, processes: int = 1) -> str:
    """That of an autopath with `pods verified` in front of the API server at port `api`; its path."""
    several = f"    multisocket {processes}\n" if processes > 1 else ""
    corefile = folder / "Corefile"
    corefile.write_text(
        f".:{dns} {{\n    bind 127.0.0.1\n{several}    errors\n    ready 127.0.0.1:{ready}\n    cache 30\n"
        f"    kubernetes cluster.local in-addr.arpa ip6.arpa {{\n        kubeconfig {write_kubeconfig(folder, api)}\n"
        "        pods verified\n        ttl 30\n    }\n    autopath @kubernetes\n}\n"
    )
    return str(corefile)


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


def render_lists(port: int) -> None:
    """Have the API server make all lists now."""
    ask(port, "render")


def render_changes(port: int, first: int, count: int) -> None:
    """Have the API server make changes now."""
    ask(port, f"render?first={first}&count={count}")


def ask_for_changes(port: int, first: int, count: int, rate: int) -> None:
    """Have changes sent, `rate` a second, from now on."""
    ask(port, f"changes?first={first}&count={count}&rate={rate}")


def list_again(port: int) -> None:
    """Make the API server forget all versions, and wait until autopath has read everything anew."""
    lists = int(ask(port, "lists"))
    ask(port, "expire")
    deadline = time.monotonic() + _READY_SECONDS
    # Four kinds.
    while int(ask(port, "lists")) < lists + 4:
        if time.monotonic() > deadline:
            raise RuntimeError("autopath did not list again")
        time.sleep(0.1)
    time.sleep(SETTLE_SECONDS)


def ask(port: int, path: str) -> bytes:
    """What the synthetic API server says to a GET."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=_READY_SECONDS) as answer:
        found: bytes = answer.read()
    return found


def memory_mb(pid: int, field: str) -> float:
    """A field of /proc/PID/status (proc(5)) in MB of 1,000,000 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"no {field}")


def disk_mb(pid: int) -> float:
    """What a process had to wait for the disk to bring, MB of 1,000,000 bytes: `read_bytes` of /proc/PID/io."""
    for line in Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("read_bytes:"):
            return int(line.split()[1]) / 1e6
    raise RuntimeError("no read_bytes")
