"""The `kubernetes` directive: its options, and what it does before its stores are synced."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from clusterdns.corefile.parse import parse as parse_corefile
from clusterdns.directives.chain import Reply, Request
from clusterdns.directives.config.kubernetes import Config, PodMode, parse
from clusterdns.errors import ConfigError
from clusterdns.kube.access import Access
from clusterdns.wire.response import Kind
from tests.support import coredns_answers
from tests.unit.autopath.asking import Elsewhere, ask, config, directive, reply_to
from tests.unit.autopath.objects import cluster, service

PLAIN = Config(zones=("cluster.local.",), primary_zone="cluster.local.")

OPTIONS = [
    ("", PLAIN),
    ("manifests /etc/manifests", replace(PLAIN, manifests="/etc/manifests")),
    ("kubeconfig /etc/kubeconfig", replace(PLAIN, access=Access("/etc/kubeconfig"))),
    ("kubeconfig /etc/kubeconfig blue", replace(PLAIN, access=Access("/etc/kubeconfig", "blue"))),
    ("endpoint https://10.96.0.1:443", replace(PLAIN, access=Access(endpoint="https://10.96.0.1:443"))),
    (
        "endpoint https://10.96.0.1\ntls /cert /key /ca",
        replace(PLAIN, access=Access(endpoint="https://10.96.0.1", certificate="/cert", key="/key", authority="/ca")),
    ),
    (
        "endpoint https://a\nkubeconfig /y blue\ntls c k a\napiserver_qps 5",
        replace(PLAIN, access=Access("/y", "blue", qps=5), endpoint="https://a", tls="c"),
    ),
    ("tls c k a", replace(PLAIN, tls="c")),
    ("apiserver_qps 2.5", replace(PLAIN, access=Access(qps=2.5))),
    ("apiserver_qps 50\napiserver_burst 100", replace(PLAIN, access=Access(qps=50, burst=100))),
    ("apiserver_max_inflight 3", replace(PLAIN, access=Access(max_inflight=3))),
    ("namespace_labels istio-injection=enabled", replace(PLAIN, namespace_labels="istio-injection=enabled")),
    ("zonal", replace(PLAIN, zonal=True)),
    ("multicluster cluster.local", replace(PLAIN, multicluster=("cluster.local.",))),
    ("manifests /x\nlabels a=b", replace(PLAIN, manifests="/x", labels="a=b")),
    ("namespaces shop data", replace(PLAIN, namespaces=("shop", "data"))),
    ("namespaces shop\nnamespaces data", replace(PLAIN, namespaces=("shop", "data"))),
    ("labels environment in (production, qa)", replace(PLAIN, labels="environment in (production, qa)")),
    ("pods disabled", PLAIN),
    ("pods insecure", replace(PLAIN, pods=PodMode.INSECURE)),
    ("pods verified", replace(PLAIN, pods=PodMode.VERIFIED)),
    ("endpoint_pod_names", replace(PLAIN, endpoint_pod_names=True)),
    ("ttl 0", replace(PLAIN, ttl=0)),
    ("ttl 3600", replace(PLAIN, ttl=3600)),
    ("noendpoints", replace(PLAIN, endpoints=False)),
    ("fallthrough", replace(PLAIN, fallthrough=(".",))),
    ("fallthrough In-Addr.arpa 10.0.0.0/8", replace(PLAIN, fallthrough=("in-addr.arpa.", "10.in-addr.arpa."))),
    ("ignore empty_service", replace(PLAIN, ignore_empty_service=True)),
    ("startup_timeout 1m30s", replace(PLAIN, startup_timeout=90)),
    # The kubeadm Corefile's.
    (
        "pods insecure\nfallthrough in-addr.arpa ip6.arpa\nttl 30",
        replace(PLAIN, pods=PodMode.INSECURE, fallthrough=("in-addr.arpa.", "ip6.arpa."), ttl=30),
    ),
]


@pytest.mark.parametrize(("options", "expected"), OPTIONS, ids=[row[0] for row in OPTIONS])
def test_options(options: str, expected: Config) -> None:
    assert config(options, "cluster.local") == expected


ZONES = [
    ("cluster.local in-addr.arpa ip6.arpa", ("cluster.local.", "in-addr.arpa.", "ip6.arpa."), "cluster.local."),
    ("10.in-addr.arpa Cluster.LOCAL. b.local", ("10.in-addr.arpa.", "cluster.local.", "b.local."), "cluster.local."),
    ("10.96.0.0/16 cluster.local", ("96.10.in-addr.arpa.", "cluster.local."), "cluster.local."),
    (".", (".",), "."),
]


@pytest.mark.parametrize(("zones", "primary"), [("set.local a.local", "a.local."), ("set.local", "set.local.")])
def test_the_zones_own_names_are_in_a_zone_of_services(zones: str, primary: str) -> None:
    assert config("multicluster set.local", zones).primary_zone == primary


@pytest.mark.parametrize(("zones", "expected", "primary"), ZONES)
def test_zones(zones: str, expected: tuple[str, ...], primary: str) -> None:
    got = config("", zones)
    assert (got.zones, got.primary_zone) == (expected, primary)


def test_without_zones_it_serves_those_of_its_server_block() -> None:
    block = parse_corefile("cluster.local {\n kubernetes\n}\n", "Corefile", environ={}).server_blocks[0]
    got = parse(block.directives[0])
    assert got.zones == ()
    assert got.serving(("cluster.local.", "ip6.arpa.")).zones == ("cluster.local.", "ip6.arpa.")
    with pytest.raises(ConfigError, match="no reverse zone"):
        got.serving(("ip6.arpa.",))
    with pytest.raises(ConfigError, match=r"set\.local\. is none of the zones"):
        replace(got, multicluster=("set.local.",)).serving(("cluster.local.",))


KINDS = [
    ("", ("Namespace", "Service", "EndpointSlice")),
    ("pods insecure", ("Namespace", "Service", "EndpointSlice")),
    ("pods verified", ("Namespace", "Service", "EndpointSlice", "Pod")),
    ("noendpoints", ("Namespace", "Service")),
    ("multicluster cluster.local", ("Namespace", "Service", "EndpointSlice", "ServiceImport")),
]


@pytest.mark.parametrize(("options", "kinds"), KINDS)
def test_the_kinds_that_must_be_watched(options: str, kinds: tuple[str, ...]) -> None:
    assert config(options).kinds == kinds


# (options, place, text); options start in line 3.
ERRORS = [
    ("pod verified", "3:1", 'unknown option "pod" of kubernetes; did you mean "pods"?'),
    ("endpoint_pod_name", "3:1", 'did you mean "endpoint_pod_names"?'),
    ("falltrough", "3:1", 'did you mean "fallthrough"?'),
    ("ttl 5\nmanifest /x", "4:1", 'did you mean "manifests"?'),
    ("tls a b", "3:1", "tls takes 3 arguments, but has 2"),
    ("tls a b c d", "3:11", "tls takes 3 arguments, but has 4"),
    ("apiserver_qps many", "3:15", "apiserver_qps needs a number"),
    ("apiserver_qps -1", "3:15", "between 0 and 100000"),
    ("apiserver_burst 0", "3:17", "between 1 and 100000"),
    ("apiserver_max_inflight 1.5", "3:24", "whole number"),
    ("labels environment in production", "3:8", "values in parentheses are missing behind environment"),
    ("namespace_labels =a", "3:18", "no label"),
    ("namespaces a\nnamespace_labels b", "4:1", "both choose namespaces"),
    ("manifests /x\napiserver_qps 1", "4:1", "manifests stand in for an API server"),
    ("multicluster clusterset.local", "3:14", "clusterset.local. is none of the zones of kubernetes, cluster.local."),
    ("multicluster ip6.arpa", "3:14", "ip6.arpa. is a reverse zone"),
    ("multicluster", "3:1", "at least 1 argument"),
    ("zonal\nnoendpoints", "4:1", "zonal needs the endpoints that noendpoints leaves out"),
    ("zonal yes", "3:7", "takes no arguments"),
    ("pods veryfied", "3:6", 'did you mean "verified"?'),
    ("pods", "3:1", "pods takes 1 argument, but has 0"),
    ("pods verified insecure", "3:15", "pods takes 1 argument, but has 2"),
    ("ttl 3601", "3:5", "between 0 and 3600 seconds"),
    ("ttl -1", "3:5", "between 0 and 3600 seconds"),
    ("ttl 5s", "3:5", "whole number"),
    ("noendpoints yes", "3:13", "takes no arguments"),
    ("endpoint_pod_names on", "3:20", "takes no arguments"),
    ("ignore emptyservice", "3:8", 'did you mean "empty_service"?'),
    ("ignore", "3:1", "ignore takes 1 argument"),
    ("namespaces", "3:1", "at least 1 argument"),
    ("labels", "3:1", "at least 1 argument"),
    ("kubeconfig", "3:1", "1 to 2 arguments"),
    ("endpoint 10.96.0.1:443", "3:10", "write it as https://"),
    ("startup_timeout soon", "3:17", "startup_timeout"),
    ("startup_timeout 2h", "3:17", "between 0 and 3600 seconds"),
    ("fallthrough a..b", "3:13", "label"),
    ("manifests /x\nkubeconfig /y", "4:1", "remove manifests, or kubeconfig"),
    ("endpoint https://a\nmanifests /x", "4:1", "remove manifests, or kubeconfig"),
    ("ttl 5 {\n}", "3:1", "ttl has no options"),
]


@pytest.mark.parametrize(("options", "place", "text"), ERRORS, ids=[row[0] for row in ERRORS])
def test_errors_say_where_and_what(options: str, place: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config(options)
    assert str(caught.value).startswith(f"Corefile:{place}: ")
    assert text in str(caught.value)


def test_reverse_zones_alone_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"2:2: .*such as cluster\.local"):
        config("", "in-addr.arpa 10.0.0.0/8")


IN_ZONE = [
    "web.shop.svc.cluster.local A",
    "nope.shop.svc.cluster.local A",
    "cluster.local SOA",
    "10.1.96.10.in-addr.arpa PTR",
    "9.9.9.9.in-addr.arpa PTR",
]


@pytest.mark.parametrize("question", IN_ZONE)
@pytest.mark.parametrize("missing", ["Namespace", "Service", "EndpointSlice", "Pod"])
def test_until_it_is_synced_it_answers_servfail_and_asks_nobody(missing: str, question: str) -> None:
    stores = cluster(service("shop/web", "10.96.1.10"))
    stores.store(missing).synced = False
    following = Elsewhere()
    handler = directive(stores, "pods verified\nfallthrough", following=following.handle)
    got = ask(handler, question)
    assert (got.rcode, got.answer, got.authority, following.asked) == ("SERVFAIL", [], [], [])
    before = handler.synced
    assert ask(handler, "example.org A").rcode == "NXDOMAIN"
    assert following.asked == ["example.org. A"]
    stores.store(missing).synced = True
    assert (before, handler.synced) == (False, True)
    assert ask(handler, "web.shop.svc.cluster.local A").rcode == "NOERROR"


@pytest.mark.parametrize(
    ("options", "unsynced"), [("pods insecure", "Pod"), ("noendpoints", "EndpointSlice"), ("pods verified", "Node")]
)
def test_it_does_not_wait_for_stores_that_it_does_not_need(options: str, unsynced: str) -> None:
    stores = cluster(service("shop/web", "10.96.1.10"))
    stores.store(unsynced).synced = False
    assert ask(directive(stores, options), "web.shop.svc.cluster.local A").rcode == "NOERROR"


@pytest.mark.parametrize("qtype", ["AXFR", "IXFR"])
def test_a_transfer_is_refused(qtype: str) -> None:
    assert ask(directive(cluster()), f"cluster.local {qtype}").rcode == "REFUSED"


# The last one is about a name elsewhere, which nobody watches.
KINDS_OF_REPLY = [
    ("web.shop.svc.cluster.local A", Kind.ANSWER, math.inf),
    ("web.shop.svc.cluster.local TXT", Kind.NODATA, math.inf),
    ("nope.shop.svc.cluster.local A", Kind.NXDOMAIN, math.inf),
    ("mirror.data.svc.cluster.local A", Kind.NODATA, 0.0),
]


@pytest.mark.parametrize(("question", "kind", "fresh_until"), KINDS_OF_REPLY)
def test_replies_are_kept_by_no_cache_and_repeated_until_a_change(
    question: str, kind: Kind, fresh_until: float
) -> None:
    reply = reply_to(directive(coredns_answers.cluster(), coredns_answers.OPTIONS), question)
    assert (reply.response.kind, reply.cacheable, reply.source) == (kind, False, "kubernetes")
    assert (reply.fresh_until, reply.watched is not None) == (fresh_until, fresh_until > 0)


@pytest.mark.parametrize("name", ["nope.shop", "web.shop"])
def test_what_falls_through_to_watched_answers_is_about_both(name: str) -> None:
    stores = coredns_answers.cluster()
    behind = directive(stores, "").handle

    async def of_others(request: Request) -> Reply:
        return replace(await behind(request), watched=(b"\x05other",))

    reply = reply_to(directive(stores, "fallthrough", following=of_others), f"{name}.svc.cluster.local A")
    assert reply.watched == ((b"\x04nope\x04shop", b"\x05other") if name == "nope.shop" else (b"\x03web\x04shop",))
