"""What `multisocket` costs in memory: one process, and several with the same large cluster.

    python -m bench.sharing [--pods 50000] [--services 5000]

Memory is the proportional set size (proc(5), smaps_rollup): a page that several processes share counts once. Measured
when all are ready, and again after every Service and many pods were asked for, and changed, for a while.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.large_cluster import (
    ask_for_changes,
    load,
    render_changes,
    render_lists,
    running,
    running_api,
    wait_until_ready,
    write_corefile,
    write_names,
)
from bench.processes import Server
from bench.synthetic_cluster import Size
from bench.table import print_table
from clusterdns.demo.processes import free_ports

_PROCESSES = (1, 2, 4)
_SECONDS = 10
_RATE = 500


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.sharing", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pods", type=int, default=50_000)
    parser.add_argument("--services", type=int, default=5_000)
    options = parser.parse_args(arguments)
    size = Size(options.pods, options.services)
    rows = []
    for count in _PROCESSES:
        with tempfile.TemporaryDirectory(prefix="clusterdns-sharing-") as folder:
            rows.append((str(count), *(f"{each:.0f} MB" for each in _measure(Path(folder), size, count))))
    print_table(
        f"memory of all processes together, {size.pods:,} pods and endpoints, {size.services:,} Services",
        ("processes", "when ready", f"after {_SECONDS} s of questions and {_RATE} changes/s"),
        rows,
    )
    return 0


def _measure(folder: Path, size: Size, count: int) -> tuple[float, float]:
    api, dns, ready = free_ports(3)
    names = write_names(folder, size)
    changes = _RATE * (_SECONDS - 2)
    corefile = Path(write_corefile(folder, api, dns, ready))
    several = f"    multisocket {count}\n" if count > 1 else ""
    corefile.write_text(corefile.read_text().replace("    errors\n", f"    errors\n{several}"))
    with running_api(folder, api, size):
        render_lists(api)
        render_changes(api, 0, changes)
        with running(folder, "autopath", "autopath.service", "-conf", str(corefile)) as process:
            wait_until_ready(Server("autopath", dns, process), ready, folder / "autopath.log")
            time.sleep(8)
            before = _proportional_mb(process.pid)
            with load(dns, _SECONDS, names, []):
                ask_for_changes(api, 0, changes, _RATE)
            return before, _proportional_mb(process.pid)


def _proportional_mb(pid: int) -> float:
    """Of a process and its children, in MB of 1,000,000 bytes."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found = 0
    for number in (str(pid), *children):
        for line in Path(f"/proc/{number}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                found += int(line.split()[1])
    return found * 1024 / 1e6


if __name__ == "__main__":
    sys.exit(main())
