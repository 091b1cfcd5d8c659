"""Random clusters, random options and random questions: the zones answer as the oracle does.

Names are few, so that they meet: two endpoints of one host name, one address in two slices, an endpoint named like a
protocol, CNAMEs in circles.
"""

from __future__ import annotations

import random

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
from hypothesis import given, settings
from hypothesis import strategies as st

from autopath.kubernetes import Kubernetes
from clusterdns.kube.objects import (
    Endpoint,
    EndpointPort,
    EndpointSlice,
    KubeObject,
    Namespace,
    Pod,
    Service,
    ServiceImport,
    ServicePort,
)
from clusterdns.kube.store import Cluster
from clusterdns.wire import numbers
from clusterdns.wire.names import name_from_text, name_to_text
from tests.unit.autopath.asking import Elsewhere, directive, reply_to
from tests.unit.autopath.oracle import Oracle
from tests.unit.autopath.oracle_terms import REVERSE, SET, ZONE, Expected, Options, Record, pointer

NAMESPACES = ("shop", "data")
SERVICES = ("web", "db", "out", "loop")
V4 = tuple(f"10.0.0.{number}" for number in range(1, 6))
V6 = ("fd00::1", "fd00::2", "fd00:1::", "2001:db8::9")
OUTSIDE: tuple[Record, ...] = (
    ("mirrors.example.org.", "A", "192.0.2.80"),
    ("mirrors.example.org.", "AAAA", "2001:db8::80"),
)
TYPES = ("A", "AAAA", "SRV", "TXT", "CNAME", "PTR", "NS", "SOA", "MX", "ANY", "TYPE65280")

service_ports = st.sampled_from(
    [
        ServicePort("http", 80),
        ServicePort("", 81),
        ServicePort("dns", 53, "UDP"),
        ServicePort("dns", 53),
        ServicePort("http", 8080),
        ServicePort("sctp", 9, "SCTP"),
    ]
)
endpoint_ports = st.sampled_from(
    [
        EndpointPort("http", 8080),
        EndpointPort("http", 8081),
        EndpointPort("", 81),
        EndpointPort("dns", 53, "UDP"),
        EndpointPort("all", None),
    ]
)
targets = st.sampled_from(
    [
        *(f"{name}.{namespace}.svc.cluster.local" for name in SERVICES for namespace in NAMESPACES),
        "loop.shop.svc.cluster.local.",
        "mirrors.example.org",
        "nowhere.example.org",
        "nope.svc.cluster.local",
        "192.0.2.1",
        "a..b",
    ]
)


def endpoints(addresses: tuple[str, ...]) -> st.SearchStrategy[Endpoint]:
    return st.builds(
        Endpoint,
        addresses=st.lists(st.sampled_from(addresses), min_size=1, max_size=2, unique=True).map(tuple),
        hostname=st.sampled_from(["", "", "db-0", "_tcp", "http"]),
        ready=st.sampled_from([True, True, False]),
        target_kind=st.sampled_from(["", "Pod", "Node"]),
        target_name=st.sampled_from(["", "db-0", "pod-a", "p" * 64]),
        zone=st.sampled_from(["", "a", "b", "rack.7"]),
    )


@st.composite
def slices(draw: st.DrawFn) -> EndpointSlice:
    kind = draw(st.sampled_from(["IPv4", "IPv4", "IPv6", "FQDN"]))
    of_import = draw(st.sampled_from([False, False, True]))
    service = draw(st.sampled_from(SERVICES))
    return EndpointSlice(
        name=draw(st.sampled_from("abcdefghijklmnop")),
        namespace=draw(st.sampled_from(NAMESPACES)),
        service="" if of_import else service,
        imported=service if of_import else "",
        source_cluster=draw(st.sampled_from(["east", "west", ""])) if of_import else "",
        address_type=kind,
        endpoints=tuple(draw(st.lists(endpoints(V6 if kind == "IPv6" else V4), min_size=1, max_size=4)))
        if kind != "FQDN"
        else (),
        ports=tuple(draw(st.lists(endpoint_ports, min_size=1, max_size=4, unique=True))),
    )


