"""Reverse names, of both families, and what falls through to the next directive."""

from __future__ import annotations

import pytest

from autopath.addresses import dashed, from_dashed, from_reverse
from clusterdns.kube.store import Cluster
from tests.unit.autopath.asking import Elsewhere, ask, directive
from tests.unit.autopath.objects import cluster, endpoint, service, slice_of

V6_SERVICE = "0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.0.d.f.ip6.arpa"
V6_ENDPOINT = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.d.f.ip6.arpa"


def stores() -> Cluster:
    return cluster(
        service("shop/web", "10.96.1.10", "fd00:96::10"),
        service("data/db"),
        slice_of("data/db", endpoint("10.244.1.1", hostname="db-0"), endpoint("10.244.1.2", ready=False)),
        slice_of("data/db", endpoint("fd00:10::1", hostname="db-0"), name="six", address_type="IPv6"),
        # An endpoint at the cluster IP of a Service: the Service's name comes first, and alone.
        slice_of("data/db", endpoint("10.96.1.10", hostname="strange"), name="odd"),
    )


ROWS = [
    ("10.1.96.10.in-addr.arpa PTR", "NOERROR", ["PTR web.shop.svc.cluster.local."]),
    ("10.1.96.10.IN-ADDR.ARPA PTR", "NOERROR", ["PTR web.shop.svc.cluster.local."]),
    (f"{V6_SERVICE} PTR", "NOERROR", ["PTR web.shop.svc.cluster.local."]),
    (f"{V6_ENDPOINT} PTR", "NOERROR", ["PTR db-0.db.data.svc.cluster.local."]),
    (f"{V6_ENDPOINT.upper()} PTR", "NOERROR", ["PTR db-0.db.data.svc.cluster.local."]),
    ("1.1.244.10.in-addr.arpa PTR", "NOERROR", ["PTR db-0.db.data.svc.cluster.local."]),
    ("2.1.244.10.in-addr.arpa PTR", "NXDOMAIN", []),
    ("9.9.9.9.in-addr.arpa PTR", "NXDOMAIN", []),
    ("9.9.9.9.in-addr.arpa A", "NXDOMAIN", []),
    # The name exists, with another type (RFC 2308 section 2.2).
    ("10.1.96.10.in-addr.arpa A", "NOERROR", []),
    # Above whole addresses nothing is denied: a denial would hold for all addresses below (RFC 8020 section 2).
    ("96.10.in-addr.arpa PTR", "NOERROR", []),
    ("in-addr.arpa NS", "NOERROR", []),
    ("d.f.ip6.arpa NS", "NOERROR", []),
    ("1.10.1.96.10.in-addr.arpa PTR", "NXDOMAIN", []),
    ("010.1.96.10.in-addr.arpa PTR", "NXDOMAIN", []),
    ("256.1.96.10.in-addr.arpa PTR", "NXDOMAIN", []),
    ("x.96.10.in-addr.arpa PTR", "NXDOMAIN", []),
    (r"10\.1.96.10.in-addr.arpa PTR", "NXDOMAIN", []),
    (r"\255.1.96.10.in-addr.arpa PTR", "NXDOMAIN", []),
    ("g." + V6_SERVICE[2:] + " PTR", "NXDOMAIN", []),
    ("00." + V6_SERVICE[2:] + " PTR", "NXDOMAIN", []),
    ("1." + V6_SERVICE + " PTR", "NXDOMAIN", []),
]


@pytest.mark.parametrize(("question", "rcode", "rdata"), ROWS, ids=[row[0] for row in ROWS])
def test_reverse(question: str, rcode: str, rdata: list[str]) -> None:
    got = ask(directive(stores()), question)
    assert (got.rcode, got.rdata()) == (rcode, rdata)
    assert "AA" in got.flags
    zone = question.split()[0].split(".", question.split()[0].count(".") - 1)[-1]
    assert bool(got.authority) != bool(rdata)
    assert all(line.startswith(f"{zone}. 30 IN SOA ns.dns.{zone.lower()}. ") for line in got.authority)


def test_the_apex_has_an_soa() -> None:
    assert ask(directive(stores()), "Ip6.arpa SOA").answer == [
        "Ip6.arpa. 30 IN SOA ns.dns.ip6.arpa. hostmaster.ip6.arpa. 1795309285 7200 1800 86400 30"
    ]


def test_names_are_given_in_the_first_forward_zone() -> None:
    handler = directive(stores(), zones="96.10.in-addr.arpa cluster.local other.local")
    assert ask(handler, "10.1.96.10.in-addr.arpa PTR").rdata() == ["PTR web.shop.svc.cluster.local."]


FALLTHROUGH = [
    # (options, question, asked of the next directive)
    ("ttl 5", "9.9.9.9.in-addr.arpa PTR", False),
    ("ttl 5", "nope.shop.svc.cluster.local A", False),
    ("ttl 5", "example.org A", True),
    ("ttl 5", "xcluster.local A", True),
    ("fallthrough", "9.9.9.9.in-addr.arpa PTR", True),
    ("fallthrough", "nope.shop.svc.cluster.local A", True),
    ("fallthrough", "nope.shop.svc.cluster.local TXT", True),
    ("fallthrough", "web.shop.svc.cluster.local TXT", False),
    ("fallthrough", "shop.svc.cluster.local A", False),
    ("fallthrough", "web.shop.svc.cluster.local A", False),
    ("fallthrough", "1.1.244.10.in-addr.arpa PTR", False),
    ("fallthrough", "1.1.244.10.in-addr.arpa TXT", True),
    ("fallthrough in-addr.arpa ip6.arpa", "9.9.9.9.in-addr.arpa PTR", True),
    ("fallthrough in-addr.arpa ip6.arpa", "nope.shop.svc.cluster.local A", False),
    ("fallthrough 10.in-addr.arpa", "9.9.9.10.in-addr.arpa PTR", True),
    ("fallthrough 10.in-addr.arpa", "9.9.9.9.in-addr.arpa PTR", False),
    ("fallthrough shop.svc.cluster.local", "NOPE.Shop.svc.cluster.local A", True),
    ("fallthrough shop.svc.cluster.local", "nope.data.svc.cluster.local A", False),
]


@pytest.mark.parametrize(("options", "question", "passed_on"), FALLTHROUGH)
def test_fallthrough(options: str, question: str, passed_on: bool) -> None:
    following = Elsewhere()
    got = ask(directive(stores(), options, following=following.handle), question)
    assert bool(following.asked) is passed_on
    assert ("RA" in got.flags) is passed_on


ADDRESSES = [
    ("10.244.2.20", "10-244-2-20", "20.2.244.10.in-addr.arpa"),
    ("fd00:10::1", "fd00-10--1", V6_ENDPOINT),
    ("fd00:96::10", "fd00-96--10", V6_SERVICE),
    ("::", "--0", "0." * 32 + "ip6.arpa"),
]


@pytest.mark.parametrize(("address", "label", "reverse"), ADDRESSES)
def test_one_address_three_spellings(address: str, label: str, reverse: str) -> None:
    assert dashed(address) == label
    assert from_dashed(label.encode()) == address
    assert from_reverse(reverse.encode().split(b".")) == address
