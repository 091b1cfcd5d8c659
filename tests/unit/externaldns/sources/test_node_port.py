"""NodePort Services: which nodes' addresses they get, and their SRV records."""

from __future__ import annotations

from typing import Any

import pytest

from clusterdns.kube.objects import Endpoint, EndpointSlice, Node, Service, ServicePort
from clusterdns.kube.store import Cluster
from externaldns.sources.service import ServiceOptions, ServiceSource

PREFIX = "external-dns.kubernetes.io/"
NAME = "web.ex.com"


def node(name: str, *addresses: tuple[str, str], unschedulable: bool = False) -> Node:
    return Node(name=name, addresses=addresses, unschedulable=unschedulable)


NODES = [
    node("a", ("InternalIP", "10.0.0.1"), ("InternalIP", "fd00::1"), ("ExternalIP", "192.0.2.1")),
    node("b", ("InternalIP", "10.0.0.2"), ("Hostname", "b")),
    node("c", ("InternalIP", "10.0.0.3"), ("ExternalIP", "192.0.2.3"), unschedulable=True),
]


def pod_on(node_name: str, *, ready: bool = True, serving: bool = True, terminating: bool = False) -> Endpoint:
    return Endpoint(("10.244.0.1",), ready=ready, serving=serving, terminating=terminating, node_name=node_name)


DYING = {"ready": False, "terminating": True}
BROKEN = {"ready": False, "serving": False}


@pytest.mark.parametrize(
    ("access", "policy", "pods", "options", "expected"),
    [
        ("", "", [], {}, {"A 192.0.2.1"}),
        ("public", "", [], {}, {"A 192.0.2.1"}),
        ("private", "", [], {}, {"A 10.0.0.1,10.0.0.2", "AAAA fd00::1"}),
        ("", "", [], {"exclude_unschedulable": False}, {"A 192.0.2.1,192.0.2.3"}),
        ("public", "", [], {"expose_internal_ipv6": True}, {"A 192.0.2.1", "AAAA fd00::1"}),
        ("", "", [], {"expose_internal_ipv6": True}, {"A 192.0.2.1", "AAAA fd00::1"}),
        ("private", "", [], {"expose_internal_ipv6": True}, {"A 10.0.0.1,10.0.0.2", "AAAA fd00::1"}),
        ("nonsense", "", [], {}, {"A 192.0.2.1"}),
        ("", "Cluster", [pod_on("b")], {}, {"A 192.0.2.1"}),
        # With the policy Local only nodes with the best pods take traffic.
        ("", "Local", [pod_on("a"), pod_on("b", **DYING)], {}, {"A 192.0.2.1"}),
        ("private", "Local", [pod_on("b"), pod_on("a", **DYING)], {}, {"A 10.0.0.2"}),
        ("private", "Local", [pod_on("b", **DYING), pod_on("a", **BROKEN)], {}, {"A 10.0.0.2"}),
        ("private", "Local", [pod_on("b", **BROKEN)], {}, {"A 10.0.0.2"}),
        ("private", "Local", [pod_on("")], {}, set()),
        ("private", "Local", [], {}, set()),
        ("", "Local", [pod_on("c")], {}, set()),
    ],
)
def test_addresses(access: str, policy: str, pods: list[Endpoint], options: dict[str, Any], expected: set[str]) -> None:
    found = records(access, policy, pods, ServiceOptions(**options))
    assert {record.removeprefix(f"{NAME} ") for record in found if " SRV " not in record} == expected
    assert {record for record in found if " SRV " in record} == (
        {f"_web._tcp.{NAME} SRV 0 50 30080 {NAME}."} if expected else set()
    )


def test_an_internal_hostname_means_the_same() -> None:
    options = ServiceOptions()
    assert records("", "", [], options, "internal-hostname") == records("", "", [], options)


def test_nodes_without_external_addresses_have_their_internal_ones_of_both_families() -> None:
    internal = [node("a", ("InternalIP", "10.0.0.1"), ("InternalIP", "fd00::1"))]
    found = records("", "", [], ServiceOptions(expose_internal_ipv6=True), nodes=internal)
    assert {f"{NAME} A 10.0.0.1", f"{NAME} AAAA fd00::1"} <= found
    assert records("public", "", [], ServiceOptions(), nodes=internal) == set()


def records(
    access: str,
    policy: str,
    pods: list[Endpoint],
    options: ServiceOptions,
    annotation: str = "hostname",
    nodes: list[Node] = NODES,
) -> set[str]:
    cluster = Cluster()
    cluster.nodes.replace(nodes)
    cluster.endpoint_slices.replace(
        [EndpointSlice(namespace="shop", name="web-1", service="web", endpoints=tuple(pods))]
    )
    annotations = {PREFIX + annotation: NAME, **({PREFIX + "access": access} if access else {})}
    cluster.services.put(
        Service(
            namespace="shop",
            name="web",
            type="NodePort",
            annotations=annotations,
            cluster_ips=("10.96.0.1",),
            ports=(ServicePort("http", 80, "TCP", 30080), ServicePort("none", 81)),
            external_traffic_policy=policy,
        )
    )
    return {
        f"{record.dns_name} {record.record_type} {','.join(record.targets)}"
        for record in ServiceSource(cluster, options=options).endpoints()
    }
