"""Cached answers: the same thousand names again and again, of nodelocal and of autopath, beside unbound."""

from __future__ import annotations

from pathlib import Path

from bench.load import Load, compare, measure
from bench.processes import Server, running, start_autopath, start_nodelocal, start_unbound, start_upstream
from bench.table import print_rounds

_NAMES = 1000


def bench_cached(folder: Path, rounds: int, seconds: int) -> None:
    """External names, from nodelocal's packet cache."""
    data = _names(folder / "names", "name{}.example.com")
    with running() as servers:
        upstream = servers.add(start_upstream(folder))
        ours = servers.add(start_nodelocal(folder, upstream.port))
        theirs = servers.add(start_unbound(folder, upstream.port))
        _compare(f"cached answers, {_NAMES} names", ours, theirs, data, rounds, seconds)


def bench_autopath(folder: Path, rounds: int, seconds: int) -> None:
    """The first names of search lists, from autopath's packet cache; each answer is a synthesised one."""
    data = _names(folder / "searches", "name{}.example.com.bench.svc.cluster.local")
    with running() as servers:
        upstream = servers.add(start_upstream(folder))
        ours = servers.add(start_autopath(folder, upstream.port))
        theirs = servers.add(start_unbound(folder, upstream.port))
        _compare(f"searches repeated, {_NAMES} names", ours, theirs, data, rounds, seconds)


def _names(path: Path, pattern: str) -> Path:
    path.write_text("".join(f"{pattern.format(number)} A\n" for number in range(_NAMES)))
    return path


def _compare(title: str, ours: Server, theirs: Server, data: Path, rounds: int, seconds: int) -> None:
    for server in (ours, theirs):
        for _ in range(3):
            measure(server, Load(data))  # fills the caches; ours keeps an answer when it is asked for again
    print_rounds(title, ours.name, theirs.name, compare(ours, theirs, [Load(data, seconds=seconds)] * rounds))
