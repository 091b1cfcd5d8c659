"""A client's address to its search list: by its pod, and only while it is that pod's."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from ipaddress import ip_address

import pytest
from msgspec.structs import replace

from clusterdns.kube import search_lists
from clusterdns.kube.objects import Namespace
from clusterdns.kube.pod_index import PodIndex
from clusterdns.kube.search_lists import SWITCH, KnownClients, NamespacesOff, PodSearchLists
from clusterdns.kube.store import Cluster
from clusterdns.limits import AUTOPATH_VIEWS
from clusterdns.search.lists import OFF, UNKNOWN_VIEW, SearchList
from clusterdns.search.pod_resolver import SearchRules
from clusterdns.wire.names import name_from_text
from tests.unit.autopath.objects import cluster, pod

ZONE = name_from_text("cluster.local")


def lists_of(stores: Cluster) -> PodSearchLists:
    pods, namespaces = PodIndex(stores.pod_claims), stores.namespaces
    return PodSearchLists(pods, NamespacesOff(namespaces), ZONE, clients=KnownClients(pods, namespaces))


def expected(namespace: str) -> SearchList:
    domains = (f"{namespace}.svc.cluster.local", "svc.cluster.local", "cluster.local")
    return SearchList(namespace.encode(), tuple(map(name_from_text, domains)), ndots=5)


ROWS = [
    ("10.244.0.1", "shop"),
    ("fd00:10::1", "shop"),
    ("10.244.0.2", "data"),
    ("10.244.0.3", None),
    ("fd00:10:0::1", "shop"),
    ("192.168.0.5", None),  # a node's: any of its pods may ask from there
    ("", None),
]


@pytest.mark.parametrize(("client", "namespace"), ROWS)
def test_search_list_of(client: str, namespace: str | None) -> None:
    lists = lists_of(
        cluster(
            pod("shop/a", "10.244.0.1", "fd00:10::1"),
            pod("data/b", "10.244.0.2"),
            pod("data/host", "192.168.0.5", host_network=True),
        )
    )
    assert lists.search_list_of(client) == (expected(namespace) if namespace else None)


def test_an_address_that_is_reused_gets_its_new_pods_list() -> None:
    first, second = pod("shop/a", "10.244.0.1"), pod("data/b", "10.244.0.1")
    stores = cluster(first)
    lists = lists_of(stores)
    assert lists.search_list_of("10.244.0.1") == expected("shop")
    stores.pod_claims.put(replace(first, phase="Succeeded"))
    assert lists.search_list_of("10.244.0.1") is None
    stores.pod_claims.put(second)
    assert lists.search_list_of("10.244.0.1") == expected("data")


# The annotation of the pod, that of its namespace, and whether the pod's searches are walked.
SWITCHES = [
    (None, None, True),
    ("off", None, False),
    ("on", None, True),
    ("OFF", None, True),
    (None, "off", False),
    (None, "on", True),
    ("on", "off", True),
    ("off", "on", False),
]


@pytest.mark.parametrize(("of_pod", "of_namespace", "is_on"), SWITCHES)
def test_off_switch(of_pod: str | None, of_namespace: str | None, is_on: bool) -> None:
    stores = cluster(pod("shop/a", "10.244.0.1"), pod("data/b", "10.244.0.2"))
    lists = lists_of(stores)
    if of_namespace:
        stores.namespaces.put(Namespace(name="shop", annotations={SWITCH: of_namespace}))
    if of_pod:
        switched = replace(pod("shop/a", "10.244.0.1"), annotations={SWITCH: of_pod})
        stores.pod_claims.put(switched)
    assert lists.search_list_of("10.244.0.1") == (expected("shop") if is_on else OFF)
    assert lists.search_list_of("10.244.0.2") == expected("data")


def test_a_namespace_is_switched_on_again() -> None:
    stores = cluster(pod("shop/a", "10.244.0.1"))
    stores.namespaces.put(Namespace(name="shop", annotations={SWITCH: "off"}))
    lists = lists_of(stores)
    assert lists.search_list_of("10.244.0.1") == OFF
    stores.namespaces.put(Namespace(name="shop"))
    assert lists.search_list_of("10.244.0.1") == expected("shop")


CORP, TOOLS = name_from_text("corp.example"), name_from_text("tools.example")
# The pod's policy and its own searches; the host's domains that names with a dot are not searched along.
GUARDED = [
    ("ClusterFirst", (), {CORP, TOOLS}),
    ("ClusterFirst", ("tools.example",), {CORP}),
    ("ClusterFirst", ("Corp.Example.", "tools.example"), set()),
    ("None", ("tools.example",), {CORP}),
    ("Default", (), {CORP, TOOLS}),
]


@pytest.mark.parametrize(("policy", "searches", "guarded"), GUARDED)
def test_domains_of_the_host_that_a_pod_names_itself_are_its_own(
    policy: str, searches: tuple[str, ...], guarded: set[bytes]
) -> None:
    settled = replace(pod("shop/a", "10.244.0.1"), dns_policy=policy, dns_searches=searches)
    stores = cluster(settled)
    host = SearchRules((CORP, TOOLS), 1)
    for guards in (True, False):
        lists = PodSearchLists(
            PodIndex(stores.pod_claims), NamespacesOff(stores.namespaces), ZONE, host, guards_host=guards
        )
        known = lists.search_list_of("10.244.0.1")
        assert known is not None
        assert known.guarded == (guarded if guards else set())


def test_a_namespace_that_is_no_label_has_no_search_list() -> None:
    assert lists_of(cluster(pod("n" * 64 + "/a", "10.244.0.1"))).search_list_of("10.244.0.1") is None


def test_the_names_of_a_namespace_are_made_once() -> None:
    lists = lists_of(cluster(pod("shop/a", "10.244.0.1"), pod("shop/b", "10.244.0.2")))
    assert lists.search_list_of("10.244.0.1") is lists.search_list_of("10.244.0.2")


A = pod("shop/a", "10.244.0.1", "fd00:10::1")

# What happens after both of its addresses have asked; the views that are known at once for them then.
VIEWS: dict[str, tuple[Callable[[Cluster], None], list[bytes | None]]] = {
    "nothing": (lambda stores: None, [b"shop", b"shop"]),
    "another pod comes": (lambda stores: stores.pod_claims.put(pod("data/b", "10.244.0.2")), [b"shop", b"shop"]),
    "it goes": (lambda stores: stores.pod_claims.delete(("shop", "a")), [None, None]),
    "it ends": (lambda stores: stores.pod_claims.put(replace(A, phase="Succeeded")), [None, None]),
    "it changes": (lambda stores: stores.pod_claims.put(replace(A, annotations={SWITCH: "off"})), [None, None]),
    "one address has a claim of another": (
        lambda stores: stores.pod_claims.put(pod("data/b", "10.244.0.1")),
        [None, b"shop"],
    ),
    "its namespace changes": (
        lambda stores: stores.namespaces.put(Namespace(name="shop", annotations={SWITCH: "off"})),
        [None, None],
    ),
}


@pytest.mark.parametrize(("change", "views"), VIEWS.values(), ids=VIEWS)
def test_the_view_of_a_client_that_has_asked(change: Callable[[Cluster], None], views: list[bytes | None]) -> None:
    stores = cluster(A, Namespace(name="shop"))
    lists = lists_of(stores)
    addresses = [ip_address(text) for text in ("10.244.0.1", "fd00:10::1")]
    assert [lists.view_at(address.packed) for address in addresses] == [None, None]
    for address in addresses:
        lists.search_list_of(str(address))
    change(stores)
    assert [lists.view_at(address.packed) for address in addresses] == views
    # And then it is what it would be without that.
    for address in addresses:
        known = lists.search_list_of(str(address))
        assert lists.view_at(address.packed) == (known.view if known else None)


def test_the_view_of_clients_that_want_no_search() -> None:
    lists = lists_of(cluster(replace(A, annotations={SWITCH: "off"})))
    lists.search_list_of("10.244.0.1")
    assert lists.view_at(ip_address("10.244.0.1").packed) == UNKNOWN_VIEW


def test_of_clients_that_are_not_known_nothing_is_kept() -> None:
    lists = lists_of(cluster(A))
    lists.search_list_of("10.244.9.9")
    assert lists.view_at(ip_address("10.244.9.9").packed) is None


def test_where_nobody_tells_of_changes_no_view_is_known_at_once() -> None:
    stores = cluster(A)
    lists = PodSearchLists(PodIndex(stores.pod_claims), NamespacesOff(stores.namespaces), ZONE)
    assert lists.search_list_of("10.244.0.1") == expected("shop")
    assert lists.view_at(ip_address("10.244.0.1").packed) is None


def test_the_views_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_lists, "AUTOPATH_VIEWS", dataclasses.replace(AUTOPATH_VIEWS, default=3))
    texts = [f"10.244.0.{number}" for number in range(1, 8)]
    lists = lists_of(cluster(*(pod(f"shop/p{number}", text) for number, text in enumerate(texts))))
    for text in texts:
        lists.search_list_of(text)
        known = [each for each in texts if lists.view_at(ip_address(each).packed) is not None]
        assert text in known
        assert len(known) <= 3
