"""What becomes of endpoints before the plan: target networks, PTR records."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from clusterdns.kube.objects import Service
from clusterdns.kube.store import Cluster
from externaldns.record import Endpoint
from externaldns.sources.service import ServiceSource
from externaldns.sources.shaping import Shaping
from tests.unit.externaldns.sources.building import NAME, annotated, shown

TEN, V6, PART = ip_network("10.0.0.0/8"), ip_network("fd00::/8"), ip_network("10.1.0.0/16")


@pytest.mark.parametrize(
    ("shaping", "targets", "record_type", "expected"),
    [
        ({}, ("10.0.0.1",), "A", {f"{NAME} A 10.0.0.1"}),
        ({"target_networks": (TEN,)}, ("10.0.0.1", "192.0.2.1"), "A", {f"{NAME} A 10.0.0.1"}),
        ({"target_networks": (TEN,)}, ("192.0.2.1",), "A", set()),
        ({"target_networks": (TEN,)}, ("fd00::1",), "AAAA", set()),
        ({"target_networks": (TEN, V6)}, ("fd00::1",), "AAAA", {f"{NAME} AAAA fd00::1"}),
        ({"target_networks": (TEN,)}, ("lb.ex.net",), "CNAME", set()),
        ({"excluded_networks": (PART,)}, ("10.0.0.1", "10.1.0.1"), "A", {f"{NAME} A 10.0.0.1"}),
        ({"excluded_networks": (PART,)}, ("lb.ex.net",), "CNAME", {f"{NAME} CNAME lb.ex.net"}),
        ({"target_networks": (TEN,), "excluded_networks": (PART,)}, ("10.1.0.1",), "A", set()),
        ({"create_ptr": True}, ("10.0.0.1",), "A", {f"{NAME} A 10.0.0.1", f"1.0.0.10.in-addr.arpa PTR {NAME}"}),
        ({"create_ptr": True}, ("::1",), "AAAA", {f"{NAME} AAAA ::1", f"1.{'0.' * 31}ip6.arpa PTR {NAME}"}),
        ({"create_ptr": True}, ("lb.ex.net",), "CNAME", {f"{NAME} CNAME lb.ex.net"}),
        ({"create_ptr": True}, ("none",), "A", {f"{NAME} A none"}),
    ],
)
def test_shape(shaping: dict[str, Any], targets: tuple[str, ...], record_type: str, expected: set[str]) -> None:
    assert shown(Shaping(**shaping).shape([Endpoint(NAME, targets, record_type)])) == expected


def test_an_object_may_ask_for_pointers_itself() -> None:
    cluster = Cluster()
    for name, asks in (("a", annotated(record_type="ptr")), ("b", annotated(record_type="a")), ("c", {})):
        annotations = asks | annotated(hostname=f"{name}.ex.com", target="10.0.0.1")
        cluster.services.put(Service(namespace="shop", name=name, annotations=annotations))
    pointers = [each for each in Shaping().shape(ServiceSource(cluster).endpoints()) if each.record_type == "PTR"]
    assert shown(pointers) == {"1.0.0.10.in-addr.arpa PTR a.ex.com"}


def test_a_wildcard_has_no_pointer() -> None:
    wildcard = Endpoint("*.ex.com", ("10.0.0.1",), "A")
    assert list(Shaping(create_ptr=True).shape([wildcard])) == [wildcard]


def test_a_pointer_keeps_resource_and_ttl_and_no_weight() -> None:
    record = Endpoint(NAME, ("10.0.0.1",), "A", "", 5, {"resource": "service/shop/web"}, {"alibabacloud/weight": "2"})
    _, pointer = Shaping(create_ptr=True).shape([record])
    assert (pointer.ttl, pointer.resource, pointer.provider_specific) == (5, "service/shop/web", {})
