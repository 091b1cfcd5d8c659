"""What a lean cluster keeps of objects: rows of whole objects and of what is left."""

from __future__ import annotations

from typing import Any

import pytest

from clusterdns.kube.lean import OWN_ANNOTATIONS, claim_of, names_of, ready_endpoints
from clusterdns.kube.objects import Endpoint, EndpointPort, EndpointSlice, KubeObject, Pod, PodClaim, Service
from clusterdns.kube.store import Cluster

V4, V6 = bytes((10, 244, 0, 1)), bytes.fromhex("fd00001000000000000000000000000a")
RUNNING: dict[str, Any] = {"phase": "Running", "ips": ("10.244.0.1",)}

CLAIMS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("one address", RUNNING, {"v4": V4, "running": True}),
    ("dual stack, either order", {"ips": ("fd00:10::a", "10.244.0.1")}, {"v4": V4, "v6": V6}),
    ("IPv6 only", {"ips": ("fd00:10::a",)}, {"v6": V6}),
    ("host network", RUNNING | {"host_network": True}, {"running": True}),
    ("finished", RUNNING | {"phase": "Failed"}, {}),
    ("going", RUNNING | {"terminating": True}, {"v4": V4, "running": True, "terminating": True}),
    ("start time", {"started": "1970-01-02T00:00:00Z"}, {"started": 86400}),
    ("no start time", {"started": "yesterday"}, {"started": 0}),
    (
        "annotations that are ours, and no others",
        {"annotations": {f"{OWN_ANNOTATIONS}a": "b", "example.org/c": "d"}},
        {"annotations": ((f"{OWN_ANNOTATIONS}a", "b"),)},
    ),
    ("nothing that only its owner reads", {"labels": {"a": "b"}, "uid": "u", "node_name": "n"}, {}),
]


@pytest.mark.parametrize(("pod", "claim"), [row[1:] for row in CLAIMS], ids=[row[0] for row in CLAIMS])
def test_claims(pod: dict[str, Any], claim: dict[str, Any]) -> None:
    assert claim_of(Pod(name="p", namespace="n", **pod)) == PodClaim(name="p", namespace="n", **claim)


def test_services() -> None:
    parts: dict[str, Any] = {"cluster_ips": ("10.96.0.1",), "external_ips": ("192.0.2.1",), "load_balancer": ("lb",)}
    whole = Service(name="s", namespace="n", uid="u", labels={"a": "b"}, annotations={"c": "d"}, created="now", **parts)
    assert names_of(whole) == Service(name="s", namespace="n", **parts)


READY = Endpoint(("10.244.0.1",), "db-0", node_name="node", target_kind="Pod", target_name="db-0-x", zone="z")
SLICE = EndpointSlice(
    name="s",
    namespace="n",
    labels={"a": "b"},
    service="db",
    source_cluster="west",
    endpoints=(READY, Endpoint(("10.244.0.2",), ready=False)),
    ports=(EndpointPort("pg", 5432),),
)


@pytest.mark.parametrize("pod_names", [False, True])
def test_slices(pod_names: bool) -> None:
    target: dict[str, Any] = {"target_kind": "Pod", "target_name": "db-0-x"} if pod_names else {}
    assert ready_endpoints(pod_names).of(SLICE) == EndpointSlice(
        name="s",
        namespace="n",
        service="db",
        source_cluster="west",
        endpoints=(Endpoint(("10.244.0.1",), "db-0", zone="z", **target),),
        ports=(EndpointPort("pg", 5432),),
    )


CHANGES_THAT_NO_ANSWER_SHOWS: list[tuple[KubeObject, KubeObject]] = [
    (Pod(name="p", **RUNNING), Pod(name="p", labels={"a": "b"}, resource_version="2", ready=True, **RUNNING)),
    (Service(name="s", namespace="n"), Service(name="s", namespace="n", annotations={"a": "b"})),
    (SLICE, EndpointSlice(**{field: getattr(SLICE, field) for field in SLICE.__struct_fields__} | {"labels": {}})),
]


@pytest.mark.parametrize(("first", "second"), CHANGES_THAT_NO_ANSWER_SHOWS)
def test_nobody_is_told_what_no_answer_shows(first: KubeObject, second: KubeObject) -> None:
    told: list[object] = []
    store = Cluster(lean=True).store(type(first).__name__)
    store.put(first)
    store.subscribe(lambda old, new: told.append(new))
    store.put(second)
    assert len(told) == len(store) == 1
