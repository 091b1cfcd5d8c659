"""The search walk through whole server blocks: what reaches the upstream, and what an acl lets pass."""

from __future__ import annotations

from ipaddress import ip_address

import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from autopath import kubernetes
from autopath.service import DIRECTIVES
from clusterdns.cache.views import no_view_at
from clusterdns.corefile.parse import parse
from clusterdns.directives.assemble import Assembly, Maker, Site, assemble
from clusterdns.directives.chain import Handler
from clusterdns.directives.config import kubernetes as kubernetes_config
from clusterdns.directives.config.server import load
from clusterdns.directives.dispatch import Dispatcher
from clusterdns.directives.parts import Parts
from clusterdns.kube.pod_index import PodIndex
from clusterdns.kube.search_lists import KnownClients, NamespacesOff, PodSearchLists
from clusterdns.kube.store import Cluster
from clusterdns.listen.respond import VIEWED
from clusterdns.wire.names import name_from_text
from tests.support import messages
from tests.support.chain import FOUND, FakeHandler, Says
from tests.unit.autopath.objects import cluster, pod, service

POD = "10.244.0.1"
OTHER = "10.244.0.2"
STRANGER = "192.0.2.77"
ROOT_SOA = ". 86400 IN SOA a.root-servers.net. nstld.example. 1 1800 900 604800 900"
MISSING = Says(rcode="NXDOMAIN", authority=(ROOT_SOA,))

COREFILE = """
.:53 {
    %s
    autopath @kubernetes
    cache 30
    kubernetes cluster.local {
        manifests unused
        pods %s
    }
    forward . 192.0.2.53
}
"""


def kubernetes_maker(stores: Cluster) -> Maker:
    def make(config: kubernetes_config.Config, site: Site, following: Handler) -> Handler:
        pods = PodIndex(stores.pod_claims)
        clients = KnownClients(pods, stores.namespaces)
        site.search_lists = PodSearchLists(
            pods, NamespacesOff(stores.namespaces), name_from_text("cluster.local"), clients=clients
        )
        index = kubernetes.index_over(stores, config, wall_clock=lambda: 0.0)
        return kubernetes.Kubernetes(config, stores, index, pods, resolve=site.resolve, following=following).handle

    return make


class Server:
    """A server block over a small cluster; the upstream is a fake."""

    def __init__(self, upstream: dict[str, Says], line: str = "", pods: str = "verified") -> None:
        self.upstream = FakeHandler(upstream, otherwise=MISSING)
        self.stores = cluster(pod("shop/a", POD), pod("data/b", OTHER), service("shop/web", "10.96.0.1"))
        self.assembly: Assembly = assemble(
            load(parse(COREFILE % (line, pods), "Corefile", environ={}), DIRECTIVES),
            clock=lambda: 100.0,
            makers={"kubernetes": kubernetes_maker(self.stores), "forward": lambda *_: self.upstream.handle},
        )

    @property
    def dispatcher(self) -> Dispatcher:
        (dispatcher,) = (each for place, each in self.assembly.dispatchers.items() if place[0] == "0.0.0.0")
        return dispatcher

    def ask(self, name: str, qtype: str = "A", client: str = POD) -> tuple[str, list[str]]:
        late: list[bytes] = []
        query = messages.query(name, qtype)
        answer = self.dispatcher.respond_udp(query, (client, 5353), lambda message, _: late.append(message))
        read = dns.message.from_wire(answer or late[0], one_rr_per_rrset=True)
        return dns.rcode.to_text(read.rcode()), [
            f"{rrset.name} {dns.rdatatype.to_text(rrset.rdtype)} {rrset[0]}" for rrset in read.answer
        ]


# What a client asks, and what of it reaches the upstream.
QUESTIONS: dict[str, tuple[str, list[str]]] = {
    "a name of two labels": ("aliyun.com.shop.svc.cluster.local.", ["aliyun.com."]),
    "a name of many labels": ("a.b.c.example.com.shop.svc.cluster.local.", ["a.b.c.example.com."]),
    "one label": ("aliyun.shop.svc.cluster.local.", ["aliyun."]),
    "a Service of no namespace": ("web.nowhere.shop.svc.cluster.local.", ["web.nowhere."]),
    "a Service of another namespace": ("web.shop.shop.svc.cluster.local.", []),
    "a Service of this namespace": ("web.shop.svc.cluster.local.", []),
    "the search domain itself": ("shop.svc.cluster.local.", []),
    "the second search domain": ("svc.cluster.local.", []),
    "the zone": ("cluster.local.", []),
}


@pytest.mark.parametrize(("name", "asked"), QUESTIONS.values(), ids=QUESTIONS)
@pytest.mark.parametrize("upstream", [FOUND, MISSING], ids=["found", "missing"])
def test_names_that_can_not_be_the_cluster_s_cost_one_upstream_query(
    name: str, asked: list[str], upstream: Says
) -> None:
    server = Server(dict.fromkeys(asked, upstream))
    rcode, _ = server.ask(name)
    assert server.upstream.asked == asked
    assert rcode == ("NXDOMAIN" if asked and upstream is MISSING else "NOERROR")


