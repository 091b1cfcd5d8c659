"""The search list of a resolv.conf(5), for `autopath RESOLV-CONF`: one list for every client."""

from __future__ import annotations

from clusterdns.search.lists import SearchList
from clusterdns.search.pod_resolver import RESOLVER_NDOTS, SearchRules
from clusterdns.wire.names import name_from_text

_MOST_NDOTS = 15

EVERYONE = b"*"
"""The view of a list that all clients share; no namespace has this name."""


def search_domains(text: str) -> tuple[bytes, ...]:
    """The folded search domains of resolv.conf text; what is no domain name is left out, as resolvers do.

    "The domain and search keywords are mutually exclusive. If more than one … the last instance wins."
    """
    domains: tuple[bytes, ...] = ()
    for line in text.splitlines():
        fields = line.split()
        if not fields or fields[0] not in ("search", "domain"):
            continue
        found = []
        for field in fields[1:2] if fields[0] == "domain" else fields[1:]:
            try:
                found.append(name_from_text(field).lower())
            except ValueError:
                continue
        domains = tuple(found)
    return domains


def search_rules(text: str) -> SearchRules:
    """The search domains and `ndots` of resolv.conf text; a number that is none is passed over, as musl does."""
    ndots = RESOLVER_NDOTS
    for line in text.splitlines():
        fields = line.split()
        for option in fields[1:] if fields[:1] == ["options"] else ():
            if (number := option.removeprefix("ndots:")) != option and number.isascii() and number.isdigit():
                # "The value for this option is silently capped to 15."
                ndots = min(int(number.lstrip("0")[:3] or "0"), _MOST_NDOTS)
    return SearchRules(search_domains(text), ndots)


class FileSearchList:
    """The same search list for every client; implements `clusterdns.search.lists.SearchLists`."""

    def __init__(self, text: str) -> None:
        self._known = SearchList(EVERYONE, search_domains(text))

    def search_list_of(self, client: str) -> SearchList | None:
        return self._known

    def view_at(self, packed: bytes) -> bytes | None:
        return EVERYONE
