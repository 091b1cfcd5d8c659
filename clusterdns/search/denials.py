"""The names of a search that found nothing, remembered: the client is about to ask for each of them itself.

`x.shop.svc.cluster.local` was answered NXDOMAIN, and the client, which knows nothing of the walk, goes on with
`x.svc.cluster.local`, `x.cluster.local` and `x`. None of them exists, for whatever type: "NXDOMAIN … the name does not
exist" (RFC 2308 section 2.1). They are kept for those who share the walk. Pure; `now` is monotonic seconds.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import NamedTuple

from clusterdns.limits import AUTOPATH_DENIALS
from clusterdns.search.lists import SearchList
from clusterdns.wire.response import Response, age


class Denial(NamedTuple):
    """One name that does not exist for those with this search list, until `expires`."""

    search_list: SearchList
    response: Response
    expires: float


class Denials:
    """Denials by folded name and by whom they are for, a view or one client; `capacity` at most, the oldest leaving
    first.
    """

    def __init__(self, capacity: int = AUTOPATH_DENIALS.default_int) -> None:
        self._capacity = capacity
        self._denials: OrderedDict[tuple[bytes, bytes], Denial] = OrderedDict()

    def __len__(self) -> int:
        return len(self._denials)

    def find(self, view: bytes, folded: bytes, search_list: SearchList, now: float) -> Denial | None:
        """The denial with the TTL that is left of it; None also if the address has another pod now."""
        denial = self._denials.get((view, folded))
        if denial is None:
            return None
        if denial.expires <= now or denial.search_list != search_list:
            del self._denials[view, folded]
            return None
        response = denial.response
        ttl = int(denial.expires - now)
        message = age(response.message, response.ttl_offsets, ttl)
        return denial._replace(response=replace(response, message=message, ttl=ttl))

    def put(self, view: bytes, folded: bytes, denial: Denial) -> None:
        """Remember one."""
        denials = self._denials
        denials[view, folded] = denial
        denials.move_to_end((view, folded))
        while len(denials) > self._capacity:
            denials.popitem(last=False)
