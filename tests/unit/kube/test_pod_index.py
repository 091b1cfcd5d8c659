"""Which pod owns a client address: rows of histories, and random histories against an obvious oracle."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.kube.lean import CLAIMS, OWN_ANNOTATIONS, claim_of
from clusterdns.kube.objects import Pod, PodClaim
from clusterdns.kube.pod_index import PodIndex
from clusterdns.kube.store import Store

V4, V6, OTHER = "10.244.1.20", "fd00:10:244:1::14", "10.244.1.21"


def pod(name: str, *ips: str, phase: str = "Running", **fields: Any) -> Pod:
    return Pod(name=name, namespace="n", uid=fields.pop("uid", name), ips=ips, phase=phase, **fields)


OLD = pod("old", V4, started="2026-11-22T00:00:00Z")
OLD_GOING = pod("old", V4, started="2026-11-22T00:00:00Z", terminating=True)
OLD_DONE = pod("old", V4, started="2026-11-22T00:00:00Z", phase="Succeeded")
NEW = pod("new", V4, started="2026-11-22T00:05:00Z")
NEW_STARTING = pod("new", V4, phase="Pending", started="2026-11-22T00:05:00Z")
DUAL = pod("dual", V4, V6)
HOST = pod("host", V4, host_network=True)

# History (a pod is put, a name is deleted), then owner by address.
HISTORIES: list[tuple[str, list[Pod | str], dict[str, str | None]]] = [
    ("nobody", [], {V4: None}),
    ("one pod", [OLD], {V4: "old", OTHER: None}),
    ("every address of a dual-stack pod", [DUAL], {V4: "dual", V6: "dual"}),
    ("no address yet", [pod("young", phase="Pending")], {V4: None}),
    ("address comes later", [pod("late", phase="Pending"), pod("late", V4)], {V4: "late"}),
    ("address changes (sandbox was made anew)", [OLD, pod("old", OTHER)], {V4: None, OTHER: "old"}),
    ("deleted", [OLD, "old"], {V4: None}),
    ("host network never owns", [HOST], {V4: None}),
    ("host network does not hide a pod", [HOST, OLD], {V4: "old"}),
    ("finished", [OLD, OLD_DONE], {V4: None}),
    ("failed", [pod("old", V4, phase="Failed")], {V4: None}),
    ("going, still the only one", [OLD, OLD_GOING], {V4: "old"}),
    ("reused: delete, then add", [OLD, "old", NEW], {V4: "new"}),
    ("reused: add before delete", [OLD, NEW], {V4: "new"}),
    ("reused: add, then delete of the old", [OLD, NEW, "old"], {V4: "new"}),
    ("reused: the later start is told first", [NEW, OLD], {V4: "new"}),
    ("reused: the new one goes first", [OLD, NEW, "new"], {V4: "old"}),
    ("going loses to one that starts", [OLD_GOING, NEW_STARTING], {V4: "new"}),
    ("running wins over a later one that starts", [OLD, NEW_STARTING], {V4: "old"}),
    ("the old one starts to go", [OLD, NEW_STARTING, OLD_GOING], {V4: "new"}),
    ("the old one finishes", [OLD, NEW_STARTING, OLD_DONE], {V4: "new"}),
    ("same name, new life (StatefulSet)", [OLD, pod("old", V4, uid="second")], {V4: "old"}),
    ("same name, new life, other address", [OLD, pod("old", OTHER, uid="second")], {V4: None, OTHER: "old"}),
    ("one of two addresses is reused", [DUAL, NEW], {V4: "new", V6: "dual"}),
    ("and given back", [DUAL, NEW, "new"], {V4: "dual", V6: "dual"}),
    ("no start time loses", [pod("unknown", V4), OLD], {V4: "old"}),
]


@pytest.mark.parametrize(("history", "owners"), [row[1:] for row in HISTORIES], ids=[row[0] for row in HISTORIES])
def test_histories(history: list[Pod | str], owners: dict[str, str | None]) -> None:
    store: Store[PodClaim] = Store("Pod", CLAIMS)
    index = PodIndex(store)
    for step in history:
        if isinstance(step, Pod):
            store.put(step)
        else:
            store.delete(("n", step))
    found = {address: index.pod_at(address) for address in owners}
    assert {address: each.name if each else None for address, each in found.items()} == owners
    assert len(index) == sum(owner is not None for owner in owners.values())


def test_answers_with_the_pod_as_it_is_now() -> None:
    store: Store[PodClaim] = Store("Pod", CLAIMS)
    index = PodIndex(store)
    store.put(OLD)
    annotated = pod("old", V4, started=OLD.started, annotations={f"{OWN_ANNOTATIONS}x": "y", "other/x": "z"})
    store.put(annotated)
    owner = index.pod_at(V4)
    assert owner is not None
    assert owner.annotations == ((f"{OWN_ANNOTATIONS}x", "y"),)


def test_made_after_the_store_was_filled() -> None:
    store: Store[PodClaim] = Store("Pod", CLAIMS)
    store.replace([OLD, DUAL])
    assert PodIndex(store).pod_at(V6) == claim_of(DUAL)


PODS = st.builds(
    pod,
    st.sampled_from("abcd"),
    st.sampled_from([V4, V6, OTHER]),
    phase=st.sampled_from(["Pending", "Running", "Succeeded", "Failed"]),
    terminating=st.booleans(),
    host_network=st.booleans(),
    started=st.sampled_from(["", "2026-11-22T00:00:00Z", "2026-11-22T00:05:00Z"]),
    uid=st.sampled_from(["u1", "u2"]),
)


@given(st.lists(PODS | st.sampled_from("abcd"), max_size=30), st.randoms(use_true_random=False))
def test_history_does_not_matter(history: list[Pod | str], shuffle: random.Random) -> None:
    """After any history the index is what it would be had it seen only the pods that are left, in any order."""
    store: Store[PodClaim] = Store("Pod", CLAIMS)
    index = PodIndex(store)
    left: dict[str, Pod] = {}
    for step in history:
        if isinstance(step, Pod):
            store.put(step)
            left[step.name] = step
        else:
            store.delete(("n", step))
            left.pop(step, None)
    for address in (V4, V6, OTHER):
        claims = [each for each in left.values() if address in each.ips and not each.host_network and not each.finished]
        shuffle.shuffle(claims)
        found = index.pod_at(address)
        if not claims:
            assert found is None
            continue
        assert found is not None
        owner = left[found.name]
        assert owner in claims
        assert not owner.terminating or all(each.terminating for each in claims)
        rivals = [each for each in claims if each.terminating == owner.terminating]
        assert owner.phase == "Running" or all(each.phase != "Running" for each in rivals)
        assert all(each.started <= owner.started for each in rivals if each.phase == owner.phase)
