"""The search list of a resolv.conf(5), for `autopath RESOLV-CONF`: one list for every client."""

from __future__ import annotations

from clusterdns.search.lists import SearchList
from clusterdns.wire.names import name_from_text

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


class FileSearchList:
    """The same search list for every client; implements `clusterdns.search.lists.SearchLists`."""

    def __init__(self, text: str) -> None:
        self._known = SearchList(EVERYONE, search_domains(text))

    def search_list_of(self, client: str) -> SearchList | None:
        return self._known
