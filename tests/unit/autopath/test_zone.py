"""The forward zone beyond the recorded session: dual stack, names of endpoints and pods, ports, odd names."""

from __future__ import annotations

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.flight import start
from clusterdns.kube.objects import EndpointPort, ServicePort
from clusterdns.kube.store import Cluster
from clusterdns.wire import numbers
from clusterdns.wire.query import Query
from tests.unit.autopath.asking import Answer, ask, directive, request_for
from tests.unit.autopath.objects import cluster, endpoint, external, pod, service, slice_of

SOA = "cluster.local. 30 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1795309285 7200 1800 86400 30"


def dual_stack() -> Cluster:
    return cluster(
        service("shop/web", "10.96.1.10", "fd00:96::10"),
        service("shop/v6", "fd00:96::11"),
        service("shop/bare", "10.96.1.12", ports=()),
        service("shop/pending", "", ports=(ServicePort("", 80),)),
        service("shop/gone", "10.96.1.13"),
        service("data/db", ports=(ServicePort("pg", 5432),)),
        service("data/portless", ports=()),
        external("shop/out", "mirrors.example.org"),
        external("shop/digits", "192.0.2.1"),
        external("shop/broken", "a..b"),
        slice_of("shop/web", endpoint("10.244.0.1", pod="web-0"), endpoint("10.244.0.2", ready=False)),
        slice_of(
            "data/db",
            endpoint("10.244.1.1", hostname="db-0", pod="pod-a"),
            endpoint("10.244.1.2", pod="pod-b"),
            endpoint("10.244.1.3", pod="p" * 64),
            endpoint("10.244.1.4"),
            ports=(EndpointPort("pg", 5432), EndpointPort("stats", 9187)),
        ),
        slice_of(
            "data/db",
            endpoint("fd00:10::1", hostname="db-0"),
            endpoint("fd00:20::"),
            name="six",
            address_type="IPv6",
            ports=(EndpointPort("pg", 5432),),
        ),
        slice_of("data/db", endpoint("db.example.org"), name="names", address_type="FQDN"),
        slice_of("data/portless", endpoint("10.244.2.1", hostname="p-0"), ports=()),
        slice_of("shop/out", endpoint("10.244.4.1", hostname="x")),
        slice_of("data/orphan", endpoint("10.244.3.1", hostname="o-0")),
        pod("shop/web-0", "10.244.0.1", "fd00:10::a"),
        pod("data/node-exporter", "192.168.0.5", host_network=True),
    )


ANSWERED = [
    ("web.shop.svc.cluster.local A", ["A 10.96.1.10"]),
    ("web.shop.svc.cluster.local AAAA", ["AAAA fd00:96::10"]),
    ("v6.shop.svc.cluster.local AAAA", ["AAAA fd00:96::11"]),
    # A pair of address and port each has its share of the weight, though the records are the same.
    ("web.shop.svc.cluster.local SRV", ["SRV 0 50 80 web.shop.svc.cluster.local."]),
    ("_http._tcp.v6.shop.svc.cluster.local SRV", ["SRV 0 100 80 v6.shop.svc.cluster.local."]),
    ("bare.shop.svc.cluster.local A", ["A 10.96.1.12"]),
    ("db.data.svc.cluster.local A", [f"A 10.244.1.{host}" for host in (1, 2, 3, 4)]),
    ("db.data.svc.cluster.local AAAA", ["AAAA fd00:10::1", "AAAA fd00:20::"]),
    ("portless.data.svc.cluster.local A", ["A 10.244.2.1"]),
    ("db-0.db.data.svc.cluster.local A", ["A 10.244.1.1"]),
    ("db-0.db.data.svc.cluster.local AAAA", ["AAAA fd00:10::1"]),
    ("pod-b.db.data.svc.cluster.local A", ["A 10.244.1.2"]),
    ("10-244-1-3.db.data.svc.cluster.local A", ["A 10.244.1.3"]),
    ("10-244-1-4.db.data.svc.cluster.local A", ["A 10.244.1.4"]),
    # A label must not end in a dash.
    ("fd00-20--0.db.data.svc.cluster.local AAAA", ["AAAA fd00:20::"]),
    # An endpoint has a name in front of a Service with a cluster IP, too.
    ("web-0.web.shop.svc.cluster.local A", ["A 10.244.0.1"]),
    (
        "_stats._tcp.db.data.svc.cluster.local SRV",
        [
            "SRV 0 25 9187 db-0.db.data.svc.cluster.local.",
            "SRV 0 25 9187 pod-b.db.data.svc.cluster.local.",
            "SRV 0 25 9187 10-244-1-3.db.data.svc.cluster.local.",
            "SRV 0 25 9187 10-244-1-4.db.data.svc.cluster.local.",
        ],
    ),
    (
        "db-0.db.data.svc.cluster.local SRV",
        [
            "SRV 0 33 5432 db-0.db.data.svc.cluster.local.",
            "SRV 0 33 9187 db-0.db.data.svc.cluster.local.",
        ],
    ),
    ("10-244-0-1.shop.pod.cluster.local A", ["A 10.244.0.1"]),
    ("fd00-10--a.shop.pod.cluster.local AAAA", ["AAAA fd00:10::a"]),
    ("fd00-10-0-0-0-0-0-a.shop.pod.cluster.local AAAA", ["AAAA fd00:10::a"]),
    ("out.shop.svc.cluster.local CNAME", ["CNAME mirrors.example.org."]),
    ("dns-version.cluster.local TXT", ['TXT "1.1.0"']),
]

