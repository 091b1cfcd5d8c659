"""Memory: a million queries for ten thousand names, and nodelocal's resident set as they go by."""

from __future__ import annotations

from pathlib import Path

from bench.load import Load, measure
from bench.processes import running, start_nodelocal, start_upstream
from bench.table import print_table

_NAMES = 10_000
_QUERIES = 1_000_000
_SAMPLES = 10
_WANTED_MEGABYTES = 80


def bench_memory(folder: Path) -> None:
    """Ten times a tenth of the queries, each name as often as any other; a sample behind each tenth."""
    data = folder / "many-names"
    data.write_text("".join(f"name{number}.example.com A\n" for number in range(_NAMES)))
    with running() as servers:
        upstream = servers.add(start_upstream(folder))
        ours = servers.add(start_nodelocal(folder, upstream.port))
        samples = [("at start", ours.memory_bytes())]
        for tenth in range(1, _SAMPLES + 1):
            measure(ours, Load(data, times=_QUERIES // _NAMES // _SAMPLES))
            samples.append((f"{tenth * _QUERIES // _SAMPLES:,} queries", ours.memory_bytes()))
    rows = [(moment, f"{size / 1e6:.1f} MB") for moment, size in samples]
    title = f"memory, {_QUERIES:,} queries for {_NAMES:,} names: resident set, wanted under {_WANTED_MEGABYTES} MB"
    print_table(title, ("", ours.name), rows)
