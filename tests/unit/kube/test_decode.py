"""API JSON and manifest documents to trimmed objects: recordings, rows of oddities, fuzz."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.kube.decode import (
    Bookmark,
    Delete,
    Event,
    Failure,
    MalformedObject,
    Put,
    Unreadable,
    decode_document,
    decode_event,
    decode_page,
    decode_status,
)
from clusterdns.kube.kinds import KINDS
from clusterdns.kube.objects import (
    Endpoint,
    EndpointPort,
    EndpointSlice,
    KubeObject,
    Namespace,
    Node,
    Pod,
    Service,
    ServicePort,
)
from tests.support import recording


def no_note(text: str) -> None:
    raise AssertionError(f"unexpected note: {text}")


def page_of(kind: str, number: int) -> dict[str, KubeObject]:
    page = decode_page(kind, recording.body(number), no_note)
    return {each.name: each for each in page.objects}


def one(document: dict[str, Any], notes: list[str] | None = None) -> KubeObject:
    ((_, found),) = decode_document(document, no_note if notes is None else notes.append)
    return found


# Recordings.


def test_recorded_namespaces() -> None:
    assert {"default", "kube-system", "team-a", "team-b"} <= page_of("Namespace", 3).keys()


def test_recorded_services() -> None:
    services = page_of("Service", 4)
    web, db, ext, lb = (services[name] for name in ("web", "db", "ext", "lb"))
    assert web == Service(
        name="web",
        namespace="team-a",
        uid="994a2785-203f-4827-8667-63559fa50470",
        resource_version="303",
        cluster_ips=("10.96.143.60",),
        ports=(ServicePort("http", 80),),
        created="2026-11-22T00:50:22Z",
    )
    assert isinstance(db, Service)
    assert (db.headless, db.cluster_ips, db.type) == (True, (), "ClusterIP")
    assert isinstance(ext, Service)
    assert (ext.type, ext.external_name, ext.headless, ext.cluster_ips) == ("ExternalName", "example.org", False, ())
    assert isinstance(lb, Service)
    assert lb.load_balancer == ("10.20.30.40",)
    assert lb.ports == (ServicePort("https", 443, "TCP", 32381),)
    assert lb.external_traffic_policy == "Cluster"
    assert lb.annotations["external-dns.alpha.kubernetes.io/hostname"] == "lb.corp.example"


def test_recorded_pages() -> None:
    first = decode_page("Service", recording.body(5), no_note)
    second = decode_page("Service", recording.body(6), no_note)
    assert [each.name for each in (*first.objects, *second.objects)] == ["kubernetes", "db", "web", "ext"]
    assert first.resource_version == second.resource_version == "319"
    assert first.continue_token in recording.recorded(6)["request"]["path"]


def test_recorded_pods() -> None:
    pods = page_of("Pod", 9)
    web, hostnet, tool = (pods[name] for name in ("web-0", "hostnet", "tool"))
    assert isinstance(web, Pod)
    assert web.ips == ("10.244.1.20", "fd00:10:244:1::14")
    assert (web.phase, web.ready, web.node_name, web.host_ip) == ("Running", True, "node-a", "172.18.0.2")
    assert isinstance(hostnet, Pod)
    assert (hostnet.host_network, hostnet.ips) == (True, ("172.18.0.2",))
    assert isinstance(tool, Pod)
    assert tool.dns_policy == "None"
    assert tool.dns_searches == ("team-b.svc.cluster.local", "svc.cluster.local", "corp.example")
    assert tool.dns_ndots == 2


def test_recorded_endpoint_slices() -> None:
    db = page_of("EndpointSlice", 10)["db-1"]
    assert isinstance(db, EndpointSlice)
    assert (db.service, db.address_type, db.ports) == ("db", "IPv4", (EndpointPort("pg", 5432),))
    assert db.endpoints == (
        Endpoint(("10.244.1.10",), "db-0", node_name="node-a", target_kind="Pod", target_name="db-0"),
        Endpoint(("10.244.2.11",), "db-1", ready=False, serving=False),
    )


def test_recorded_watch_of_services() -> None:
    events = [decode_event("Service", line, no_note) for line in recording.lines(12)]
    added, modified, bookmark, deleted, last = events
    assert isinstance(added, Put)
    assert isinstance(modified, Put)
    assert (added.object.labels, modified.object.labels) == ({}, {"x": "y"})
    assert (bookmark, last) == (Bookmark("323"), Bookmark("325"))
    assert deleted == Delete(("team-a", "fresh"), "325")


def test_recorded_pod_leaves_the_field_selector_when_it_finishes() -> None:
    events = [decode_event("Pod", line, no_note) for line in recording.lines(14)]
    assert [type(event) for event in events] == [Put, Put, Delete, Bookmark, Bookmark]
    assert events[2] == Delete(("team-a", "short"), "329")


def test_recorded_version_too_old_is_an_event() -> None:
    (line,) = recording.lines(15)
    assert decode_event("Service", line, no_note) == Failure(410, "Expired", "too old resource version: 1 (357)")


@pytest.mark.parametrize(
    ("number", "code", "reason"), [(7, 400, "BadRequest"), (17, 401, "Unauthorized"), (18, 403, "Forbidden")]
)
def test_recorded_refusals(number: int, code: int, reason: str) -> None:
    status = decode_status(recording.body(number))
    assert status is not None
    assert (status.code, status.reason) == (code, reason)


def test_recorded_404_without_a_status_object() -> None:
    assert decode_status(recording.body(26)) is None


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


# Rows: API JSON that is odd.


def test_broken_item_does_not_hide_the_others() -> None:
    items = [{"metadata": {"name": "a"}}, {"metadata": {"name": 5}}, {"metadata": {}}, {"metadata": {"name": "b"}}]
    notes: list[str] = []
    body = json.dumps({"metadata": {"resourceVersion": "7", "continue": "c"}, "items": items}).encode()
    page = decode_page("Pod", body, notes.append)
    assert [each.name for each in page.objects] == ["a", "b"]
    assert (page.resource_version, page.continue_token) == ("7", "c")
    assert notes == [
        "Pod left out: metadata.name: expected `str`, got `int`",
        "Pod left out: metadata.name is missing",
    ]


def test_empty_list_as_go_writes_it() -> None:
    page = decode_page("Pod", b'{"metadata":{"resourceVersion":"7"},"items":null}', no_note)
    assert (page.objects, page.resource_version, page.continue_token) == ([], "7", "")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"items":[]}', b'{"metadata":{},"items":5}', b"[" * 100_000])
def test_bodies_that_are_no_list(body: bytes) -> None:
    with pytest.raises(MalformedObject, match="list of Pod: "):
        decode_page("Pod", body, no_note)


LINES: list[tuple[bytes, Event]] = [
    (b'{"type":"ADDED","object":{"metadata":{"name":5}}}',
     Unreadable("Pod left out: metadata.name: expected `str`, got `int`")),
    (b'{"type":"MODIFIED","object":{"metadata":{}}}', Unreadable("Pod left out: metadata.name is missing")),
    (b'{"type":"DELETED","object":{"metadata":{"name":"a"}}}', Delete(("", "a"), "")),
    (b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":null}}}', Bookmark("")),
    (b'{"object":{},"type":"ERROR"}', Failure(0, "", "")),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_odd_lines(line: bytes, expected: Event) -> None:
    assert decode_event("Pod", line, no_note) == expected


@pytest.mark.parametrize(
    "line", [b"", b"{", b"5", b'{"type":"ADDED"}', b'{"type":"NEW","object":{}}', b'{"type":"BOOKMARK","object":5}']
)
def test_lines_that_are_no_event(line: bytes) -> None:
    with pytest.raises(MalformedObject, match="watch of Pod: "):
        decode_event("Pod", line, no_note)


def test_a_list_cut_anywhere_is_malformed() -> None:
    body = recording.body(10)
    for end in range(len(body) - 1):
        with pytest.raises(MalformedObject):
            decode_page("EndpointSlice", body[:end], no_note)


# Fuzz: decodes, or raises MalformedObject; nothing else.

FIELDS = [
    "apiVersion", "kind", "metadata", "name", "namespace", "labels", "annotations", "resourceVersion", "continue",
    "items", "type", "object", "spec", "status", "clusterIP", "clusterIPs", "ports", "port", "externalIPs",
    "loadBalancer", "ingress", "ip", "endpoints", "addresses", "conditions", "ready", "podIP", "podIPs",
    "dnsConfig", "options", "code", "reason", "message",
]  # fmt: skip
TEXTS = st.sampled_from([*KINDS, "List", "v1", "discovery.k8s.io/v1", "None", "10.0.0.1", "fd00::1", "ADDED", "ERROR"])
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=4), inner),
    max_leaves=25,
)
PARTS = st.fixed_dictionaries(
    {"apiVersion": TEXTS, "kind": TEXTS}, optional=dict.fromkeys(("metadata", "spec", "status", "items"), DOCUMENTS)
)


@given(DOCUMENTS | PARTS)
def test_any_document_decodes_or_is_malformed(document: Any) -> None:
    with suppress(MalformedObject):
        decode_document(document, lambda text: None)


@given(st.sampled_from(sorted(KINDS)), st.binary() | (DOCUMENTS | PARTS).map(lambda each: json.dumps(each).encode()))
def test_any_bytes_decode_or_are_malformed(kind: str, data: bytes) -> None:
    for decode in (decode_page, decode_event):
        for text in (data, b'{"type":"ADDED","object":%b}' % data, b'{"metadata":{},"items":[%b]}' % data):
            with suppress(MalformedObject):
                decode(kind, text, lambda note: None)
