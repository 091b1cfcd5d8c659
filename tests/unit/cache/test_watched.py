"""Answers that the packet cache repeats until what is watched changes."""

from __future__ import annotations

import math

import pytest

from clusterdns.cache.packet_cache import PacketCache
from clusterdns.cache.watched import ANYTHING, Subjects, Watched, together
from clusterdns.limits import PACKET_CACHE_SECONDS

KEY = b"\1\0 a query behind its ID"
ANSWER = b"ID an answer"
CLIENT = "10.0.0.1"
VIEWS = {CLIENT: (b"shop",), "10.0.0.2": (b"shop",), "10.0.0.3": (b"blog",)}


def caching(watched: Watched, capacity: int = 10) -> PacketCache:
    return PacketCache(capacity, lambda client: VIEWS.get(client, ()), watched)


def put(
    cache: PacketCache,
    *,
    key: bytes = KEY,
    view: bytes | None = None,
    until: float = math.inf,
    watched: Subjects = ANYTHING,
) -> None:
    if cache.was_asked(key):
        cache.put_watched(key, CLIENT, view, ANSWER, watched=watched, until=until, now=100.0)


# Until when the answer is true at the most, and when it leaves though nothing changed.
LEAVING = [(math.inf, 100 + PACKET_CACHE_SECONDS.default), (100.5, 100.5), (101.0, 101.0), (500.0, 101.0)]


@pytest.mark.parametrize(("until", "leaves_at"), LEAVING)
def test_the_second_time_an_answer_is_kept_as_it_is(until: float, leaves_at: float) -> None:
    cache = caching(Watched())
    put(cache, until=until)
    assert len(cache) == 0
    put(cache, until=until)
    before = math.nextafter(leaves_at, 0.0)
    entry = cache.find(KEY)
    assert entry is not None
    assert (entry.body, entry.renew_at) == (ANSWER[2:], leaves_at)
    assert cache.get(KEY, CLIENT, before) == ANSWER[2:]
    assert cache.get(KEY, CLIENT, leaves_at) is None


# Whom the answer is for, and who gets it.
FOR_WHOM: list[tuple[bytes | None, list[str]]] = [(None, [*VIEWS, "10.9.9.9"]), (b"shop", [CLIENT, "10.0.0.2"])]


@pytest.mark.parametrize(("view", "clients"), FOR_WHOM)
def test_a_change_ends_the_repetition_for_everyone(view: bytes | None, clients: list[str]) -> None:
    watched = Watched()
    one, other = caching(watched), caching(watched)
    for cache in (one, other):
        put(cache, view=view)
        put(cache, view=view)
        assert [client for client in (*VIEWS, "10.9.9.9") if cache.get(KEY, client, 100.0)] == clients
    watched.forget(None, object())
    for cache in (one, other):
        assert [client for client in VIEWS if cache.get(KEY, client, 100.0)] == []
        put(cache, view=view)
        assert cache.get(KEY, clients[0], 100.0) == ANSWER[2:]


def test_a_change_leaves_other_answers() -> None:
    watched = Watched()
    cache = caching(watched)
    cache.put(b"other", CLIENT, None, ANSWER, (), expires=130.0, now=100.0)
    put(cache)
    put(cache)
    watched.forget()
    assert (cache.get(KEY, CLIENT, 100.0), cache.get(b"other", CLIENT, 100.0)) == (None, ANSWER[2:])


# Whom a change is about, and the answers that are made anew then; None is a change to everything.
ABOUT: dict[str, Subjects] = {"web": (b"web",), "db": (b"db",), "both": (b"web", b"db"), "any": ANYTHING, "none": ()}
CHANGED: list[tuple[Subjects | None, set[str]]] = [
    ((b"web",), {"web", "both", "any"}),
    ((b"db", b"web"), {"web", "db", "both", "any"}),
    ((b"other",), {"any"}),
    ((), {"any"}),
    (None, set(ABOUT)),
]


@pytest.mark.parametrize(("changed", "gone"), CHANGED)
def test_answers_leave_when_what_they_are_about_changes(changed: Subjects | None, gone: set[str]) -> None:
    watched = Watched()
    one, other = caching(watched), caching(watched)
    for cache in (one, other):
        for name, subjects in ABOUT.items():
            cache.put_watched(name.encode(), CLIENT, None, ANSWER, watched=subjects, until=math.inf, now=100.0)
    before = watched.changes
    if changed is None:
        watched.forget()
    else:
        watched.forget_about(changed)
    for cache in (one, other):
        assert {name for name in ABOUT if cache.get(name.encode(), CLIENT, 100.0) is None} == gone
    # What waited for its answer meanwhile is judged the same way.
    assert {name for name, subjects in ABOUT.items() if not watched.holds(subjects, before)} == gone
    assert all(watched.holds(subjects, watched.changes) for subjects in ABOUT.values())


def test_what_changed_is_forgotten_in_time_and_then_everything_counts_as_changed() -> None:
    watched = Watched(4)
    for number in range(3):
        watched.forget_about((b"%d" % number,))
    assert watched.holds((b"other",), 1)
    watched.forget_about((b"more",))
    assert not watched.holds((b"other",), watched.changes - 1)
    assert watched.holds((b"other",), watched.changes)


def test_what_several_answers_are_about_together() -> None:
    assert together(None, None) is None
    assert together(None, ()) == ()
    assert together((b"web", b"db"), None, (b"db",)) == (b"web", b"db")


def test_the_books_are_bounded_and_an_entry_that_is_in_none_leaves() -> None:
    watched = Watched(3)
    cache = caching(watched)
    for number in range(10):
        for _ in range(2):
            put(cache, key=b"%d" % number)
        assert len(cache) == number % 3 + 1
    watched.forget()
    assert len(cache) == 0


def test_an_entry_that_comes_back_is_counted_once() -> None:
    watched = Watched(5)
    cache = caching(watched)
    for _ in range(10):
        for number, subjects in enumerate([(b"web",), (b"web", b"db"), ()]):
            put(cache, key=b"%d" % number, watched=subjects)
    assert (len(cache), watched.changes) == (3, 0)
    # Four places are taken; those that leave make room.
    watched.forget_about((b"web",))
    put(cache, key=b"0", watched=(b"web",))
    put(cache, key=b"1", watched=(b"web", b"other"))
    assert (len(cache), watched.changes) == (3, 1)


def test_names_that_are_asked_for_once_do_not_push_out_others() -> None:
    cache = caching(Watched())
    for number in range(1000):
        put(cache, key=b"%d" % number)
    assert len(cache) == 0


@pytest.mark.parametrize("cache", [caching(Watched(), capacity=0), PacketCache(10)], ids=["off", "nobody watches"])
def test_caches_without_such_answers(cache: PacketCache) -> None:
    put(cache)
    put(cache)
    assert len(cache) == 0
