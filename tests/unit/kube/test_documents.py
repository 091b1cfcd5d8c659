"""What a manifest document, and so an API object, means: rows of documents and the trimmed objects they become."""

from __future__ import annotations

from typing import Any

import pytest

from clusterdns.kube.decode import MalformedObject, decode_document
from clusterdns.kube.objects import (
    Endpoint,
    EndpointPort,
    EndpointSlice,
    KubeObject,
    Namespace,
    Node,
    Service,
    ServicePort,
)


def no_note(text: str) -> None:
    raise AssertionError(f"unexpected note: {text}")


def one(document: dict[str, Any], notes: list[str] | None = None) -> KubeObject:
    ((_, found),) = decode_document(document, no_note if notes is None else notes.append)
    return found


# Rows: what a document means.

META = {"name": "a", "namespace": "n"}


def service(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": META, "spec": spec}


def endpoints(*rows: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {**META, "labels": {"kubernetes.io/service-name": "s"}},
        "addressType": "IPv4",
        "endpoints": list(rows),
        **parts,
    }


def pod(spec: dict[str, Any] | None = None, status: dict[str, Any] | None = None, **meta: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**META, **meta}, "spec": spec, "status": status}


SERVICES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("only clusterIP", {"clusterIP": "10.0.0.1"}, {"cluster_ips": ("10.0.0.1",)}),
    ("dual stack", {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "FD00:0::1"]},
     {"cluster_ips": ("10.0.0.1", "fd00::1")}),
    ("headless by clusterIP", {"clusterIP": "None"}, {"headless": True, "cluster_ips": ()}),
    ("headless by clusterIPs", {"clusterIPs": ["None"]}, {"headless": True, "cluster_ips": ()}),
    ("no address yet", {"clusterIP": ""}, {"headless": False, "cluster_ips": ()}),
    ("no spec", {}, {"type": "ClusterIP", "ports": ()}),
    ("ExternalName keeps no cluster IP", {"type": "ExternalName", "externalName": "x.example", "clusterIP": "10.0.0.1"},
     {"cluster_ips": (), "external_name": "x.example", "headless": False}),
    ("ExternalName of another type", {"type": "ClusterIP", "externalName": "x.example"}, {"external_name": ""}),
    ("port defaults", {"ports": [{"port": 53}]}, {"ports": (ServicePort("", 53, "TCP", 0),)}),
    ("null lists", {"clusterIPs": None, "ports": None, "externalIPs": None}, {"ports": (), "external_ips": ()}),
    ("external IPs", {"externalIPs": ["192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2"]},
     {"external_ips": ("192.0.2.1", "192.0.2.2")}),
    ("publishNotReadyAddresses", {"publishNotReadyAddresses": True}, {"publish_not_ready_addresses": True}),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "expected"), [row[1:] for row in SERVICES], ids=[row[0] for row in SERVICES])
def test_services(spec: dict[str, Any], expected: dict[str, Any]) -> None:
    found = one(service(**spec))
    assert {name: getattr(found, name) for name in expected} == expected


INGRESS = [
    ([{"ip": "192.0.2.1"}, {"hostname": "lb.example"}], ("192.0.2.1", "lb.example")),
    ([{"ip": "192.0.2.1", "hostname": "lb.example"}], ("192.0.2.1",)),
    ([{}], ()),
    (None, ()),
]


@pytest.mark.parametrize(("ingress", "expected"), INGRESS)
def test_load_balancer(ingress: Any, expected: tuple[str, ...]) -> None:
    found = one({**service(), "status": {"loadBalancer": {"ingress": ingress}}})
    assert isinstance(found, Service)
    assert found.load_balancer == expected


CONDITIONS: list[tuple[dict[str, bool | None] | None, tuple[bool, bool, bool]]] = [
    (None, (True, True, False)),
    ({}, (True, True, False)),
    ({"ready": None}, (True, True, False)),
    ({"ready": False}, (False, False, False)),
    ({"ready": False, "serving": True, "terminating": True}, (False, True, True)),
    ({"ready": True, "serving": None, "terminating": None}, (True, True, False)),
]


