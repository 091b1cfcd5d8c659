"""Cold start: from the start of nodelocal's process to its first answer, which an upstream gave.

The CPU time beside it is what a start takes on a machine that has nothing else to do.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from bench.processes import running, start_nodelocal, start_upstream
from bench.table import print_table

_STARTS = 5
_WANTED_SECONDS = 1.5


def bench_cold_start(folder: Path) -> None:
    """Five starts, one after the other; whoever asks tries again every few milliseconds."""
    starts = []
    with running() as servers:
        upstream = servers.add(start_upstream(folder))
        for _ in range(_STARTS):
            begun = time.monotonic()
            server = servers.add(start_nodelocal(folder, upstream.port))
            starts.append((time.monotonic() - begun, server.cpu_seconds()))
            server.stop()
    rows = [(f"start {number}", f"{wall:.2f} s", f"{cpu:.2f} s") for number, (wall, cpu) in enumerate(starts, 1)]
    wall, cpu = (statistics.median(column) for column in zip(*starts, strict=True))
    rows.append(("**median**", f"**{wall:.2f} s**", f"{cpu:.2f} s"))
    title = f"cold start to first answer: {_STARTS} starts of nodelocal, wanted under {_WANTED_SECONDS} s"
    print_table(title, ("", "time", "CPU"), rows)
