"""What `multisocket` costs: one process, and several with the same large cluster.

    python -m bench.sharing [--pods 50000] [--services 5000] [--seconds 30]

Memory is the proportional set size (proc(5), smaps_rollup): a page that several processes share counts once. Measured
when all are ready, and three times while Services are asked for, and pods change. Before that, each Service is asked
for three times: with the second time an answer gets into the packet cache. What that takes is CPU time of the processes
that answer.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.large_cluster import (
    QUERIES_PER_SECOND,
    ask_for_changes,
    render_changes,
    render_lists,
    running,
    running_api,
    wait_until_ready,
    write_corefile,
    write_names,
)
from bench.latency import question
from bench.processes import Server
from bench.synthetic_cluster import Size
from bench.table import print_table
from clusterdns.demo.processes import free_ports

_RATE = 500
_LOOKS = 3
_SETTLE_SECONDS = 8
# From so many ports, so that each process has its share.
_CLIENTS = 64
_TICK_SECONDS = 1 / 50
_PARTS = 20
# A process that was forked copies a page of memory with the first write to it: that is over by then.
_WARM_UP = 5000


@dataclass
class Measured:
    """MB of 1,000,000 bytes, and microseconds."""

    memory: list[float] = field(default_factory=list)
    first: float = 0.0
    repeated: float = 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.sharing", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pods", type=int, default=50_000)
    parser.add_argument("--services", type=int, default=5_000)
    parser.add_argument("--seconds", type=int, default=30, help="of questions and changes")
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2, 4])
    options = parser.parse_args(arguments)
    size = Size(options.pods, options.services)
    rows = []
    for count in options.processes:
        with tempfile.TemporaryDirectory(prefix="clusterdns-sharing-") as folder:
            found = _measure(Path(folder), size, count, options.seconds)
        memory = (f"{each:.0f} MB" for each in found.memory)
        rows.append((str(count), *memory, f"{found.first:.0f} µs", f"{found.repeated:.0f} µs"))
    looks = (f"after {options.seconds * (each + 1) // _LOOKS} s" for each in range(_LOOKS))
    print_table(
        f"all processes together, {size.pods:,} pods and endpoints, {size.services:,} Services, {_RATE} changes/s",
        ("processes", "when ready", *looks, "CPU per first question", "repeated"),
        rows,
    )
    return 0


def _measure(folder: Path, size: Size, count: int, seconds: int) -> Measured:
    api, dns, ready = free_ports(3)
    names = write_names(folder, size).read_text().split()
    corefile = write_corefile(folder, api, dns, ready, count)
    found = Measured()
    with running_api(folder, api, size):
        render_lists(api)
        render_changes(api, 0, _RATE * seconds)
        with running(folder, "autopath", "autopath.service", "-conf", corefile) as process:
            wait_until_ready(Server("autopath", dns, process), ready, folder / "autopath.log")
            time.sleep(_SETTLE_SECONDS)
            found.memory.append(_proportional_mb(process.pid))
            with _Clients(dns) as clients:
                for number in range(_WARM_UP):
                    clients.ask_one(number % _CLIENTS, names[number % _PARTS])
                others = names[_PARTS:]
                found.first, _, found.repeated = (_cpu_of_questions(process.pid, clients, others) for _ in range(3))
            ask_for_changes(api, 0, _RATE * seconds, _RATE)
            asking = threading.Thread(target=_ask_evenly, args=(dns, names, seconds))
            asking.start()
            for _ in range(_LOOKS):
                time.sleep(seconds / _LOOKS)
                found.memory.append(_proportional_mb(process.pid))
            asking.join()
    return found


def _cpu_of_questions(pid: int, clients: _Clients, names: Sequence[str]) -> float:
    """Microseconds of the processes that answer, for each of the names, which are asked for one by one.

    The median of parts: who shares the processor with them makes some dearer.
    """
    answering = _children(pid) or [pid]
    length = len(names) // _PARTS
    found = []
    for start in range(0, length * _PARTS, length):
        before = sum(map(_cpu_seconds, answering))
        for number in range(start, start + length):
            clients.ask_one(number % _CLIENTS, names[number])
        found.append((sum(map(_cpu_seconds, answering)) - before) / length * 1e6)
    return statistics.median(found)


def _ask_evenly(port: int, names: Sequence[str], seconds: float) -> None:
    with _Clients(port) as clients:
        started, at_once = time.monotonic(), round(QUERIES_PER_SECOND * _TICK_SECONDS)
        for number in range(round(seconds / _TICK_SECONDS)):
            time.sleep(max(0.0, started + number * _TICK_SECONDS - time.monotonic()))
            first = number * at_once % (len(names) - at_once)
            clients.ask(names[first : first + at_once])


class _Clients:
    """Sockets with ports of their own."""

    def __init__(self, port: int) -> None:
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(_CLIENTS)]
        for each in self._sockets:
            each.connect(("127.0.0.1", port))
            each.settimeout(2.0)

    def __enter__(self) -> _Clients:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._sockets:
            each.close()

    def ask_one(self, number: int, name: str) -> None:
        """From the socket of this number; as `ask`."""
        self._sockets[number].send(question(name, 1))
        self._sockets[number].recv(65535)

    def ask(self, names: Sequence[str]) -> None:
        """One name each, and wait for the answers; one that is lost raises TimeoutError."""
        for each, name in zip(self._sockets, names, strict=False):
            each.send(question(name, 1))
        for each, _ in zip(self._sockets, names, strict=False):
            each.recv(65535)


def _children(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def _cpu_seconds(pid: int) -> float:
    """From sum_exec_runtime (proc(5), schedstat): exact, where ticks of 10 ms are not."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def _proportional_mb(pid: int) -> float:
    """Of a process and its children, in MB of 1,000,000 bytes."""
    found = 0
    for number in (pid, *_children(pid)):
        for line in Path(f"/proc/{number}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                found += int(line.split()[1])
    return found * 1024 / 1e6


if __name__ == "__main__":
    sys.exit(main())
