"""Multi-cluster Services: the zone of a clusterset, beside that of the cluster."""

from __future__ import annotations

import pytest

from autopath.kubernetes import Kubernetes
from clusterdns.kube.objects import EndpointPort, EndpointSlice, ServiceImport
from clusterdns.kube.store import Cluster
from tests.unit.autopath.asking import ask, directive
from tests.unit.autopath.objects import cluster, endpoint, imported, imported_slice, service, slice_of

ZONES = "cluster.local clusterset.local in-addr.arpa"
OPTIONS = "multicluster clusterset.local\nendpoint_pod_names\npods insecure\nttl 30"


def stores() -> Cluster:
    return cluster(
        service("shop/web", "10.96.1.10"),
        slice_of("shop/web", endpoint("10.244.0.1", hostname="web-0")),
        imported("shop/web", "10.112.0.1", "fd00:112::1"),
        imported("data/db"),
        imported("data/empty"),
        imported_slice("shop/web", "east", endpoint("10.1.0.1", hostname="web-0")),
        imported_slice("data/db", "east", endpoint("10.1.0.2", hostname="db-0"), endpoint("10.1.0.3", ready=False)),
        imported_slice("data/db", "west", endpoint("10.2.0.2", hostname="db-0"), endpoint("10.2.0.3")),
        imported_slice("data/db", "west", endpoint("fd00:2::2", hostname="db-0"), address_type="IPv6"),
        # Not to be told apart from others: no cluster is named.
        imported_slice("data/db", "", endpoint("10.9.0.1", hostname="db-9")),
        imported_slice("data/gone", "east", endpoint("10.1.0.9", hostname="x")),
    )


SET = "clusterset.local"
DB = f"db.data.svc.{SET}"

ANSWERED = [
    (f"web.shop.svc.{SET} A", ["A 10.112.0.1"]),
    (f"web.shop.svc.{SET} AAAA", ["AAAA fd00:112::1"]),
    (f"web.shop.svc.{SET} SRV", [f"SRV 0 50 80 web.shop.svc.{SET}."]),
    (f"_http._tcp.web.shop.svc.{SET} SRV", [f"SRV 0 50 80 web.shop.svc.{SET}."]),
    (f"web-0.east.web.shop.svc.{SET} A", ["A 10.1.0.1"]),
    ("web.shop.svc.cluster.local A", ["A 10.96.1.10"]),
    ("web-0.web.shop.svc.cluster.local A", ["A 10.244.0.1"]),
    (f"{DB} A", ["A 10.1.0.2", "A 10.2.0.2", "A 10.2.0.3"]),
    (f"{DB} AAAA", ["AAAA fd00:2::2"]),
    (f"db-0.east.{DB} A", ["A 10.1.0.2"]),
    (f"db-0.west.{DB} A", ["A 10.2.0.2"]),
    (f"DB-0.West.{DB} AAAA", ["AAAA fd00:2::2"]),
    (f"10-2-0-3.west.{DB} A", ["A 10.2.0.3"]),
    (f"db-0.west.{DB} SRV", [f"SRV 0 50 8080 db-0.west.{DB}."]),
    (
        f"_http._tcp.{DB} SRV",
        [f"SRV 0 25 8080 {host}.{DB}." for host in ("10-2-0-3.west", "db-0.east", "db-0.west")],
    ),
    (f"dns-version.{SET} TXT", ['TXT "1.1.0"']),
]

NODATA = [
    f"{SET} A",
    f"svc.{SET} A",
    f"shop.svc.{SET} A",
    f"east.{DB} A",
    f"west.{DB} SRV",
    f"_tcp.{DB} A",
    f"_http._tcp.{DB} A",
    f"db-0.east.{DB} AAAA",
    f"web.shop.svc.{SET} MX",
]

NXDOMAIN = [
    f"empty.data.svc.{SET} A",
    f"gone.data.svc.{SET} A",
    f"db-0.{DB} A",
    f"db-9.{DB} A",
    f"db-9.east.{DB} A",
    f"north.{DB} A",
    f"db-0.north.{DB} A",
    f"10-1-0-3.east.{DB} A",
    # Without underscores it is an endpoint and its cluster.
    f"http.tcp.{DB} SRV",
    f"_http.tcp.{DB} SRV",
    f"_udp.{DB} A",
    f"1-2-3-4.shop.pod.{SET} A",
    f"shop.pod.{SET} A",
    f"web.nope.svc.{SET} A",
    "db.data.svc.cluster.local A",
    "db-0.east.db.data.svc.cluster.local A",
    "2.0.1.10.in-addr.arpa PTR",
    "1.0.112.10.in-addr.arpa PTR",
]


def handler(objects: Cluster | None = None) -> Kubernetes:
    return directive(objects or stores(), OPTIONS, ZONES)


@pytest.mark.parametrize(("question", "rdata"), ANSWERED, ids=[row[0] for row in ANSWERED])
def test_answered(question: str, rdata: list[str]) -> None:
    got = ask(handler(), question)
    assert (got.rcode, sorted(got.rdata()), got.authority) == ("NOERROR", sorted(rdata), [])


@pytest.mark.parametrize("question", NODATA)
def test_nodata(question: str) -> None:
    got = ask(handler(), question)
    assert (got.rcode, got.answer, [line.split()[0] for line in got.authority]) == ("NOERROR", [], [f"{SET}."])