def test_what_a_search_found_is_known_at_once_for_those_who_search_alike() -> None:
    server = Server({"aliyun.com.": FOUND})
    name = "aliyun.com.shop.svc.cluster.local."
    for client in (OTHER, POD, POD, POD):
        server.ask(name, client=client)
    query = messages.query(name)[2:]
    assert server.dispatcher.repeat(query) is VIEWED
    known = [server.dispatcher.repeat_to(query, ip_address(client).packed) for client in (POD, OTHER, "10.9.9.9")]
    assert [each is not None for each in known] == [True, False, False]
    server.stores.pod_claims.put(pod("data/c", POD))
    server.stores.pod_claims.delete(("shop", "a"))
    assert server.dispatcher.repeat_to(query, ip_address(POD).packed) is None
    server.ask("x.", client=POD)
    assert server.dispatcher.repeat_to(query, ip_address(POD).packed) is None


def test_with_the_search_lists_of_two_clusters_no_view_is_known_at_once() -> None:
    lists = Server({}).assembly.parts.search_lists
    both = Parts(search_lists=[*lists, *Server({}).assembly.parts.search_lists])
    assert both.new_packet_cache().view_at is no_view_at
    assert Parts(search_lists=lists).new_packet_cache().view_at == lists[0].view_at


def test_a_whole_search_that_finds_nothing_costs_one_upstream_query() -> None:
    server = Server({})
    for name in ("x.example.shop.svc.cluster.local.", "x.example.svc.cluster.local.", "x.example.cluster.local."):
        assert server.ask(name) == server.ask(name, "AAAA") == ("NXDOMAIN", [])
    assert server.ask("x.example.") == server.ask("x.example.", "AAAA") == ("NXDOMAIN", [])
    assert server.upstream.asked == ["x.example."]
    # Those of the cluster's zone are current by watch, and answered by it.
    assert [autopath.counters.remembered for _, autopath in server.assembly.parts.autopaths] == [2]


ASKED = "secret.example.shop.svc.cluster.local."
AT_BARE = ("NOERROR", [f"{ASKED} CNAME secret.example.", "secret.example. A 10.0.0.1"])
# Policies, and what the pod gets.
ACLS: dict[str, tuple[str, tuple[str, list[str]]]] = {
    "a blocked client": (f"acl secret.example {{\n block net {POD}\n }}", ("NXDOMAIN", [])),
    "another one of its namespace": ("acl secret.example {\n block net 10.244.9.0/24\n }", AT_BARE),
    "filtered": (f"acl secret.example {{\n filter net {POD}\n }}", ("NOERROR", [])),
    "by type": ("acl secret.example {\n block type A\n }", ("NXDOMAIN", [])),
    "another type": ("acl secret.example {\n block type AAAA\n }", AT_BARE),
    "its first question": (f"acl cluster.local {{\n block net {POD}\n }}", ("REFUSED", [])),
    "all it asks": (f"acl {{\n block net {POD}\n }}", ("REFUSED", [])),
}


@pytest.mark.parametrize(("line", "expected"), ACLS.values(), ids=ACLS)
def test_an_acl_sees_each_name_of_the_walk(line: str, expected: tuple[str, list[str]]) -> None:
    server = Server({"secret.example.": FOUND}, line)
    for _ in range(3):
        assert server.ask(ASKED) == expected


@pytest.mark.parametrize("first", [0, 1])
def test_a_client_that_an_acl_blocks_gets_nothing_that_others_walked_to(first: int) -> None:
    asked = ["secret.example.shop.svc.cluster.local.", "secret.example.data.svc.cluster.local."]
    server = Server({"secret.example.": FOUND}, f"acl secret.example {{\n block net {POD}\n }}")
    outcomes = {}
    for turn in (first, 1 - first, first, 1 - first):
        client = (POD, OTHER)[turn]
        outcomes[client] = server.ask(asked[turn], client=client)
        assert server.ask("secret.example.", client=POD)[0] == "REFUSED"
    assert outcomes[POD] == ("NXDOMAIN", [])
    assert outcomes[OTHER][0] == "NOERROR"


def test_an_unknown_client_is_not_searched_for() -> None:
    server = Server({"aliyun.com.": FOUND})
    assert server.ask("aliyun.com.shop.svc.cluster.local.", client=STRANGER) == ("NXDOMAIN", [])
    assert server.upstream.asked == []


def test_without_the_pods_nobody_is_searched_for() -> None:
    server = Server({"aliyun.com.": FOUND}, pods="insecure")
    assert server.ask("aliyun.com.shop.svc.cluster.local.") == ("NXDOMAIN", [])
    assert server.upstream.asked == []
