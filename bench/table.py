"""What the benchmarks print: Markdown tables, which README shows as they are."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from bench.load import Cost, median_ratio


def print_table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """One table under its title."""
    print(f"{title}\n")
    print(f"| {' | '.join(head)} |")
    print("|" + "---|" * len(head))
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print(flush=True)


def print_rounds(title: str, ours: str, theirs: str, rounds: Sequence[tuple[Cost, Cost]]) -> None:
    """CPU per query of two servers, round by round, and the median."""
    rows = [
        (f"round {number}", f"{one.microseconds:.2f} µs", f"{other.microseconds:.2f} µs", f"{_ratio(one, other):.2f}")
        for number, (one, other) in enumerate(rounds, 1)
    ]
    our_median = statistics.median(one.microseconds for one, _ in rounds)
    their_median = statistics.median(other.microseconds for _, other in rounds)
    rows.append(("**median**", f"{our_median:.2f} µs", f"{their_median:.2f} µs", f"**{median_ratio(rounds):.2f}**"))
    title = f"{title}: {len(rounds)} rounds, dnsperf -c 4 -q 64, server CPU per query"
    print_table(title, ("", ours, theirs, "ratio"), rows)


def _ratio(ours: Cost, theirs: Cost) -> float:
    return ours.microseconds / theirs.microseconds
