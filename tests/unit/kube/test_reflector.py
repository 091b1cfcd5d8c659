"""The reflector as a table: what came of the last step, and what it asks for next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.errors import KubeApiError
from clusterdns.kube.decode import Bookmark, Delete, Event, Failure, Page, Put, Unreadable
from clusterdns.kube.objects import KubeObject, Pod
from clusterdns.kube.reflector import ListPage, Pause, Reflector, Step, WatchFrom
from clusterdns.kube.store import Cluster, Store
from tests.unit.kube.reflecting import (
    NEW,
    Act,
    ended,
    failed,
    hear,
    heard,
    listed,
    pod,
    put,
    slept,
    stored,
    streamed,
    take,
    then,
    watch,
)

FIRST = ListPage("")
NOT_STREAMED = failed(422, "Invalid")
GONE = heard(Failure(410, "Expired", "too old"))
ALIVE = heard(Bookmark("11"))

# Each script: what comes of a step, then the next step. The first step is always NEW, `now` always 0, the dice 0.
SCRIPTS: list[tuple[str, list[tuple[Act, Step]]]] = [
    ("streamed list, then the same watch; resumed from the version of the list's end",
     [(streamed("a"), watch("10"))]),
    ("empty streamed list", [(streamed(), watch("10"))]),
    ("a streamed list without version", [(streamed(version=""), watch("0"))]),
    ("cut in the middle of a streamed list: all of it again",
     [(heard(put("a", "5"), put("b", "6"), Delete(("n", "a"), "7"), Bookmark("8")), NEW), (failed(0), Pause(0.4)),
      (slept, NEW)]),
    ("cut again and again: slower and slower",
     [(failed(0), Pause(0.4)), (slept, NEW), (then(heard(put("a", "5")), failed(0)), Pause(0.8)), (slept, NEW),
      (then(heard(put("a", "5")), failed(0)), Pause(1.6))]),
    ("410 in a streamed list: again, at once", [(then(heard(put("a", "5")), GONE), NEW)]),
    ("a streamed list that is ended before its end: pages",
     [(then(heard(put("a", "5")), ended(300)), Pause(0.4)), (slept, FIRST)]),
    ("a server that does not stream: pages, and another try at the next list",
     [(NOT_STREAMED, FIRST), (listed("a"), watch("10")), (GONE, NEW), (NOT_STREAMED, FIRST)]),
    ("one that knows no such parameter", [(failed(400), FIRST)]),
    ("one that has no such resource", [(failed(404), Pause(0.4)), (slept, NEW)]),
    ("pages", [(NOT_STREAMED, FIRST), (listed("a", more="c1"), ListPage("c1")),
               (listed("b", more="c2"), ListPage("c2")), (listed("c", version="12"), watch("12"))]),
    ("empty list", [(NOT_STREAMED, FIRST), (listed(), watch("10"))]),
    ("a list without version", [(NOT_STREAMED, FIRST), (listed(version=""), watch("0"))]),
    ("the watch is resumed after its last event",
     [(streamed("a"), watch("10")), (heard(put("a", "11")), watch("11")),
      (heard(Delete(("n", "a"), "12")), watch("12")), (heard(Bookmark("20")), watch("20"))]),
    ("what has no version does not lose the last one",
     [(streamed("a"), watch("10")), (heard(put("a", ""), Delete(("n", "b"), ""), Bookmark("")), watch("10")),
      (heard(Unreadable("odd")), watch("10"))]),
    ("silence, then the server's end of a watch", [(streamed("a"), watch("10")), (ended(300), NEW)]),
    ("nothing but silence after a streamed list", [(then(streamed("a"), ended(300)), NEW)]),
    ("server's end of a watch that said something",
     [(streamed("a"), watch("10")), (then(ALIVE, ended(300)), watch("11"))]),
    ("a proxy's end of a quiet watch", [(streamed("a"), watch("10")), (ended(60), watch("10"))]),
    ("a watch closed at once", [(streamed("a"), watch("10")), (ended(0.1), Pause(0.4)), (slept, watch("10")),
                                (ended(0.1), Pause(0.8))]),
    ("a watch closed at once though it said something",
     [(streamed("a"), watch("10")), (then(ALIVE, ended(0.1)), Pause(1)), (slept, watch("11"))]),
    ("410 as event: list at once",
     [(streamed("a"), watch("10")), (GONE, NEW), (streamed("a", version="30"), watch("30"))]),
    ("410 as status: list at once", [(streamed("a"), watch("10")), (failed(410), NEW)]),
    ("410 again without a word in between: not so fast",
     [(streamed("a"), watch("10")), (GONE, NEW), (streamed("a"), watch("10")), (GONE, Pause(0.8)), (slept, NEW)]),
    ("410 after a sign of life: at once",
     [(streamed("a"), watch("10")), (GONE, NEW), (streamed("a"), watch("10")), (ALIVE, watch("11")), (GONE, NEW)]),
    ("410 on a continue token: start over",
     [(NOT_STREAMED, FIRST), (listed("a", more="c1"), ListPage("c1")), (failed(410), FIRST)]),
    ("400 on a continue token: start over, slowly",
     [(NOT_STREAMED, FIRST), (listed("a", more="c1"), ListPage("c1")), (failed(400), Pause(0.4)), (slept, FIRST)]),
    ("network error in a list: the same page again",
     [(NOT_STREAMED, FIRST), (listed("a", more="c1"), ListPage("c1")), (failed(0), Pause(0.4)),
      (slept, ListPage("c1"))]),
    ("backoff doubles up to half of 30 s",
     [(failed(0), Pause(0.4)), (slept, NEW), (failed(500), Pause(0.8)), (slept, NEW),
      (failed(429), Pause(1.6)), (slept, NEW), (failed(401), Pause(3.2)), (slept, NEW),
      (failed(403), Pause(6.4)), (slept, NEW), (failed(503), Pause(12.8)), (slept, NEW),
      (failed(503), Pause(15)), (slept, NEW), (failed(503), Pause(15)), (slept, NEW)]),
    ("refused watch keeps its version",
     [(streamed("a"), watch("10")), (failed(401), Pause(0.4)), (slept, watch("10")), (failed(0), Pause(0.8)),
      (slept, watch("10")), (ALIVE, watch("11")), (failed(0), Pause(0.4))]),
    ("no such resource any more", [(streamed("a"), watch("10")), (failed(404), Pause(0.4)), (slept, NEW)]),
    ("unreadable answer: list anew",
     [(streamed("a"), watch("10")), (failed(200, "Malformed"), Pause(0.4)), (slept, NEW)]),
    ("ERROR event of another kind keeps the version",
     [(streamed("a"), watch("10")), (heard(Failure(500, "InternalError", "etcd")), Pause(0.4)),
      (slept, watch("10"))]),
]  # fmt: skip


@pytest.mark.parametrize("script", [row[1] for row in SCRIPTS], ids=[row[0] for row in SCRIPTS])
def test_scripts(script: list[tuple[Act, Step]]) -> None:
    reflector = Reflector(Cluster().store("Pod"), lambda: 0.0)
    assert reflector.next_step(0) == NEW
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
    ("none after a list", [failed(0), streamed("a")], ""),
    ("the start of a list is not enough", [failed(500), heard(put("a", "5"))], "500"),
    ("first page is not enough", [failed(500), NOT_STREAMED, listed("a", more="c1")], "500"),
    ("none where lists are not streamed", [NOT_STREAMED], ""),
    ("list cut short", [then(heard(put("a", "5")), ended(1))], "the list was cut short"),
    ("refused list", [failed(403, "Forbidden")], "403 Forbidden"),
    ("refused watch", [streamed("a"), failed(401, "Unauthorized")], "401 Unauthorized"),
    ("over with the first sign of life", [streamed("a"), failed(401), ALIVE], ""),
    ("one 410 is none", [streamed("a"), GONE], ""),
    ("410 again and again", [streamed("a"), GONE, streamed("a"), GONE], "410 Expired"),
    ("closed at once", [streamed("a"), ended(0)], "the watch was closed at once"),
    ("ended in time", [streamed("a"), ended(300)], ""),
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


@pytest.mark.parametrize(
    ("acts", "refused"),
    [
        ([], ""),
        ([failed(403, "Forbidden")], "403 Forbidden"),
        ([failed(404)], "404"),
        ([failed(500)], ""),
        ([failed(0), failed(0)], ""),
        ([failed(0), failed(503), failed(500)], "500"),
        ([failed(403), streamed("a")], ""),
        ([failed(403), NOT_STREAMED, listed("a", more="c1")], "403"),
        ([streamed("a"), failed(403)], ""),
    ],
)
def test_why_a_first_list_is_not_waited_for(acts: list[Act], refused: str) -> None:
    store = Cluster().store("Pod")
    reflector = Reflector(store, lambda: 0.0)
    for act in acts:
        next_request(reflector)
        act(reflector)
    assert (refused in store.refused) if refused else (store.refused == "")


def test_dice_spread_watches_and_pauses() -> None:
    reflector = Reflector(Cluster().store("Pod"), lambda: 0.5)
    listed("a")(reflector)
    assert reflector.next_step(0) == WatchFrom("10", 450)
    failed(0)(reflector)
    pause = reflector.next_step(0)
    assert isinstance(pause, Pause)
    assert pause.seconds == pytest.approx(0.6)


def next_request(reflector: Reflector) -> Step:
    """The next step that is no pause."""
    while isinstance(step := reflector.next_step(0), Pause):
        pass
    return step


def new_list(reflector: Reflector) -> None:
    """The server has forgotten our version, and does not stream."""
    GONE(reflector)
    assert next_request(reflector) == NEW
    NOT_STREAMED(reflector)
    assert reflector.next_step(0) == FIRST


def test_list_is_applied_page_by_page_and_its_end_removes_the_rest() -> None:
    store: Store[KubeObject] = Cluster().store("Pod")
    reflector = Reflector(store, lambda: 0.0)
    new_list(reflector)
    listed("a", "b", more="c1")(reflector)
    assert (stored(store), store.synced) == (["a", "b"], False)
    listed("c")(reflector)
    assert (stored(store), store.synced) == (["a", "b", "c"], True)
    new_list(reflector)
    listed("b", more="c2")(reflector)
    assert stored(store) == ["a", "b", "c"]
    failed(410)(reflector)
    assert next_request(reflector) == FIRST
    # Started over: what was seen in the list that broke off does not count.
    listed("c", "d")(reflector)
    assert (stored(store), store.synced) == (["c", "d"], True)


def test_streamed_list_is_applied_object_by_object_and_its_end_removes_the_rest() -> None:
    store: Store[KubeObject] = Cluster().store("Pod")
    reflector = Reflector(store, lambda: 0.0)
    assert reflector.next_step(0) == NEW
    heard(put("a", "1"), put("b", "2"), Bookmark("2"))(reflector)
    assert (stored(store), store.synced) == (["a", "b"], False)
    heard(put("c", "3"), Bookmark("3", ends_list=True))(reflector)
    assert (stored(store), store.synced) == (["a", "b", "c"], True)
    GONE(reflector)
    assert reflector.next_step(0) == NEW
    heard(put("b", "2"))(reflector)
    failed(0)(reflector)
    assert isinstance(reflector.next_step(0), Pause)
    assert reflector.next_step(0) == NEW
    # Started over: what was seen in the stream that broke off does not count. What goes while it runs is gone.
    heard(put("c", "3"), put("d", "4"), Delete(("n", "d"), "5"))(reflector)
    assert stored(store) == ["a", "b", "c"]
    heard(Bookmark("5", ends_list=True))(reflector)
    assert (stored(store), store.synced) == (["c"], True)


def test_relist_tells_nobody_what_did_not_change() -> None:
    store: Store[KubeObject] = Cluster().store("Pod")
    reflector = Reflector(store, lambda: 0.0)
    for first, second in ((streamed("a", "b"), streamed("a", "c")), (streamed("a", "b"), listed("a", "c"))):
        next_request(reflector)
        first(reflector)
        told: list[tuple[KubeObject | None, KubeObject | None]] = []
        store.subscribe(lambda old, new, told=told: told.append((old, new)))  # type: ignore[misc]
        told.clear()
        GONE(reflector)
        next_request(reflector)
        second(reflector)
        assert told == [(None, pod("c")), (pod("b"), None)]
        GONE(reflector)


def test_errors_change_nothing_in_the_store() -> None:
    store: Store[KubeObject] = Cluster().store("Pod")
    reflector = Reflector(store, lambda: 0.0)
    reflector.next_step(0)
    streamed("a")(reflector)
    for status in (0, 200, 400, 401, 403, 404, 410, 429, 500):
        failed(status)(reflector)
        assert (stored(store), store.synced) == (["a"], True)


NAMES = st.sampled_from("abcde")
CHANGES = st.lists(st.tuples(st.sampled_from(["put", "delete", "cut", "gone", "bookmark"]), NAMES), max_size=40)


@given(CHANGES, st.integers(0, 4))
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
                    take(reflector, Page(iter([server[name] for name in names]), str(len(history)), more))
                case WatchFrom("") if page_size:
                    reflector.failed(KubeApiError(422, "Invalid", "no streams"))
                case WatchFrom(""):
                    for each in server.values():
                        reflector.heard(Put(each, each.resource_version))
                    hear(reflector, Bookmark(str(len(history)), ends_list=True))
                    return
                case WatchFrom(version):
                    for event in history[int(version) :]:
                        reflector.heard(event)
                    return

    for what, name in changes:
        version = str(len(history) + 1)
        if what == "put":
            server[name] = pod(name, version)
            history.append(Put(server[name], version))
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
