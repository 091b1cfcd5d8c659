"""The walk along a search list: which names a client would ask one after the other, and which answer ends it.

A pod's resolver appends each search domain in turn, and asks the bare name last (resolv.conf(5), `search`, `ndots`).
The server sees the first of those questions, takes the search domain off again and asks itself the rest.
"""

from __future__ import annotations

import enum

from clusterdns.search.lists import SearchList
from clusterdns.wire import numbers
from clusterdns.wire.names import is_at_or_below, join, labels
from clusterdns.wire.response import Response


def expansions(name: bytes, search_list: SearchList) -> list[bytes]:
    """The names the client is about to ask if `name` is its first question, in order; `name` itself is the first.

    `name` is in the client's spelling. Empty if `name` is not below the first search domain: equal to it there is
    nothing in front to search for, and further down the list the client is searching already.
    """
    if not search_list.domains:
        return []
    folded = name.lower()
    first = search_list.domains[0]
    if len(folded) == len(first) or not is_at_or_below(folded, first):
        return []
    base = name[: len(name) - len(first)] + numbers.ROOT
    dots = len(labels(base)) - 1
    domains = [domain for domain in search_list.domains[1:] if not dots or domain not in search_list.guarded]
    # "names with enough dots ... an initial absolute query will be made" (resolv.conf(5)): it has been, before this.
    if dots < search_list.ndots:
        domains.append(numbers.ROOT)
    names = [name]
    for domain in domains:
        candidate = join(base, domain)
        # A resolver skips what does not fit into 255 bytes, as it can't ask for it.
        if candidate is not None and candidate not in names:
            names.append(candidate)
    return names


class Verdict(enum.Enum):
    """What the answer for one name says about that name."""

    EXISTS = "exists"
    """With or without records of the type asked for. Existence is the same for A and AAAA, so that the two questions of
    one look-up end at the same name."""
    DENIED = "denied"
    UNDECIDED = "undecided"
    """It may exist, and could not be asked for."""


def exists(response: Response) -> bool:
    """Whether an answer says that its name exists."""
    return response.rcode == numbers.NOERROR


def judge(response: Response) -> Verdict:
    """Read the verdict off an answer."""
    if exists(response):
        return Verdict.EXISTS
    return Verdict.DENIED if response.rcode == numbers.NXDOMAIN else Verdict.UNDECIDED