NODATA = [
    "web.shop.svc.cluster.local TXT",
    "web.shop.svc.cluster.local CNAME",
    "web.shop.svc.cluster.local PTR",
    "web.shop.svc.cluster.local NS",
    "web.shop.svc.cluster.local SOA",
    "web.shop.svc.cluster.local TYPE65280",
    "v6.shop.svc.cluster.local A",
    "bare.shop.svc.cluster.local SRV",
    "pending.shop.svc.cluster.local A",
    "portless.data.svc.cluster.local AAAA",
    "portless.data.svc.cluster.local SRV",
    "p-0.portless.data.svc.cluster.local SRV",
    "pod-b.db.data.svc.cluster.local AAAA",
    "pod-b.db.data.svc.cluster.local TXT",
    # Records of ports are SRV; the name of their protocol is an empty non-terminal.
    "_http._tcp.web.shop.svc.cluster.local A",
    "_tcp.web.shop.svc.cluster.local A",
    "_tcp.db.data.svc.cluster.local NS",
    "out.shop.svc.cluster.local TXT",
    "out.shop.svc.cluster.local SRV",
    "10-244-0-1.shop.pod.cluster.local AAAA",
    "fd00-10--a.shop.pod.cluster.local A",
    "10-244-0-1.shop.pod.cluster.local MX",
    "cluster.local NS",
    "cluster.local ANY",
    "cluster.local TXT",
    "ns.dns.cluster.local A",
    "dns-version.cluster.local A",
    "shop.svc.cluster.local SRV",
    "data.pod.cluster.local A",
]

NXDOMAIN = [
    "dns.cluster.local A",
    "x.dns-version.cluster.local TXT",
    "nope.shop.svc.cluster.local SOA",
    "nope.shop.svc.cluster.local TYPE65280",
    "orphan.data.svc.cluster.local A",
    "o-0.orphan.data.svc.cluster.local A",
    "digits.shop.svc.cluster.local A",
    "broken.shop.svc.cluster.local CNAME",
    "pod-a.db.data.svc.cluster.local A",
    "10-244-1-1.db.data.svc.cluster.local A",
    "10-244-0-2.web.shop.svc.cluster.local A",
    "db-0.db.shop.svc.cluster.local A",
    "_udp.web.shop.svc.cluster.local A",
    "_http._udp.web.shop.svc.cluster.local A",
    "_https._tcp.web.shop.svc.cluster.local SRV",
    "_._tcp.pending.shop.svc.cluster.local SRV",
    "_http._tcp.out.shop.svc.cluster.local SRV",
    "x.out.shop.svc.cluster.local A",
    "_http._tcp.nope.shop.svc.cluster.local SRV",
    "a._http._tcp.web.shop.svc.cluster.local SRV",
    "web.shop.svc.x.cluster.local A",
    "10-244-0-1.data.pod.cluster.local A",
    "x.10-244-0-1.shop.pod.cluster.local A",
    "10-244-0-1.nope.pod.cluster.local A",
    "nope.pod.cluster.local A",
    # The address of a node says nothing about a pod.
    "192-168-0-5.data.pod.cluster.local A",
    "10-244-0-256.shop.pod.cluster.local A",
    "010-244-0-1.shop.pod.cluster.local A",
    "web-0.shop.pod.cluster.local A",
]

