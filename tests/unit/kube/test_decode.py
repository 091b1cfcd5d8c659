"""API JSON to trimmed objects: recordings, rows of oddities, fuzz."""

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
    Page,
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
    Pod,
    Service,
    ServicePort,
)
from tests.support import recording


def no_note(text: str) -> None:
    raise AssertionError(f"unexpected note: {text}")


def page_of(kind: str, number: int) -> dict[str, KubeObject]:
    return {each.name: each for each in readable(decode_page(kind, recording.body(number), no_note))}


def readable(page: Page) -> list[KubeObject]:
    return [each for each in page.objects if isinstance(each, KubeObject)]


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
        selector={"app": "web"},
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
    assert [each.name for each in readable(first) + readable(second)] == ["kubernetes", "db", "web", "ext"]
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
    assert isinstance(added.object, Service)
    assert isinstance(modified.object, Service)
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


# Rows: API JSON that is odd.


def test_broken_item_does_not_hide_the_others() -> None:
    broken = {"metadata": {"name": "c", "namespace": "n"}, "spec": {"hostNetwork": "yes"}}
    first, last = {"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}
    items = [first, {"metadata": {"name": 5}}, broken, {"metadata": {}}, last]
    body = json.dumps({"metadata": {"resourceVersion": "7", "continue": "c"}, "items": items}).encode()
    page = decode_page("Pod", body, no_note)
    assert [each if isinstance(each, Unreadable) else each.name for each in page.objects] == [
        "a",
        Unreadable("Pod can't be read: metadata.name: expected `str`, got `int`"),
        Unreadable("Pod n/c can't be read: spec.hostNetwork: expected `bool | null`, got `str`", ("n", "c")),
        Unreadable("Pod can't be read: metadata.name is missing"),
        "b",
    ]
    assert (page.resource_version, page.continue_token) == ("7", "c")


def test_empty_list_as_go_writes_it() -> None:
    page = decode_page("Pod", b'{"metadata":{"resourceVersion":"7"},"items":null}', no_note)
    assert (list(page.objects), page.resource_version, page.continue_token) == ([], "7", "")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"items":[]}', b'{"metadata":{},"items":5}', b"[" * 100_000])
def test_bodies_that_are_no_list(body: bytes) -> None:
    with pytest.raises(MalformedObject, match="list of Pod: "):
        decode_page("Pod", body, no_note)


LINES: list[tuple[bytes, Event]] = [
    (b'{"type":"ADDED","object":{"metadata":{"name":5}}}',
     Unreadable("Pod can't be read: metadata.name: expected `str`, got `int`")),
    (b'{"type":"MODIFIED","object":{"metadata":{}}}', Unreadable("Pod can't be read: metadata.name is missing")),
    (b'{"type":"ADDED","object":{"metadata":{"name":"a"},"spec":5}}',
     Unreadable("Pod a can't be read: spec: expected `object | null`, got `int`", ("", "a"))),
    (b'{"type":"DELETED","object":{"metadata":{"name":"a"},"spec":5}}', Delete(("", "a"), "")),
    (b'{"type":"DELETED","object":{"metadata":{"name":5}}}',
     Unreadable("Pod can't be read: metadata.name: expected `str`, got `int`")),
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
                decoded = decode(kind, text, lambda note: None)
                if isinstance(decoded, Page):
                    assert all(isinstance(each, Unreadable) or each.name for each in decoded.objects)
