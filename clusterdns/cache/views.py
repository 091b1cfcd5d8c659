"""Which clients an entry is for: everyone, or the clients of one view (a namespace, or a single client).

Both caches keep an entry for everyone under its plain key. Where an answer depends on who asks, the plain key holds
`VIEWED` instead, and the entries stand beside it under (key, view). So a name that has only one answer costs one
look-up, and an answer made for one view can never reach another.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, MutableMapping
from typing import Any, Generic, TypeVar

E = TypeVar("E")

ViewsOf = Callable[[str], tuple[bytes, ...]]
"""The views that a client (canonical address text) belongs to, the most specific first."""


ViewAt = Callable[[bytes], bytes | None]
"""The view that the client at an address (4 or 16 bytes) shares with others, if that is known at once."""


def no_view_at(packed: bytes) -> bytes | None:
    """For servers whose answers depend on nothing that clients share, or on several things."""
    return None


def no_views(client: str) -> tuple[bytes, ...]:
    """For servers whose answers never depend on the client."""
    return ()


class ViewedTable(Generic[E]):
    """Entries by key, and by view where the key has views. `table` decides capacity and eviction."""

    __slots__ = ("_table", "_viewed", "_views_of")

    def __init__(self, table: MutableMapping[Any, E], viewed: E, views_of: ViewsOf) -> None:
        """`viewed` is the marker: an entry of the table's own type that is no answer."""
        self._table = table
        self._viewed = viewed
        self._views_of = views_of

    def __len__(self) -> int:
        return len(self._table)

    def get(self, key: Hashable, client: str) -> E | None:
        """The entry that may be answered to `client`."""
        entry = self._table.get(key)
        if entry is not self._viewed:
            return entry
        for view in self._views_of(client):
            entry = self._table.get((key, view))
            if entry is not None:
                return entry
        return None

    def put(self, key: Hashable, client: str, view: bytes | None, entry: E) -> Hashable:
        """Keep `entry`, made for `client`, for everyone or for `view` only; returns its place in the table."""
        place = key
        if view is not None:
            self._table[key] = self._viewed
            place = (key, view)
        elif self._table.get(key) is self._viewed:
            # Others have an answer of their own under this key; this one must not hide it.
            views = self._views_of(client)
            if not views:
                return key
            place = (key, views[0])
        self._table[place] = entry
        return place

    def has_views(self, key: Hashable) -> bool:
        """True if clients have answers of their own under this key."""
        return self._table.get(key) is self._viewed

    def remove(self, key: Hashable, client: str) -> None:
        """Forget what `get` would find."""
        if self._table.get(key) is not self._viewed:
            self._table.pop(key, None)
            return
        for view in self._views_of(client):
            self._table.pop((key, view), None)
