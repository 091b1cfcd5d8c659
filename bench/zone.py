"""The cluster's own zone: what a first question costs, which no cache answers, by kind of question.

Each question is asked in a spelling of its own, which the packet cache does not know. unbound answers from its cache by
turns with ours: a yardstick, as it is never asked for names of a cluster. Where it took 6.8 µs for that, CoreDNS's
kubernetes plugin took 65 µs for the first row.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path

from bench.load import Cost, Load, measure, median_ratio
from bench.processes import running, start_autopath, start_unbound, start_upstream
from bench.table import print_table

_SERVICES = 2000
_ENDPOINTS = 3
_TIMES = 10


def bench_zone(folder: Path, rounds: int) -> None:
    """Every Service of the cluster ten times a round, by each of its names."""
    kinds = {
        "Service, A": [f"web{each}.shop.svc.cluster.local A" for each in range(_SERVICES)],
        "Service, AAAA (NODATA)": [f"web{each}.shop.svc.cluster.local AAAA" for each in range(_SERVICES)],
        f"headless Service, A ({_ENDPOINTS} addresses)": [
            f"db{each}.shop.svc.cluster.local A" for each in range(_SERVICES)
        ],
        "port of a Service, SRV": [f"_http._tcp.web{each}.shop.svc.cluster.local SRV" for each in range(_SERVICES)],
        "no such Service (NXDOMAIN)": [f"none{each}.shop.svc.cluster.local A" for each in range(_SERVICES)],
        "address of a Service, PTR": [
            f"{each % 250}.{each // 250}.96.10.in-addr.arpa PTR" for each in range(_SERVICES)
        ],
    }
    with running() as servers:
        upstream = servers.add(start_upstream(folder))
        ours = servers.add(start_autopath(folder, upstream.port, cluster=_objects()))
        yardstick = servers.add(start_unbound(folder, upstream.port))
        data, cached = folder / "questions", folder / "cached"
        cached.write_text("".join(f"name{number}.example.com A\n" for number in range(_SERVICES)))
        measure(yardstick, Load(cached))
        seen: dict[str, list[tuple[Cost, Cost]]] = {kind: [] for kind in kinds}
        for number in range(rounds):
            spellings = range(number * _TIMES, (number + 1) * _TIMES)
            for kind, questions in kinds.items():
                data.write_text("".join(_spelled(each, spelling) for spelling in spellings for each in questions))
                seen[kind].append((measure(ours, Load(data)), measure(yardstick, Load(cached, times=_TIMES))))
    print_table(
        f"first questions of the cluster's zone: {rounds} rounds, dnsperf -c 4 -q 64, server CPU per query",
        ("", "autopath", "least", "unbound, cached", "ratio"),
        [_row(kind, costs) for kind, costs in seen.items()],
    )


def _row(kind: str, costs: Sequence[tuple[Cost, Cost]]) -> Sequence[str]:
    """Medians, but for the least of ours."""
    ours, theirs = ([cost.microseconds for cost in side] for side in zip(*costs, strict=True))
    one, other = (f"{statistics.median(each):.1f} µs" for each in (ours, theirs))
    return kind, one, f"{min(ours):.1f} µs", other, f"{median_ratio(costs):.2f}"


def _spelled(question: str, number: int) -> str:
    """A line for one question, its letters in upper case where the number has a bit."""
    name, _, qtype = question.partition(" ")
    letters = [place for place, letter in enumerate(name) if letter.isalpha()]
    spelled = list(name)
    for bit, place in enumerate(reversed(letters)):
        if number >> bit & 1:
            spelled[place] = spelled[place].upper()
    return f"{''.join(spelled)} {qtype}\n"


def _objects() -> str:
    """The cluster as a manifest in JSON: Services with a cluster IP, and headless ones with endpoints."""
    items: list[dict[str, object]] = []
    ports = [{"name": "http", "port": 80, "protocol": "TCP"}]
    for each in range(_SERVICES):
        address = f"10.96.{each // 250}.{each % 250}"
        items.append(_object("Service", f"web{each}", spec={"clusterIP": address, "ports": ports}))
        items.append(_object("Service", f"db{each}", spec={"clusterIP": "None", "ports": ports}))
        endpoints = [
            {"addresses": [f"10.{128 + number}.{each // 250}.{each % 250}"], "conditions": {"ready": True}}
            for number in range(_ENDPOINTS)
        ]
        slice_of = _object("EndpointSlice", f"db{each}", addressType="IPv4", endpoints=endpoints, ports=ports)
        slice_of["apiVersion"] = "discovery.k8s.io/v1"
        slice_of["metadata"] = {
            "name": f"db{each}", "namespace": "shop", "labels": {"kubernetes.io/service-name": f"db{each}"}
        }  # fmt: skip
        items.append(slice_of)
    items.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def _object(kind: str, name: str, **fields: object) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "shop"}, **fields}
