"""The cluster's own zone: what a first question costs, which no cache answers. By kind of question, autopath alone.

Each question is asked in a spelling of its own, which the packet cache does not know. CoreDNS's kubernetes plugin took
65 µs for the first row, on the machine on which ours was first measured.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path

from bench.load import Load, measure
from bench.processes import running, start_autopath, start_upstream
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
        data = folder / "questions"
        costs: dict[str, list[float]] = {kind: [] for kind in kinds}
        for number in range(rounds):
            spellings = range(number * _TIMES, (number + 1) * _TIMES)
            for kind, questions in kinds.items():
                data.write_text("".join(_spelled(each, spelling) for spelling in spellings for each in questions))
                costs[kind].append(measure(ours, Load(data)).microseconds)
        rows = [(kind, f"{statistics.median(seen):.1f} µs", f"{min(seen):.1f} µs") for kind, seen in costs.items()]
    print_table(
        f"first questions of the cluster's zone: {rounds} rounds, dnsperf -c 4 -q 64, server CPU per query",
        ("", "median", "least"),
        rows,
    )


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
