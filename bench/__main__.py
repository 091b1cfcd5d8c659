"""`make bench`: each program side by side with what it has to beat, in one run; prints the tables that README shows.

    python -m bench [--only SECTION] [--rounds N] [--seconds N]
    python -m bench scale ...         a large cluster, by itself: see bench.scale
    python -m bench externaldns ...   externaldns with other numbers: see bench.externaldns

With the defaults it takes about nine minutes. README.md in this folder says what each section measures.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import externaldns, scale
from bench.cold_start import bench_cold_start
from bench.memory import bench_memory
from bench.misses import bench_misses
from bench.node_pods import bench_node_pods
from bench.processes import Missing
from bench.repeats import bench_autopath, bench_cached
from bench.resolvers.table import OtherAnswer, bench_resolvers
from bench.zone import bench_zone

SECTIONS: dict[str, Callable[[Path, argparse.Namespace], None]] = {
    "cached": lambda folder, options: bench_cached(folder, options.rounds, options.seconds),
    "misses": lambda folder, options: bench_misses(folder, options.rounds),
    "autopath": lambda folder, options: bench_autopath(folder, options.rounds, options.seconds),
    "zone": lambda folder, options: bench_zone(folder, options.rounds),
    "memory": lambda folder, _options: bench_memory(folder),
    "cold-start": lambda folder, _options: bench_cold_start(folder),
    "node-pods": lambda folder, _options: bench_node_pods(folder),
    "externaldns": lambda folder, _options: externaldns.bench_externaldns(folder, externaldns.Workload()),
    "resolvers": lambda folder, options: bench_resolvers(folder, 2 * options.rounds + 1),
}


def main() -> int:
    """Run the benchmarks; returns the exit code."""
    if sys.argv[1:2] == ["scale"]:
        return scale.main(sys.argv[2:])
    if sys.argv[1:2] == ["externaldns"]:
        return externaldns.main(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", choices=SECTIONS, action="append", help="run this section; may be given again")
    parser.add_argument("--rounds", type=int, default=7, help="rounds, five or more")
    parser.add_argument("--seconds", type=int, default=3, help="seconds of load for each server in each round")
    options = parser.parse_args()
    try:
        for name in options.only or SECTIONS:
            with tempfile.TemporaryDirectory(prefix="clusterdns-bench-") as folder:
                SECTIONS[name](Path(folder), options)
    except (Missing, OtherAnswer) as problem:
        print(problem)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
