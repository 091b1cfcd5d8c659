"""The message cache: which answers are kept under which question, for how long and for whom."""

from __future__ import annotations

import dns.message
import pytest

from clusterdns.cache.lifetime import Bounds
from clusterdns.cache.message_cache import Kept, MessageCache, question_of
from clusterdns.directives.chain import Request
from clusterdns.wire.response import Kind
from tests.support.chain import FOUND, NODATA, NXDOMAIN, Says, request, response_to

_CLIENT = "10.0.0.7"


def _put(
    cache: MessageCache,
    asked: Request,
    says: Says,
    *,
    now: float = 100.0,
    client: str = _CLIENT,
    view: bytes | None = None,
) -> Kept | None:
    return cache.put(question_of(asked.query), client, view, response_to(asked, says), now)


def _get(cache: MessageCache, asked: Request, now: float = 100.0, client: str = _CLIENT) -> Kept | None:
    return cache.get(question_of(asked.query), client, now)


def _ttls(kept: Kept) -> set[int]:
    message = dns.message.from_wire(kept.response.message)
    return {rrset.ttl for section in (message.answer, message.authority, message.additional) for rrset in section}


MIXED = Says(answer=("@ 60 IN A 10.0.0.1", "@ 40 IN A 10.0.0.2"), additional=("b.example. 50 IN A 10.0.0.3",))

KEPT_ROWS: dict[str, tuple[Says, int]] = {
    "positive": (FOUND, 60),
    "one lifetime for the whole answer": (MIXED, 40),
    "NXDOMAIN": (NXDOMAIN, 5),
    "NODATA": (NODATA, 5),
    "NODATA behind a CNAME": (Says(answer=("@ 60 IN CNAME www.example.",), authority=NODATA.authority), 5),
    "TTL of a week": (Says(answer=("@ 604800 IN A 10.0.0.1",)), 3600),
}


@pytest.mark.parametrize(("says", "seconds"), KEPT_ROWS.values(), ids=KEPT_ROWS)
def test_kept_answers_count_down_and_leave(says: Says, seconds: int) -> None:
    cache = MessageCache()
    asked = request()
    kept = _put(cache, asked, says, now=12.3)
    assert kept is not None
    assert (kept.expires, kept.response.ttl, _ttls(kept)) == (12.3 + seconds, seconds, {seconds})
    for now, ttl in ((12.3, seconds), (13.4, seconds - 1), (12.3 + seconds - 0.5, 1)):
        found = _get(cache, asked, now)
        assert found is not None
        assert (found.response.ttl, _ttls(found), found.expires) == (ttl, {ttl}, kept.expires)
        assert found.response.kind is kept.response.kind
    assert _get(cache, asked, 12.3 + seconds) is None
    assert cache.success_entries + cache.denial_entries == 0


NOT_KEPT_ROWS: dict[str, Says] = {
    "NXDOMAIN without SOA": Says(rcode="NXDOMAIN"),
    "NODATA without SOA": Says(),
    "CNAME only": Says(answer=("@ 60 IN CNAME www.example.",)),
    "SERVFAIL": Says(rcode="SERVFAIL"),
    "REFUSED": Says(rcode="REFUSED"),
    "truncated": Says(answer=("@ 60 IN A 10.0.0.1",), flags="QR TC RD RA"),
}


@pytest.mark.parametrize("says", NOT_KEPT_ROWS.values(), ids=NOT_KEPT_ROWS)
def test_what_is_not_kept_leaves_what_is_there(says: Says) -> None:
    cache = MessageCache()
    asked = request()
    assert _put(cache, asked, says) is None
    assert _get(cache, asked) is None
    _put(cache, asked, FOUND)
    assert _put(cache, asked, says) is None
    found = _get(cache, asked)
    assert found is not None
    assert found.response.kind is Kind.ANSWER


