"""What documents of Ingress, DNSEndpoint, Gateway and routes mean: rows of documents and the trimmed objects."""

from __future__ import annotations

from typing import Any

import pytest

from clusterdns.kube.decode import MalformedObject, decode_document
from clusterdns.kube.objects import (
    DNSEndpoint,
    Gateway,
    Ingress,
    KubeObject,
    Listener,
    ParentReference,
    RecordSet,
    Route,
)

META = {"name": "a", "namespace": "n"}
GATEWAY_API = "gateway.networking.k8s.io/v1"


def one(api_version: str, kind: str, **parts: Any) -> KubeObject:
    notes: list[str] = []
    document = {"apiVersion": api_version, "kind": kind, "metadata": META, **parts}
    ((_, found),) = decode_document(document, notes.append)
    assert notes == []
    return found


@pytest.mark.parametrize(
    ("spec", "status", "annotations", "expected"),
    [
        (None, None, {}, {}),
        ({"ingressClassName": "nginx"}, None, {"kubernetes.io/ingress.class": "old"}, {"ingress_class": "nginx"}),
        ({}, None, {"kubernetes.io/ingress.class": "old"}, {"ingress_class": "old"}),
        ({"rules": [{"host": "a.ex.com"}, {}, {"host": "a.ex.com"}, {"host": None}]}, None, {},
         {"hosts": ("a.ex.com",)}),
        ({"tls": [{"hosts": ["b.ex.com", "c.ex.com"]}, {}]}, None, {}, {"tls_hosts": ("b.ex.com", "c.ex.com")}),
        (None, {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}, {"hostname": "lb.ex.net"}]}}, {},
         {"load_balancer": ("192.0.2.1", "lb.ex.net")}),
        (None, {"loadBalancer": {}}, {}, {}),
    ],
)  # fmt: skip
def test_ingress(spec: Any, status: Any, annotations: dict[str, str], expected: dict[str, Any]) -> None:
    metadata = {**META, "annotations": annotations}
    found = one("networking.k8s.io/v1", "Ingress", metadata=metadata, spec=spec, status=status)
    assert found == Ingress(name="a", namespace="n", annotations=annotations, **expected)


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ({"dnsName": "a.ex.com", "targets": ["192.0.2.1"], "recordType": "A", "recordTTL": 60},
         RecordSet("a.ex.com", ("192.0.2.1",), "A", "", 60)),
        ({"dnsName": "a.ex.com", "targets": ["b"], "recordType": "CNAME", "setIdentifier": "s", "labels": {"l": "v"},
          "providerSpecific": [{"name": "webhook/weight", "value": "3"}]},
         RecordSet("a.ex.com", ("b",), "CNAME", "s", 0, {"l": "v"}, {"webhook/weight": "3"})),
        ({}, RecordSet("", (), "")),
        ({"dnsName": None, "targets": None, "recordTTL": None, "providerSpecific": None}, RecordSet("", (), "")),
    ],
)  # fmt: skip
def test_dns_endpoint(endpoint: dict[str, Any], expected: RecordSet) -> None:
    found = one("externaldns.k8s.io/v1alpha1", "DNSEndpoint", spec={"endpoints": [endpoint]})
    assert found == DNSEndpoint(name="a", namespace="n", record_sets=(expected,))


@pytest.mark.parametrize(
    ("metadata", "status", "generations"),
    [
        ({"generation": 3}, {"observedGeneration": 2}, (3, 2)),
        ({"generation": 3}, {}, (3, 0)),
        ({"generation": None}, {"observedGeneration": None}, (0, 0)),
        ({}, None, (0, 0)),
    ],
)
def test_the_generations_of_a_dns_endpoint(metadata: Any, status: Any, generations: tuple[int, int]) -> None:
    found = one("externaldns.k8s.io/v1alpha1", "DNSEndpoint", metadata={**META, **metadata}, status=status)
    assert isinstance(found, DNSEndpoint)
    assert (found.generation, found.observed_generation) == generations


def test_a_dns_endpoint_without_endpoints() -> None:
    assert one("externaldns.k8s.io/v1alpha1", "DNSEndpoint", spec=None) == DNSEndpoint(name="a", namespace="n")


