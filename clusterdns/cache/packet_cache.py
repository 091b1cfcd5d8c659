"""The packet cache: query bytes to answer bytes, for the question that was asked just so a moment ago.

First stop of every datagram. The key is the query behind its ID, to the bit: spelling, flags, EDNS and all, so that
nothing needs to be parsed; the value is the answer behind its ID. What goes in has been through the chain and has a
lifetime; TTLs are written anew once a second. An entry holds all that a kernel map needs: absolute expiry, TTL
offsets, body and view, and where addresses stand that take turns.
"""

from __future__ import annotations

import math
import struct
from collections import OrderedDict
from collections.abc import Hashable

from clusterdns.cache.lifetime import remaining_ttl
from clusterdns.cache.views import ViewAt, ViewedTable, ViewsOf, no_view_at, no_views
from clusterdns.cache.watched import Subjects, Watched
from clusterdns.limits import PACKET_CACHE_ENTRIES, PACKET_CACHE_SECONDS
from clusterdns.wire.rotation import Run, address_runs, turn

_TTL = struct.Struct("!I")


class Tally:
    """How many answers of one kind there were: `hits` of entries here, `answers` from what is behind the cache."""

    __slots__ = ("answers", "hits")

    def __init__(self) -> None:
        self.answers = 0
        self.hits = 0


class Entry:
    """One answer. `body` lacks the two ID bytes; `ttl_offsets` and `runs` count from its start.

    `body` may be sent as it is until `renew_at`, and from then on after `renew`. Times are monotonic seconds: the entry
    leaves at `leaves_at`, its TTLs count down to `expires`. The addresses of each of `runs` take turns: every answer
    begins with another one. Who sends `body` adds a hit to `tally`, which entries of one kind share.
    """

    __slots__ = ("body", "expires", "leaves_at", "renew_at", "runs", "tally", "ttl_offsets", "ttls_hold_until")

    def __init__(
        self,
        body: bytes,
        ttl_offsets: tuple[int, ...],
        expires: float,
        leaves_at: float,
        runs: tuple[Run, ...] = (),
        tally: Tally | None = None,
    ) -> None:
        self.body = body
        self.ttl_offsets = ttl_offsets
        self.runs = runs
        self.tally = tally or Tally()
        self.expires = expires
        self.leaves_at = leaves_at
        self.ttls_hold_until = -math.inf
        self.renew_at = -math.inf

    def renew(self, now: float) -> None:
        """Write the TTLs that hold from `now` until they next change, and addresses in their next order."""
        if now >= self.ttls_hold_until:
            ttl = remaining_ttl(self.expires, now)
            body = bytearray(self.body)
            for offset in self.ttl_offsets:
                _TTL.pack_into(body, offset, ttl)
            self.body = bytes(body)
            self.ttls_hold_until = min(self.expires - ttl + 1, self.leaves_at)
        if self.runs:
            # `renew_at` stays in the past: whoever has a body to send as it is has one address for everyone.
            self.body = turn(self.body, self.runs)
        else:
            self.renew_at = self.ttls_hold_until


_VIEWED = Entry(b"", (), 0.0, 0.0)


