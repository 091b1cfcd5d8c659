"""Stores: what listeners are told for each change."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clusterdns.kube.kinds import KINDS
from clusterdns.kube.objects import Pod
from clusterdns.kube.store import Cluster, Store

A1, A2, B1, C1 = (
    Pod(name="a", namespace="n", resource_version="1"),
    Pod(name="a", namespace="n", resource_version="2"),
    Pod(name="b", namespace="n", resource_version="1"),
    Pod(name="c", namespace="n", resource_version="1"),
)
Told = list[tuple[Pod | None, Pod | None]]

CHANGES: list[tuple[str, Callable[[Store[Pod]], None], Told, list[Pod]]] = [
    ("put of a new object", lambda store: store.put(C1), [(None, C1)], [A1, B1, C1]),
    ("put of a changed object", lambda store: store.put(A2), [(A1, A2)], [A2, B1]),
    ("put of an equal object", lambda store: store.put(Pod(name="a", namespace="n", resource_version="1")), [],
     [A1, B1]),
    ("delete", lambda store: store.delete(("n", "a")), [(A1, None)], [B1]),
    ("delete of what is not here", lambda store: store.delete(("n", "z")), [], [A1, B1]),
    ("replace tells differences", lambda store: store.replace([A2, C1]), [(A1, A2), (None, C1), (B1, None)], [A2, C1]),
    ("replace by nothing", lambda store: store.replace([]), [(A1, None), (B1, None)], []),
    ("keep", lambda store: store.keep({("n", "b")}), [(A1, None)], [B1]),
]  # fmt: skip


@pytest.mark.parametrize(("change", "told", "left"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_changes(change: Callable[[Store[Pod]], None], told: Told, left: list[Pod]) -> None:
    store: Store[Pod] = Store("Pod")
    store.put(A1)
    store.put(B1)
    heard: Told = []
    store.subscribe(lambda old, new: heard.append((old, new)))
    assert heard == [(None, A1), (None, B1)]
    heard.clear()
    change(store)
    assert heard == told
    assert list(store) == left
    assert len(store) == len(left)


def test_synced_by_a_whole_list_only() -> None:
    store: Store[Pod] = Store("Pod")
    told: list[bool] = []
    store.subscribe_synced(told.append)
    store.put(A1)
    assert told == [False]
    store.replace([])
    assert told == [False, True]
    for _ in store.forget():
        pass
    assert told == [False, True, False]
    assert not store.synced


def test_listener_sees_the_store_after_the_change() -> None:
    store: Store[Pod] = Store("Pod")
    seen: list[Pod | None] = []
    store.subscribe(lambda old, new: seen.append(store.get("n", "a")))
    store.put(A1)
    store.put(A2)
    store.delete(A2.key)
    assert seen == [A1, A2, None]


def test_iteration_survives_a_change() -> None:
    store: Store[Pod] = Store("Pod")
    store.replace([A1, B1, C1])
    for each in store:
        store.delete(each.key)
    assert len(store) == 0


def test_every_kind_has_a_store() -> None:
    cluster = Cluster()
    assert {kind: cluster.store(kind).kind for kind in KINDS} == {kind: kind for kind in KINDS}
    assert cluster.store("Pod") is cluster.pods
