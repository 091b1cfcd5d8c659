"""Cached answers: the same thousand names again and again, of nodelocal and of autopath, beside unbound."""

from __future__ import annotations

import json
from pathlib import Path

from bench.load import Load, compare, measure
from bench.processes import Server, running, start_autopath, start_nodelocal, start_unbound, start_upstream
from bench.table import print_rounds

_NAMES = 1000
_SERVICES = 100


def bench_cached(folder: Path, rounds: int, seconds: int) -> None:
    """External names, from nodelocal's packet cache."""
    data = _names(folder / "names", "name{}.example.com")
    with running() as servers:
        upstream = servers.add(start_upstream(folder))
        ours = servers.add(start_nodelocal(folder, upstream.port))
        theirs = servers.add(start_unbound(folder, upstream.port))
        _compare(f"cached answers, {_NAMES} names", ours, theirs, data, rounds, seconds)


def bench_autopath(folder: Path, rounds: int, seconds: int) -> None:
    """Services, and the first names of searches that end elsewhere, whose answers are synthesised."""
    services = _names(folder / "services", "name{}.bench.svc.cluster.local", _SERVICES)
    searches = _names(folder / "searches", "name{}.example.com.bench.svc.cluster.local")
    with running() as servers:
        upstream = servers.add(start_upstream(folder))
        ours = servers.add(start_autopath(folder, upstream.port, cluster=_services()))
        theirs = servers.add(start_unbound(folder, upstream.port))
        _compare(f"Services repeated, {_SERVICES} names", ours, theirs, services, rounds, seconds)
        _compare(f"searches repeated, {_NAMES} names", ours, theirs, searches, rounds, seconds)


def _services() -> str:
    """The cluster as a manifest in JSON."""
    items = [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": f"name{number}", "namespace": "bench"},
            "spec": {"clusterIP": f"10.96.0.{number}"},
        }
        for number in range(_SERVICES)
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def _names(path: Path, pattern: str, count: int = _NAMES) -> Path:
    path.write_text("".join(f"{pattern.format(number)} A\n" for number in range(count)))
    return path


def _compare(title: str, ours: Server, theirs: Server, data: Path, rounds: int, seconds: int) -> None:
    for server in (ours, theirs):
        for _ in range(3):
            measure(server, Load(data))  # fills the caches; ours keeps an answer when it is asked for again
    print_rounds(title, ours.name, theirs.name, compare(ours, theirs, [Load(data, seconds=seconds)] * rounds))