# Labels of any bytes: none of them is another spelling of a name that exists.
ODD = [
    r"web\.shop.svc.cluster.local A",
    r"web.shop\.svc.cluster.local A",
    r"web.shop.svc\.cluster.local A",
    r"web\004shop.svc.cluster.local A",
    r"\003web\004shop\003svc.cluster.local A",
    r"\000.shop.svc.cluster.local A",
    r"\255\254.shop.svc.cluster.local A",
    r"x.\255.svc.cluster.local A",
    r"\255.pod.cluster.local A",
    r"10\.244\.0\.1.shop.pod.cluster.local A",
    r"10\0452440\0451.shop.pod.cluster.local A",
    r"fd00\:10\:\:a.shop.pod.cluster.local A",
    r"\ web.shop.svc.cluster.local A",
    r"_\255._tcp.web.shop.svc.cluster.local SRV",
    ("a." * 100 + "svc.cluster.local A"),
]


def ask_dual_stack(question: str) -> Answer:
    return ask(directive(dual_stack(), "pods verified\nendpoint_pod_names\nttl 30"), question)


@pytest.mark.parametrize(("question", "rdata"), ANSWERED, ids=[question for question, _ in ANSWERED])
def test_answered(question: str, rdata: list[str]) -> None:
    got = ask_dual_stack(question)
    assert (got.rcode, sorted(got.rdata()), got.authority) == ("NOERROR", sorted(rdata), [])
    assert "AA" in got.flags


@pytest.mark.parametrize("question", NODATA)
def test_nodata(question: str) -> None:
    got = ask_dual_stack(question)
    assert (got.rcode, got.answer, got.authority) == ("NOERROR", [], [SOA])


@pytest.mark.parametrize("question", NXDOMAIN)
def test_nxdomain(question: str) -> None:
    got = ask_dual_stack(question)
    assert (got.rcode, got.answer, got.authority) == ("NXDOMAIN", [], [SOA])


@pytest.mark.parametrize("question", ODD)
def test_odd_names_do_not_exist(question: str) -> None:
    assert ask_dual_stack(question).rcode == "NXDOMAIN"


def test_srv_brings_the_addresses_of_its_targets() -> None:
    got = ask_dual_stack("_pg._tcp.db.data.svc.cluster.local SRV")
    assert sorted(got.additional) == [
        "10-244-1-3.db.data.svc.cluster.local. 30 IN A 10.244.1.3",
        "10-244-1-4.db.data.svc.cluster.local. 30 IN A 10.244.1.4",
        "db-0.db.data.svc.cluster.local. 30 IN A 10.244.1.1",
        "db-0.db.data.svc.cluster.local. 30 IN AAAA fd00:10::1",
        "fd00-20--0.db.data.svc.cluster.local. 30 IN AAAA fd00:20::",
        "pod-b.db.data.svc.cluster.local. 30 IN A 10.244.1.2",
    ]
    assert {rdata.split()[2] for rdata in got.rdata()} == {"16"}


def test_weight_is_never_zero() -> None:
    many = slice_of("data/db", *(endpoint(f"10.1.{number}.1") for number in range(101)))
    got = ask(directive(cluster(service("data/db"), many)), "db.data.svc.cluster.local SRV")
    assert len(got.answer) == 101
    assert {rdata.split()[2] for rdata in got.rdata()} == {"1"}