@st.composite
def clusters(draw: st.DrawFn) -> list[KubeObject]:
    """Objects as an API server has them: keys once, cluster IPs once."""
    found: dict[tuple[str, str, str], KubeObject] = {}
    for namespace in NAMESPACES:
        found["Namespace", "", namespace] = Namespace(name=namespace)
    free = [*(f"10.96.0.{number}" for number in range(1, 9)), *(f"fd00:96::{number}" for number in range(1, 9))]
    for namespace in NAMESPACES:
        for name in draw(st.lists(st.sampled_from(SERVICES), min_size=2, unique=True)):
            kind = draw(st.sampled_from(["ClusterIP", "headless", "headless", "ExternalName"]))
            ips = draw(st.lists(st.sampled_from(free), max_size=2, unique=True)) if kind == "ClusterIP" else []
            free = [address for address in free if address not in ips]
            found["Service", namespace, name] = Service(
                name=name,
                namespace=namespace,
                type="ExternalName" if kind == "ExternalName" else "ClusterIP",
                headless=kind == "headless",
                cluster_ips=tuple(ips),
                external_name=draw(targets) if kind == "ExternalName" else "",
                ports=tuple(draw(st.lists(service_ports, min_size=1, max_size=4, unique=True))),
            )
        for name in draw(st.lists(st.sampled_from(SERVICES), max_size=2, unique=True)):
            ips = draw(st.lists(st.sampled_from(["10.112.0.1", "fd00:112::1"]), unique=True))
            headless = not ips and draw(st.booleans())
            found["ServiceImport", namespace, name] = ServiceImport(
                name=name,
                namespace=namespace,
                headless=headless,
                ips=tuple(ips),
                ports=tuple(draw(st.lists(service_ports, max_size=2, unique=True))),
            )
    for each in draw(st.lists(slices(), min_size=4, max_size=10)):
        found["EndpointSlice", each.namespace, each.name] = each
    for number, address in enumerate(draw(st.lists(st.sampled_from(V4 + V6), max_size=3, unique=True))):
        found["Pod", "", str(number)] = Pod(
            name=f"pod-{number}",
            namespace=draw(st.sampled_from(NAMESPACES)),
            ips=(address,),
            phase="Running",
            host_network=draw(st.booleans()),
        )
    return list(found.values())


options = st.builds(
    Options,
    pods=st.sampled_from(["disabled", "insecure", "verified"]),
    endpoint_pod_names=st.booleans(),
    ttl=st.sampled_from([0, 5, 30, 3600]),
    noendpoints=st.just(False),
    ignore_empty_service=st.booleans(),
    namespaces=st.sampled_from([(), (), ("shop",), ("data", "elsewhere")]),
    zonal=st.booleans(),
    fallthrough=st.sampled_from([None, None, (), ("in-addr.arpa", "ip6.arpa"), ("cluster.local",)]),
) | st.builds(Options, noendpoints=st.just(True), ignore_empty_service=st.booleans())
own_addresses = st.sampled_from([(), ("10.0.0.1",), ("10.0.0.2", "fd00::1")])

WORDS = (
    *(*NAMESPACES, *SERVICES, "svc", "pod", "east", "west", "a", "b", "pin", "prefer", "_zone", "rack", "7"),
    *("db-0", "pod-a", "http", "_http", "tcp", "_tcp", "_udp", "dns", "_dns", "ns", "nope", "_", "_all"),
    *("10-0-0-1", "fd00--1", "fd00-1--0", "fd00-1--", "1-2-3-4", "10-0-0-256", "dns-version"),
)
NAMES = st.builds(
    lambda labels, zone: ".".join([*labels, zone]),
    st.lists(st.sampled_from(WORDS), max_size=6),
    st.sampled_from([ZONE, SET]),
) | st.builds(
    lambda labels, zone: ".".join([*labels, zone]),
    st.lists(st.sampled_from(["0", "1", "2", "9", "10", "96", "d", "f", "00", "256", "x"]), max_size=5),
    st.sampled_from(REVERSE),
)


def filled(objects: list[KubeObject]) -> Cluster:
    made = Cluster(lean=True, pod_names=True)
    for each in objects:
        made.store(type(each).__name__).put(each)
    for kind in ("Namespace", "Service", "EndpointSlice", "Pod", "ServiceImport"):
        made.store(kind).synced = True
    return made


