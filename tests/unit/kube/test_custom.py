"""Objects of any kind, whole: names of resources, decoding, stores, manifests, and a watch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clusterdns.errors import ConfigError
from clusterdns.kube.custom import CustomObject
from clusterdns.kube.decode import Delete, Put, Unreadable, decode_event, decode_page
from clusterdns.kube.kinds import find_kind, read_resource, resource_of
from clusterdns.kube.manifests import ManifestFolder
from clusterdns.kube.store import Cluster
from tests.support.apiserver import ApiServerDouble
from tests.unit.kube.scene import Scene, names, play, until

CERTIFICATES = "certificates.v1.cert-manager.io"
META: dict[str, Any] = {"name": "a", "namespace": "n", "resourceVersion": "7", "labels": {"app": "x"}}


def no_note(text: str) -> None:
    raise AssertionError(text)


@pytest.mark.parametrize(
    ("text", "name", "path"),
    [
        ("configmaps.v1", "configmaps.v1", "/api/v1/namespaces/n/configmaps"),
        ("configmaps.v1.", "configmaps.v1", "/api/v1/namespaces/n/configmaps"),
        (CERTIFICATES, CERTIFICATES, "/apis/cert-manager.io/v1/namespaces/n/certificates"),
        ("pools.v1beta1.metallb.io", "pools.v1beta1.metallb.io", "/apis/metallb.io/v1beta1/namespaces/n/pools"),
    ],
)
def test_a_resource(text: str, name: str, path: str) -> None:
    kind = read_resource(text)
    assert (kind.name, kind.path("n")) == (name, path)
    assert find_kind(name) == kind


@pytest.mark.parametrize(
    "text", ["", "configmaps", "certificates.cert-manager.io", "A.v1", "a.v1.B", "a b.v1", "a.v1/x"]
)
def test_what_is_no_resource(text: str) -> None:
    with pytest.raises(ValueError, match=r"write RESOURCE\.VERSION\.GROUP, such as"):
        read_resource(text)


@pytest.mark.parametrize(
    ("kind", "api_version", "resource"),
    [
        ("ConfigMap", "v1", "configmaps.v1"),
        ("Certificate", "cert-manager.io/v1", CERTIFICATES),
        ("IPAddressPool", "metallb.io/v1beta1", "ipaddresspools.v1beta1.metallb.io"),
        ("Proxy", "x.io/v2", "proxies.v2.x.io"),
        ("Ingress", "networking.k8s.io/v1", "ingresses.v1.networking.k8s.io"),
    ],
)
def test_the_resource_of_a_document(kind: str, api_version: str, resource: str) -> None:
    assert resource_of(kind, api_version) == resource


def test_an_object_of_a_page_has_the_kind_of_its_list_and_all_that_is_said_of_it() -> None:
    noise = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    item = {
        "metadata": {**META, "managedFields": [{}], "annotations": {"k": "v", **noise}},
        "spec": {"dnsNames": ["a.ex.com"]},
    }
    body = {"kind": "CertificateList", "apiVersion": "cert-manager.io/v1", "metadata": {"resourceVersion": "9"}}
    page = decode_page(CERTIFICATES, json.dumps({**body, "items": [item, {"spec": 5}]}).encode(), no_note)
    found, broken = page.objects
    assert isinstance(broken, Unreadable)
    assert found == CustomObject(
        name="a",
        namespace="n",
        resource_version="7",
        labels={"app": "x"},
        annotations={"k": "v"},
        kind="Certificate",
        api_version="cert-manager.io/v1",
        content={
            "kind": "Certificate",
            "apiVersion": "cert-manager.io/v1",
            "metadata": {**META, "annotations": {"k": "v"}},
            "spec": {"dnsNames": ["a.ex.com"]},
        },
    )


@pytest.mark.parametrize(("type", "expected"), [("ADDED", Put), ("MODIFIED", Put), ("DELETED", Delete)])
def test_an_event(type: str, expected: Any) -> None:
    document = {"kind": "Certificate", "apiVersion": "cert-manager.io/v1", "metadata": META}
    event = decode_event(CERTIFICATES, json.dumps({"type": type, "object": document}).encode(), no_note)
    assert isinstance(event, expected)
    if isinstance(event, Put):
        assert (event.object.key, getattr(event.object, "kind", "")) == (("n", "a"), "Certificate")


@pytest.mark.parametrize("document", [{}, {"metadata": 5}, {"metadata": {}}, {"metadata": {"name": 5}}])
def test_an_event_of_something_that_is_no_object(document: dict[str, Any]) -> None:
    line = json.dumps({"type": "ADDED", "object": document}).encode()
    assert isinstance(decode_event(CERTIFICATES, line, no_note), Unreadable)


def test_only_a_kind_that_is_not_listed_has_a_store_when_asked_for() -> None:
    cluster = Cluster()
    assert cluster.store(CERTIFICATES) is cluster.store(CERTIFICATES)
    with pytest.raises(KeyError):
        cluster.store("Certificate")


MANIFEST = """
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: a, namespace: n}
spec: {dnsNames: [a.ex.com]}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {host: c.ex.com}}
- {apiVersion: v1, kind: Service, metadata: {name: s}}
- {apiVersion: other.io/v1, kind: Certificate, metadata: {name: b}}
"""


def test_manifests(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(MANIFEST)
    cluster = Cluster()
    ManifestFolder(tmp_path, cluster, custom=(CERTIFICATES, "configmaps.v1", "services.v1")).load()
    [certificate] = cluster.store(CERTIFICATES)
    assert (certificate.key, certificate.content["spec"]) == (("n", "a"), {"dnsNames": ["a.ex.com"]})
    assert [each.content["data"] for each in cluster.store("configmaps.v1")] == [{"host": "c.ex.com"}]
    assert [each.name for each in cluster.store("services.v1")] == [each.name for each in cluster.services] == ["s"]


@pytest.mark.parametrize("metadata", ["metadata: {}", "metadata: 5", "metadata: {name: 5}", "spec: {}"])
def test_a_manifest_without_a_name_is_a_mistake(metadata: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"apiVersion: cert-manager.io/v1\nkind: Certificate\n{metadata}\n")
    with pytest.raises(ConfigError, match="Certificate: metadata"):
        ManifestFolder(tmp_path, Cluster(), custom=(CERTIFICATES,)).load()


@pytest.mark.parametrize("streams", [True, False])
def test_a_watch(streams: bool, tmp_path: Path) -> None:
    def prepare(server: ApiServerDouble) -> None:
        server.streams = streams
        server.put(CERTIFICATES, "a", "n", spec={"dnsNames": ["a.ex.com"]})

    async def script(scene: Scene) -> None:
        store = scene.cluster.store(CERTIFICATES)
        await scene.watched(CERTIFICATES)
        assert [each.content["spec"] for each in store] == [{"dnsNames": ["a.ex.com"]}]
        scene.server.put(CERTIFICATES, "b", "n", spec={})
        scene.server.delete(CERTIFICATES, "a", "n")
        await until(store, lambda: names(store) == ["b"])

    play(tmp_path, script, frozenset({CERTIFICATES}), prepare=prepare)
