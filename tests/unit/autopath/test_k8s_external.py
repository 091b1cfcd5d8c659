"""k8s_external: Services in zones for clients outside."""

from __future__ import annotations

import pytest
from msgspec import structs

from autopath.k8s_external import K8sExternal, external_index_over
from clusterdns.corefile.parse import parse as parse_corefile
from clusterdns.directives.chain import Handler
from clusterdns.directives.config.k8s_external import Config, parse
from clusterdns.errors import ConfigError
from clusterdns.kube.objects import Service, ServicePort
from clusterdns.kube.store import Cluster
from clusterdns.wire import numbers
from clusterdns.wire.names import name_from_text, name_to_text
from tests.unit.autopath.asking import SERIAL, Answer, Elsewhere, ask, directive
from tests.unit.autopath.objects import HTTP, cluster, endpoint, external, service, slice_of

ZONES = "example.org in-addr.arpa ip6.arpa"
OURS = ("10.244.0.5",)
INTERNET = ("lb.cloud.example. 60 IN A 203.0.113.9",)


def balanced(key: str, *ingress: str, external_ips: tuple[str, ...] = (), **more: object) -> Service:
    """A Service `namespace/name` that a load balancer stands before."""
    made = service(key, "10.96.0.1", ports=(HTTP, ServicePort("dns", 53, "UDP")))
    return structs.replace(made, type="LoadBalancer", load_balancer=ingress, external_ips=external_ips, **more)


def stores() -> Cluster:
    return cluster(
        balanced("shop/web", "203.0.113.1", "2001:db8::1"),
        balanced("shop/both", "203.0.113.2", external_ips=("198.51.100.2", "203.0.113.2")),
        balanced("shop/named", "lb.cloud.example"),
        balanced("shop/mixed", "lb.cloud.example", "203.0.113.3"),
        balanced("shop/gone", "nowhere.example"),
        balanced("shop/pending"),
        service("shop/inside", "10.96.1.1"),
        structs.replace(service("shop/given", "10.96.1.2"), external_ips=("198.51.100.7",)),
        structs.replace(service("data/outside"), external_ips=("198.51.100.8",)),
        external("shop/alias", "mirrors.example.org"),
        service("data/db"),
        service("data/empty"),
        slice_of("data/db", endpoint("10.1.0.1", hostname="db-0"), endpoint("10.1.0.2", ready=False)),
        slice_of("shop/web", endpoint("10.1.1.1", hostname="web-0")),
        slice_of("data/outside", endpoint("10.1.1.2", hostname="out-0")),
        balanced("kube-system/kube-dns", "203.0.113.53", "2001:db8::53"),
        slice_of("kube-system/kube-dns", endpoint("10.244.0.5")),
        namespaces=("shop", "data", "kube-system"),
    )


def config(options: str = "", zones: str = ZONES) -> Config:
    text = f". {{\n k8s_external {zones} {{\n{options}\n}}\n}}\n"
    return parse(parse_corefile(text, "Corefile", environ={}).server_blocks[0].directives[0])


def handler(options: str = "", objects: Cluster | None = None, following: Handler | None = None) -> K8sExternal:
    objects = objects or stores()
    configured = config(options)
    kubernetes = directive(objects, "ttl 30", own=OURS)
    index = external_index_over(objects, kubernetes.config, headless=configured.headless, wall_clock=lambda: SERIAL - 1)
    return K8sExternal(
        configured,
        configured.zones,
        kubernetes,
        index,
        resolve=Elsewhere(INTERNET).handle,
        following=following or kubernetes.handle,
    )


def told(got: Answer) -> str | list[str]:
    return got.rcode if got.rcode != "NOERROR" else sorted(got.rdata())