CASES = [
    # (question, owners of answer and additional records, owner of the SOA)
    ("WeB.sHoP.SVC.cLuster.loCAL A", {"WeB.sHoP.SVC.cLuster.loCAL."}, None),
    ("WEB.shop.svc.CLUSTER.local TXT", set(), "CLUSTER.local."),
    ("NOPE.shop.svc.cluster.LOCAL A", set(), "cluster.LOCAL."),
    ("Cluster.Local SOA", {"Cluster.Local."}, None),
    ("DB-0.DB.data.svc.cluster.local AAAA", {"DB-0.DB.data.svc.cluster.local."}, None),
    (
        "_HTTP._Tcp.Web.shop.svc.cluster.local SRV",
        {"_HTTP._Tcp.Web.shop.svc.cluster.local.", "Web.shop.svc.cluster.local."},
        None,
    ),
    ("FD00-10--A.Shop.Pod.cluster.local AAAA", {"FD00-10--A.Shop.Pod.cluster.local."}, None),
    ("DNS-Version.cluster.local TXT", {"DNS-Version.cluster.local."}, None),
]


@pytest.mark.parametrize(("question", "owners", "soa_owner"), CASES, ids=[case[0] for case in CASES])
def test_the_clients_spelling_is_kept(question: str, owners: set[str], soa_owner: str | None) -> None:
    got = ask_dual_stack(question)
    assert {line.split()[0] for line in (*got.answer, *got.additional)} == owners
    assert [line.split()[0] for line in got.authority] == ([soa_owner] if soa_owner else [])


POD_MODES = [
    ("disabled", "10-244-0-1.shop.pod.cluster.local A", "NXDOMAIN", []),
    ("disabled", "shop.pod.cluster.local A", "NXDOMAIN", []),
    ("disabled", "pod.cluster.local A", "NOERROR", []),
    ("insecure", "10-244-0-1.shop.pod.cluster.local A", "NOERROR", ["A 10.244.0.1"]),
    ("insecure", "1-2-3-4.data.pod.cluster.local A", "NOERROR", ["A 1.2.3.4"]),
    ("insecure", "1-2-3-4.data.pod.cluster.local AAAA", "NOERROR", []),
    ("insecure", "2001-db8--1.data.pod.cluster.local AAAA", "NOERROR", ["AAAA 2001:db8::1"]),
    ("insecure", "1-2-3-4.nope.pod.cluster.local A", "NXDOMAIN", []),
    ("insecure", "host.data.pod.cluster.local A", "NXDOMAIN", []),
    ("verified", "1-2-3-4.data.pod.cluster.local A", "NXDOMAIN", []),
]


@pytest.mark.parametrize(("mode", "question", "rcode", "rdata"), POD_MODES)
def test_pod_modes(mode: str, question: str, rcode: str, rdata: list[str]) -> None:
    got = ask(directive(dual_stack(), f"pods {mode}"), question)
    assert (got.rcode, got.rdata()) == (rcode, rdata)


OPTIONS = [
    # Without endpoint_pod_names, an endpoint is named by its address.
    ("ttl 5", "web-0.web.shop.svc.cluster.local A", "NXDOMAIN", []),
    ("ttl 5", "10-244-0-1.web.shop.svc.cluster.local A", "NOERROR", ["A 10.244.0.1"]),
    ("noendpoints", "db.data.svc.cluster.local A", "NXDOMAIN", []),
    ("noendpoints", "db-0.db.data.svc.cluster.local A", "NXDOMAIN", []),
    ("noendpoints", "web.shop.svc.cluster.local A", "NOERROR", ["A 10.96.1.10"]),
    ("noendpoints", "1.1.244.10.in-addr.arpa PTR", "NXDOMAIN", []),
    ("ignore empty_service", "gone.shop.svc.cluster.local A", "NXDOMAIN", []),
    ("ignore empty_service", "_http._tcp.gone.shop.svc.cluster.local SRV", "NXDOMAIN", []),
    ("ignore empty_service", "web.shop.svc.cluster.local A", "NOERROR", ["A 10.96.1.10"]),
    ("ignore empty_service", "out.shop.svc.cluster.local CNAME", "NOERROR", ["CNAME mirrors.example.org."]),
    ("namespaces shop", "web.shop.svc.cluster.local A", "NOERROR", ["A 10.96.1.10"]),
    ("namespaces shop", "db.data.svc.cluster.local A", "NXDOMAIN", []),
    ("namespaces shop", "data.svc.cluster.local A", "NXDOMAIN", []),
    ("namespaces shop", "1.1.244.10.in-addr.arpa PTR", "NXDOMAIN", []),
    ("namespaces shop\npods insecure", "1-2-3-4.data.pod.cluster.local A", "NXDOMAIN", []),
]


