"""The search list of a resolv.conf(5)."""

from __future__ import annotations

import pytest

from clusterdns.search.lists import SearchList
from clusterdns.search.resolv_conf import EVERYONE, FileSearchList, search_domains, search_rules
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


NDOTS: dict[str, tuple[str, int]] = {
    "nothing said": ("search a.example\n", 1),
    "as kubelet writes it": ("options ndots:5\n", 5),
    "among others": ("options timeout:1 ndots:3 single-request\n", 3),
    "none": ("options ndots:0\n", 0),
    "the last one wins": ("options ndots:3\noptions rotate\noptions ndots:4\n", 4),
    "no more than there may be": ("options ndots:16\n", 15),
    "a very long number": ("options ndots:" + "9" * 5000 + "\n", 15),
    "zeros in front": ("options ndots:0007\n", 7),
    "no number": ("options ndots:2 ndots:x ndots: ndots:-1 ndots:٤\n", 2),
    "no option": ("ndots:5\nsearch ndots:5\n# options ndots:5\n", 1),
    "empty": ("", 1),
}


@pytest.mark.parametrize(("text", "ndots"), NDOTS.values(), ids=NDOTS)
def test_search_rules(text: str, ndots: int) -> None:
    rules = search_rules(text)
    assert (rules.ndots, rules.search) == (ndots, search_domains(text))


def test_every_client_has_the_same_list() -> None:
    lists = FileSearchList("search a.example\n")
    assert (
        lists.search_list_of("10.0.0.1")
        == lists.search_list_of("fd00::1")
        == SearchList(EVERYONE, (b"\1a\7example\0",))
    )
