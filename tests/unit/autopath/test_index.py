"""The answers follow the stores: each row changes something, and asks before and after."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from autopath.index import ClusterIndex
from clusterdns.kube.objects import EndpointSlice, Key, KubeObject, Namespace, Service
from clusterdns.kube.store import Cluster
from tests.unit.autopath.asking import ask, directive
from tests.unit.autopath.objects import cluster, endpoint, external, pod, service, slice_of

Change = Callable[[Cluster], None]
OPTIONS = "pods verified\nendpoint_pod_names\nttl 30"


def put(*objects: KubeObject) -> Change:
    def change(stores: Cluster) -> None:
        for each in objects:
            stores.store(type(each).__name__).put(each)

    return change


def delete(kind: str, *keys: Key) -> Change:
    def change(stores: Cluster) -> None:
        for key in keys:
            stores.store(kind).delete(key)

    return change


def both(*changes: Change) -> Change:
    def change(stores: Cluster) -> None:
        for each in changes:
            each(stores)

    return change


WEB = "web.shop.svc.cluster.local"
DB = "db.data.svc.cluster.local"
DB_SLICE = slice_of("data/db", endpoint("10.244.1.1", hostname="db-0"), endpoint("10.244.1.2", hostname="db-1"))

# (name, change, question, answer before, answer after); an rcode where there is no answer.
CHANGES: list[tuple[str, Change, str, list[str] | str, list[str] | str]] = [
    (
        "service added",
        put(service("shop/new", "10.96.9.9")),
        "new.shop.svc.cluster.local A",
        "NXDOMAIN",
        ["A 10.96.9.9"],
    ),
    (
        "its address",
        put(service("shop/new", "10.96.9.9")),
        "9.9.96.10.in-addr.arpa PTR",
        "NXDOMAIN",
        ["PTR new.shop.svc.cluster.local."],
    ),
    ("service changed", put(service("shop/web", "10.96.1.99")), f"{WEB} A", ["A 10.96.1.10"], ["A 10.96.1.99"]),
    (
        "its old address",
        put(service("shop/web", "10.96.1.99")),
        "10.1.96.10.in-addr.arpa PTR",
        [f"PTR {WEB}."],
        "NXDOMAIN",
    ),
    ("second family added", put(service("shop/web", "10.96.1.10", "fd00::1")), f"{WEB} AAAA", [], ["AAAA fd00::1"]),
    ("service removed", delete("Service", ("shop", "web")), f"{WEB} A", ["A 10.96.1.10"], "NXDOMAIN"),
    (
        "its address goes",
        delete("Service", ("shop", "web")),
        "10.1.96.10.in-addr.arpa PTR",
        [f"PTR {WEB}."],
        "NXDOMAIN",
    ),
    ("its endpoints' names go", delete("Service", ("data", "db")), f"db-0.{DB} A", ["A 10.244.1.1"], "NXDOMAIN"),
    (
        "their addresses too",
        delete("Service", ("data", "db")),
        "1.1.244.10.in-addr.arpa PTR",
        [f"PTR db-0.{DB}."],
        "NXDOMAIN",
    ),
    (
        "service removed and made again, its slice there all the time",
        both(delete("Service", ("data", "db")), put(service("data/db"))),
        f"{DB} A",
        ["A 10.244.1.1", "A 10.244.1.2"],
        ["A 10.244.1.1", "A 10.244.1.2"],
    ),
    ("becomes ExternalName", put(external("shop/web", "example.org")), f"{WEB} CNAME", [], ["CNAME example.org."]),
    ("becomes headless, without slices", put(service("shop/web")), f"{WEB} A", ["A 10.96.1.10"], "NXDOMAIN"),
    (
        "an address reused: new owner seen first",
        both(put(service("shop/new", "10.96.1.10")), delete("Service", ("shop", "web"))),
        "10.1.96.10.in-addr.arpa PTR",
        [f"PTR {WEB}."],
        ["PTR new.shop.svc.cluster.local."],
    ),
    (
        "endpoint no longer ready",
        put(
            msgspec.structs.replace(
                DB_SLICE, endpoints=(endpoint("10.244.1.1", hostname="db-0", ready=False), DB_SLICE.endpoints[1])
            )
        ),
        f"{DB} A",
        ["A 10.244.1.1", "A 10.244.1.2"],
        ["A 10.244.1.2"],
    ),
    (
        "its reverse name goes with it",
        put(msgspec.structs.replace(DB_SLICE, endpoints=(endpoint("10.244.1.1", hostname="db-0", ready=False),))),
        "1.1.244.10.in-addr.arpa PTR",
        [f"PTR db-0.{DB}."],
        "NXDOMAIN",
    ),
    (
        "headless becomes empty",
        put(msgspec.structs.replace(DB_SLICE, endpoints=())),
        f"{DB} A",
        ["A 10.244.1.1", "A 10.244.1.2"],
        "NXDOMAIN",
    ),
    ("slice removed", delete("EndpointSlice", ("data", "db-a")), f"{DB} TXT", [], "NXDOMAIN"),
    (
        "slice moves to another service",
        put(msgspec.structs.replace(DB_SLICE, service="web2")),
        f"db-0.{DB} A",
        ["A 10.244.1.1"],
        "NXDOMAIN",
    ),
    (
        "its new service has it",
        both(put(msgspec.structs.replace(DB_SLICE, service="web2")), put(service("data/web2"))),
        "2.1.244.10.in-addr.arpa PTR",
        [f"PTR db-1.{DB}."],
        ["PTR db-1.web2.data.svc.cluster.local."],
    ),
    (
        "slice moves and comes back",
        both(put(msgspec.structs.replace(DB_SLICE, service="web2")), put(DB_SLICE)),
        "2.1.244.10.in-addr.arpa PTR",
        [f"PTR db-1.{DB}."],
        [f"PTR db-1.{DB}."],
    ),
    (
        "endpoint moves between slices: for a while it is in both, and answered once",
        put(slice_of("data/db", endpoint("10.244.1.1", hostname="db-0"), name="b")),
        f"{DB} A",
        ["A 10.244.1.1", "A 10.244.1.2"],
        ["A 10.244.1.1", "A 10.244.1.2"],
    ),
    (
        "and it stays when it leaves the first",
        both(
            put(slice_of("data/db", endpoint("10.244.1.1", hostname="db-0"), name="b")),
            put(msgspec.structs.replace(DB_SLICE, endpoints=DB_SLICE.endpoints[1:])),
        ),
        "1.1.244.10.in-addr.arpa PTR",
        [f"PTR db-0.{DB}."],
        [f"PTR db-0.{DB}."],
    ),
    (
        "an endpoint of two services has two names",
        both(put(service("shop/all")), put(slice_of("shop/all", endpoint("10.244.1.1", hostname="x")))),
        "1.1.244.10.in-addr.arpa PTR",
        [f"PTR db-0.{DB}."],
        [f"PTR db-0.{DB}.", "PTR x.all.shop.svc.cluster.local."],
    ),
    (
        "and one again when the other goes",
        both(
            put(service("shop/all"), slice_of("shop/all", endpoint("10.244.1.1", hostname="x"))),
            delete("EndpointSlice", ("shop", "all-a")),
        ),
        "1.1.244.10.in-addr.arpa PTR",
        [f"PTR db-0.{DB}."],
        [f"PTR db-0.{DB}."],
    ),
    (
        "slice turns into one of host names",
        put(msgspec.structs.replace(DB_SLICE, address_type="FQDN")),
        f"{DB} A",
        ["A 10.244.1.1", "A 10.244.1.2"],
        "NXDOMAIN",
    ),
    ("namespace added", put(Namespace(name="late")), "late.svc.cluster.local A", "NXDOMAIN", []),
    ("namespace removed", delete("Namespace", ("", "data")), "data.svc.cluster.local A", [], "NXDOMAIN"),
    ("namespace relabelled", put(Namespace(name="data", labels={"a": "b"})), "data.svc.cluster.local A", [], []),
    (
        "pod moves",
        put(pod("shop/p", "10.244.5.6")),
        "10-244-5-5.shop.pod.cluster.local A",
        ["A 10.244.5.5"],
        "NXDOMAIN",
    ),
    ("pod removed", delete("Pod", ("shop", "p")), "10-244-5-5.shop.pod.cluster.local A", ["A 10.244.5.5"], "NXDOMAIN"),
]


def stores_before() -> Cluster:
    return cluster(service("shop/web", "10.96.1.10"), service("data/db"), DB_SLICE, pod("shop/p", "10.244.5.5"))


@pytest.mark.parametrize(
    ("change", "question", "before", "after"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES]
)
def test_the_answers_follow_the_stores(
    change: Change, question: str, before: list[str] | str, after: list[str] | str
) -> None:
    stores = stores_before()
    handler = directive(stores, OPTIONS)
    assert told(handler, question) == before
    change(stores)
    assert told(handler, question) == after
    # A program that starts now sees the same.
    assert told(directive(stores, OPTIONS), question) == after


def told(handler: object, question: str) -> list[str] | str:
    got = ask(handler, question)  # type: ignore[arg-type]
    return got.rcode if got.rcode != "NOERROR" else sorted(got.rdata())


def test_nothing_is_left_behind() -> None:
    stores = stores_before()
    index = ClusterIndex(stores, wall_clock=lambda: 1.0)
    stores.endpoint_slices.put(msgspec.structs.replace(DB_SLICE, service="web2"))
    for kind in ("Service", "EndpointSlice", "Namespace"):
        stores.store(kind).replace([])
    assert index.services == {}
    assert index.namespaces == set()
    assert (len(index.services_at), len(index.slices_at)) == (0, 0)


def test_an_endpoint_that_stays_costs_nothing_when_its_slice_changes() -> None:
    stores = stores_before()
    index = ClusterIndex(stores, wall_clock=lambda: 1.0)
    (before,) = index.slices_at.at("10.244.1.1")
    stores.endpoint_slices.put(msgspec.structs.replace(DB_SLICE, endpoints=DB_SLICE.endpoints[:1]))
    assert index.slices_at.at("10.244.1.1") == (before,)
    assert index.slices_at.at("10.244.1.2") == ()


def test_objects_that_no_question_can_name_are_left_out() -> None:
    stores = cluster(
        service("shop/" + "w" * 64, "10.96.1.1"),
        slice_of("shop/" + "w" * 64, endpoint("10.244.0.1")),
        slice_of("shop/", endpoint("10.244.0.2")),
        slice_of("shop/bad", endpoint("not an address"), endpoint("10.244.0.3")),
        service("shop/bad"),
    )
    handler = directive(stores, OPTIONS)
    assert ask(handler, "1.1.96.10.in-addr.arpa PTR").rcode == "NXDOMAIN"
    assert ask(handler, "1.0.244.10.in-addr.arpa PTR").rcode == "NXDOMAIN"
    assert ask(handler, "2.0.244.10.in-addr.arpa PTR").rcode == "NXDOMAIN"
    assert ask(handler, "bad.shop.svc.cluster.local A").rdata() == ["A 10.244.0.3"]


def test_the_serial_is_the_second_behind_the_last_change() -> None:
    now = [1000.5]
    stores = stores_before()
    index = ClusterIndex(stores, wall_clock=lambda: now[0])
    assert index.serial == 1001
    for second, change in enumerate(
        (put(service("shop/new", "10.1.1.1")), delete("EndpointSlice", ("data", "db-a"))), 2
    ):
        now[0] = second * 1000
        change(stores)
        assert index.serial == second * 1000 + 1


TRIGGERED = msgspec.structs.replace(DB_SLICE, triggered=995.0)

# (Service, whether slices are synced, slices one after the other, durations measured at 1000)
PROGRAMMING: list[tuple[str, Service, bool, list[EndpointSlice], int, float]] = [
    ("a change of a headless Service", service("data/db"), True, [TRIGGERED], 1, 5.0),
    ("the same change again", service("data/db"), True, [TRIGGERED, TRIGGERED], 1, 5.0),
    ("a change that does not say", service("data/db"), True, [DB_SLICE], 0, 0.0),
    ("two changes", service("data/db"), True, [TRIGGERED, msgspec.structs.replace(TRIGGERED, triggered=997.0)], 2, 8.0),
    ("a clock that is ahead", service("data/db"), True, [msgspec.structs.replace(TRIGGERED, triggered=2000.0)], 1, 0.0),
    ("a Service with a cluster IP", service("data/db", "10.96.2.2"), True, [TRIGGERED], 0, 0.0),
    ("the first list", service("data/db"), False, [TRIGGERED], 0, 0.0),
]


@pytest.mark.parametrize(
    ("of", "synced", "slices", "count", "total"), [row[1:] for row in PROGRAMMING], ids=[row[0] for row in PROGRAMMING]
)
def test_programming_latency(of: Service, synced: bool, slices: list[EndpointSlice], count: int, total: float) -> None:
    stores = cluster(of)
    stores.endpoint_slices.synced = synced
    index = ClusterIndex(stores, wall_clock=lambda: 1000.0)
    for each in slices:
        stores.endpoint_slices.put(each)
    assert (sum(index.programming_durations.counts), index.programming_durations.total) == (count, total)
