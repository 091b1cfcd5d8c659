"""The computed cluster is one: every object decodes, has its real size, and says what the benchmark asks for."""

from __future__ import annotations

import pytest

from bench.latency import percentile, question
from bench.synthetic_cluster import NOWHERE, POD_BYTES, Size, SyntheticCluster, pod_address
from bench.synthetic_events import changed_pod
from clusterdns.kube.decode import Put, decode_event
from clusterdns.kube.objects import EndpointSlice, KubeObject, Pod, Service
from clusterdns.wire.query import read_query

CLUSTER = SyntheticCluster(Size(pods=600, services=40))
KINDS = {"Namespace": "namespaces", "Service": "services", "EndpointSlice": "endpointslices", "Pod": "pods"}


def decoded(kind: str, document: bytes) -> KubeObject:
    notes: list[str] = []
    event = decode_event(kind, b'{"type":"ADDED","object":%s}' % document, notes.append)
    assert isinstance(event, Put)
    assert isinstance(event.object, KubeObject)
    assert notes == []
    return event.object


@pytest.mark.parametrize("kind", KINDS)
def test_every_object_decodes_and_has_a_name_of_its_own(kind: str) -> None:
    number, make = CLUSTER.objects(KINDS[kind])
    assert len({decoded(kind, make(each)).key for each in range(number)}) == number


def test_pods_are_the_endpoints_of_their_services() -> None:
    addresses = {}
    for number in range(600):
        document = CLUSTER.pod(number)
        pod = decoded("Pod", document)
        assert isinstance(pod, Pod)
        assert POD_BYTES <= len(document) < POD_BYTES * 1.1
        addresses[number] = (pod.namespace, pod.ips, pod.name)
    for number in range(40):
        each, service = (
            decoded("EndpointSlice", CLUSTER.endpoint_slice(number)),
            decoded("Service", CLUSTER.service(number)),
        )
        assert isinstance(each, EndpointSlice)
        assert isinstance(service, Service)
        assert (each.namespace, each.service) == service.key
        assert service.headless == (number % 20 == 0)
        found = [(each.namespace, endpoint.addresses, endpoint.target_name) for endpoint in each.endpoints]
        assert found == [addresses[pod] for pod in range(number * 15, number * 15 + 15)]


def test_the_pods_of_the_nodes_are_all_pods() -> None:
    computed = SyntheticCluster(Size(pods=600, services=40, nodes=7))
    found = []
    for node in (f"node-{number:04d}" for number in range(7)):
        number, make = computed.objects("pods", node)
        pods = [decoded("Pod", make(each)) for each in range(number)]
        assert {each.node_name for each in pods if isinstance(each, Pod)} == {node}
        found += [each.key for each in pods]
    assert sorted(found) == sorted(decoded("Pod", computed.pod(number)).key for number in range(600))
    assert computed.objects("services", NOWHERE)[0] == 0


def test_changes_go_round_and_each_makes_a_new_address() -> None:
    changes = [changed_pod(change, 600) for change in range(1800)]
    assert {pod for pod, _ in changes[:600]} == set(range(600))
    assert len({pod_address(*each) for each in changes} | {pod_address(pod) for pod in range(600)}) == 2400


def test_a_question_is_one() -> None:
    query = read_query(question("web.shop.svc.cluster.local", 0x1234))
    assert (query.id, query.qtype, query.folded) == (0x1234, 1, b"\x03web\x04shop\x03svc\x07cluster\x05local\0")


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.5, 3.0), (0.99, 4.0), (1.0, 4.0)])
def test_percentile(share: float, expected: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], share) == expected
    assert percentile([], share) == float("inf")
