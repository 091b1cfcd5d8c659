"""What real resolvers ask, without and with the search walk on the node: the section `resolvers` of `make bench`."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from bench.processes import Missing
from bench.resolvers.programs import Resolver, resolvers
from bench.resolvers.scene import Outcome, Scene, numbered
from bench.table import print_table
from tests.support.netns import Namespaces

NAMES = {
    "ROUNDaliyun.com": "external",
    "ROUNDweb": "service of its namespace",
    "ROUNDapi.billing": "service of another one",
    "ROUNDmissing.example": "missing",
}


class OtherAnswer(Exception):
    """A resolver found other addresses with the walk than without."""


def bench_resolvers(folder: Path, look_ups: int) -> None:
    """Print the table: medians of so many names of each kind, none of them in a cache. Needs root, for namespaces.

    Raises Missing without root, OtherAnswer at the end if there is any.
    """
    if os.geteuid() != 0:
        raise Missing("resolvers in network namespaces need root")
    differences: list[str] = []
    with Namespaces() as namespaces:
        found, missing = resolvers(folder, runtimes=True)
        # Names of its own for each resolver. The first of them is for the caches of the machine: programs, libraries.
        scene = Scene(namespaces, folder, len(found) * (look_ups + 1))
        rows = [
            (each.name, *_cells(scene, each, range(first, first + look_ups + 1), differences))
            for each, first in zip(found, count(0, look_ups + 1), strict=False)
        ]
    title = f"resolvers, without → with the walk: queries sent; upstream; ms (medians of {look_ups}, A and AAAA)"
    print_table(title, ("", *NAMES.values()), rows)
    if missing:
        print(f"Not installed, and left out: {', '.join(missing)}\n")
    if differences:
        raise OtherAnswer("\n".join(differences))


def _cells(scene: Scene, resolver: Resolver, numbers: range, differences: list[str]) -> list[str]:
    cells = []
    for kind in NAMES:
        plain, walked = [], []
        for number in numbers:
            name = numbered(kind, number)
            before, after = (scene.look_up(resolver, name, walks=walks) for walks in (False, True))
            if before.addresses != after.addresses:
                differences.append(f"{resolver.name}: {name}: {before.addresses} but {after.addresses}")
            plain.append(before)
            walked.append(after)
        cells.append(_cell(plain[1:], walked[1:]))
    return cells


def _cell(plain: Sequence[Outcome], walked: Sequence[Outcome]) -> str:
    sent, upstream, microseconds = (
        [statistics.median(getattr(each, what) for each in side) for side in (plain, walked)]
        for what in ("client_queries", "upstream_queries", "microseconds")
    )
    return (
        f"{sent[0]:.0f} → {sent[1]:.0f}; {upstream[0]:.0f} → {upstream[1]:.0f}; "
        f"{microseconds[0] / 1000:.1f} → {microseconds[1] / 1000:.1f}"
    )
