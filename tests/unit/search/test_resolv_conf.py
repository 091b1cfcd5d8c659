"""The search list of a resolv.conf(5)."""

from __future__ import annotations

import pytest

from clusterdns.search.lists import SearchList
from clusterdns.search.resolv_conf import EVERYONE, FileSearchList, search_domains
from clusterdns.wire.names import name_to_text

ROWS: dict[str, tuple[str, list[str]]] = {
    "as kubelet writes it": (
        "search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n",
        ["shop.svc.cluster.local.", "svc.cluster.local.", "cluster.local."],
    ),
    "folded": ("search Example.COM.\n", ["example.com."]),
    "domain": ("domain example.com other.example\n", ["example.com."]),
    "the last one wins": ("domain a.example\nsearch b.example c.example\n", ["b.example.", "c.example."]),
    "the last one wins, also a domain": ("search b.example c.example\ndomain a.example\n", ["a.example."]),
    "tabs and spaces": ("  search\ta.example   b.example \n", ["a.example.", "b.example."]),
    "what is no name is left out": ("search a..example " + "x" * 64 + " b.example\n", ["b.example."]),
    "comments": ("# search a.example\n; search b.example\n", []),
    "empty": ("", []),
    "nothing to search": ("search\n", []),
}


@pytest.mark.parametrize(("text", "domains"), ROWS.values(), ids=ROWS)
def test_search_domains(text: str, domains: list[str]) -> None:
    assert [name_to_text(domain) for domain in search_domains(text)] == domains


def test_every_client_has_the_same_list() -> None:
    lists = FileSearchList("search a.example\n")
    assert (
        lists.search_list_of("10.0.0.1")
        == lists.search_list_of("fd00::1")
        == SearchList(EVERYONE, (b"\1a\7example\0",))
    )
