"""A process that answers from shared memory answers as the one that watches would, after each change."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopath.kubernetes import Kubernetes
from autopath.shared_keys import IndexKeys
from clusterdns.daemon.shared_table import SMALLEST, SharedTable, Unreadable
from clusterdns.kube.objects import KubeObject, Namespace, Pod
from clusterdns.kube.search_lists import SWITCH
from clusterdns.limits import SHARED_ROWS
from clusterdns.wire.names import name_from_text
from clusterdns.wire.records import Record
from tests.support import coredns_answers
from tests.unit.autopath.asking import Answer, Elsewhere, ask, config
from tests.unit.autopath.objects import cluster, endpoint, pod, service, slice_of
from tests.unit.autopath.oracle_terms import REVERSE, SET, ZONE, Options, pointer
from tests.unit.autopath.sharing import handler_over, shared
from tests.unit.autopath.test_against_oracle import NAMESPACES, SERVICES, V4, V6, clusters, filled, options

ZONES = f"{ZONE} {SET} {' '.join(REVERSE)}"
QUESTIONS = (
    *(f"{name}.{namespace}.svc.{zone}" for name in SERVICES for namespace in NAMESPACES for zone in (ZONE, SET)),
    *(f"{front}.{name}.shop.svc.{ZONE}" for name in SERVICES for front in ("db-0", "_http._tcp", "a.prefer._zone")),
    *(f"{address}.{namespace}.pod.{ZONE}" for namespace in NAMESPACES for address in ("10-0-0-1", "fd00--1")),
    *(f"{namespace}.svc.{ZONE}" for namespace in (*NAMESPACES, "elsewhere")),
    *map(pointer, (*V4, *V6, *(f"10.96.0.{number}" for number in range(1, 9)))),
    ZONE,
)


def step(objects: list[KubeObject], wanted: list[KubeObject], seed: int) -> list[tuple[str, KubeObject]]:
    """The changes that make `wanted` of `objects`, in any order."""
    after = {(type(each).__name__, each.key): each for each in wanted}
    gone = [("delete", each) for each in objects if (type(each).__name__, each.key) not in after]
    changes = [*gone, *(("put", each) for each in wanted)]
    random.Random(seed).shuffle(changes)
    return changes


def transferred(handler: Kubernetes, zone: str) -> tuple[Record, int, list[Record]]:
    found = handler.contents(name_from_text(zone))
    return found.soa, found.serial, list(found.records())


@settings(max_examples=15, deadline=None)
@given(clusters(), clusters(), options, st.sampled_from([(), ("10.0.0.1",), ("10.0.0.2", "fd00::1")]), st.integers(0))
def test_any_history(
    first: list[KubeObject], second: list[KubeObject], chosen: Options, own: tuple[str, ...], seed: int
) -> None:
    stores = filled(first)
    dice = random.Random(seed)
    with shared(stores, config(chosen.lines(), ZONES)) as sources:
        behind = Elsewhere().handle
        mine, theirs = (handler_over(each, config(chosen.lines(), ZONES), behind, behind, own) for each in sources)
        for what, each in [("nothing", first[0]), *step(first, second, seed)]:
            store = stores.store(type(each).__name__)
            if what == "put":
                store.put(each)
            elif what == "delete":
                store.delete(each.key)
            for name in dice.sample(QUESTIONS, 12):
                question = f"{name} {dice.choice(['A', 'AAAA', 'SRV', 'PTR', 'NS', 'CNAME', 'SOA'])}"
                assert _sorted(ask(theirs, question)) == _sorted(ask(mine, question)), (what, each, question)
        for zone in (ZONE, SET):
            assert transferred(theirs, zone) == transferred(mine, zone)


def _sorted(answer: Answer) -> Answer:
    """What order its owners have an address in, a process that came later does not know; serials are of their times."""
    answered, authority, additional = (
        sorted(_without_serial(each) for each in section)
        for section in (answer.answer, answer.authority, answer.additional)
    )
    return Answer(answer.rcode, answer.flags, answered, authority, additional)


def _without_serial(record: str) -> str:
    owner, ttl, qclass, qtype, *rdata = record.split()
    return " ".join([owner, ttl, qclass, qtype, *(rdata[:2] + rdata[3:] if qtype == "SOA" else rdata)])


@pytest.mark.parametrize("row", coredns_answers.ROWS, ids=[row["question"] for row in coredns_answers.ROWS])
def test_recorded_questions(row: dict[str, Any]) -> None:
    configured = config(coredns_answers.OPTIONS)
    with shared(coredns_answers.cluster(), configured) as sources:
        behind = Elsewhere().handle
        mine, theirs = (handler_over(each, configured, behind, behind) for each in sources)
        assert _sorted(ask(theirs, row["question"])) == _sorted(ask(mine, row["question"]))


CHOSEN = "namespace_labels team\npods verified\nendpoint_pod_names"


def test_chosen_namespaces_and_pod_names() -> None:
    configured = config(CHOSEN)
    stores = cluster(service("shop/web", "10.96.0.1"), service("data/db"), namespaces=("shop", "data"))
    stores.endpoint_slices.put(slice_of("data/db", endpoint("10.244.0.1", pod="db-x")))
    with shared(stores, configured) as (_, there):
        behind = Elsewhere().handle
        handler = handler_over(there, configured, behind, behind)
        assert ask(handler, "db-x.db.data.svc.cluster.local A").rdata() == ["A 10.244.0.1"]
        stores.namespaces.delete(("", "data"))
        assert ask(handler, "db-x.db.data.svc.cluster.local A").rcode == "NXDOMAIN"
        assert ask(handler, "1.0.244.10.in-addr.arpa PTR").rcode == "NXDOMAIN"
        _, _, records = transferred(handler, ZONE)
        assert not [each for each in records if b"\x04data" in each.owner]


def test_search_lists_follow_pods_and_switches() -> None:
    configured = config("pods verified")
    stores = cluster(pod("shop/a", "10.244.0.1", "fd00::1"))
    with shared(stores, configured) as (_, there):
        lists = there.search_lists_for(name_from_text("cluster.local"))
        known = lists.search_list_of("10.244.0.1")
        assert known is not None
        assert known.view == b"shop"
        assert lists.search_list_of("fd00::1") == known
        assert lists.view_at(b"\x0a\xf4\0\1") == b"shop"
        there.forget()
        assert lists.view_at(b"\x0a\xf4\0\1") is None
        stores.namespaces.put(Namespace(name="shop", annotations={SWITCH: "off"}))
        off = lists.search_list_of("10.244.0.1")
        assert off is not None
        assert off.is_off
        stores.namespaces.delete(("", "shop"))
        assert lists.search_list_of("10.244.0.1") == known
        stores.pod_claims.delete(("shop", "a"))
        assert lists.search_list_of("10.244.0.1") is None


WEB = service("shop/web", "10.96.0.1")
CHANGES: list[tuple[str, KubeObject, bool]] = [
    ("a Service", service("shop/web", "10.96.0.2"), True),
    ("the same Service", WEB, False),
    ("a namespace", Namespace(name="new"), True),
    ("endpoints", slice_of("shop/web", endpoint("10.244.0.9")), True),
    ("a pod that has started", Pod(name="p", namespace="shop", ips=("10.244.0.1",), phase="Pending"), False),
    ("a pod elsewhere", pod("shop/q", "10.244.0.2"), True),
]


@pytest.mark.parametrize(("changed", "is_told"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_who_answers_is_told_of_what_makes_a_difference(changed: KubeObject, is_told: bool) -> None:
    told: list[None] = []
    stores = cluster(WEB, pod("shop/p", "10.244.0.1"))
    with shared(stores, config("pods verified"), changed=lambda: told.append(None)):
        told.clear()
        stores.store(type(changed).__name__).put(changed)
        assert bool(told) is is_told


def test_a_first_whole_list_is_told_at_once() -> None:
    told: list[None] = []
    stores = cluster(WEB)
    with shared(stores, config(""), changed=lambda: told.append(None)) as (_, there):
        slices = there.cluster.store("EndpointSlice")
        for synced in (False, True):
            told.clear()
            stores.endpoint_slices.synced = synced
            assert (slices.synced, len(told)) == (synced, 1)
            stores.endpoint_slices.synced = synced
            assert len(told) == 1


def test_whether_a_kind_is_synced_is_not_told_while_its_entry_is_being_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(self: SharedTable, key: bytes) -> None:
        raise Unreadable("an entry is being changed for too long")

    with shared(cluster(WEB), config("")) as (_, there):
        assert there.cluster.store("Service").synced
        monkeypatch.setattr(SharedTable, "read", read)
        assert not there.cluster.store("Service").synced


def test_rows_are_decoded_once_until_they_change(monkeypatch: pytest.MonkeyPatch) -> None:
    stores = cluster(service("data/db"), slice_of("data/db", endpoint("10.244.0.1", hostname="a")))
    with shared(stores, config("")) as (_, there):
        index = there.index_for(config(""))
        row = index.services.get(b"\x02db\x04data")
        assert row is not None
        (indexed,) = row.slices.values()
        ready = indexed.ready
        assert index.services.get(b"\x02db\x04data") is row
        assert next(iter(row.slices.values())).ready is ready
        stores.endpoint_slices.put(slice_of("data/db", endpoint("10.244.0.2", hostname="a")))
        assert next(iter(row.slices.values())).ready == {b"a": (b"\x0a\xf4\x00\x02",)}
        stores.endpoint_slices.put(slice_of("data/db", endpoint("10.244.0.3", hostname="a"), name="b"))
        refreshed = index.services.get(b"\x02db\x04data")
        assert refreshed is row
        assert list(row.slices) == ["db-a", "db-b"]
        stores.endpoint_slices.delete(("data", "db-a"))
        assert index.services.get(b"\x02db\x04data") is row
        assert list(row.slices) == ["db-b"]
        stores.endpoint_slices.delete(("data", "db-b"))
        stores.services.delete(("data", "db"))
        assert index.services.get(b"\x02db\x04data") is None


def test_rows_that_are_asked_for_stay_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autopath.shared.SHARED_ROWS", replace(SHARED_ROWS, default=2))
    stores = cluster(*(service(f"shop/{name}", "10.96.0.1") for name in "abc"))
    with shared(stores, config("")) as (_, there):
        services = there.index_for(config("")).services
        a, b, again, c = (services.get(b"\x01%c\x04shop" % name) for name in b"abac")
        assert None not in (a, b, c)
        assert again is a
        assert services.get(b"\x01a\x04shop") is a
        assert services.get(b"\x01b\x04shop") is not b


def test_a_full_table_is_servfail_for_what_may_exist(caplog: pytest.LogCaptureFixture) -> None:
    stores = cluster(service("shop/web", "10.96.0.1"))
    with shared(stores, config("pods verified"), size=SMALLEST + (1 << 14)) as (_, there):
        index = there.index_for(config("pods verified"))
        for number in range(500):
            stores.services.put(service(f"shop/s-{number}", "10.96.1.1"))
        assert "shared memory" in caplog.text
        assert len([record for record in caplog.records if "shared memory" in record.message]) == 1
        assert index.services.get(b"\x03web\x04shop") is not None
        for key in (b"\x05s-499\x04shop", b"\x04nope\x04shop"):
            with pytest.raises(Unreadable):
                index.services.get(key)
        assert there.cluster.store("Service").synced


def test_a_full_table_forgets_no_owner_of_an_address() -> None:
    """A list that had no room is whole, or not told, when it has come to have room."""
    stores = cluster()
    with shared(stores, config(""), size=SMALLEST + (1 << 14)) as (_, there):
        owners = there.index_for(config("")).services_at
        for number in range(500):
            stores.services.put(service(f"shop/s-{number}", f"10.96.0.{number % 50}"))
        for number in range(40, 500):
            stores.services.delete(("shop", f"s-{number}"))
        told = 0
        for number in range(40):
            try:
                (row,) = owners.at(f"10.96.0.{number}")
            except Unreadable:
                continue
            assert row.key.startswith(b"%cs-%d" % (2 + len(str(number)), number))
            told += 1
        assert told


def test_reloads_may_ask_for_ever_more_indexes() -> None:
    kinds = [vars(IndexKeys(number)) for number in (0, 1, 256, 257)]
    keys = [key for each in kinds for key in each.values()]
    assert len({*keys}) == len(keys) == 4 * 7


def test_a_client_that_a_full_table_cannot_tell_is_answered_as_it_asks() -> None:
    stores = cluster(pod("shop/a", "10.244.0.1"))
    with shared(stores, config("pods verified"), size=SMALLEST + (1 << 12)) as (_, there):
        lists = there.search_lists_for(name_from_text("cluster.local"))
        assert lists.search_list_of("10.244.0.1") is not None
        for number in range(100):
            stores.services.put(service(f"shop/s-{number}", "10.96.1.1"))
        # Neither whether its namespace is switched off, nor whether there is a pod.
        assert lists.search_list_of("10.244.0.1") is None
        assert lists.search_list_of("10.244.0.2") is None
