"""Entries of packet caches that are true until what is watched changes: the cluster zone's own answers.

    store ──► the subjects of a change ──► entries about them leave; the next question makes them anew

A subject is what an answer is about, such as a Service; whoever answers and whoever watches name it alike. In a large
cluster something changes all the time, and nearly all of it is about other names than those that are asked for.
An entry is made for a question that was asked before: names of search lists, each asked once, would push out the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import Any

from clusterdns.limits import PACKET_CACHE_ENTRIES

Subjects = tuple[bytes, ...]

ANYTHING: Subjects = (b"",)
"""For answers that any change may end."""

_NOTHING: Subjects = (b"\0",)
"""Where entries stand that are about no subject: they leave only when everything does."""


def together(*parts: Subjects | None) -> Subjects | None:
    """The subjects of an answer that others went into; None, not watched, if none of them is."""
    watched = [part for part in parts if part is not None]
    return tuple(dict.fromkeys(each for part in watched for each in part)) if watched else None


class Watched:
    """The places of such entries, in whatever tables they are; `capacity` at most, and as many questions."""

    def __init__(self, capacity: int = PACKET_CACHE_ENTRIES.default_int) -> None:
        self.changes = 0
        """How many there have been."""
        self._capacity = capacity
        # An entry that comes back is where it was: by its table's number, which is its own as long as it is here.
        self._places: dict[bytes, dict[tuple[int, object], MutableMapping[Any, Any]]] = {}
        self._held = 0
        self._changed_at: dict[bytes, int] = {}
        self._all_changed_at = 0
        self._asked: set[int] = set()

    def was_asked(self, key: bytes) -> bool:
        """Whether a question was asked before; from now on it was. Two of 2 ** 64 may be taken for one another."""
        number = hash(key)
        if number in self._asked:
            return True
        if len(self._asked) >= self._capacity:
            self._asked.clear()
        self._asked.add(number)
        return False

    def add(self, table: MutableMapping[Any, Any], place: object, subjects: Subjects) -> None:
        """An entry about `subjects` stands there."""
        if self._held >= self._capacity:
            self.forget()
        key = id(table), place
        for subject in subjects or _NOTHING:
            places = self._places.setdefault(subject, {})
            self._held += key not in places
            places[key] = table

    def forget_about(self, subjects: Iterable[bytes]) -> None:
        """These have changed: entries about them leave, and those that any change may end."""
        self.changes += 1
        if len(self._changed_at) >= self._capacity:
            self._changed_at.clear()
            self._all_changed_at = self.changes
        for subject in (*ANYTHING, *subjects):
            self._changed_at[subject] = self.changes
            places = self._places.pop(subject, {})
            self._held -= len(places)
            for (_, place), table in places.items():
                table.pop(place, None)

    def forget(self, *_change: object) -> None:
        """Everything may have changed: every entry leaves. Can be a listener of stores."""
        self.changes += 1
        self._changed_at.clear()
        self._all_changed_at = self.changes
        self._held = 0
        everything, self._places = self._places, {}
        for places in everything.values():
            for (_, place), table in places.items():
                table.pop(place, None)

    def holds(self, subjects: Subjects, as_of: int) -> bool:
        """Whether what was true of them when there had been `as_of` changes still is."""
        if as_of < self._all_changed_at:
            return False
        return all(self._changed_at.get(subject, 0) <= as_of for subject in subjects)
