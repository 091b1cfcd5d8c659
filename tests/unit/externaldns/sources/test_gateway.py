"""The gateway sources: which listeners let a route in, and which hosts the two have in common."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from clusterdns.kube.label_selector import read_label_selector
from clusterdns.kube.objects import Gateway, Listener, Namespace, ParentReference, Route
from clusterdns.kube.store import Cluster
from externaldns.sources.gateway import GatewayOptions, RouteSource, common_host
from externaldns.sources.selection import Selection
from tests.unit.externaldns.sources.building import NAME, annotated, records

HERE = ParentReference("shop", "gw")
FOUND = {f"{NAME} A 192.0.2.1"}
ANY = Listener("http", "", 80, "HTTP")


def found(
    listener: Listener = ANY,
    route: dict[str, Any] | None = None,
    gateway: dict[str, Any] | None = None,
    options: GatewayOptions | None = None,
    selection: Selection | None = None,
    kind: str = "HTTPRoute",
) -> set[str]:
    cluster = Cluster()
    cluster.namespaces.replace([Namespace(name="shop", labels={"team": "a"}), Namespace(name="other")])
    fields = {"namespace": "shop", "labels": {"net": "int"}, "addresses": ("192.0.2.1",), **(gateway or {})}
    cluster.gateways.replace([Gateway(name="gw", listeners=(listener,), **fields)])
    wanted = {"namespace": "shop", "hostnames": (NAME,), "parents": (HERE,), "accepted": (HERE,), **(route or {})}
    cluster.store(kind).replace([Route(name="web", **wanted)])
    return records(RouteSource(kind, cluster, selection, options))


@pytest.mark.parametrize("kind", ["HTTPRoute", "GRPCRoute"])
def test_a_route_has_the_addresses_of_its_gateway(kind: str) -> None:
    assert found(kind=kind) == FOUND
    assert found(kind=kind, gateway={"addresses": ("lb.ex.net",)}) == {f"{NAME} CNAME lb.ex.net"}
    assert found(kind=kind, gateway={"annotations": annotated(target="192.0.2.9")}) == {f"{NAME} A 192.0.2.9"}


ELSEWHERE = ParentReference("shop", "elsewhere")
SECTION = ParentReference("shop", "gw", "https")
PORT = ParentReference("shop", "gw", "", 443)
FAR = ParentReference("shop", "gw")


@pytest.mark.parametrize(
    ("listener", "route", "expected"),
    [
        (ANY, {"accepted": ()}, set()),
        (ANY, {"parents": ()}, set()),
        (ANY, {"parents": (ELSEWHERE,), "accepted": (ELSEWHERE,)}, set()),
        (ANY, {"parents": (SECTION,), "accepted": (SECTION,)}, set()),
        (Listener("https", "", 443, "HTTPS"), {"parents": (SECTION,), "accepted": (SECTION,)}, FOUND),
        (Listener("https", "", 443, "HTTPS"), {"parents": (PORT,), "accepted": (PORT,)}, FOUND),
        (ANY, {"parents": (PORT,), "accepted": (PORT,)}, set()),
        (Listener("tcp", "", 80, "TCP"), {}, set()),
        (Listener("x", "", 80, "HTTP", route_kinds=("HTTPRoute",)), {}, FOUND),
        (Listener("x", "", 80, "HTTP", route_kinds=("GRPCRoute",)), {}, set()),
        (ANY, {"namespace": "other", "parents": (FAR,), "accepted": (FAR,)}, set()),
        (Listener("x", "", 80, "HTTP", "All"), {"namespace": "other"}, FOUND),
        (Listener("x", "", 80, "HTTP", "Selector", "team=a"), {}, FOUND),
        (Listener("x", "", 80, "HTTP", "Selector", "team=a"), {"namespace": "other"}, set()),
        (Listener("x", "", 80, "HTTP", "Selector", "team=a"), {"namespace": "unknown"}, set()),
        (Listener("x", "", 80, "HTTP", "Selector", "=="), {}, set()),
        (Listener("x", "*.ex.com", 80, "HTTP"), {}, FOUND),
        (Listener("x", "*.ex.net", 80, "HTTP"), {}, set()),
        # A route without hosts has those of the listener.
        (Listener("x", NAME, 80, "HTTP"), {"hostnames": ()}, FOUND),
        (ANY, {"hostnames": ()}, set()),
        (ANY, {"hostnames": (), "annotations": annotated(hostname=NAME)}, FOUND),
        (Listener("x", "*.ex.com", 80, "HTTP"), {"hostnames": (), "annotations": annotated(hostname=NAME)},
         FOUND | {"*.ex.com A 192.0.2.1"}),
        (Listener("x", "*.ex.com", 80, "HTTP"),
         {"hostnames": (), "annotations": annotated(hostname=NAME, gateway_hostname_source="Annotation-Only")}, FOUND),
        (ANY, {"hostnames": (), "annotations": annotated(hostname=NAME, gateway_hostname_source="defined-hosts-only")},
         set()),
        (ANY, {"annotations": annotated(hostname="b.ex.com", gateway_hostname_source="nonsense")},
         FOUND | {"b.ex.com A 192.0.2.1"}),
        (ANY, {"annotations": annotated(hostname="b.ex.com", gateway_hostname_source="annotation-only")},
         {"b.ex.com A 192.0.2.1"}),
        (ANY, {"annotations": annotated(hostname="b.ex.com", gateway_hostname_source="defined-hosts-only")}, FOUND),
        (ANY, {"annotations": annotated(hostname="b.ex.com")}, FOUND | {"b.ex.com A 192.0.2.1"}),
        (ANY, {"annotations": annotated(controller="other")}, set()),
    ],
)  # fmt: skip
def test_listeners(listener: Listener, route: dict[str, Any], expected: set[str]) -> None:
    assert found(listener, route) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (GatewayOptions("gw"), FOUND),
        (GatewayOptions("other"), set()),
        (GatewayOptions(namespace="shop"), FOUND),
        (GatewayOptions(namespace="other"), set()),
        (GatewayOptions(label_filter=read_label_selector("net=int")), FOUND),
        (GatewayOptions(label_filter=read_label_selector("net=ext")), set()),
    ],
)
def test_only_the_gateways_that_are_wanted(options: GatewayOptions, expected: set[str]) -> None:
    assert found(options=options) == expected


def test_a_template_names_routes_without_hosts() -> None:
    selection = Selection(template=lambda route: (f"{route.name}.t.ex.com",))
    templated = {"web.t.ex.com A 192.0.2.1"}
    assert found(route={"hostnames": ()}, selection=selection) == templated
    assert found(selection=selection) == FOUND
    assert found(selection=replace(selection, combine_template=True)) == FOUND | templated
    # What a route has of itself is its hosts and the template's; only where it has no hosts the listener's count, too.
    annotated_route = {"hostnames": (), "annotations": annotated(hostname=NAME)}
    assert found(route=annotated_route, selection=selection) == FOUND | templated
    defined = {"hostnames": (), "annotations": annotated(hostname=NAME, gateway_hostname_source="defined-hosts-only")}
    assert found(route=defined, selection=selection) == templated
    listener = Listener("x", "*.ex.com", 80, "HTTP")
    assert found(listener, {"hostnames": ()}, selection=selection) == templated | {"*.ex.com A 192.0.2.1"}


def test_the_annotation_may_be_ignored() -> None:
    selection = Selection(ignore_hostname_annotation=True)
    route = {"annotations": annotated(hostname="b.ex.com")}
    assert found(route=route, selection=selection) == FOUND
    only = {"annotations": annotated(hostname="b.ex.com", gateway_hostname_source="annotation-only")}
    assert found(route=only, selection=selection) == set()


def test_what_is_annotated_on_a_gateway_is_its_target_alone_and_on_a_route_all_else() -> None:
    gateway = {"annotations": annotated(hostname="b.ex.com", ttl="7", target="192.0.2.9")}
    route = {"annotations": annotated(target="192.0.2.7")}
    assert found(gateway=gateway, route=route) == {f"{NAME} A 192.0.2.9"}
    assert found(route=route) == FOUND


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        ("", "", ""),
        ("", "a.ex.com", "a.ex.com"),
        ("a.ex.com", "a.ex.com", "a.ex.com"),
        ("A.ex.com", "a.ex.com.", "a.ex.com"),
        ("a.ex.com", "b.ex.com", ""),
        ("*.ex.com", "a.ex.com", "a.ex.com"),
        ("*.ex.com", "a.b.ex.com", "a.b.ex.com"),
        ("*.ex.com", "ex.com", ""),
        ("*.ex.com", "*.b.ex.com", "*.b.ex.com"),
        ("*.ex.com", "*.ex.com", "*.ex.com"),
        ("*.ex.com", "a.ex.net", ""),
        ("192.0.2.1", "", ""),
        ("", "2001:db8::1", ""),
    ],
)
def test_hosts_in_common(one: str, other: str, common: str) -> None:
    assert common_host(one, other) == common_host(other, one) == common