@pytest.mark.parametrize("question", NXDOMAIN)
def test_nxdomain(question: str) -> None:
    got = ask(handler(), question)
    assert (got.rcode, got.answer) == ("NXDOMAIN", [])


def test_additional_addresses_carry_the_clusters_name() -> None:
    got = ask(handler(), f"_http._tcp.{DB} SRV")
    assert sorted(got.additional) == [
        f"10-2-0-3.west.{DB}. 30 IN A 10.2.0.3",
        f"db-0.east.{DB}. 30 IN A 10.1.0.2",
        f"db-0.west.{DB}. 30 IN A 10.2.0.2",
        f"db-0.west.{DB}. 30 IN AAAA fd00:2::2",
    ]


def test_the_zone_follows_the_stores() -> None:
    objects = stores()
    made = handler(objects)
    objects.service_imports.delete(("shop", "web"))
    assert ask(made, f"web.shop.svc.{SET} A").rcode == "NXDOMAIN"
    objects.service_imports.put(ServiceImport(name="web", namespace="shop", ips=("10.112.0.2",)))
    assert ask(made, f"web.shop.svc.{SET} A").rdata() == ["A 10.112.0.2"]
    objects.endpoint_slices.delete(("data", "db-east-IPv4"))
    assert ask(made, f"{DB} A").rdata() == ["A 10.2.0.2", "A 10.2.0.3"]
    # A slice that is taken out of the clusterset by its labels.
    objects.endpoint_slices.put(EndpointSlice(name="db-west-IPv4", namespace="data", service="other"))
    assert ask(made, f"{DB} A").rdata() == []
    assert ask(made, f"{DB} AAAA").rdata() == ["AAAA fd00:2::2"]


def test_until_imports_are_there_it_answers_servfail() -> None:
    objects = stores()
    objects.service_imports.synced = False
    assert ask(handler(objects), f"web.shop.svc.{SET} A").rcode == "SERVFAIL"


# Endpoints by topology zone.

ZONAL_STORES = cluster(
    service("data/db"),
    service("shop/web", "10.96.1.10"),
    slice_of(
        "data/db",
        endpoint("10.1.0.1", hostname="a", zone="eu-1a"),
        endpoint("10.1.0.2", hostname="b", zone="EU-1b"),
        endpoint("10.1.0.3", hostname="c", zone="eu-1c", ready=False),
        endpoint("10.1.0.4", hostname="d", zone="rack.7"),
        endpoint("10.1.0.5", hostname="e"),
        ports=(EndpointPort("pg", 5432),),
    ),
    slice_of("data/db", endpoint("fd00::1", hostname="a", zone="eu-1a"), name="six", address_type="IPv6"),
    slice_of("shop/web", endpoint("10.1.1.1", zone="eu-1a")),
)
EVERY = [f"A 10.1.0.{number}" for number in (1, 2, 4, 5)]
ZDB = "db.data.svc.cluster.local"

ZONAL = [
    (f"eu-1a.pin._zone.{ZDB} A", "NOERROR", ["A 10.1.0.1"]),
    (f"eu-1a.pin._zone.{ZDB} AAAA", "NOERROR", ["AAAA fd00::1"]),
    (f"EU-1B.Pin._ZONE.{ZDB} A", "NOERROR", ["A 10.1.0.2"]),
    (f"rack.7.pin._zone.{ZDB} A", "NOERROR", ["A 10.1.0.4"]),
    (f"eu-1b.prefer._zone.{ZDB} A", "NOERROR", ["A 10.1.0.2"]),
    # There are endpoints in the zone, of another family: they are preferred.
    (f"eu-1b.prefer._zone.{ZDB} AAAA", "NOERROR", []),
    (f"eu-1c.pin._zone.{ZDB} A", "NOERROR", []),
    (f"eu-1c.prefer._zone.{ZDB} A", "NOERROR", EVERY),
    (f"nope.pin._zone.{ZDB} A", "NOERROR", []),
    (f"nope.prefer._zone.{ZDB} A", "NOERROR", EVERY),
    (f"eu-1b.pin._zone.{ZDB} SRV", "NOERROR", [f"SRV 0 100 5432 b.{ZDB}."]),
    (f"eu-1b.pin._zone.{ZDB} TXT", "NOERROR", []),
    (f"_zone.{ZDB} A", "NOERROR", []),
    (f"pin._zone.{ZDB} A", "NOERROR", []),
    (f"eu-1a.near._zone.{ZDB} A", "NXDOMAIN", []),
    ("eu-1a.pin._zone.web.shop.svc.cluster.local A", "NXDOMAIN", []),
    ("eu-1a.pin._zone.nope.data.svc.cluster.local A", "NXDOMAIN", []),
]


@pytest.mark.parametrize(("question", "rcode", "rdata"), ZONAL, ids=[row[0] for row in ZONAL])
def test_zonal(question: str, rcode: str, rdata: list[str]) -> None:
    got = ask(directive(ZONAL_STORES, "zonal"), question)
    assert (got.rcode, sorted(got.rdata())) == (rcode, sorted(rdata))


@pytest.mark.parametrize("question", [row[0] for row in ZONAL])
def test_without_the_option_there_are_no_such_names(question: str) -> None:
    assert ask(directive(ZONAL_STORES), question).rcode == "NXDOMAIN"