@pytest.mark.parametrize(("conditions", "expected"), CONDITIONS)
def test_endpoint_conditions(conditions: Any, expected: tuple[bool, bool, bool]) -> None:
    found = one(endpoints({"addresses": ["10.0.0.1"], "conditions": conditions}))
    assert isinstance(found, EndpointSlice)
    (endpoint,) = found.endpoints
    assert (endpoint.ready, endpoint.serving, endpoint.terminating) == expected


def test_endpoint_slice_with_null_lists() -> None:
    found = one(endpoints(endpoints=None, ports=None))
    assert isinstance(found, EndpointSlice)
    assert (found.endpoints, found.ports, found.service) == ((), (), "s")


def test_endpoint_slice_of_names_has_no_endpoints() -> None:
    found = one(endpoints({"addresses": ["host.example"]}, addressType="FQDN"))
    assert isinstance(found, EndpointSlice)
    assert found.endpoints == ()


def test_endpoint_port_of_all_ports() -> None:
    found = one(endpoints(ports=[{"name": None, "port": None, "protocol": "UDP"}]))
    assert isinstance(found, EndpointSlice)
    assert found.ports == (EndpointPort("", None, "UDP"),)


PODS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("nothing but a name", pod(), {"ips": (), "phase": "", "ready": False, "dns_policy": "ClusterFirst"}),
    ("podIP alone", pod(status={"podIP": "10.0.0.1"}), {"ips": ("10.0.0.1",)}),
    ("podIPs win", pod(status={"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::0:1"}]}),
     {"ips": ("10.0.0.1", "fd00::1")}),
    ("podIPs empty", pod(status={"podIP": "10.0.0.1", "podIPs": []}), {"ips": ("10.0.0.1",)}),
    ("IPv4-mapped", pod(status={"podIP": "::ffff:10.0.0.1"}), {"ips": ("10.0.0.1",)}),
    ("finished", pod(status={"phase": "Failed"}), {"finished": True}),
    ("going", pod(deletionTimestamp="2026-11-22T00:50:22Z"), {"terminating": True}),
    ("not ready", pod(status={"conditions": [{"type": "Ready", "status": "Unknown"}]}), {"ready": False}),
    ("started", pod(status={"startTime": "2026-11-22T00:50:22Z"}), {"started": "2026-11-22T00:50:22Z"}),
    ("ndots without value", pod({"dnsConfig": {"options": [{"name": "edns0"}]}}), {"dns_ndots": None}),
    ("ndots is capped as the resolver caps it", pod({"dnsConfig": {"options": [{"name": "ndots", "value": "99999"}]}}),
     {"dns_ndots": 15}),
    ("no searches", pod({"dnsConfig": {"searches": None}}), {"dns_searches": ()}),
]  # fmt: skip


@pytest.mark.parametrize(("document", "expected"), [row[1:] for row in PODS], ids=[row[0] for row in PODS])
def test_pods(document: dict[str, Any], expected: dict[str, Any]) -> None:
    found = one(document)
    assert {name: getattr(found, name) for name in expected} == expected


def test_node() -> None:
    addresses = [
        {"type": "InternalIP", "address": "10.0.0.1"},
        {"type": "ExternalIP", "address": "2001:DB8::1"},
        {"type": "Hostname", "address": "Node-A"},
    ]
    conditions = [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "False"}]
    found = one(
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "node-a"},
            "spec": {"unschedulable": True},
            "status": {"addresses": addresses, "conditions": conditions},
        }
    )
    expected = (("InternalIP", "10.0.0.1"), ("ExternalIP", "2001:db8::1"), ("Hostname", "Node-A"))
    assert found == Node(name="node-a", addresses=expected, unschedulable=True, ready=False)