@pytest.mark.parametrize(
    ("success", "denial", "says", "seconds"),
    [
        (Bounds(0, 30), Bounds(0, 5), FOUND, 30),
        (Bounds(0, 30), Bounds(0, 2), NXDOMAIN, 2),
        (Bounds(0, 30), Bounds(0, 2), NODATA, 2),
        (Bounds(300, 600), Bounds(0, 2), FOUND, 300),
        (Bounds(0, 30), Bounds(20, 30), NXDOMAIN, 20),
    ],
)
def test_success_and_denial_have_bounds_of_their_own(success: Bounds, denial: Bounds, says: Says, seconds: int) -> None:
    kept = _put(MessageCache(success=success, denial=denial), request(), says)
    assert kept is not None
    assert kept.response.ttl == seconds


SAME_QUESTION = {
    "another spelling": request("WEB.Shop.svc.cluster.LOCAL."),
    "another client": request(client="10.0.0.8"),
    "over TCP": request(transport="tcp"),
    "EDNS": request(payload=4096),
    "AD, no RD": request(flags="AD"),
    "client subnet": request(subnet="10.0.0.1/32"),
}
OTHER_QUESTION = {
    "another name": request("wec.shop.svc.cluster.local."),
    "another type": request(qtype="AAAA"),
    "another class": request(qclass="CH"),
    "DO": request(dnssec_ok=True),
    "CD": request(flags="RD CD"),
}


@pytest.mark.parametrize("other", SAME_QUESTION.values(), ids=SAME_QUESTION)
def test_the_same_question(other: Request) -> None:
    cache = MessageCache()
    _put(cache, request(), FOUND)
    assert _get(cache, other) is not None


@pytest.mark.parametrize("says", [FOUND, NXDOMAIN], ids=["found", "nxdomain"])
@pytest.mark.parametrize("other", OTHER_QUESTION.values(), ids=OTHER_QUESTION)
def test_another_question(other: Request, says: Says) -> None:
    cache = MessageCache()
    _put(cache, request(), says)
    assert _get(cache, other) is None
    _put(cache, request(), FOUND)
    _put(cache, other, NXDOMAIN)
    found = _get(cache, request())
    assert found is not None
    assert found.response.kind is Kind.ANSWER


@pytest.mark.parametrize("steps", [(FOUND, NXDOMAIN), (NXDOMAIN, FOUND), (FOUND, NODATA, FOUND), (NODATA, NXDOMAIN)])
def test_the_newest_answer_counts(steps: tuple[Says, ...]) -> None:
    cache = MessageCache()
    asked = request()
    for says in steps:
        _put(cache, asked, says)
        found = _get(cache, asked)
        assert found is not None
        assert found.response.rcode == (3 if says is NXDOMAIN else 0)
        assert found.response.kind is response_to(asked, says).kind
        assert cache.success_entries + cache.denial_entries == 1


def test_capacity_of_each_class_and_evictions() -> None:
    cache = MessageCache(success_capacity=2, denial_capacity=1)
    names = [request(f"n{number}.example.") for number in range(4)]
    _put(cache, names[0], FOUND)
    _put(cache, names[1], FOUND)
    assert (cache.success_entries, cache.counters.evictions) == (2, 0)
    assert _get(cache, names[0]) is not None  # now names[1] is the one not used for longest
    _put(cache, names[2], FOUND)
    assert (cache.success_entries, cache.counters.evictions) == (2, 1)
    assert [_get(cache, name) is not None for name in names] == [True, False, True, False]
    _put(cache, names[3], NXDOMAIN)
    _put(cache, names[1], NXDOMAIN)
    assert (cache.success_entries, cache.denial_entries, cache.counters.evictions) == (2, 1, 2)


def test_what_leaves_for_another_reason_is_no_eviction() -> None:
    cache = MessageCache(success_capacity=2, denial_capacity=2)
    _put(cache, request(), FOUND)
    _put(cache, request(), FOUND)
    _put(cache, request(), NXDOMAIN)
    _get(cache, request(), now=1000.0)
    assert cache.counters.evictions == 0


