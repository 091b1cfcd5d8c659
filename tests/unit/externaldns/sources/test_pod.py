"""The pod source: which pods count, and which address is under which name."""

from __future__ import annotations

from typing import Any

import pytest

from clusterdns.kube.objects import Node, Pod
from clusterdns.kube.store import Cluster
from externaldns.sources.pod import PodOptions, PodSource
from externaldns.sources.selection import Selection
from tests.unit.externaldns.sources.building import NAME, annotated, records

NODE = Node(name="a", addresses=(("InternalIP", "10.0.0.1"), ("InternalIP", "fd00::1"), ("ExternalIP", "192.0.2.1")))
BOTH = ("10.244.0.1", "fd00:244::1")


def found(annotations: dict[str, str], options: PodOptions, selection: Selection | None = None, **pod: Any) -> set[str]:
    cluster = Cluster()
    cluster.nodes.replace([NODE])
    fields = {"ips": BOTH, "phase": "Running", "node_name": "a", "ready": True, **pod}
    cluster.pods.replace([Pod(namespace="shop", name="web-0", annotations=annotations, **fields)])
    return records(PodSource(cluster, selection, options))


@pytest.mark.parametrize(
    ("annotations", "options", "pod", "expected"),
    [
        ({}, {}, {}, set()),
        (annotated(hostname=NAME), {}, {}, {f"{NAME} A 192.0.2.1", f"{NAME} AAAA fd00::1"}),
        (annotated(hostname=NAME), {}, {"host_network": True}, {f"{NAME} A 192.0.2.1", f"{NAME} AAAA fd00::1"}),
        (annotated(hostname=NAME), {}, {"node_name": "gone"}, set()),
        (annotated(hostname=NAME), {"hostname_address": "pod"}, {}, {f"{NAME} A 10.244.0.1", f"{NAME} AAAA {BOTH[1]}"}),
        (annotated(internal_hostname=NAME), {}, {}, {f"{NAME} A 10.244.0.1"}),
        (annotated(internal_hostname=NAME, target="192.0.2.9"), {}, {}, {f"{NAME} A 192.0.2.9"}),
        (annotated(hostname=NAME, target="lb.ex.net"), {}, {}, {f"{NAME} CNAME lb.ex.net"}),
        ({}, {"source_domain": "ex.com"}, {}, {"web-0.ex.com A 10.244.0.1"}),
        (annotated(internal_hostname=NAME), {"source_domain": "ex.com"}, {},
         {"web-0.ex.com A 10.244.0.1", f"{NAME} A 10.244.0.1"}),
        (annotated(internal_hostname=NAME), {"ignore_non_host_network": True}, {}, set()),
        (annotated(internal_hostname=NAME), {"ignore_non_host_network": True}, {"host_network": True},
         {f"{NAME} A 10.244.0.1"}),
        (annotated(internal_hostname=NAME, controller="other"), {}, {}, set()),
        # A pod that has no address, will have none, or will not keep it.
        (annotated(hostname=NAME, internal_hostname=NAME), {}, {"ips": (), "phase": "Pending"}, set()),
        (annotated(hostname=NAME, target="192.0.2.9"), {}, {"ips": ()}, set()),
        (annotated(internal_hostname=NAME), {}, {"phase": "Succeeded"}, set()),
        (annotated(internal_hostname=NAME), {}, {"phase": "Failed"}, set()),
        (annotated(internal_hostname=NAME), {}, {"terminating": True}, set()),
        ({}, {"source_domain": "ex.com"}, {"terminating": True}, set()),
        (annotated(internal_hostname=NAME), {}, {"ready": False}, {f"{NAME} A 10.244.0.1"}),
        (annotated(internal_hostname=NAME), {"ready_only": True}, {"ready": False}, set()),
        (annotated(internal_hostname=NAME), {"ready_only": True}, {}, {f"{NAME} A 10.244.0.1"}),
    ],
)  # fmt: skip
def test_pod(annotations: dict[str, str], options: dict[str, Any], pod: dict[str, Any], expected: set[str]) -> None:
    assert found(annotations, PodOptions(**options), **pod) == expected


def test_a_template_names_all_addresses_of_a_pod() -> None:
    selection = Selection(template=lambda asking: (f"{asking.name}.t.ex.com",))
    expected = {"web-0.t.ex.com A 10.244.0.1", f"web-0.t.ex.com AAAA {BOTH[1]}"}
    assert found({}, PodOptions(), selection) == expected
    assert found(annotated(internal_hostname=NAME), PodOptions(), selection) == {f"{NAME} A 10.244.0.1"}


def test_a_template_of_pairs_has_its_own_targets() -> None:
    selection = Selection(pair_template=lambda asking: ((f"{asking.name}.t.ex.com", "192.0.2.7"),))
    assert found({}, PodOptions(), selection) == {"web-0.t.ex.com A 192.0.2.7"}
    assert found(annotated(internal_hostname=NAME), PodOptions(), selection) == {f"{NAME} A 10.244.0.1"}
    assert found({}, PodOptions(), selection, ips=()) == set()


def test_a_record_says_which_pod_asked_for_it() -> None:
    cluster = Cluster()
    cluster.pods.replace([Pod(namespace="shop", name="p", ips=BOTH, annotations=annotated(internal_hostname=NAME))])
    assert [record.resource for record in PodSource(cluster).endpoints()] == ["pod/shop/p"]
