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

NAT64, WELL_KNOWN = ip_network("2001:db8:96::/96"), ip_network("64:ff9b::/96")
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
        ({"nat64_networks": (NAT64,)}, ("2001:db8:96::c633:640a",), "AAAA",
         {f"{NAME} AAAA 2001:db8:96::c633:640a", f"{NAME} A 198.51.100.10"}),
        ({"nat64_networks": (NAT64, WELL_KNOWN)}, ("2001:db8:96::1", "64:ff9b::192.0.2.1", "fd00::1"), "AAAA",
         {f"{NAME} AAAA 2001:db8:96::1,64:ff9b::192.0.2.1,fd00::1", f"{NAME} A 0.0.0.1,192.0.2.1"}),
        ({"nat64_networks": (NAT64,)}, ("fd00::1",), "AAAA", {f"{NAME} AAAA fd00::1"}),
        ({"nat64_networks": (NAT64,)}, ("none",), "AAAA", {f"{NAME} AAAA none"}),
        ({"nat64_networks": (NAT64,)}, ("10.0.0.1",), "A", {f"{NAME} A 10.0.0.1"}),
        # The A record is one like others: networks and pointers count for it.
        ({"nat64_networks": (NAT64,), "target_networks": (TEN,)}, ("2001:db8:96::a00:1",), "AAAA",
         {f"{NAME} A 10.0.0.1"}),
        ({"nat64_networks": (NAT64,), "target_networks": (TEN,), "create_ptr": True}, ("2001:db8:96::a00:1",), "AAAA",
         {f"{NAME} A 10.0.0.1", f"1.0.0.10.in-addr.arpa PTR {NAME}"}),
    ],
)  # fmt: skip
def test_shape(shaping: dict[str, Any], targets: tuple[str, ...], record_type: str, expected: set[str]) -> None:
    assert shown(Shaping(**shaping).shape([Endpoint(NAME, targets, record_type)])) == expected


@pytest.mark.parametrize(
    ("create_ptr", "asked", "points"),
    [
        (False, None, False), (False, "ptr", True), (False, "", False), (False, "a", False),
        (True, None, True), (True, "ptr", True), (True, "", False), (True, "a", False),
    ],
)  # fmt: skip
def test_an_object_says_itself_whether_its_addresses_point_back(
    create_ptr: bool, asked: str | None, points: bool
) -> None:
    cluster = Cluster()
    asks = {} if asked is None else annotated(record_type=asked)
    annotations = asks | annotated(hostname=NAME, target="10.0.0.1")
    cluster.services.put(Service(namespace="shop", name="web", annotations=annotations))
    made = Shaping(create_ptr=create_ptr).shape(ServiceSource(cluster).endpoints())
    assert any(each.record_type == "PTR" for each in made) is points


DEFAULT = {"default_targets": ("lb.ex.net", "192.0.2.9", "2001:db8::9")}
FORCED = DEFAULT | {"force_default_targets": True}
DEFAULTED = {f"{NAME} A 192.0.2.9", f"{NAME} AAAA 2001:db8::9", f"{NAME} CNAME lb.ex.net"}


@pytest.mark.parametrize(
    ("shaping", "targets", "record_type", "labels", "expected"),
    [
        (DEFAULT, ("10.0.0.1",), "A", {}, {f"{NAME} A 10.0.0.1"}),
        (DEFAULT, (), "A", {}, DEFAULTED),
        (DEFAULT, (), "CNAME", {}, DEFAULTED),
        (DEFAULT, (), "", {}, DEFAULTED),
        (DEFAULT, (), "MX", {}, set()),
        (FORCED, ("10.0.0.1",), "A", {}, DEFAULTED),
        (FORCED, ("10.0.0.1",), "A", {"chosen": "true"}, {f"{NAME} A 10.0.0.1"}),
        (FORCED, ("0 50 80 a.",), "SRV", {}, {f"{NAME} SRV 0 50 80 a."}),
        ({"force_default_targets": True}, ("10.0.0.1",), "A", {}, {f"{NAME} A 10.0.0.1"}),
        ({}, (), "A", {}, set()),
        (DEFAULT | {"target_networks": (TEN,)}, (), "A", {}, set()),
    ],
)
def test_default_targets(
    shaping: dict[str, Any], targets: tuple[str, ...], record_type: str, labels: dict[str, str], expected: set[str]
) -> None:
    made = list(Shaping(**shaping).shape([Endpoint(NAME, targets, record_type, "s", 5, labels)]))
    assert shown(made) == expected
    assert {(each.ttl, each.set_identifier, len(each.labels)) for each in made} <= {(5, "s", 0)}


def test_a_wildcard_has_no_pointer() -> None:
    wildcard = Endpoint("*.ex.com", ("10.0.0.1",), "A")
    assert list(Shaping(create_ptr=True).shape([wildcard])) == [wildcard]


def test_a_pointer_keeps_resource_and_ttl_and_no_weight() -> None:
    record = Endpoint(NAME, ("10.0.0.1",), "A", "", 5, {"resource": "service/shop/web"}, {"alibabacloud/weight": "2"})
    _, pointer = Shaping(create_ptr=True).shape([record])
    assert (pointer.ttl, pointer.resource, pointer.provider_specific) == (5, "service/shop/web", {})
