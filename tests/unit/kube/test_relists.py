"""The end of a list: what it has not had goes, in small steps; what it had and nobody could read stays."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from clusterdns.errors import KubeApiError
from clusterdns.kube.decode import Bookmark, Delete, Event, Failure, Put, Unreadable
from clusterdns.kube.objects import Key, KubeObject, Pod
from clusterdns.kube.reflector import Reflector
from clusterdns.kube.store import Cluster, Store
from tests.support.apiserver import ApiServerDouble
from tests.unit.kube.scene import Scene, many, names, play

GONE = Failure(410, "Expired", "too old")
NAMELESS = Unreadable("Pod can't be read")


def put(name: str) -> Put:
    return Put(Pod(name=name, namespace="n"), "1")


def odd(name: str) -> Unreadable:
    return Unreadable(f"Pod n/{name} can't be read", ("n", name))


def delete(name: str) -> Delete:
    return Delete(("n", name), "3")


# What is heard after a list of a, b and c: what the store has then, and what is known as unreadable.
ROWS: list[tuple[str, list[Event], str, set[Key | None]]] = [
    ("changed into what can't be read", [odd("a")], "abc", {("n", "a")}),
    ("and back", [odd("a"), put("a")], "abc", set()),
    ("and deleted", [odd("a"), delete("a")], "bc", set()),
    ("added as what can't be read", [odd("d")], "abc", {("n", "d")}),
]
# The same for a second list.
LISTS: list[tuple[str, list[Event], str, set[Key | None]]] = [
    ("all are there", [put("a"), put("b"), put("c")], "abc", set()),
    ("one is not", [put("a"), put("c")], "ac", set()),
    ("none is", [], "", set()),
    ("one can't be read", [put("a"), odd("b")], "ab", {("n", "b")}),
    ("none can be read", [odd("a"), odd("b"), odd("c")], "abc", {("n", "a"), ("n", "b"), ("n", "c")}),
    ("one has not even a name: it may be any", [put("a"), NAMELESS], "abc", {None}),
    ("a new one can't be read", [put("a"), odd("d")], "a", {("n", "d")}),
    ("one can be read while the list runs", [odd("b"), put("b")], "b", set()),
]


def after_a_list() -> tuple[Reflector, Store[KubeObject]]:
    store: Store[KubeObject] = Cluster().store("Pod")
    reflector = Reflector(store, lambda: 0.0)
    reflector.next_step(0)
    hear(reflector, *map(put, "abc"), Bookmark("2", ends_list=True))
    remove_gone(reflector)
    return reflector, store


def hear(reflector: Reflector, *events: Event) -> None:
    for event in events:
        reflector.heard(event)


def remove_gone(reflector: Reflector) -> int:
    assert reflector.has_whole_list
    return sum(1 for _ in reflector.remove_gone())


@pytest.mark.parametrize(("events", "left", "unreadable"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_changes(events: list[Event], left: str, unreadable: set[Key | None]) -> None:
    reflector, store = after_a_list()
    hear(reflector, *events)
    assert (names(store), reflector.unreadable) == (list(left), unreadable)


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "paged"])
@pytest.mark.parametrize(("events", "left", "unreadable"), [row[1:] for row in LISTS], ids=[row[0] for row in LISTS])
def test_second_lists(events: list[Event], left: str, unreadable: set[Key | None], streamed: bool) -> None:
    reflector, store = after_a_list()
    reflector.heard(GONE)
    reflector.next_step(0)
    if streamed:
        hear(reflector, *events, Bookmark("9", ends_list=True))
    else:
        reflector.failed(KubeApiError(422, "Invalid", "no streams"))
        reflector.next_step(0)
        for event in events:
            if isinstance(event, Put):
                reflector.found(event.object)
            elif isinstance(event, Unreadable):
                reflector.could_not_read(event.key)
        reflector.listed("9", "")
    # Nothing is gone before the steps are taken, and each takes one.
    assert set("abc") <= set(names(store))
    assert remove_gone(reflector) == len(set("abc") - set(left))
    assert not reflector.has_whole_list
    assert (names(store), reflector.unreadable) == (list(left), unreadable)


def test_deleted_while_a_list_runs() -> None:
    reflector, store = after_a_list()
    reflector.heard(GONE)
    reflector.next_step(0)
    hear(reflector, put("a"), odd("b"), delete("b"), Bookmark("9", ends_list=True))
    assert remove_gone(reflector) == 1
    assert (names(store), reflector.unreadable) == (["a"], set())


def test_what_a_broken_list_could_not_read_is_known_until_one_is_whole() -> None:
    reflector, store = after_a_list()
    reflector.heard(odd("a"))
    reflector.heard(GONE)
    reflector.next_step(0)
    reflector.failed(KubeApiError(0, "NoAnswer", "reset"))
    assert reflector.unreadable == {("n", "a")}
    reflector.next_step(0)  # a pause
    reflector.next_step(0)
    hear(reflector, put("b"), Bookmark("9", ends_list=True))
    assert remove_gone(reflector) == 2
    assert (names(store), reflector.unreadable) == (["b"], set())


# Through the whole watch.


def spoil(server: ApiServerDouble, name: str) -> None:
    server.put("Service", name, "shop", spec={"clusterIP": 5})


@pytest.mark.parametrize("streams", [True, False], ids=["streamed", "paged"])
def test_unreadable_objects_are_said_once_and_stay(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, streams: bool
) -> None:
    async def script(scene: Scene) -> None:
        await scene.watched("Service")
        spoil(scene.server, "web")
        for lists in (2, 3):
            scene.server.end_watches()
            scene.server.put("Service", f"unseen{lists}", "shop")
            scene.server.expire_history()
            await scene.server.until(lambda lists=lists: len(scene.server.lists("services")) == lists)  # type: ignore[misc]
            await scene.watched("Service")
        scene.server.put("Service", "live", "shop")
        await scene.services("db", "live", "unseen2", "unseen3", "web")
        assert [state.unreadable for state in scene.watch.states()] == [1]
        scene.server.delete("Service", "web", "shop")
        await scene.services("db", "live", "unseen2", "unseen3")
        assert [state.unreadable for state in scene.watch.states()] == [0]

    caplog.set_level(logging.WARNING)
    play(tmp_path, script, prepare=lambda server: setattr(server, "streams", streams))
    said = "Service shop/web can't be read: spec.clusterIP: expected `str | null`, got `int`"
    assert [text for text in caplog.messages if "can't be read" in text] == [
        f"{said}; what was last known stays in use"
    ]


def test_the_log_names_ten_of_many(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def script(scene: Scene) -> None:
        await scene.watched("Service")
        assert [state.unreadable for state in scene.watch.states()] == [30]

    def prepare(server: ApiServerDouble) -> None:
        for number in range(30):
            spoil(server, f"s{number}")

    play(tmp_path, script, prepare=prepare)
    told = [text for text in caplog.messages if "can't be read" in text]
    assert len(told) == 11
    assert all(f"Service shop/s{number} " in caplog.text for number in (0, 1, *range(10, 18)))
    assert told[10] == "more services can't be read; what was last known stays in use"


@pytest.mark.parametrize("streams", [True, False], ids=["streamed", "paged"])
def test_others_have_their_turns_while_a_thousand_objects_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, streams: bool
) -> None:
    """With turns of no length, somebody else's come between any two removals."""
    monkeypatch.setattr("clusterdns.kube.turn.Turn.end_in_time", lambda turn: asyncio.sleep(0))
    turns = 0
    removed_in: list[int] = []

    async def take_turns(scene: Scene) -> None:
        nonlocal turns
        while len(scene.cluster.services):
            turns += 1
            await asyncio.sleep(0)

    async def script(scene: Scene) -> None:
        await scene.watched("Service")
        present = len(scene.cluster.services)
        others: list[asyncio.Task[None]] = []

        def see(old: object, new: object) -> None:
            if new is None:
                if not others:
                    others.append(asyncio.create_task(take_turns(scene)))
                removed_in.append(turns)

        scene.cluster.services.subscribe(see)
        scene.server.end_watches()
        for namespace, name in scene.server.keys("Service"):
            scene.server.delete("Service", name, namespace)
        scene.server.expire_history()
        await scene.services()
        assert len(removed_in) == present > 1000
        assert len(set(removed_in)) == present
        await asyncio.gather(*others)

    def prepare(server: ApiServerDouble) -> None:
        many(server)
        server.streams = streams

    play(tmp_path, script, prepare=prepare)
