"""Entries of packet caches that are true until what is watched changes: the cluster zone's own answers.

    store ──► forget ──► the entries leave; the next question makes them anew

An entry is made for a question that was asked before: names of search lists, each asked once, would push out the rest.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from clusterdns.limits import PACKET_CACHE_ENTRIES


class Watched:
    """The places of such entries, in whatever tables they are; `capacity` at most, and as many questions."""

    def __init__(self, capacity: int = PACKET_CACHE_ENTRIES.default_int) -> None:
        self.changes = 0
        """How many there have been: what was true and is current by watch is true as long as there are no more."""
        self._capacity = capacity
        self._places: list[tuple[MutableMapping[Any, Any], object]] = []
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

    def add(self, table: MutableMapping[Any, Any], place: object) -> None:
        """An entry stands there."""
        if len(self._places) >= self._capacity:
            self.forget()
        self._places.append((table, place))

    def forget(self, *_change: object) -> None:
        """Something has changed: every entry leaves. Can be a listener of stores; costs nothing if nothing is here."""
        self.changes += 1
        if self._places:
            places, self._places = self._places, []
            for table, place in places:
                table.pop(place, None)
