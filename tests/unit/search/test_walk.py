"""Which names a client is about to ask, and which answer ends its walk."""

from __future__ import annotations

import pytest

from clusterdns.search.lists import SearchList
from clusterdns.search.walk import Verdict, expansions, judge
from clusterdns.wire.names import name_from_text, name_to_text
from tests.support.chain import FOUND, NODATA, NXDOMAIN, Says, request, response_to

SEARCH = ("shop.svc.cluster.local", "svc.cluster.local", "cluster.local")
HOST_SEARCH = (*SEARCH, "example.com")

# 61 + 1 + 3 * 64 bytes before the root; with a search domain it does not fit into 255 bytes.
_LONG = ".".join(["a" * 61, "b" * 63, "c" * 63]) + "."

EXPANSION_ROWS: dict[str, tuple[str, tuple[str, ...], list[str]]] = {
    "an external name": (
        "aliyun.com.shop.svc.cluster.local.",
        SEARCH,
        [
            "aliyun.com.shop.svc.cluster.local.",
            "aliyun.com.svc.cluster.local.",
            "aliyun.com.cluster.local.",
            "aliyun.com.",
        ],
    ),
    "one label": (
        "db.shop.svc.cluster.local.",
        SEARCH,
        ["db.shop.svc.cluster.local.", "db.svc.cluster.local.", "db.cluster.local.", "db."],
    ),
    "the host's search domains": (
        "db.shop.svc.cluster.local.",
        HOST_SEARCH,
        [
            "db.shop.svc.cluster.local.",
            "db.svc.cluster.local.",
            "db.cluster.local.",
            "db.example.com.",
            "db.",
        ],
    ),
    "only one search domain": ("a.b.example.com.", ("example.com",), ["a.b.example.com.", "a.b."]),
    "the client's spelling, and the list's": (
        "AliYun.COM.Shop.svc.Cluster.local.",
        SEARCH,
        [
            "AliYun.COM.Shop.svc.Cluster.local.",
            "AliYun.COM.svc.cluster.local.",
            "AliYun.COM.cluster.local.",
            "AliYun.COM.",
        ],
    ),
    "equal to the search domain": ("shop.svc.cluster.local.", SEARCH, []),
    "equal to it in another spelling": ("SHOP.svc.cluster.local.", SEARCH, []),
    "below the second domain only": ("aliyun.com.svc.cluster.local.", SEARCH, []),
    "below the last domain only": ("aliyun.com.cluster.local.", SEARCH, []),
    "the bare name": ("aliyun.com.", SEARCH, []),
    "another namespace": ("web.blog.svc.cluster.local.", SEARCH, []),
    "not at a label's start": ("webshop.svc.cluster.local.", SEARCH, []),
    "the domain's bytes inside a label": (r"web\004shop.svc.cluster.local.", SEARCH, []),
    "above the search domain": ("local.", SEARCH, []),
    "the root": (".", SEARCH, []),
    "no search list": ("aliyun.com.shop.svc.cluster.local.", (), []),
    "too long for a longer domain": (
        _LONG + "example.com.",
        ("example.com", "a." * 30 + "example.com", "example.org"),
        [_LONG + "example.com.", _LONG + "example.org.", _LONG],
    ),
}


@pytest.mark.parametrize(("name", "search", "names"), EXPANSION_ROWS.values(), ids=EXPANSION_ROWS)
def test_expansions(name: str, search: tuple[str, ...], names: list[str]) -> None:
    found = expansions(name_from_text(name), _list(*search))
    assert [name_to_text(each) for each in found] == names


# A name, ndots, and what is asked behind the first name; example.com is the host's, and guarded.
NDOTS_ROWS: dict[str, tuple[str, int, list[str]]] = {
    "fewer dots": ("aliyun.com", 2, ["aliyun.com.svc.cluster.local.", "aliyun.com.cluster.local.", "aliyun.com."]),
    "as many dots": ("aliyun.com", 1, ["aliyun.com.svc.cluster.local.", "aliyun.com.cluster.local."]),
    "ndots of nothing": ("db", 0, ["db.svc.cluster.local.", "db.cluster.local.", "db.example.com."]),
    "one label": ("db", 5, ["db.svc.cluster.local.", "db.cluster.local.", "db.example.com.", "db."]),
}


@pytest.mark.parametrize(("base", "ndots", "names"), NDOTS_ROWS.values(), ids=NDOTS_ROWS)
def test_ndots_and_guarded_domains(base: str, ndots: int, names: list[str]) -> None:
    rules = _list(*HOST_SEARCH)._replace(ndots=ndots, guarded=frozenset((name_from_text("example.com"),)))
    found = expansions(name_from_text(f"{base}.{SEARCH[0]}"), rules)
    assert [name_to_text(each) for each in found[1:]] == names


def test_no_name_is_asked_twice() -> None:
    found = expansions(name_from_text("db.a.example"), _list("a.example", "b.example", "b.example", "."))
    assert [name_to_text(each) for each in found] == ["db.a.example.", "db.b.example.", "db."]


def _list(*search: str) -> SearchList:
    return SearchList(b"view", tuple(name_from_text(domain) for domain in search))


@pytest.mark.parametrize("spare", [0, 1])
def test_a_name_of_255_bytes_is_asked_and_one_of_256_is_not(spare: int) -> None:
    first, second = name_from_text("a.example"), name_from_text("bb.example")
    # With `second` the name is 255 - spare + 1 bytes long.
    room = 255 - spare - len(first)
    base = b""
    while room:
        size = min(room, 64)
        if room - size == 1:
            size -= 1
        base += bytes((size - 1,)) + b"x" * (size - 1)
        room -= size
    names = expansions(base + first, SearchList(b"view", (first, second)))
    assert [len(name) for name in names] == ([255, 245] if spare == 0 else [254, 255, 244])


VERDICT_ROWS: dict[str, tuple[Says, Verdict]] = {
    "an address": (FOUND, Verdict.EXISTS),
    "NODATA": (NODATA, Verdict.EXISTS),
    "NODATA without SOA": (Says(), Verdict.EXISTS),
    "CNAME only": (Says(answer=("@ 60 IN CNAME www.example.",)), Verdict.EXISTS),
    "truncated": (Says(answer=("@ 60 IN A 10.0.0.1",), flags="QR TC RD RA"), Verdict.EXISTS),
    "NXDOMAIN": (NXDOMAIN, Verdict.DENIED),
    "NXDOMAIN without SOA": (Says(rcode="NXDOMAIN"), Verdict.DENIED),
    "SERVFAIL": (Says(rcode="SERVFAIL"), Verdict.UNDECIDED),
    "REFUSED": (Says(rcode="REFUSED"), Verdict.UNDECIDED),
    "FORMERR": (Says(rcode="FORMERR"), Verdict.UNDECIDED),
    "NOTIMP": (Says(rcode="NOTIMP"), Verdict.UNDECIDED),
}


@pytest.mark.parametrize(("says", "verdict"), VERDICT_ROWS.values(), ids=VERDICT_ROWS)
def test_judge(says: Says, verdict: Verdict) -> None:
    assert judge(response_to(request(), says)) is verdict
