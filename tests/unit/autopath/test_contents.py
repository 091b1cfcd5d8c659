"""A zone as it is transferred: the records that it answers with, each once, as they were at one moment."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from autopath.kubernetes import Kubernetes
from clusterdns.kube.objects import EndpointPort, ServicePort
from clusterdns.kube.store import Cluster
from clusterdns.wire import numbers
from clusterdns.wire.names import name_from_text, name_to_text
from clusterdns.wire.records import Record
from tests.unit.autopath.asking import ask, directive
from tests.unit.autopath.objects import (
    cluster,
    endpoint,
    external,
    imported,
    imported_slice,
    pod,
    service,
    slice_of,
)

ZONES = "cluster.local clusterset.local in-addr.arpa"
OPTIONS = "multicluster clusterset.local\npods verified\nendpoint_pod_names\nzonal\nttl 30"
DB, WEB = "db.data.svc.cluster.local.", "web.shop.svc.cluster.local."


def stores() -> Cluster:
    return cluster(
        service("shop/web", "10.96.1.10", "fd00:96::10", ports=(ServicePort("http", 80), ServicePort("", 81))),
        service("data/db"),
        service("data/empty"),
        external("shop/out", "mirrors.example.org"),
        external("shop/loop", "loop.shop.svc.cluster.local"),
        slice_of("shop/web", endpoint("10.244.0.1"), endpoint("10.244.0.2", ready=False)),
        slice_of(
            "data/db",
            endpoint("10.244.1.1", hostname="db-0", zone="a"),
            endpoint("10.244.1.2", hostname="db-1", zone="b"),
            ports=(EndpointPort("pg", 5432), EndpointPort("p" * 70, 1)),
        ),
        slice_of("data/db", endpoint("fd00::1", hostname="db-0"), name="six", address_type="IPv6"),
        imported("data/db"),
        imported_slice("data/db", "east", endpoint("10.1.0.2", hostname="db-0")),
        pod("shop/p", "10.244.0.1"),
    )


EXPECTED = [
    "cluster.local. NS ns.dns.cluster.local.",
    "dns-version.cluster.local. TXT",
    "ns.dns.cluster.local. A 10.0.0.53",
    f"{DB} A 10.244.1.1",
    f"{DB} A 10.244.1.2",
    f"{DB} AAAA fd00::1",
    *(f"{DB} SRV {target}" for target in ("db-0 5432", "db-0 1", "db-1 5432", "db-1 1", "db-0 8080")),
    f"db-0.{DB} A 10.244.1.1",
    f"db-0.{DB} AAAA fd00::1",
    *(f"db-0.{DB} SRV {target}" for target in ("db-0 5432", "db-0 1", "db-0 8080")),
    f"db-1.{DB} A 10.244.1.2",
    *(f"db-1.{DB} SRV {target}" for target in ("db-1 5432", "db-1 1")),
    f"_pg._tcp.{DB} SRV db-0 5432",
    f"_pg._tcp.{DB} SRV db-1 5432",
    f"_http._tcp.{DB} SRV db-0 8080",
    "loop.shop.svc.cluster.local. CNAME loop.shop.svc.cluster.local.",
    "out.shop.svc.cluster.local. CNAME mirrors.example.org.",
    f"{WEB} A 10.96.1.10",
    f"{WEB} AAAA fd00:96::10",
    f"{WEB} SRV web 80",
    f"{WEB} SRV web 81",
    f"10-244-0-1.{WEB} A 10.244.0.1",
    f"10-244-0-1.{WEB} SRV 10-244-0-1 8080",
    f"_http._tcp.{WEB} SRV web 80",
]


def told(record: Record) -> str:
    owner, rdata = name_to_text(record.owner), record.rdata
    match record.rtype:
        case numbers.A:
            what = str(IPv4Address(rdata))
        case numbers.AAAA:
            what = str(IPv6Address(rdata))
        case numbers.SRV:
            what = f"{name_to_text(rdata[6:]).split('.')[0]} {int.from_bytes(rdata[4:6], 'big')}"
        case numbers.TXT:
            return f"{owner} TXT"
        case _:
            what = name_to_text(rdata)
    return f"{owner} {numbers.type_name(record.rtype)} {what}"


def handler(objects: Cluster) -> Kubernetes:
    return directive(objects, OPTIONS, ZONES, own=("10.0.0.53",))


def contents(made: Kubernetes, zone: str = "cluster.local") -> list[Record]:
    return list(made.contents(name_from_text(zone)).records())


def test_the_whole_zone_sorted_by_service() -> None:
    assert [told(record) for record in contents(handler(stores()))] == EXPECTED


def test_each_record_is_that_of_an_answer() -> None:
    made = handler(stores())
    for record in contents(made):
        if record.rtype == numbers.CNAME:
            continue
        question = f"{name_to_text(record.owner)} {numbers.type_name(record.rtype)}"
        got = ask(made, question)
        assert len(got.answer) == sum(
            (each.owner, each.rtype) == (record.owner, record.rtype) for each in contents(made)
        ), question


def test_a_clusterset() -> None:
    lines = [told(record) for record in contents(handler(stores()), "clusterset.local")]
    assert "db.data.svc.clusterset.local. A 10.1.0.2" in lines
    assert "db-0.east.db.data.svc.clusterset.local. A 10.1.0.2" in lines
    assert "_http._tcp.db.data.svc.clusterset.local. SRV db-0 8080" in lines
    assert len(lines) == 8


def test_a_transfer_under_way_sees_no_change() -> None:
    objects = stores()
    made = handler(objects)
    under_way = made.contents(name_from_text("cluster.local"))
    records = iter(under_way.records())
    found = [next(records)]
    objects.services.put(service("shop/web", "10.96.9.9"))
    objects.services.delete(("shop", "out"))
    objects.endpoint_slices.put(slice_of("data/db", endpoint("10.9.9.9", hostname="db-9")))
    objects.services.put(service("aaa/new", "10.96.9.10"))
    objects.namespaces.delete(("", "data"))
    found += records
    assert [told(record) for record in found] == EXPECTED
    assert "_http._tcp.db.data.svc.cluster.local. SRV db-9 8080" in [told(each) for each in contents(made)]


ZONE_ROWS = [
    ("cluster.local", True),
    ("clusterset.local", True),
    ("in-addr.arpa", False),
    ("local", False),
    ("shop.svc.cluster.local", False),
]


@pytest.mark.parametrize(("zone", "expected"), ZONE_ROWS)
def test_zones_that_are_handed_out(zone: str, expected: bool) -> None:
    assert (name_from_text(zone) in handler(stores()).whole_zones) is expected