class PacketCache:
    """At most `capacity` entries, the oldest leaving first; 0 switches the cache off.

    `find` is the plain dictionary look-up, for the listener's inner loop:

        entry = find(message[2:])
        if entry is not None and now < entry.leaves_at:
            if now >= entry.renew_at:
                entry.renew(now)
            entry.tally.hits += 1
            answer = message[:2] + entry.body
    """

    def __init__(
        self,
        capacity: int = PACKET_CACHE_ENTRIES.default_int,
        views_of: ViewsOf = no_views,
        watched: Watched | None = None,
        view_at: ViewAt = no_view_at,
    ) -> None:
        """`view_at` gives, for some clients, the last of `views_of`; with it, `find` finds what is for that view:

            entry = find((message[2:], view_at(packed address)))

        Who has an answer of its own, too, may get either: both are true for it. `watched` is told of the entries that
        are to leave when something changes; without it there are none.
        """
        self._capacity = capacity
        self._watched = watched
        # A plain dictionary steps over all that has left before it finds its oldest entry.
        self._entries: OrderedDict[object, Entry] = OrderedDict()
        self._table = ViewedTable(self._entries, _VIEWED, views_of)
        self.find = self._entries.get
        self.view_at = view_at
        self.viewed = _VIEWED
        """What `find` finds where there are answers for views only."""

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def changes(self) -> int:
        """How often what is watched has changed."""
        return 0 if self._watched is None else self._watched.changes

    def holds(self, subjects: Subjects, as_of: int) -> bool:
        """Whether what was true of them when there had been `as_of` changes still is."""
        return self._watched is None or self._watched.holds(subjects, as_of)

    def get(self, key: bytes, client: str, now: float) -> bytes | None:
        """The answer behind its ID for `client`, its TTLs as of `now`, or None. `key` is the query behind its ID.

        An answer is counted as a hit.
        """
        entry = self.find(key)
        if entry is _VIEWED:
            entry = self._table.get(key, client)
        if entry is None:
            return None
        if now >= entry.leaves_at:
            self._table.remove(key, client)
            return None
        if now >= entry.renew_at:
            entry.renew(now)
        entry.tally.hits += 1
        return entry.body

    def put(
        self,
        key: bytes,
        client: str,
        view: bytes | None,
        answer: bytes,
        ttl_offsets: tuple[int, ...],
        *,
        expires: float,
        now: float,
        forget_at: float = math.inf,
        rotates: bool = False,
        tally: Tally | None = None,
        watched: Subjects | None = None,
    ) -> None:
        """Keep `answer` (a whole message; `ttl_offsets` count from its start) until `expires`, monotonic seconds,
        or `forget_at`, if that is earlier; TTLs count down to the former.

        With `rotates`, its addresses take turns. `tally` counts how often it is used. It leaves when one of `watched`
        changes, too.
        """
        leaves_at = min(expires, forget_at, now + PACKET_CACHE_SECONDS.default)
        if self._capacity <= 0 or leaves_at <= now:
            return
        runs: tuple[Run, ...] = ()
        if rotates and len(ttl_offsets) > 1:
            runs = tuple(run._replace(start=run.start - 2) for run in address_runs(answer, ttl_offsets))
        entry = Entry(answer[2:], tuple(offset - 2 for offset in ttl_offsets), expires, leaves_at, runs, tally)
        place = self._keep(key, client, view, entry)
        if watched is not None and self._watched is not None:
            self._watched.add(self._entries, place, watched)

    def was_asked(self, key: bytes) -> bool:
        """Whether `put_watched` is worth while: names of search lists, each asked once, would push out the rest."""
        return self._watched is not None and self._watched.was_asked(key)

    def put_watched(
        self,
        key: bytes,
        client: str,
        view: bytes | None,
        answer: bytes,
        *,
        watched: Subjects,
        until: float,
        now: float,
        forget_at: float = math.inf,
        tally: Tally | None = None,
    ) -> None:
        """Keep `answer` as it is: until one of `watched` changes, `until` or `forget_at` at most.

        Where `until` is finite, something in it lives for so many whole seconds: it is not kept for longer than one.
        """
        if self._capacity <= 0 or self._watched is None:
            return
        leaves_at = min(until, forget_at, now + (PACKET_CACHE_SECONDS.default if until == math.inf else 1.0))
        if leaves_at <= now:
            return
        entry = Entry(answer[2:], (), leaves_at, leaves_at, tally=tally)
        entry.ttls_hold_until = entry.renew_at = leaves_at
        self._watched.add(self._entries, self._keep(key, client, view, entry), watched)

    def _keep(self, key: bytes, client: str, view: bytes | None, entry: Entry) -> Hashable:
        place = self._table.put(key, client, view, entry)
        while len(self._entries) > self._capacity:
            self._entries.popitem(last=False)
        return place

    def clear(self) -> None:
        """Forget everything: the configuration or the zone has changed."""
        self._entries.clear()
