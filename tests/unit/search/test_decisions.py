"""Bounds of what searches leave behind, and the lists that they go along."""

from __future__ import annotations

import pytest

from clusterdns.search.decisions import Decisions
from clusterdns.search.denials import Denial, Denials
from clusterdns.search.lists import OFF, SearchList, WithHostDomains
from clusterdns.wire import numbers
from clusterdns.wire.names import name_from_text
from tests.support.chain import NXDOMAIN, request, response_to

LIST = SearchList(b"shop", (name_from_text("shop.svc.cluster.local"),))
NAMES = [name_from_text(f"n{number}.example") for number in range(4)]


def test_decisions_are_bounded_and_the_oldest_leaves() -> None:
    decisions = Decisions(capacity=3)
    for name in (*NAMES[:3], NAMES[0], NAMES[3]):
        decisions.begin(name, LIST, numbers.A, 100.0)
    decisions.hold("10.0.0.1", NAMES[0], numbers.A, 100.0)
    assert len(decisions) == 3
    found = [decisions.find("10.0.0.2", name, LIST, numbers.A, 100.0) is not None for name in NAMES]
    assert found == [True, False, False, True]


def test_denials_are_bounded_and_the_oldest_leaves() -> None:
    denials = Denials(capacity=2)
    denial = Denial(LIST, response_to(request(), NXDOMAIN), 105.0)
    for name in (*NAMES[:2], NAMES[0], NAMES[2]):
        denials.put(b"shop", name, denial)
    assert len(denials) == 2
    assert [denials.find(b"shop", name, LIST, 100.0) is not None for name in NAMES] == [True, False, True, False]


def test_a_denial_that_is_over_is_forgotten() -> None:
    denials = Denials()
    denials.put(b"shop", NAMES[0], Denial(LIST, response_to(request(), NXDOMAIN), 105.0))
    assert denials.find(b"shop", NAMES[0], LIST, 105.0) is None
    assert len(denials) == 0


@pytest.mark.parametrize(
    ("known", "longer"),
    [
        (None, None),
        (OFF, OFF),
        (LIST, SearchList(b"shop", (*LIST.domains, name_from_text("corp.example")))),
        (SearchList(b"a", (name_from_text("corp.example"),)), SearchList(b"a", (name_from_text("corp.example"),))),
    ],
)
def test_the_host_s_domains_stand_behind(known: SearchList | None, longer: SearchList | None) -> None:
    class Lists:
        def search_list_of(self, client: str) -> SearchList | None:
            return known

        def view_at(self, packed: bytes, /) -> bytes | None:
            return None

    lists = WithHostDomains(Lists(), (name_from_text("corp.example"),))
    assert lists.search_list_of("10.0.0.1") == longer
    assert lists.search_list_of("10.0.0.1") is lists.search_list_of("10.0.0.1")