SOA = f"SOA ns1.dns.example.org. hostmaster.dns.example.org. {SERIAL} 7200 1800 86400 5"
ROWS: list[tuple[str, str | list[str]]] = [
    ("web.shop.example.org A", ["A 203.0.113.1"]),
    ("WEB.Shop.example.org AAAA", ["AAAA 2001:db8::1"]),
    ("web.shop.example.org SRV", ["SRV 0 25 53 web.shop.example.org.", "SRV 0 25 80 web.shop.example.org."]),
    ("_dns._udp.web.shop.example.org SRV", ["SRV 0 50 53 web.shop.example.org."]),
    ("dns.udp.web.shop.example.org SRV", ["SRV 0 50 53 web.shop.example.org."]),
    ("_dns._tcp.web.shop.example.org SRV", "NXDOMAIN"),
    ("_udp.web.shop.example.org A", []),
    ("web.shop.example.org TXT", []),
    ("both.shop.example.org A", ["A 198.51.100.2", "A 203.0.113.2"]),
    ("both.shop.example.org AAAA", []),
    ("given.shop.example.org A", ["A 198.51.100.7"]),
    ("outside.data.example.org A", ["A 198.51.100.8"]),
    ("named.shop.example.org A", ["A 203.0.113.9", "CNAME lb.cloud.example."]),
    ("named.shop.example.org CNAME", ["CNAME lb.cloud.example."]),
    ("named.shop.example.org SRV", []),
    ("mixed.shop.example.org A", ["A 203.0.113.3"]),
    ("gone.shop.example.org A", ["CNAME nowhere.example."]),
    ("pending.shop.example.org A", "NXDOMAIN"),
    ("inside.shop.example.org A", "NXDOMAIN"),
    ("alias.shop.example.org A", "NXDOMAIN"),
    ("nope.shop.example.org A", "NXDOMAIN"),
    ("web-0.web.shop.example.org A", "NXDOMAIN"),
    ("a.b.c.web.shop.example.org A", "NXDOMAIN"),
    ("web.shop.svc.example.org A", "NXDOMAIN"),
    ("shop.example.org A", []),
    ("nope.example.org A", "NXDOMAIN"),
    ("svc.example.org A", "NXDOMAIN"),
    ("pod.example.org A", "NXDOMAIN"),
    ("dns-version.example.org TXT", "NXDOMAIN"),
    ("db.data.example.org A", "NXDOMAIN"),
    ("example.org SOA", [SOA]),
    ("example.org NS", ["NS ns1.dns.example.org."]),
    ("example.org A", []),
    ("dns.example.org A", []),
    ("ns1.dns.example.org A", ["A 203.0.113.53"]),
    ("ns1.dns.example.org AAAA", ["AAAA 2001:db8::53"]),
    ("ns1.dns.example.org MX", []),
    ("ns2.dns.example.org A", "NXDOMAIN"),
    ("1.113.0.203.in-addr.arpa PTR", ["PTR web.shop.example.org."]),
    ("7.100.51.198.in-addr.arpa PTR", ["PTR given.shop.example.org."]),
    ("1.0.96.10.in-addr.arpa PTR", "NXDOMAIN"),
    ("1.0.1.10.in-addr.arpa PTR", "NXDOMAIN"),
    # Not ours: the cluster's own.
    ("web.shop.svc.cluster.local A", ["A 10.96.0.1"]),
]


