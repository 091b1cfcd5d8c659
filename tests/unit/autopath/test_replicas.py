"""Several replicas agree: what is answered depends on what the cluster holds, not on the order in which it was told."""

from __future__ import annotations

import random

import pytest

from clusterdns.kube.objects import EndpointPort, KubeObject, Namespace, ServicePort
from clusterdns.kube.store import Cluster
from tests.unit.autopath.asking import Answer, ask, directive
from tests.unit.autopath.objects import cluster, endpoint, external, pod, service, slice_of

OBJECTS: list[KubeObject] = [
    Namespace(name="shop"),
    Namespace(name="data"),
    service("shop/web", "10.96.0.1", "fd00::1", ports=(ServicePort("http", 80), ServicePort("dns", 53, "UDP"))),
    # Nothing keeps manifests from giving one address to two, and a watch sees one before the other is gone.
    service("shop/old", "10.96.0.1"),
    service("data/other", "10.96.0.1"),
    service("shop/db"),
    service("data/db"),
    external("shop/out", "web.shop.svc.cluster.local"),
    slice_of("shop/db", endpoint("10.244.0.1", hostname="a"), endpoint("10.244.0.2"), name="a"),
    slice_of("shop/db", endpoint("10.244.0.2"), endpoint("10.244.0.3", hostname="a"), name="b"),
    slice_of("shop/db", endpoint("10.244.0.4"), name="c", ports=(EndpointPort("metrics", 9000),)),
    slice_of("data/db", endpoint("10.244.0.1", hostname="a")),
    pod("shop/a", "10.244.0.1", "fd00::7"),
    pod("data/a", "10.244.0.1"),
    pod("data/b", "10.244.0.2"),
]
QUESTIONS = [
    f"{name}.cluster.local. {qtype}"
    for name in (
        "web.shop.svc", "old.shop.svc", "db.shop.svc", "db.data.svc", "a.db.shop.svc", "out.shop.svc", "none.shop.svc",
        "10-244-0-2.db.shop.svc", "_http._tcp.web.shop.svc", "_http._tcp.db.shop.svc", "10-244-0-1.shop.pod",
        "10-244-0-1.data.pod", "10-244-0-2.data.pod", "shop.svc", "svc"
    )
    for qtype in ("A", "AAAA", "SRV")
] + [f"{number}.0.{net}.in-addr.arpa. PTR" for number in range(5) for net in ("244.10", "96.10")]  # fmt: skip


def _fed(seed: int) -> Cluster:
    """The objects in some order, with a past: some come, go and come again."""
    dice = random.Random(seed)
    stores = cluster(namespaces=())
    objects = dice.sample(OBJECTS, len(OBJECTS))
    for each in dice.sample(objects, 5):
        stores.store(type(each).__name__).put(each)
    for each in objects:
        store = stores.store(type(each).__name__)
        if dice.random() < 0.3:
            store.delete(each.key)
        store.put(each)
    return stores


def _unordered(answer: Answer) -> Answer:
    """loadbalance gives records another order for each answer."""
    return Answer(
        answer.rcode, answer.flags, sorted(answer.answer), sorted(answer.authority), sorted(answer.additional)
    )


def _answers(stores: Cluster) -> dict[str, Answer]:
    handler = directive(stores, "pods verified")
    return {question: _unordered(ask(handler, question)) for question in QUESTIONS}


EXPECTED = _answers(_fed(0))


@pytest.mark.parametrize("seed", range(1, 40))
def test_the_order_of_what_was_told_makes_no_difference(seed: int) -> None:
    assert _answers(_fed(seed)) == EXPECTED


def test_the_questions_have_answers() -> None:
    assert sum(bool(answer.answer) for answer in EXPECTED.values()) > 15
