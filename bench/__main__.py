"""`make bench`: side by side with the program to beat, in one run; prints the table that README shows.

python -m bench [--rounds N] [--seconds N]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from bench.load import Cost, Load, compare, measure, median_ratio
from bench.processes import Missing, Server, start_nodelocal, start_unbound, start_upstream

_NAMES = 1000
_MISSES = 20_000


def main() -> int:
    """Run the benchmarks; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7, help="rounds, five or more")
    parser.add_argument("--seconds", type=int, default=3, help="seconds of load for each server in each round")
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="clusterdns-bench-") as folder:
            bench_cached(Path(folder), options.rounds, options.seconds)
            bench_misses(Path(folder), options.rounds)
    except Missing as missing:
        print(missing)
        return 1
    return 0


def bench_cached(folder: Path, rounds: int, seconds: int) -> None:
    """Cached answers: the same thousand names again and again."""
    data = folder / "names"
    data.write_text("".join(f"name{number}.example.com A\n" for number in range(_NAMES)))
    servers: list[Server] = []
    try:
        servers.append(start_upstream(folder))
        servers.append(start_nodelocal(folder, servers[0].port))
        servers.append(start_unbound(folder, servers[0].port))
        _upstream, ours, theirs = servers
        for server in (ours, theirs):
            measure(server, Load(data))  # fills the caches
        results = compare(ours, theirs, [Load(data, seconds=seconds)] * rounds)
    finally:
        for server in servers:
            server.stop()
    _print(f"cached answers, {_NAMES} names", results)


def bench_misses(folder: Path, rounds: int) -> None:
    """Misses: names that nobody has asked before, forwarded over TCP on loopback."""
    loads = []
    for number in range(rounds):
        data = folder / f"misses-{number}"
        data.write_text("".join(f"n{number}-{each}.example.org A\n" for each in range(_MISSES)))
        loads.append(Load(data))
    servers: list[Server] = []
    try:
        servers.append(start_upstream(folder))
        servers.append(start_nodelocal(folder, servers[0].port, force_tcp=True))
        servers.append(start_unbound(folder, servers[0].port, force_tcp=True))
        _upstream, ours, theirs = servers
        results = compare(ours, theirs, loads)
    finally:
        for server in servers:
            server.stop()
    _print(f"misses, {_MISSES} new names a round, TCP upstream", results)


def _print(title: str, results: list[tuple[Cost, Cost]]) -> None:
    print(f"{title}: {len(results)} rounds, dnsperf -c 4 -q 64, server CPU per query\n")
    print("| | nodelocal | unbound | ratio |")
    print("|---|---|---|---|")
    for number, (ours, theirs) in enumerate(results, 1):
        ratio = ours.microseconds / theirs.microseconds
        print(f"| round {number} | {ours.microseconds:.2f} µs | {theirs.microseconds:.2f} µs | {ratio:.2f} |")
    our_median = statistics.median(ours.microseconds for ours, _ in results)
    their_median = statistics.median(theirs.microseconds for _, theirs in results)
    print(f"| **median** | {our_median:.2f} µs | {their_median:.2f} µs | **{median_ratio(results):.2f}** |\n")


if __name__ == "__main__":
    sys.exit(main())