@pytest.mark.parametrize(("options", "question", "rcode", "rdata"), OPTIONS)
def test_options(options: str, question: str, rcode: str, rdata: list[str]) -> None:
    got = ask(directive(dual_stack(), options), question)
    assert (got.rcode, got.rdata()) == (rcode, rdata)


@pytest.mark.parametrize(
    ("ttl", "soa_ttl", "minimum"), [(0, 0, 0), (5, 5, 5), (300, 300, 300), (3600, 300, 3600)], ids=str
)
def test_ttl(ttl: int, soa_ttl: int, minimum: int) -> None:
    handler = directive(dual_stack(), f"ttl {ttl}")
    assert ask(handler, "web.shop.svc.cluster.local A").answer == [f"web.shop.svc.cluster.local. {ttl} IN A 10.96.1.10"]
    soa = ask(handler, "nope.cluster.local A").authority[0].split()
    assert (int(soa[1]), int(soa[-1])) == (soa_ttl, minimum)
    assert ask(handler, "dns-version.cluster.local TXT").answer[0].split()[1] == "28800"


def test_a_target_that_does_not_fit_into_a_name_is_left_out() -> None:
    # 63 + 63 + 63 bytes of labels and their lengths, and the zone: there is room for a short label in front, no more.
    namespace, name = "n" * 63, "s" * 63
    zone = "z" * 50 + ".cluster.local"
    stores = cluster(
        service(f"{namespace}/{name}"),
        slice_of(f"{namespace}/{name}", endpoint("10.1.1.1", hostname="h"), endpoint("10.1.1.2", hostname="h" * 63)),
        namespaces=(namespace,),
    )
    got = ask(directive(stores, zones=zone), f"{name}.{namespace}.svc.{zone} SRV")
    assert got.rdata() == [f"SRV 0 100 8080 h.{name}.{namespace}.svc.{zone}."]


def test_a_zone_may_be_the_root_or_lie_in_another() -> None:
    stores = dual_stack()
    assert ask(directive(stores, zones="."), "web.shop.svc A").rdata() == ["A 10.96.1.10"]
    nested = directive(stores, zones="local cluster.local")
    assert ask(nested, "web.shop.svc.cluster.local A").rdata() == ["A 10.96.1.10"]
    assert ask(nested, "web.shop.svc.local A").rdata() == ["A 10.96.1.10"]
    assert ask(nested, "x.local A").authority[0].startswith("local. ")


WORDS = [
    *(b"web db db-0 out nope shop data svc pod _http _tcp http tcp dns ns dns-version cluster local".split()),
    *(b"10-244-0-1 fd00-10--a in-addr ip6 arpa 10 244 0 1 a f".split()),
]
LABEL = st.sampled_from(WORDS) | st.sampled_from(WORDS).map(bytes.upper) | st.binary(min_size=1, max_size=20)
ZONE_ENDS = [b"", b"\x05local", b"\x07cluster\x05local", b"\x07in-addr\x04arpa", b"\x03ip6\x04arpa"]


@given(
    st.lists(LABEL, max_size=8),
    st.sampled_from(ZONE_ENDS),
    st.sampled_from([1, 2, 5, 6, 12, 15, 16, 28, 33, 255, 65280]),
)
def test_any_name_gets_an_answer_in_its_own_spelling(found: list[bytes], end: bytes, qtype: int) -> None:
    name = b"".join(bytes((len(label),)) + label for label in found) + end + b"\0"
    request = request_for(". A")
    request.query = Query(1, numbers.RD, name, name.lower(), qtype, numbers.IN, None)
    reply = start(FUZZED.handle(request)).result()
    message = dns.message.from_wire(reply.response.message)
    assert reply.response.rcode in (numbers.NOERROR, numbers.NXDOMAIN)
    if reply.source == "kubernetes":
        first = (message.answer or message.authority)[0].name.to_wire() or b""
        assert first == name if message.answer else name.endswith(first)


FUZZED = directive(dual_stack(), "pods verified\nendpoint_pod_names")
