"""Misses: names that nobody has asked before, forwarded over TCP on loopback, beside unbound doing the same."""

from __future__ import annotations

from pathlib import Path

from bench.load import Load, compare
from bench.processes import running, start_nodelocal, start_unbound, start_upstream
from bench.table import print_rounds

_MISSES = 20_000


def bench_misses(folder: Path, rounds: int) -> None:
    """Each round has names of its own."""
    loads = []
    for number in range(rounds):
        data = folder / f"misses-{number}"
        data.write_text("".join(f"n{number}-{each}.example.org A\n" for each in range(_MISSES)))
        loads.append(Load(data))
    with running() as servers:
        upstream = servers.add(start_upstream(folder))
        ours = servers.add(start_nodelocal(folder, upstream.port, force_tcp=True))
        theirs = servers.add(start_unbound(folder, upstream.port, force_tcp=True))
        rounds_of_both = compare(ours, theirs, loads)
    print_rounds(f"misses, {_MISSES} new names a round, TCP upstream", ours.name, theirs.name, rounds_of_both)