def check(handler: Kubernetes, behind: Elsewhere, oracle: Oracle, question: str) -> None:
    name, qtype = question.split()
    expected = oracle.answer(name.lower(), qtype)
    behind.asked.clear()
    reply = reply_to(handler, question)
    # Questions of a chase are asked of the whole server, too; those that fall through as they are.
    passed_on = [asked for asked in behind.asked if asked.lower() == question.lower()]
    assert bool(passed_on) is expected.elsewhere, question
    if expected.elsewhere:
        return
    message = dns.message.from_wire(reply.response.message, one_rr_per_rrset=True)
    assert message.flags & dns.flags.AA, question
    assert dns.rcode.to_text(message.rcode()) == expected.rcode, question
    # Each record once, in the spelling of the question.
    for section, wanted in ((message.answer, expected.answer), (message.additional, expected.additional)):
        got = [
            (str(rrset.name).lower(), dns.rdatatype.to_text(rrset.rdtype), told(rrset.rdtype, str(rrset[0]), wanted))
            for rrset in section
        ]
        assert sorted(got) == sorted(wanted), question
        assert {rrset.ttl for rrset in section if rrset.rdtype in (1, 28, 33, 12)} <= {oracle.options.ttl, 300}, (
            question
        )
    if message.answer:
        assert str(message.answer[0].name) == name, question
    assert [str(rrset.name).lower() for rrset in message.authority] == ([expected.soa] if expected.soa else []), (
        question
    )


def told(rdtype: int, rdata: str, wanted: set[Record]) -> str:
    """The oracle says of an SOA only whose it is; in rdata, a target's spelling is the question's."""
    if rdtype == dns.rdatatype.SOA:
        return next((each for _, _, each in wanted), rdata)
    return rdata.lower()


@settings(max_examples=40, deadline=None)
@given(clusters(), options, own_addresses, st.lists(NAMES, max_size=8), st.integers(0, 1 << 32))
def test_answers_are_those_of_the_oracle(
    objects: list[KubeObject], chosen: Options, own: tuple[str, ...], names: list[str], seed: int
) -> None:
    oracle = Oracle(objects, chosen, own, OUTSIDE)
    behind = Elsewhere(tuple(f"{owner} 300 IN {rtype} {rdata}" for owner, rtype, rdata in OUTSIDE))
    handler = directive(
        filled(objects), chosen.lines(), f"{ZONE} {SET} {' '.join(REVERSE)}", own=own, following=behind.handle
    )
    # Which questions: not a matter for Hypothesis, whose choices are few and go to the cluster.
    dice = random.Random(seed)
    known = sorted({*oracle.names, *(owner for owner, _, _ in oracle.records)})
    served = [f"{each.name}.{each.namespace}.svc.{ZONE}" for each in oracle.served()] or [ZONE]
    fronts = [f"{label}." for label in WORDS] + [
        f"{zone}.{mode}._zone." for zone in ("a", "b", "rack.7") for mode in ("pin", "prefer")
    ]
    asked = [
        *dice.sample(known, min(len(known), 40)),
        *(f"{dice.choice(fronts)}{dice.choice(served)}" for _ in range(30)),
        *(f"{dice.choice(fronts)}{dice.choice(known)}" for _ in range(10)),
        *map(pointer, V4 + V6),
        *names,
    ]
    for name in asked:
        for qtype in ("A", "AAAA", "SRV", "CNAME", "PTR", dice.choice(TYPES)):
            check(handler, behind, oracle, f"{dice.choice([name, name.upper()])} {qtype}")


@settings(max_examples=30, deadline=None)
@given(clusters(), options, own_addresses)
def test_a_transfer_holds_the_records_of_the_oracle(
    objects: list[KubeObject], chosen: Options, own: tuple[str, ...]
) -> None:
    oracle = Oracle(objects, chosen, own, OUTSIDE)
    handler = directive(filled(objects), chosen.lines(), f"{ZONE} {SET} {' '.join(REVERSE)}", own=own)
    for zone in (ZONE, SET):
        records = list(handler.contents(name_from_text(zone)).records())
        got = sorted((name_to_text(each.owner), numbers.type_name(each.rtype)) for each in records)
        wanted = sorted((owner, rtype) for owner, rtype, _ in oracle.records if owner.endswith(zone))
        assert got == wanted
        assert len(set(records)) == len(records)


def test_the_oracle_tells_answers_apart() -> None:
    """A check that can't fail is none: the oracle's answers to one cluster, by hand."""
    web = Service(name="web", namespace="shop", cluster_ips=("10.96.0.1",), ports=(ServicePort("http", 80),))
    oracle = Oracle([Namespace(name="shop"), web], Options(ttl=30), (), OUTSIDE)
    name = f"web.shop.svc.{ZONE}"
    assert oracle.answer(name, "A") == Expected(answer={(name, "A", "10.96.0.1")})
    assert oracle.answer(name, "AAAA") == Expected(soa=ZONE)
    assert oracle.answer(f"nope.{name}", "A") == Expected("NXDOMAIN", soa=ZONE)
    assert oracle.answer(f"http.tcp.{name}", "SRV") == Expected(
        answer={(f"http.tcp.{name}", "SRV", f"0 100 80 {name}")}, additional={(name, "A", "10.96.0.1")}
    )