@pytest.mark.parametrize(("question", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_answers(question: str, expected: str | list[str]) -> None:
    got = ask(handler(), question)
    assert told(got) == expected
    assert "AA" in got.flags
    zone = "cluster.local." if "cluster.local" in question else ".arpa." if "arpa" in question else "example.org."
    if "CNAME" not in str(got.answer):
        assert [line.split()[0].endswith(zone) for line in got.authority] == ([] if got.answer else [True])


HEADLESS: list[tuple[str, str | list[str]]] = [
    ("db.data.example.org A", ["A 10.1.0.1"]),
    ("db-0.db.data.example.org A", ["A 10.1.0.1"]),
    ("db.data.example.org SRV", ["SRV 0 100 8080 db-0.db.data.example.org."]),
    ("_http._tcp.db.data.example.org SRV", ["SRV 0 100 8080 db-0.db.data.example.org."]),
    ("1.0.1.10.in-addr.arpa PTR", ["PTR db-0.db.data.example.org."]),
    ("empty.data.example.org A", "NXDOMAIN"),
    # Where there are external addresses, they are what is reached.
    ("outside.data.example.org A", ["A 198.51.100.8"]),
    ("out-0.outside.data.example.org A", "NXDOMAIN"),
    ("web-0.web.shop.example.org A", "NXDOMAIN"),
    ("inside.shop.example.org A", "NXDOMAIN"),
]


@pytest.mark.parametrize(("question", "expected"), HEADLESS, ids=[row[0] for row in HEADLESS])
def test_headless(question: str, expected: str | list[str]) -> None:
    assert told(ask(handler("headless"), question)) == expected


def test_apex_ttl_and_glue() -> None:
    made = handler("apex servers\nttl 77")
    got = ask(made, "Example.ORG NS")
    assert got.answer == ["Example.ORG. 77 IN NS ns1.servers.example.org."]
    assert sorted(got.additional) == [
        "ns1.servers.example.org. 77 IN A 203.0.113.53",
        "ns1.servers.example.org. 77 IN AAAA 2001:db8::53",
    ]
    assert told(ask(made, "ns1.dns.example.org A")) == "NXDOMAIN"
    assert ask(made, "nope.shop.example.org A").authority[0].split()[1::9] == ["77", "77"]
    assert ask(made, "web.shop.example.org A").answer == ["web.shop.example.org. 77 IN A 203.0.113.1"]


FALLTHROUGH = [
    ("", "nope.shop.example.org A", False),
    ("fallthrough", "nope.shop.example.org A", True),
    ("fallthrough in-addr.arpa", "nope.shop.example.org A", False),
    ("fallthrough in-addr.arpa", "9.9.9.9.in-addr.arpa PTR", True),
    ("fallthrough", "web.shop.example.org TXT", False),
]


@pytest.mark.parametrize(("options", "question", "falls"), FALLTHROUGH)
def test_fallthrough(options: str, question: str, falls: bool) -> None:
    behind = Elsewhere(())
    ask(handler(options, following=behind.handle), question)
    assert bool(behind.asked) is falls


def test_it_follows_the_cluster() -> None:
    objects = stores()
    made = handler("", objects)
    objects.services.put(balanced("shop/pending", "203.0.113.77"))
    assert told(ask(made, "pending.shop.example.org A")) == ["A 203.0.113.77"]
    assert told(ask(made, "77.113.0.203.in-addr.arpa PTR")) == ["PTR pending.shop.example.org."]
    objects.services.put(service("shop/web", "10.96.0.1"))
    assert told(ask(made, "web.shop.example.org A")) == "NXDOMAIN"


def test_until_the_cluster_is_known_it_is_servfail() -> None:
    objects = stores()
    objects.services.synced = False
    made = handler("", objects)
    assert told(ask(made, "example.org SOA")) == "SERVFAIL"
    objects.services.synced = True
    assert told(ask(made, "example.org NS")) == ["NS ns1.dns.example.org."]


def test_transfer() -> None:
    made = handler("headless")
    assert name_from_text("example.org") in made.whole_zones
    assert name_from_text("in-addr.arpa") not in made.whole_zones
    records = list(made.contents(name_from_text("example.org")).records())
    owners = [name_to_text(record.owner) for record in records if record.rtype in (numbers.A, numbers.CNAME)]
    assert owners == [
        "ns1.dns.example.org.",
        "db.data.example.org.",
        "db-0.db.data.example.org.",
        "outside.data.example.org.",
        "kube-dns.kube-system.example.org.",
        *["both.shop.example.org."] * 2,
        *(f"{name}.shop.example.org." for name in ("given", "gone", "mixed", "named", "web")),
    ]


ERRORS = [
    ("apex a.b", "3:6", "no label"),
    ("apex", "3:1", "apex takes 1 argument"),
    ("ttl 3601", "3:5", "between 0 and 3600"),
    ("headless yes", "3:10", "takes no arguments"),
    ("headles", "3:1", 'did you mean "headless"?'),
]


@pytest.mark.parametrize(("options", "place", "text"), ERRORS)
def test_errors(options: str, place: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config(options)
    assert str(caught.value).startswith(f"Corefile:{place}: ")
    assert text in str(caught.value)


def test_options() -> None:
    assert config("", "") == Config()
    assert config("apex x\nttl 0\nheadless\nfallthrough 10.0.0.0/8", "a.example") == Config(
        ("a.example.",), "x", 0, True, ("10.in-addr.arpa.",)
    )