def test_node_of_a_manifest_is_ready() -> None:
    assert one({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-a"}}) == Node(name="node-a")


def test_copy_of_the_manifest_is_not_kept() -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "{...}", "kept": "yes"}
    assert one({**service(), "metadata": {**META, "annotations": annotations}}).annotations == {"kept": "yes"}


# Rows: what is no address is left out and told, the rest counts.

BAD_ADDRESSES: list[tuple[dict[str, Any], str, Any, str]] = [
    (service(clusterIP="10.0.0.300"), "cluster_ips", (),
     "Service n/a: spec.clusterIPs: '10.0.0.300' is not an IP address"),
    (service(clusterIPs=["10.0.0.1", "x"]), "cluster_ips", ("10.0.0.1",), "spec.clusterIPs: 'x'"),
    (service(externalIPs=["10.0.0.1/32"]), "external_ips", (), "spec.externalIPs: '10.0.0.1/32'"),
    ({**service(), "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3", "hostname": "lb.example"}]}}},
     "load_balancer", ("lb.example",), "status.loadBalancer.ingress: '1.2.3'"),
    (pod(status={"podIPs": [{"ip": "fe80::1%eth0"}, {"ip": "10.0.0.1"}]}), "ips", ("10.0.0.1",), "'fe80::1%eth0'"),
    (pod(status={"podIP": "010.0.0.1"}), "ips", (), "'010.0.0.1'"),
    (pod(status={"hostIP": "node"}), "host_ip", "", "status.hostIP: 'node'"),
    (endpoints({"addresses": ["db.example"]}), "endpoints", (Endpoint(()),), "endpoints.addresses: 'db.example'"),
    (pod({"dnsConfig": {"options": [{"name": "ndots", "value": "five"}]}}), "dns_ndots", None, "ndots 'five'"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "attribute", "expected", "note"), BAD_ADDRESSES)
def test_bad_addresses(document: dict[str, Any], attribute: str, expected: Any, note: str) -> None:
    notes: list[str] = []
    found = one(document, notes)
    assert getattr(found, attribute) == expected
    (told,) = notes
    assert note in told


# Rows: documents.


def test_documents_that_are_not_read() -> None:
    documents = [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": 5},
        {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "spec": 5},
        {"apiVersion": "v1", "kind": "ConfigMapList", "items": 5},
    ]
    assert [decode_document(each, no_note) for each in documents] == [[], [], []]


def test_list_documents() -> None:
    of_any = {"apiVersion": "v1", "kind": "List", "items": [service(), pod(), {"apiVersion": "v1", "kind": "Secret"}]}
    of_pods = {"apiVersion": "v1", "kind": "PodList", "items": [{"metadata": META}]}
    assert [kind.name for kind, _ in decode_document(of_any, no_note)] == ["Service", "Pod"]
    assert [each.key for _, each in decode_document(of_pods, no_note)] == [("n", "a")]


def test_namespace_of_a_manifest_is_default() -> None:
    assert one({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}}).key == ("default", "a")


def test_namespace_has_no_namespace() -> None:
    found = one({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a", "namespace": "odd"}})
    assert found == Namespace(name="a")


BROKEN: list[tuple[Any, str]] = [
    (5, "expected an object with apiVersion and kind, got 5"),
    (["a"], "got a list"),
    ({"kind": "Service"}, "apiVersion is missing"),
    ({"apiVersion": "v1"}, "kind is missing"),
    ({"apiVersion": "v1", "kind": ["Service"]}, "kind must be text, got a list"),
    ({"apiVersion": "v1", "kind": "Service"}, "Service (without a name): object missing required field `metadata`"),
    ({"apiVersion": "v1", "kind": "Pod", "metadata": {}}, "Pod: metadata.name is missing"),
    (service(ports=[{"port": "80"}]), "Service a: spec.ports[0].port: expected `int`, got `str`"),
    (service(ports={"port": 80}), "Service a: spec.ports: expected `array | null`, got `object`"),
    ({**service(), "metadata": {"name": 5}}, "Service 5: metadata.name: expected `str`, got `int`"),
    ({"apiVersion": "discovery.k8s.io/v1beta1", "kind": "EndpointSlice"}, "write apiVersion: discovery.k8s.io/v1"),
    ({"apiVersion": "v1", "kind": "List"}, "items of a List must be a list, got nothing"),
    ({"apiVersion": "v1", "kind": "List", "items": [service(), {}]}, "items[1]: apiVersion is missing"),
    ({"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "List", "items": []}]},
     "items[0]: a list inside a list"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "message"), BROKEN)
def test_broken_documents(document: Any, message: str) -> None:
    with pytest.raises(MalformedObject) as raised:
        decode_document(document, no_note)
    assert message in str(raised.value)


def test_list_that_contains_itself() -> None:
    document: dict[str, Any] = {"apiVersion": "v1", "kind": "List", "items": []}
    document["items"].append(document)
    with pytest.raises(MalformedObject, match="list inside a list"):
        decode_document(document, no_note)