def test_counters() -> None:
    cache = MessageCache(success_capacity=1, denial_capacity=1)
    _get(cache, request())
    _put(cache, request(), FOUND)
    _get(cache, request())
    _get(cache, request())
    _put(cache, request(), NXDOMAIN)
    _get(cache, request())
    _get(cache, request(), now=500.0)
    for name in ("a.example.", "b.example.", "c.example."):
        _put(cache, request(name), FOUND)
    _put(cache, request("d.example."), NXDOMAIN)
    _put(cache, request("e.example."), NXDOMAIN)
    counters = cache.counters
    counters.misses = 7  # of whoever had to ask somebody else
    assert (counters.success_hits, counters.denial_hits, counters.requests) == (2, 1, 10)
    assert (counters.success_evictions, counters.denial_evictions, counters.evictions) == (2, 1, 3)


_VIEWS = {"10.0.0.1": (b"10.0.0.1", b"shop"), "10.0.0.2": (b"10.0.0.2", b"shop"), "10.0.0.3": (b"10.0.0.3", b"blog")}


def _views_of(client: str) -> tuple[bytes, ...]:
    return _VIEWS.get(client, ())


VIEW_ROWS: dict[str, tuple[list[tuple[str, bytes | None, Says]], dict[str, Kind]]] = {
    "for one client": ([("10.0.0.1", b"10.0.0.1", FOUND)], {"10.0.0.1": Kind.ANSWER}),
    "for a namespace": ([("10.0.0.1", b"shop", FOUND)], {"10.0.0.1": Kind.ANSWER, "10.0.0.2": Kind.ANSWER}),
    "for everyone": (
        [("10.0.0.1", None, FOUND)],
        dict.fromkeys((*_VIEWS, _CLIENT), Kind.ANSWER),
    ),
    # As soon as one client has an answer of its own, nobody's answer may stand in for another's.
    "one client's answer, then a denial for another": (
        [("10.0.0.1", b"10.0.0.1", FOUND), ("10.0.0.2", None, NXDOMAIN)],
        {"10.0.0.1": Kind.ANSWER, "10.0.0.2": Kind.NXDOMAIN},
    ),
    "everyone's denial, then one client's answer": (
        [("10.0.0.2", None, NXDOMAIN), ("10.0.0.1", b"10.0.0.1", FOUND)],
        {"10.0.0.1": Kind.ANSWER},
    ),
    "one client's denial after its own answer": (
        [("10.0.0.1", b"10.0.0.1", FOUND), ("10.0.0.1", b"10.0.0.1", NXDOMAIN)],
        {"10.0.0.1": Kind.NXDOMAIN},
    ),
    "one client's denial leaves another's answer": (
        [("10.0.0.1", b"10.0.0.1", FOUND), ("10.0.0.2", b"10.0.0.2", NXDOMAIN)],
        {"10.0.0.1": Kind.ANSWER, "10.0.0.2": Kind.NXDOMAIN},
    ),
    "everyone's answer beside one client's": (
        [("10.0.0.1", b"10.0.0.1", NODATA), ("10.0.0.2", None, NXDOMAIN)],
        {"10.0.0.1": Kind.NODATA, "10.0.0.2": Kind.NXDOMAIN},
    ),
}


@pytest.mark.parametrize(("puts", "gets"), VIEW_ROWS.values(), ids=VIEW_ROWS)
def test_views(puts: list[tuple[str, bytes | None, Says]], gets: dict[str, Kind]) -> None:
    cache = MessageCache(views_of=_views_of)
    for client, view, says in puts:
        kept = _put(cache, request(), says, client=client, view=view)
        assert kept is not None
        assert kept.view is None or kept.view in (view, client.encode())
    found = {client: _get(cache, request(), client=client) for client in (*_VIEWS, _CLIENT)}
    assert {client: kept.response.kind for client, kept in found.items() if kept is not None} == gets
