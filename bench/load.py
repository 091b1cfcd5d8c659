"""Load by dnsperf, and what one query costs the server in CPU time.

Machines are noisy and shared: figures of one server alone mean little. Servers take turns within each round, and what
is reported is the median, over the rounds, of the ratio between them.
"""

from __future__ import annotations

import re
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.processes import Server, program

_COMPLETED = re.compile(r"Queries completed:\s+(\d+)")
_RATE = re.compile(r"Queries per second:\s+([\d.]+)")


@dataclass(frozen=True, slots=True)
class Load:
    """What to ask: a dnsperf data file, for so many seconds or so many times, from how many sockets, how many at a
    time."""

    data: Path
    seconds: int | None = None
    times: int = 1
    clients: int = 4
    outstanding: int = 64


@dataclass(frozen=True, slots=True)
class Cost:
    """One server in one round: CPU microseconds per query, and answers per second."""

    microseconds: float
    per_second: float


def measure(server: Server, load: Load) -> Cost:
    """Put the load on `server` once. Raises RuntimeError if queries were lost."""
    command = [program("dnsperf"), "-s", "127.0.0.1", "-p", str(server.port), "-d", str(load.data)]
    command += ["-c", str(load.clients), "-q", str(load.outstanding)]
    command += ["-l", str(load.seconds)] if load.seconds else ["-n", str(load.times)]
    before = server.cpu_seconds()
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    spent = server.cpu_seconds() - before
    completed, rate = _COMPLETED.search(output), _RATE.search(output)
    if completed is None or rate is None or not int(completed[1]):
        raise RuntimeError(f"dnsperf measured nothing on {server.name}:\n{output}")
    return Cost(spent * 1e6 / int(completed[1]), float(rate[1]))


def compare(ours: Server, theirs: Server, loads: Sequence[Load]) -> list[tuple[Cost, Cost]]:
    """One round for each load, each server in turn, who goes first alternating."""
    rounds = []
    for number, load in enumerate(loads):
        if number % 2:
            their_cost = measure(theirs, load)
            rounds.append((measure(ours, load), their_cost))
        else:
            our_cost = measure(ours, load)
            rounds.append((our_cost, measure(theirs, load)))
    return rounds


def median_ratio(rounds: Sequence[tuple[Cost, Cost]]) -> float:
    """The median of our CPU per query over theirs."""
    return statistics.median(ours.microseconds / theirs.microseconds for ours, theirs in rounds)
