"""The Service source: what each kind of Service asks for, as rows; annotations; merging."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import pytest

from clusterdns.kube.objects import Endpoint as PodEndpoint
from clusterdns.kube.objects import EndpointSlice, Node, Pod, Service
from clusterdns.kube.store import Cluster
from externaldns.record import Endpoint
from externaldns.sources.annotations import Annotations
from externaldns.sources.selection import Selection
from externaldns.sources.service import ServiceOptions, ServiceSource
from externaldns.sources.shaping import Shaping
from externaldns.sources.source import collect

GA = "external-dns.kubernetes.io/"
ALPHA = "external-dns.alpha.kubernetes.io/"
NAME = "web.ex.com"


def annotated(**values: str) -> dict[str, str]:
    """Annotations with the newer prefix; `_` in a name stands for `-`."""
    return {GA + name.replace("_", "-"): value for name, value in values.items()}


def service(type: str = "LoadBalancer", name: str = "web", annotations: Mapping[str, str] | None = None) -> Service:
    """A Service with every address that its type can have."""
    headless = type == "headless"
    return Service(
        namespace="shop",
        name=name,
        type="ClusterIP" if headless else type,
        headless=headless,
        annotations=dict(annotations if annotations is not None else annotated(hostname=NAME)),
        cluster_ips=() if headless or type == "ExternalName" else ("10.96.0.1", "fd00:96::1"),
        load_balancer=("192.0.2.1", "2001:db8::1") if type == "LoadBalancer" else (),
        external_name="db.example.net." if type == "ExternalName" else "",
    )


def records(source: ServiceSource) -> set[str]:
    return {f"{record.dns_name} {record.record_type} {','.join(record.targets)}" for record in source.endpoints()}


def source_of(*services: Service, options: ServiceOptions | Selection | None = None) -> ServiceSource:
    cluster = Cluster()
    cluster.services.replace(services)
    if isinstance(options, Selection):
        return ServiceSource(cluster, options)
    return ServiceSource(cluster, options=options)


PUBLISH_INTERNAL = ServiceOptions(publish_internal_services=True)


@pytest.mark.parametrize(
    ("type", "annotations", "options", "expected"),
    [
        ("LoadBalancer", annotated(hostname=NAME), None, {f"{NAME} A 192.0.2.1", f"{NAME} AAAA 2001:db8::1"}),
        ("LoadBalancer", annotated(internal_hostname=NAME), None, {f"{NAME} A 10.96.0.1", f"{NAME} AAAA fd00:96::1"}),
        (
            "LoadBalancer",
            annotated(hostname="pub.ex.com", internal_hostname="int.ex.com"),
            None,
            {
                "pub.ex.com A 192.0.2.1",
                "pub.ex.com AAAA 2001:db8::1",
                "int.ex.com A 10.96.0.1",
                "int.ex.com AAAA fd00:96::1",
            },
        ),
        ("ClusterIP", annotated(hostname=NAME), None, set()),
        ("ClusterIP", annotated(hostname=NAME), PUBLISH_INTERNAL, {f"{NAME} A 10.96.0.1", f"{NAME} AAAA fd00:96::1"}),
        ("ClusterIP", annotated(internal_hostname=NAME), None, {f"{NAME} A 10.96.0.1", f"{NAME} AAAA fd00:96::1"}),
        ("ExternalName", annotated(hostname=NAME), None, {f"{NAME} CNAME db.example.net"}),
        ("ExternalName", annotated(internal_hostname=NAME), None, {f"{NAME} CNAME db.example.net"}),
        ("NodePort", annotated(hostname=NAME), ServiceOptions(("LoadBalancer",)), set()),
        ("ExternalName", annotated(hostname=NAME), ServiceOptions(("ExternalName",)),
         {f"{NAME} CNAME db.example.net"}),
        ("ExternalName", annotated(hostname=NAME), Selection(ignore_hostname_annotation=True), set()),
        # The annotation `target` stands above all of that.
        ("NodePort", annotated(hostname=NAME, target="192.0.2.9, lb.ex.net."), None, {f"{NAME} A 192.0.2.9",
         f"{NAME} CNAME lb.ex.net"}),
        ("LoadBalancer", annotated(hostname=NAME, target="192.0.2.9"), None, {f"{NAME} A 192.0.2.9"}),
        ("headless", annotated(hostname=NAME, target="192.0.2.9"), None, {f"{NAME} A 192.0.2.9"}),
        # Several names, written in several ways.
        (
            "ExternalName",
            annotated(hostname="A.ex.com. , b.ex.com,,"),
            None,
            {"a.ex.com CNAME db.example.net", "b.ex.com CNAME db.example.net"},
        ),
        # Whom it concerns.
        ("LoadBalancer", {}, None, set()),
        ("ExternalName", annotated(hostname=NAME, controller="other"), None, set()),
        ("ExternalName", annotated(hostname=NAME, controller="dns-controller"), None, {f"{NAME} CNAME db.example.net"}),
        ("ExternalName", annotated(hostname=NAME), Selection(namespace="other"), set()),
        ("ExternalName", annotated(hostname=NAME), Selection(namespace="shop"), {f"{NAME} CNAME db.example.net"}),
        # The older prefix is read as well; the newer one wins; a prefix of one's own replaces both.
        ("ExternalName", {ALPHA + "hostname": NAME}, None, {f"{NAME} CNAME db.example.net"}),
        (
            "ExternalName",
            {ALPHA + "hostname": "old.ex.com", GA + "hostname": NAME},
            None,
            {f"{NAME} CNAME db.example.net"},
        ),
        (
            "ExternalName",
            {GA + "hostname": "other.ex.com", "my.org/hostname": NAME},
            Selection(annotation_prefixes=("my.org/",)),
            {f"{NAME} CNAME db.example.net"},
        ),
    ],
)  # fmt: skip
def test_service(
    type: str, annotations: dict[str, str], options: ServiceOptions | Selection | None, expected: set[str]
) -> None:
    assert records(source_of(service(type, annotations=annotations), options=options)) == expected


@pytest.mark.parametrize("type", ["LoadBalancer", "ExternalName"])
def test_external_ips_come_before_everything_else(type: str) -> None:
    plain = service(type)
    with_ips = Service(
        namespace="shop",
        name="web",
        type=type,
        annotations=plain.annotations,
        load_balancer=plain.load_balancer,
        external_name=plain.external_name,
        external_ips=("198.51.100.7",),
    )
    assert records(source_of(with_ips)) == {f"{NAME} A 198.51.100.7"}


def test_a_load_balancer_without_address_yet_asks_for_nothing() -> None:
    assert records(source_of(Service(namespace="shop", name="web", type="LoadBalancer",
                                     annotations=annotated(hostname=NAME)))) == set()  # fmt: skip


def pod(name: str, hostname: str = "", annotations: Mapping[str, str] | None = None) -> Pod:
    return Pod(
        namespace="shop",
        name=name,
        hostname=hostname,
        host_ip="172.16.0.1",
        node_name="node-1",
        annotations=dict(annotations or {}),
    )


def endpoint(pod_name: str, *addresses: str, ready: bool = True, kind: str = "Pod") -> PodEndpoint:
    return PodEndpoint(addresses, ready=ready, target_kind=kind, target_name=pod_name)


READY = endpoint("web-0", "10.0.0.1")
NOT_READY = endpoint("web-1", "10.0.0.2", ready=False)
PODS = [pod("web-0", "web-0"), pod("web-1")]


@pytest.mark.parametrize(
    ("endpoints", "pods", "annotations", "options", "expected"),
    [
        pytest.param([READY], PODS, {}, None, {f"{NAME} A 10.0.0.1", f"web-0.{NAME} A 10.0.0.1"}, id="with pod name"),
        pytest.param([NOT_READY], PODS, {}, None, set(), id="not ready"),
        pytest.param(
            [READY, NOT_READY],
            PODS,
            {},
            ServiceOptions(always_publish_not_ready_addresses=True),
            {f"{NAME} A 10.0.0.1,10.0.0.2", f"web-0.{NAME} A 10.0.0.1"},
            id="not ready but published",
        ),
        pytest.param([READY], [], {}, None, set(), id="pod unknown"),
        pytest.param([endpoint("web-0", "10.0.0.1", kind="VM")], PODS, {}, None, set(), id="no pod"),
        pytest.param(
            [endpoint("web-1", "10.0.0.2", "10.0.0.3")], PODS, {}, None, {f"{NAME} A 10.0.0.2"}, id="first address"
        ),
        pytest.param(
            [READY],
            [pod("web-0", annotations=annotated(target="192.0.2.5"))],
            {},
            None,
            {f"{NAME} A 192.0.2.5"},
            id="target of the pod",
        ),
        pytest.param(
            [NOT_READY, READY],
            [pod("web-0")],
            {},
            ServiceOptions(publish_host_ip=True),
            {f"{NAME} A 172.16.0.1"},
            id="host address by flag",
        ),
        pytest.param(
            [READY],
            [pod("web-0")],
            annotated(endpoints_type="HostIP"),
            None,
            {f"{NAME} A 172.16.0.1"},
            id="host address by annotation",
        ),
        pytest.param(
            [READY],
            [pod("web-0")],
            annotated(endpoints_type="NodeExternalIP"),
            None,
            {f"{NAME} A 203.0.113.1", f"{NAME} AAAA 2001:db8:1::1"},
            id="node's external addresses",
        ),
        pytest.param(
            [READY],
            [pod("web-0")],
            annotated(endpoints_type="NodeExternalIP"),
            ServiceOptions(expose_internal_ipv6=True, publish_host_ip=True),
            {f"{NAME} A 203.0.113.1", f"{NAME} AAAA 2001:db8:1::1,fd00:9::9"},
            id="node's external addresses and internal ones of IPv6",
        ),
        pytest.param(
            [READY],
            [pod("web-0", annotations=annotated(target="192.0.2.5"))],
            annotated(endpoints_type="HostIP"),
            ServiceOptions(publish_host_ip=True),
            {f"{NAME} A 192.0.2.5"},
            id="target of the pod before everything",
        ),
        pytest.param(
            [READY],
            [pod("web-0")],
            annotated(endpoints_type="nonsense"),
            None,
            {f"{NAME} A 10.0.0.1"},
            id="unknown type",
        ),
        # An endpoint may be in two slices while it moves from one to the other.
        pytest.param([READY, READY], [pod("web-0")], {}, None, {f"{NAME} A 10.0.0.1"}, id="twice"),
    ],
)
def test_headless(
    endpoints: list[PodEndpoint],
    pods: list[Pod],
    annotations: dict[str, str],
    options: ServiceOptions | None,
    expected: set[str],
) -> None:
    cluster = Cluster()
    cluster.services.replace([service("headless", annotations=annotated(hostname=NAME) | annotations)])
    cluster.pods.replace(pods)
    cluster.nodes.replace([
        Node(name="node-1", addresses=(("InternalIP", "10.9.9.9"), ("InternalIP", "fd00:9::9"),
                                       ("ExternalIP", "203.0.113.1"), ("ExternalIP", "2001:db8:1::1")))
    ])  # fmt: skip
    slices = [
        EndpointSlice(namespace="shop", name=f"web-{number}", service="web", endpoints=(each,))
        for number, each in enumerate(endpoints)
    ]
    other = EndpointSlice(namespace="other", name="web", service="web", endpoints=(endpoint("web-0", "10.6.6.6"),))
    cluster.endpoint_slices.replace([*slices, other])
    assert records(ServiceSource(cluster, options=options)) == expected


def test_a_headless_service_that_publishes_not_ready_addresses_has_them_all() -> None:
    cluster = Cluster()
    cluster.services.replace([
        Service(namespace="shop", name="web", headless=True, publish_not_ready_addresses=True,
                annotations=annotated(internal_hostname=NAME))
    ])  # fmt: skip
    cluster.pods.replace(PODS)
    slices = [EndpointSlice(namespace="shop", name="web-6", service="web", address_type="IPv6",
                            endpoints=(endpoint("web-1", "fd00::2", ready=False),)),
              EndpointSlice(namespace="shop", name="web-4", service="web", endpoints=(NOT_READY,))]  # fmt: skip
    cluster.endpoint_slices.replace(slices)
    assert records(ServiceSource(cluster)) == {f"{NAME} A 10.0.0.2", f"{NAME} AAAA fd00::2"}


def test_a_record_says_which_object_asked_for_it() -> None:
    assert {record.resource for record in source_of(service()).endpoints()} == {"service/shop/web"}


@pytest.mark.parametrize(
    ("text", "seconds", "complains"),
    [
        ("60", 60, False),
        ("1m30s", 90, False),
        (" 10s ", 10, False),
        ("1", 1, False),
        ("2147483647", 2147483647, False),
        ("0", None, True),
        ("500ms", None, True),
        ("2147483648", None, True),
        ("-5", None, True),
        ("soon", None, True),
        ("", None, True),
    ],
)
def test_the_ttl_annotation(text: str, seconds: int | None, complains: bool, caplog: pytest.LogCaptureFixture) -> None:
    assert Annotations(annotated(ttl=text)).ttl("service/shop/web") == seconds
    assert ("service/shop/web" in caplog.text) is complains


def test_services_that_share_a_name_share_its_record() -> None:
    one = service(name="b", annotations=annotated(hostname=NAME, target="192.0.2.2", ttl="30"))
    two = service(name="a", annotations=annotated(hostname=NAME, target="192.0.2.1", ttl="60"))
    [merged] = collect([source_of(one, two)]).endpoints
    assert merged == Endpoint(NAME, ("192.0.2.1", "192.0.2.2"), "A", ttl=60, labels={"resource": "service/shop/a"})


def test_cnames_of_one_name_stay_apart_for_the_plan_to_choose() -> None:
    one = service(name="b", annotations=annotated(hostname=NAME, target="lb-1.ex.net"))
    two = service(name="a", annotations=annotated(hostname=NAME, target="lb-2.ex.net"))
    assert [record.targets for record in collect([source_of(one, two)]).endpoints] == [("lb-2.ex.net",),
                                                                                      ("lb-1.ex.net",)]  # fmt: skip


@pytest.mark.parametrize(("ttl", "expected"), [("10", 60), ("60", 60), ("90", 90), (None, 60)])
def test_min_ttl(ttl: str | None, expected: int) -> None:
    values = annotated(hostname=NAME, target="192.0.2.1") | (annotated(ttl=ttl) if ttl else {})
    [record] = collect([source_of(service(annotations=values))], Shaping(min_ttl=60)).endpoints
    assert record.ttl == expected


def test_what_cannot_be_a_record_is_dropped_and_told_and_the_rest_stays(caplog: pytest.LogCaptureFixture) -> None:
    long = f"{'a' * 64}.ex.com"
    collected = collect([source_of(service(annotations=annotated(hostname=f"{long},{NAME}", target="192.0.2.1")))])
    assert [record.dns_name for record in collected.endpoints] == [NAME]
    assert caplog.record_tuples[0][1] == logging.ERROR
    assert "service/shop/web" in caplog.text
    assert "64 characters" in caplog.text
