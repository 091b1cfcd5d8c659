"""What a search came to, kept for a moment, so that all questions of one look-up end at the same name.

A stub resolver asks for A and AAAA at once, or one after the other. If the two were searched for on their own, a
Service or a pod that comes or goes in between would give one of them an address and the other NXDOMAIN, and resolvers
stop at that: musl at either of them. So the name that one question found is the name of the others, too:

    A     ──► first denied ─► second denied ─► third exists ──► decided: the third
    AAAA  ──────────────────────► (joins: the first is denied already) ─► the third

Questions that race share the walk's place, and wait for nobody. A name that is asked for all the time is searched for
anew shortly before the end, for one of those who ask: if the search still ends there, the decision is renewed, and
nobody can tell; if not, it holds to its end, for the look-ups that it is a part of. Pure; `now` is monotonic seconds.
"""

from __future__ import annotations

import math
from collections import OrderedDict

from clusterdns.limits import (
    AUTOPATH_DECISION_SECONDS,
    AUTOPATH_DECISIONS,
    AUTOPATH_LATER_SECONDS,
    AUTOPATH_PAIR_SECONDS,
)
from clusterdns.search.lists import UNKNOWN_VIEW, SearchList
from clusterdns.wire import numbers

AS_ASKED = 0
"""The step of a walk that leads nowhere else: the question is answered as it was asked."""

_SIDES = {numbers.A: 1, numbers.AAAA: -1}


class Walk:
    """One search. `denied` names from the start do not exist; `step` is the one that answers, once that is known.

    `view` is whom the steps so far hold for; `client` is set as soon as that is one client only. A packet cache may
    repeat what the search came to until `repeat_until`. `search_list` is None for a client that was not known, or
    wanted no search: it is answered as it asked, even if it is known a moment later. `watched` are the subjects of the
    steps that are current by watch only, None if there are none. `is_checked`: somebody has begun to see whether the
    search still ends there. `as_of`: how many changes there had been, if each step before the last is denied for as
    long as nothing of `watched` changes.
    """

    __slots__ = (
        *("_balance", "_ends", "_pairs_until", "as_of", "client", "denied", "is_checked"),
        *("repeat_until", "search_list", "step", "view", "watched"),
    )

    def __init__(self, search_list: SearchList | None, qtype: int, now: float, client: str = "") -> None:
        self.search_list = search_list
        self.client = client
        self.view = UNKNOWN_VIEW if search_list is None else search_list.view
        self.denied = 0
        self.step: int | None = None
        self.repeat_until = math.inf
        self.watched: tuple[bytes, ...] | None = None
        self.is_checked = False
        self.as_of: int | None = None
        self._balance = _SIDES.get(qtype, 0)
        self._ends = self._pairs_until = now + AUTOPATH_PAIR_SECONDS.default

    def deny(self, step: int) -> None:
        """The name of this step does not exist, and none before it does."""
        self.denied = max(self.denied, step + 1)

    def decide(self, step: int, now: float) -> None:
        """The name of this step answers. Who comes later, even with another one, goes by what was decided first."""
        if self.step is None:
            self.step = step
            self._hold(now)

    def is_due(self, qtype: int, now: float) -> bool:
        """Whether a question that it answers now should see if the search still ends there: the first one that begins
        another look-up when no packet cache repeats what was found any more.

        A search that found nothing ends with its decision: what comes to exist is to be found then.
        """
        # Its own half is counted already.
        begins = _SIDES.get(qtype, 0) * self._balance >= 1
        return bool(self.step) and begins and not self.is_checked and self.repeat_until <= now < self._ends

    def renew(self, other: Walk, qtype: int, now: float) -> bool:
        """Hold on, if `other`, which went the same way now, ended at the same name for the same clients."""
        if now >= self._ends or (other.step, other.view) != (self.step, self.view):
            return False
        self.watched, self.as_of, self.is_checked = other.watched, other.as_of, False
        self.repeat_until = math.inf
        self._balance = _SIDES.get(qtype, 0)
        self._hold(now)
        return True

    def _hold(self, now: float) -> None:
        seconds = AUTOPATH_DECISION_SECONDS.default
        # A packet cache in front does not repeat to the end: the other question of a look-up that it began comes within
        # what is left.
        self.repeat_until = min(self.repeat_until, now + seconds - AUTOPATH_LATER_SECONDS.default)
        self._ends = now + seconds
        self._pairs_until = now + AUTOPATH_PAIR_SECONDS.default

    def answers(self, qtype: int, now: float) -> bool:
        """Whether a question that comes now is a part of this look-up.

        As long as the walk goes on, and for a moment after, each is. Later, those are whose other half, A or AAAA, was
        answered from here and has not been matched yet: a resolver may ask one after the other, or again.
        """
        side = _SIDES.get(qtype, 0)
        if now >= self._ends and not (now < self._pairs_until and side * self._balance < 0):
            return False
        self._balance += side
        return True


class Decisions:
    """The walks of a moment ago by first name and by whom they are for: a view, as a packet cache in front shares
    answers within it, or one client. `capacity` at most, the oldest leaving first.
    """

    def __init__(self, capacity: int = AUTOPATH_DECISIONS.default_int) -> None:
        self._capacity = capacity
        self._walks: OrderedDict[tuple[bytes | str, bytes], Walk] = OrderedDict()
        self._has_clients = False

    def __len__(self) -> int:
        return len(self._walks)

    def find(self, client: str, folded: bytes, search_list: SearchList | None, qtype: int, now: float) -> Walk | None:
        """The walk that a question belongs to: None for a new look-up, and where the address has another pod now."""
        walk = self._walks.get((client, folded)) if self._has_clients else None
        if walk is None or not walk.answers(qtype, now):
            if search_list is None:
                return None
            walk = self._walks.get((search_list.view, folded))
            if walk is None or not walk.answers(qtype, now):
                return None
        return walk if walk.search_list is None or walk.search_list == search_list else None

    def begin(self, folded: bytes, search_list: SearchList, qtype: int, now: float) -> Walk:
        """A new walk for a view, in the place of the one before it."""
        walk = Walk(search_list, qtype, now)
        self._put((search_list.view, folded), walk)
        return walk

    def renew(self, walk: Walk, folded: bytes, other: Walk, qtype: int, now: float) -> bool:
        """See `Walk.renew`; nor if another walk has taken its place."""
        key = (walk.client or walk.view, folded)
        if self._walks.get(key) is not walk or not walk.renew(other, qtype, now):
            return False
        self._walks.move_to_end(key)
        return True

    def hold(self, client: str, folded: bytes, qtype: int, now: float) -> None:
        """This client is not known, and asks: until `release`, whatever it asks for the name is answered as it asks."""
        if self.find(client, folded, None, qtype, now) is None:
            walk = Walk(None, qtype, now, client)
            walk.decide(AS_ASKED, now)
            self._has_clients = True
            self._put((client, folded), walk)

    def release(self, client: str, folded: bytes) -> None:
        """The name exists: a search ends there, too."""
        walk = self._walks.get((client, folded))
        if walk is not None and walk.search_list is None:
            del self._walks[client, folded]

    def narrow(self, walk: Walk, client: str, folded: bytes) -> None:
        """A step of the walk holds for `client` only: from now on it is for nobody else."""
        if not walk.client:
            walk.client = client
            self._walks.pop((walk.view, folded), None)
            self._has_clients = True
            self._put((client, folded), walk)

    def _put(self, key: tuple[bytes | str, bytes], walk: Walk) -> None:
        walks = self._walks
        walks[key] = walk
        walks.move_to_end(key)
        while len(walks) > self._capacity:
            walks.popitem(last=False)
