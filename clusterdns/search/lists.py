"""Search lists: whose question is searched along which domains. Shared by autopath and by the walk on a node."""

from __future__ import annotations

import functools
from typing import NamedTuple, Protocol

ALWAYS = 127
"""An `ndots` that no name reaches: it has at most 127 labels (RFC 1035 section 3.1)."""

_LISTS = 4096
"""How many lists are kept: namespaces come and go for as long as a server runs."""

UNKNOWN_VIEW = b""
"""The view of clients for whom nothing is searched: those that are not known, and those that do not want it."""


class SearchList(NamedTuple):
    """`view` names the clients that share what is found; `domains` are folded wire names, first to last.

    `is_off`: the client's owner wants no search on the server; then there are no domains. A name with `ndots` dots or
    more has been asked as it is before it is searched. In `guarded` domains only names without a dot are searched.
    """

    view: bytes
    domains: tuple[bytes, ...]
    is_off: bool = False
    ndots: int = ALWAYS
    guarded: frozenset[bytes] = frozenset()


OFF = SearchList(UNKNOWN_VIEW, (), is_off=True)


class SearchLists(Protocol):
    """Who knows the search list of a client: by the client's pod, or one list for everyone."""

    def search_list_of(self, client: str) -> SearchList | None:
        """The search list of the client at this address (canonical text); None if the client is not known."""

    def view_at(self, packed: bytes, /) -> bytes | None:
        """The view of the client at this address (4 or 16 bytes) if that is known at once; None says nothing."""


class WithHostDomains:
    """The lists of `lists` with the host's own search domains behind, as kubelet adds them to a pod's."""

    def __init__(self, lists: SearchLists, domains: tuple[bytes, ...]) -> None:
        """`domains` are folded wire names."""
        self._lists = lists
        self._domains = domains
        self.view_at = lists.view_at
        self._longer = functools.lru_cache(_LISTS)(self._lengthen)

    def search_list_of(self, client: str) -> SearchList | None:
        known = self._lists.search_list_of(client)
        if known is None or known.is_off:
            return known
        return self._longer(known)

    def _lengthen(self, known: SearchList) -> SearchList:
        return known._replace(domains=tuple(dict.fromkeys((*known.domains, *self._domains))))