@pytest.mark.parametrize(
    ("listener", "expected"),
    [
        ({"name": "http", "port": 80, "protocol": "HTTP"}, Listener("http", "", 80, "HTTP")),
        ({"name": "x", "hostname": "*.ex.com", "allowedRoutes": {"namespaces": {"from": "All"}}},
         Listener("x", "*.ex.com", 0, "", "All")),
        ({"name": "x", "allowedRoutes": {"kinds": [{"kind": "GRPCRoute"}]}},
         Listener("x", route_kinds=("GRPCRoute",))),
        ({"name": "x", "allowedRoutes": {"namespaces": {"from": "Selector", "selector": {
            "matchLabels": {"team": "a", "env": "prod"},
            "matchExpressions": [{"key": "zone", "operator": "In", "values": ["x", "y"]},
                                 {"key": "old", "operator": "DoesNotExist"},
                                 {"key": "new", "operator": "Exists"},
                                 {"key": "tier", "operator": "NotIn", "values": ["z"]}]}}}},
         Listener("x", namespaces_from="Selector",
                  namespace_selector="env=prod,team=a,zone in (x,y),!old,new,tier notin (z)")),
        ({}, Listener("")),
    ],
)  # fmt: skip
def test_gateway(listener: dict[str, Any], expected: Listener) -> None:
    status = {"addresses": [{"value": "192.0.2.1"}, {"type": "Hostname", "value": "lb.ex.net"}, {}]}
    found = one(GATEWAY_API, "Gateway", spec={"listeners": [listener]}, status=status)
    assert found == Gateway(name="a", namespace="n", listeners=(expected,), addresses=("192.0.2.1", "lb.ex.net"))


ACCEPTED = [{"type": "Accepted", "status": "True"}]


@pytest.mark.parametrize("kind", ["HTTPRoute", "GRPCRoute"])
@pytest.mark.parametrize(
    ("parent", "conditions", "parents", "accepted"),
    [
        ({"name": "gw"}, ACCEPTED, (ParentReference("n", "gw"),), (ParentReference("n", "gw"),)),
        ({"name": "gw", "namespace": "m", "sectionName": "s", "port": 80}, ACCEPTED,
         (ParentReference("m", "gw", "s", 80),), (ParentReference("m", "gw", "s", 80),)),
        ({"name": "gw"}, [{"type": "Accepted", "status": "False"}], (ParentReference("n", "gw"),), ()),
        ({"name": "gw"}, None, (ParentReference("n", "gw"),), ()),
        ({"name": "gw", "kind": "Service", "group": ""}, ACCEPTED, (), ()),
        ({"name": "gw", "group": "gateway.networking.k8s.io", "kind": "Gateway"}, ACCEPTED,
         (ParentReference("n", "gw"),), (ParentReference("n", "gw"),)),
    ],
)  # fmt: skip
def test_route(kind: str, parent: dict[str, Any], conditions: Any, parents: Any, accepted: Any) -> None:
    found = one(
        GATEWAY_API,
        kind,
        spec={"hostnames": ["a.ex.com"], "parentRefs": [parent]},
        status={"parents": [{"parentRef": parent, "conditions": conditions}]},
    )
    assert found == Route(name="a", namespace="n", hostnames=("a.ex.com",), parents=parents, accepted=accepted)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"kind": "Ingress", "apiVersion": "networking.k8s.io/v1beta1", "metadata": META}, "write apiVersion"),
        ({"kind": "DNSEndpoint", "apiVersion": "externaldns.k8s.io/v1alpha1", "metadata": META,
          "spec": {"endpoints": [{"recordTTL": "60"}]}}, r"spec.endpoints\[0\].recordTTL"),
        ({"kind": "Gateway", "apiVersion": GATEWAY_API, "spec": {}}, "metadata"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(document: dict[str, Any], message: str) -> None:
    with pytest.raises(MalformedObject, match=message):
        decode_document(document, lambda text: None)


def test_a_gateway_of_somebody_elses_group_is_not_read() -> None:
    document = {"kind": "Gateway", "apiVersion": "networking.istio.io/v1", "metadata": META, "spec": {"servers": []}}
    assert decode_document(document, lambda text: None) == []
