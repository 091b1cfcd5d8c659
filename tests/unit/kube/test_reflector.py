"""The reflector as a table: what came of the last step, and what it asks for next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.errors import KubeApiError
from clusterdns.kube.decode import Bookmark, Delete, Event, Failure, Page, Put, Unreadable, decode_event, decode_page
from clusterdns.kube.objects import KubeObject, Pod
from clusterdns.kube.reflector import ListPage, Pause, Reflector, Step, WatchFrom
from clusterdns.kube.store import Cluster, Store
from tests.support import recording

FIRST = ListPage("")
Act = Callable[[Reflector], Any]


def pod(name: str, version: str = "1", **fields: Any) -> Pod:
    return Pod(name=name, namespace="n", resource_version=version, **fields)


def listed(*names: str, version: str = "10", more: str = "") -> Act:
    objects: list[KubeObject] = [pod(name) for name in names]
    return lambda reflector: reflector.listed(Page(objects, version, more))


def heard(*events: Event) -> Act:
    return lambda reflector: [reflector.heard(event) for event in events]


def failed(status: int, reason: str = "") -> Act:
    return lambda reflector: reflector.failed(KubeApiError(status, reason, "text"))


def ended(now: float) -> Act:
    return lambda reflector: reflector.ended(now)


def alive_then_ended(now: float) -> Act:
    def act(reflector: Reflector) -> None:
        ALIVE(reflector)
        reflector.ended(now)

    return act


def slept(reflector: Reflector) -> None:
    """The pause is over; there is nothing to report."""


def watch(version: str) -> WatchFrom:
    return WatchFrom(version, 300)


GONE = heard(Failure(410, "Expired", "too old"))
ALIVE = heard(Bookmark("11"))

# Each script: what comes of a step, then the next step. The first step is always FIRST, `now` always 0, the dice 0.
SCRIPTS: list[tuple[str, list[tuple[Act, Step]]]] = [
    ("list, then watch from its version", [(listed("a"), watch("10"))]),
    ("pages", [(listed("a", more="c1"), ListPage("c1")), (listed("b", more="c2"), ListPage("c2")),
               (listed("c", version="12"), watch("12"))]),
    ("empty list", [(listed(), watch("10"))]),
    ("a list without version", [(listed(version=""), watch("0"))]),
    ("the watch is resumed after its last event",
     [(listed("a"), watch("10")), (heard(Put(pod("a", "11"))), watch("11")),
      (heard(Delete(("n", "a"), "12")), watch("12")), (heard(Bookmark("20")), watch("20"))]),
    ("what has no version does not lose the last one",
     [(listed("a"), watch("10")), (heard(Put(pod("a", "")), Delete(("n", "b"), ""), Bookmark("")), watch("10")),
      (heard(Unreadable("odd")), watch("10"))]),
    ("server's end of a watch", [(listed("a"), watch("10")), (ended(300), FIRST)]),
    ("server's end of a watch that said something",
     [(listed("a"), watch("10")), (alive_then_ended(300), watch("11"))]),
    ("a proxy's end of a quiet watch", [(listed("a"), watch("10")), (ended(60), watch("10"))]),
    ("a watch closed at once", [(listed("a"), watch("10")), (ended(0.1), Pause(0.4)), (slept, watch("10")),
                                (ended(0.1), Pause(0.8))]),
    ("a watch closed at once though it said something",
     [(listed("a"), watch("10")), (alive_then_ended(0.1), Pause(1)), (slept, watch("11"))]),
    ("410 as event: list at once",
     [(listed("a"), watch("10")), (GONE, FIRST), (listed("a", version="30"), watch("30"))]),
    ("410 as status: list at once", [(listed("a"), watch("10")), (failed(410), FIRST)]),
    ("410 again without a word in between: not so fast",
     [(listed("a"), watch("10")), (GONE, FIRST), (listed("a"), watch("10")), (GONE, Pause(0.8)), (slept, FIRST)]),
    ("410 after a sign of life: at once",
     [(listed("a"), watch("10")), (GONE, FIRST), (listed("a"), watch("10")), (ALIVE, watch("11")), (GONE, FIRST)]),
    ("410 on a continue token: start over", [(listed("a", more="c1"), ListPage("c1")), (failed(410), FIRST)]),
    ("400 on a continue token: start over, slowly",
     [(listed("a", more="c1"), ListPage("c1")), (failed(400), Pause(0.4)), (slept, FIRST)]),
    ("network error in a list: the same page again",
     [(listed("a", more="c1"), ListPage("c1")), (failed(0), Pause(0.4)), (slept, ListPage("c1"))]),
    ("backoff doubles up to half of 30 s",
     [(failed(0), Pause(0.4)), (slept, FIRST), (failed(500), Pause(0.8)), (slept, FIRST),
      (failed(429), Pause(1.6)), (slept, FIRST), (failed(401), Pause(3.2)), (slept, FIRST),
      (failed(403), Pause(6.4)), (slept, FIRST), (failed(503), Pause(12.8)), (slept, FIRST),
      (failed(503), Pause(15)), (slept, FIRST), (failed(503), Pause(15)), (slept, FIRST)]),
    ("refused watch keeps its version",
     [(listed("a"), watch("10")), (failed(401), Pause(0.4)), (slept, watch("10")), (failed(0), Pause(0.8)),
      (slept, watch("10")), (ALIVE, watch("11")), (failed(0), Pause(0.4))]),
    ("no such resource any more", [(listed("a"), watch("10")), (failed(404), Pause(0.4)), (slept, FIRST)]),
    ("unreadable answer: list anew",
     [(listed("a"), watch("10")), (failed(200, "Malformed"), Pause(0.4)), (slept, FIRST)]),
    ("ERROR event of another kind keeps the version",
     [(listed("a"), watch("10")), (heard(Failure(500, "InternalError", "etcd")), Pause(0.4)), (slept, watch("10"))]),
]  # fmt: skip


@pytest.mark.parametrize("script", [row[1] for row in SCRIPTS], ids=[row[0] for row in SCRIPTS])
def test_scripts(script: list[tuple[Act, Step]]) -> None:
    reflector = Reflector(Cluster().store("Pod"), lambda: 0.0)
    assert reflector.next_step(0) == FIRST
    for act, step in script:
        act(reflector)
        found = reflector.next_step(0)
        if isinstance(step, Pause):
            assert isinstance(found, Pause)
            assert found.seconds == pytest.approx(step.seconds)
        else:
            assert found == step


TROUBLES: list[tuple[str, list[Act], str]] = [
    ("none at first", [], ""),
    ("none after a list", [failed(0), listed("a")], ""),
    ("first page is not enough", [failed(500), listed("a", more="c1")], "500"),
    ("refused list", [failed(403, "Forbidden")], "403 Forbidden"),
    ("refused watch", [listed("a"), failed(401, "Unauthorized")], "401 Unauthorized"),
    ("over with the first sign of life", [listed("a"), failed(401), ALIVE], ""),
    ("one 410 is none", [listed("a"), GONE], ""),
    ("410 again and again", [listed("a"), GONE, listed("a"), GONE], "410 Expired"),
    ("closed at once", [listed("a"), ended(0)], "the watch was closed at once"),
    ("ended in time", [listed("a"), ended(300)], ""),
]


@pytest.mark.parametrize(("acts", "trouble"), [row[1:] for row in TROUBLES], ids=[row[0] for row in TROUBLES])
def test_trouble(acts: list[Act], trouble: str) -> None:
    reflector = Reflector(Cluster().store("Pod"), lambda: 0.0)
    for act in acts:
        while isinstance(reflector.next_step(0), Pause):
            pass
        act(reflector)
    if trouble:
        assert trouble in reflector.trouble
    else:
        assert reflector.trouble == ""


def test_dice_spread_watches_and_pauses() -> None:
    reflector = Reflector(Cluster().store("Pod"), lambda: 0.5)
    listed("a")(reflector)
    assert reflector.next_step(0) == WatchFrom("10", 450)
    failed(0)(reflector)
    pause = reflector.next_step(0)
    assert isinstance(pause, Pause)
    assert pause.seconds == pytest.approx(0.6)


def stored(store: Store[KubeObject]) -> list[str]:
    return sorted(each.name for each in store)


def test_list_is_applied_page_by_page_and_its_end_removes_the_rest() -> None:
    store: Store[KubeObject] = Cluster().store("Pod")
    reflector = Reflector(store, lambda: 0.0)
    listed("a", "b", more="c1")(reflector)
    assert (stored(store), store.synced) == (["a", "b"], False)
    listed("c")(reflector)
    assert (stored(store), store.synced) == (["a", "b", "c"], True)
    GONE(reflector)
    listed("b", more="c2")(reflector)
    assert stored(store) == ["a", "b", "c"]
    failed(410)(reflector)
    # Started over: what was seen in the list that broke off does not count.
    listed("c", "d")(reflector)
    assert (stored(store), store.synced) == (["c", "d"], True)


def test_relist_tells_nobody_what_did_not_change() -> None:
    store: Store[KubeObject] = Cluster().store("Pod")
    reflector = Reflector(store, lambda: 0.0)
    listed("a", "b")(reflector)
    told: list[tuple[KubeObject | None, KubeObject | None]] = []
    store.subscribe(lambda old, new: told.append((old, new)))
    told.clear()
    GONE(reflector)
    listed("a", "c")(reflector)
    assert told == [(None, pod("c")), (pod("b"), None)]


def test_errors_change_nothing_in_the_store() -> None:
    store: Store[KubeObject] = Cluster().store("Pod")
    reflector = Reflector(store, lambda: 0.0)
    listed("a")(reflector)
    for status in (0, 200, 400, 401, 403, 404, 410, 429, 500):
        failed(status)(reflector)
        assert (stored(store), store.synced) == (["a"], True)


def test_recorded_watches() -> None:
    """The recorded exchanges, fed through decoding: pages 5 and 6, then watch 12, then 15."""
    cluster = Cluster()
    reflector = Reflector(cluster.store("Service"), lambda: 0.0)
    notes: list[str] = []
    reflector.listed(decode_page("Service", recording.body(5), notes.append))
    token = recording.recorded(6)["request"]["path"].rpartition("continue=")[2]
    assert reflector.next_step(0) == ListPage(token)
    reflector.listed(decode_page("Service", recording.body(6), notes.append))
    # The recorded second page has a third one after it, which was not recorded.
    reflector.listed(Page([], "319", ""))
    assert reflector.next_step(0) == watch("319")
    names: list[list[str]] = []
    for line in recording.lines(12):
        assert reflector.heard(decode_event("Service", line, notes.append))
        names.append(stored(cluster.store("Service")))
    assert ["fresh" in each for each in names] == [True, True, True, False, False]
    assert reflector.next_step(0) == watch("325")
    (too_old,) = recording.lines(15)
    assert not reflector.heard(decode_event("Service", too_old, notes.append))
    assert reflector.next_step(0) == FIRST
    assert notes == []


def test_recorded_pod_that_finishes_leaves_the_store() -> None:
    cluster = Cluster()
    reflector = Reflector(cluster.store("Pod"), lambda: 0.0)
    reflector.listed(Page([], "326", ""))
    addresses = []
    for line in recording.lines(14):
        reflector.heard(decode_event("Pod", line, lambda note: None))
        short = cluster.pods.get("team-a", "short")
        addresses.append(short.ips if short else None)
    assert addresses == [(), ("10.244.1.99",), None, None, None]
    assert reflector.next_step(0) == watch("332")


NAMES = st.sampled_from("abcde")
CHANGES = st.lists(st.tuples(st.sampled_from(["put", "delete", "cut", "gone", "bookmark"]), NAMES), max_size=40)


@given(CHANGES, st.integers(1, 4))
def test_any_history_ends_like_a_fresh_list(changes: list[tuple[str, str]], page_size: int) -> None:
    """Whatever happens, and however the watch breaks, once caught up the store is what the server has."""
    server: dict[str, Pod] = {}
    history: list[Event] = []
    store: Store[KubeObject] = Cluster().store("Pod")
    reflector = Reflector(store, lambda: 0.0)

    def catch_up(now: float = 0.0) -> None:
        while True:
            match reflector.next_step(now):
                case Pause():
                    pass
                case ListPage(token):
                    start = int(token or 0)
                    names = sorted(server)[start : start + page_size]
                    more = str(start + page_size) if start + page_size < len(server) else ""
                    reflector.listed(Page([server[name] for name in names], str(len(history)), more))
                case WatchFrom(version):
                    for event in history[int(version) :]:
                        reflector.heard(event)
                    return

    for what, name in changes:
        version = str(len(history) + 1)
        if what == "put":
            server[name] = pod(name, version)
            history.append(Put(server[name]))
        elif what == "delete" and name in server:
            del server[name]
            history.append(Delete(("n", name), version))
        elif what == "cut":
            catch_up()
            reflector.failed(KubeApiError(0, "NoAnswer", "connection reset"))
        elif what == "gone":
            reflector.failed(KubeApiError(410, "Expired", "too old"))
        elif what == "bookmark":
            catch_up()
            reflector.heard(Bookmark(str(len(history))))
    catch_up()
    assert {each.name: each for each in store} == server
    assert store.synced
