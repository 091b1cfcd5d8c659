"""The packet cache: what hits, what the answer looks like as time passes, and who gets it."""

from __future__ import annotations

import struct

import dns.message
import pytest

from clusterdns.cache.packet_cache import PacketCache
from clusterdns.cache.views import ViewsOf, no_views
from clusterdns.wire.response import read_response
from tests.support import messages

_CLIENT = "10.0.0.7"
_VIEWS = {"10.0.0.1": (b"shop",), "10.0.0.2": (b"shop",), "10.0.0.3": (b"blog",), "10.0.0.4": (b"one", b"blog")}


def _views_of(client: str) -> tuple[bytes, ...]:
    return _VIEWS.get(client, ())


def _cache(capacity: int = 100, views_of: ViewsOf = _views_of) -> PacketCache:
    return PacketCache(capacity, views_of)


def _answer(query: bytes, address: str = "10.9.9.9", ttl: int = 30) -> bytes:
    name = dns.message.from_wire(query).question[0].name
    return messages.response(query, answer=(f"{name} {ttl} IN A {address}", f"{name} {ttl} IN A 10.9.9.10"))


def _put(
    cache: PacketCache,
    query: bytes,
    *,
    client: str = _CLIENT,
    view: bytes | None = None,
    address: str = "10.9.9.9",
    now: float = 100.0,
    seconds: float = 30.0,
) -> None:
    answer = _answer(query, address)
    cache.put(query[2:], client, view, answer, read_response(answer).ttl_offsets, expires=now + seconds, now=now)


def _address(cache: PacketCache, query: bytes, client: str, now: float = 100.0) -> str | None:
    """The first address that `client` gets, or None for a miss."""
    body = cache.get(query[2:], client, now)
    if body is None:
        return None
    return str(dns.message.from_wire(query[:2] + body).answer[0][0])


def _ttls(body: bytes) -> set[int]:
    return {rrset.ttl for rrset in dns.message.from_wire(b"\0\0" + body).answer}


BASE = messages.query()

OTHER_QUERIES = {
    "case": messages.query("Web.shop.svc.cluster.local."),
    "name": messages.query("wec.shop.svc.cluster.local."),
    "type": messages.query(qtype="AAAA"),
    "class": messages.query(qclass="CH"),
    "RD": messages.query(flags=""),
    "AD": messages.query(flags="RD AD"),
    "CD": messages.query(flags="RD CD"),
    "EDNS": messages.query(payload=1232),
    "EDNS size": messages.query(payload=4096),
    "DO": messages.query(dnssec_ok=True),
    "client subnet": messages.query(subnet="10.0.0.1/32"),
    "cut by a byte": BASE[:-1],
}


@pytest.mark.parametrize("other", OTHER_QUERIES.values(), ids=OTHER_QUERIES)
def test_only_the_same_bytes_hit(other: bytes) -> None:
    cache = _cache()
    _put(cache, BASE)
    assert _address(cache, BASE, _CLIENT) == "10.9.9.9"
    assert cache.get(other[2:], _CLIENT, 100.0) is None


def test_the_id_is_no_part_of_key_or_value() -> None:
    cache = _cache()
    _put(cache, messages.query(message_id=0x1111))
    other = messages.query(message_id=0x2222)
    body = cache.get(other[2:], _CLIENT, 100.0)
    assert body is not None
    assert dns.message.from_wire(other[:2] + body).id == 0x2222


@pytest.mark.parametrize(
    ("at", "ttl"), [(100.0, 30), (100.9, 30), (101.0, 29), (128.9, 2), (129.0, 1), (129.999, 1), (130.0, None)]
)
def test_every_ttl_counts_down_to_the_end(at: float, ttl: int | None) -> None:
    cache = _cache()
    _put(cache, BASE, now=100.0, seconds=30.0)
    body = cache.get(BASE[2:], _CLIENT, at)
    assert (None if body is None else _ttls(body)) == (None if ttl is None else {ttl})


def test_ttls_never_rise_and_the_listener_s_fast_path_agrees() -> None:
    # 12.3 + 20 - 12.3 is a little more than 20 in binary fractions.
    cache = _cache()
    _put(cache, BASE, now=12.3, seconds=20.0)
    seen = [20]
    for step in range(200):
        now = 12.3 + step / 10
        entry = cache.find(BASE[2:])
        assert entry is not None
        fast = entry.body if now < entry.renew_at else None
        body = cache.get(BASE[2:], _CLIENT, now)
        assert body is not None
        assert fast in (None, body)
        (ttl,) = _ttls(body)
        assert ttl in (seen[-1], seen[-1] - 1)
        seen.append(ttl)
    assert seen[-1] == 1
    assert cache.get(BASE[2:], _CLIENT, 12.3 + 20) is None


def test_a_long_lived_answer_leaves_early_with_its_own_ttl() -> None:
    # Answers stay for 30 s at most, whatever their TTL, which goes on counting down to its own end.
    cache = _cache()
    _put(cache, BASE, now=100.0, seconds=3600.0)
    body = cache.get(BASE[2:], _CLIENT, 129.5)
    assert body is not None
    assert _ttls(body) == {3571}
    entry = cache.find(BASE[2:])
    assert entry is not None
    assert entry.renew_at <= 130.0
    assert cache.get(BASE[2:], _CLIENT, 130.0) is None
    assert len(cache) == 0


def test_expired_entries_are_not_put() -> None:
    cache = _cache()
    _put(cache, BASE, seconds=0.0)
    _put(cache, BASE, seconds=-1.0)
    assert len(cache) == 0


def test_an_answer_without_records_has_nothing_to_count_down() -> None:
    cache = _cache()
    answer = messages.response(BASE)
    cache.put(BASE[2:], _CLIENT, None, answer, (), expires=105.0, now=100.0)
    assert cache.get(BASE[2:], _CLIENT, 104.0) == answer[2:]
    assert cache.get(BASE[2:], _CLIENT, 105.0) is None


def test_an_answer_replaces_the_one_before() -> None:
    cache = _cache()
    _put(cache, BASE, address="10.9.9.1")
    assert _address(cache, BASE, _CLIENT) == "10.9.9.1"
    _put(cache, BASE, address="10.9.9.2")
    assert _address(cache, BASE, _CLIENT) == "10.9.9.2"
    assert len(cache) == 1


def test_capacity_is_kept_and_the_oldest_leave() -> None:
    cache = _cache(capacity=3)
    queries = [messages.query(f"n{number}.example.") for number in range(5)]
    for query in queries:
        _put(cache, query)
        assert len(cache) <= 3
    assert [_address(cache, query, _CLIENT) is not None for query in queries] == [False, False, True, True, True]


def test_capacity_counts_the_answers_of_views() -> None:
    cache = _cache(capacity=10)
    for number in range(20):
        for client in _VIEWS:
            _put(cache, messages.query(f"n{number}.example."), client=client, view=_VIEWS[client][0])
            assert len(cache) <= 10


@pytest.mark.parametrize("capacity", [0, -1])
def test_no_capacity_switches_it_off(capacity: int) -> None:
    cache = _cache(capacity)
    _put(cache, BASE)
    _put(cache, BASE, client="10.0.0.1", view=b"shop")
    assert len(cache) == 0
    assert cache.find(BASE[2:]) is None


def test_clear_forgets_everything_but_still_works() -> None:
    cache = _cache()
    find = cache.find
    _put(cache, BASE)
    cache.clear()
    assert find(BASE[2:]) is None
    _put(cache, BASE)
    assert find(BASE[2:]) is not None


EVERYONE = dict.fromkeys(("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", _CLIENT), "10.9.9.9")

# (puts: client, view, address) and what each client gets afterwards; who is not named gets nothing.
VIEW_ROWS: dict[str, tuple[list[tuple[str, bytes | None, str]], dict[str, str]]] = {
    "for everyone": ([("10.0.0.1", None, "10.9.9.9")], EVERYONE),
    "for one view": (
        [("10.0.0.1", b"shop", "10.9.9.1")],
        {"10.0.0.1": "10.9.9.1", "10.0.0.2": "10.9.9.1"},
    ),
    "two views": (
        [("10.0.0.1", b"shop", "10.9.9.1"), ("10.0.0.3", b"blog", "10.9.9.3")],
        {"10.0.0.1": "10.9.9.1", "10.0.0.2": "10.9.9.1", "10.0.0.3": "10.9.9.3", "10.0.0.4": "10.9.9.3"},
    ),
    "the most specific view wins": (
        [("10.0.0.3", b"blog", "10.9.9.3"), ("10.0.0.4", b"one", "10.9.9.4")],
        {"10.0.0.3": "10.9.9.3", "10.0.0.4": "10.9.9.4"},
    ),
    "a view takes the name from everyone": (
        [("10.0.0.3", None, "10.9.9.9"), ("10.0.0.1", b"shop", "10.9.9.1")],
        {"10.0.0.1": "10.9.9.1", "10.0.0.2": "10.9.9.1"},
    ),
    "everyone's answer does not hide a view's": (
        [("10.0.0.1", b"shop", "10.9.9.1"), ("10.0.0.3", None, "10.9.9.9")],
        {"10.0.0.1": "10.9.9.1", "10.0.0.2": "10.9.9.1", "10.0.0.3": "10.9.9.9", "10.0.0.4": "10.9.9.9"},
    ),
    "everyone's answer, made for a client of no view": (
        [("10.0.0.1", b"shop", "10.9.9.1"), (_CLIENT, None, "10.9.9.9")],
        {"10.0.0.1": "10.9.9.1", "10.0.0.2": "10.9.9.1"},
    ),
    "for a view that its client has left": ([("10.0.0.1", b"gone", "10.9.9.1")], {}),
}


@pytest.mark.parametrize(("puts", "gets"), VIEW_ROWS.values(), ids=VIEW_ROWS)
def test_views(puts: list[tuple[str, bytes | None, str]], gets: dict[str, str]) -> None:
    cache = _cache()
    for client, view, address in puts:
        _put(cache, BASE, client=client, view=view, address=address)
    assert {client: found for client in EVERYONE if (found := _address(cache, BASE, client)) is not None} == gets


def test_the_fast_path_never_answers_from_a_name_with_views() -> None:
    cache = _cache()
    _put(cache, BASE, client="10.0.0.1", view=b"shop")
    for now in (0.0, 100.0, 1e9):
        entry = cache.find(BASE[2:])
        assert entry is not None
        assert not now < entry.renew_at
        assert entry.body == b""


def test_the_end_of_one_view_s_answer_leaves_the_other_s() -> None:
    cache = _cache()
    _put(cache, BASE, client="10.0.0.1", view=b"shop", seconds=5.0)
    _put(cache, BASE, client="10.0.0.3", view=b"blog", address="10.9.9.3", seconds=20.0)
    assert _address(cache, BASE, "10.0.0.1", now=105.0) is None
    assert _address(cache, BASE, "10.0.0.3", now=105.0) == "10.9.9.3"


def test_without_views_an_answer_for_a_view_reaches_nobody() -> None:
    cache = _cache(views_of=no_views)
    _put(cache, BASE, view=b"shop")
    assert _address(cache, BASE, _CLIENT) is None


def test_an_entry_holds_what_a_kernel_map_needs() -> None:
    cache = _cache()
    _put(cache, BASE, now=100.0, seconds=3600.0)
    entry = cache.find(BASE[2:])
    assert entry is not None
    assert (entry.expires, entry.leaves_at) == (3700.0, 130.0)
    assert [struct.unpack_from("!I", entry.body, offset)[0] for offset in entry.ttl_offsets] == [30, 30]


def _put_several(cache: PacketCache, count: int, *, payload: int | None = None, rotates: bool = True) -> bytes:
    """Put an answer with so many addresses for 30 s; returns its query."""
    query = messages.query(payload=payload)
    addresses = tuple(f"web.shop.svc.cluster.local. 30 IN A 10.9.9.{last}" for last in range(1, count + 1))
    answer = messages.response(query, answer=addresses, edns=payload is not None)
    # OPT is no record with a TTL, and stands behind those that are.
    offsets = read_response(answer).ttl_offsets
    cache.put(query[2:], _CLIENT, None, answer, offsets, expires=130.0, now=100.0, rotates=rotates)
    return query


@pytest.mark.parametrize("payload", [None, 1232], ids=["plain", "EDNS"])
def test_addresses_take_turns_with_every_answer_and_ttls_count_down(payload: int | None) -> None:
    cache = _cache()
    query = _put_several(cache, 3, payload=payload)
    seen = []
    for now in (100.0, 100.0, 100.3, 100.3, 101.0, 129.5):
        entry = cache.find(query[2:])
        assert entry is not None
        assert not now < entry.renew_at
        body = cache.get(query[2:], _CLIENT, now)
        assert body is not None
        message = dns.message.from_wire(query[:2] + body)
        seen.append((str(message.answer[0][0])[-1], message.answer[0].ttl))
        assert len(message.answer[0]) == 3
    assert seen == [("2", 30), ("3", 30), ("1", 30), ("2", 30), ("3", 29), ("1", 1)]
    assert cache.get(query[2:], _CLIENT, 130.0) is None


@pytest.mark.parametrize(("count", "rotates"), [(1, True), (3, False)], ids=["one address", "not to rotate"])
def test_where_nothing_takes_turns_the_body_is_sent_as_it_is(count: int, rotates: bool) -> None:
    cache = _cache()
    query = _put_several(cache, count, rotates=rotates)
    body = cache.get(query[2:], _CLIENT, 100.0)
    entry = cache.find(query[2:])
    assert entry is not None
    assert entry.renew_at > 100.5
    assert entry.body == body == cache.get(query[2:], _CLIENT, 100.5)


def test_an_entry_says_where_the_addresses_stand() -> None:
    cache = _cache()
    query = _put_several(cache, 3)
    entry = cache.find(query[2:])
    assert entry is not None
    ((start, size, count),) = entry.runs
    addresses = [entry.body[start + number * size :][12:16] for number in range(count)]
    assert addresses == [bytes((10, 9, 9, last)) for last in (1, 2, 3)]


def test_what_is_to_be_forgotten_early_keeps_its_ttls() -> None:
    cache = _cache()
    answer = _answer(BASE)
    offsets = read_response(answer).ttl_offsets
    cache.put(BASE[2:], _CLIENT, None, answer, offsets, expires=130.0, now=100.0, forget_at=101.5)
    body = cache.get(BASE[2:], _CLIENT, 101.4)
    assert body is not None
    assert _ttls(body) == {29}
    assert cache.get(BASE[2:], _CLIENT, 101.5) is None
    cache.put(BASE[2:], _CLIENT, None, answer, offsets, expires=130.0, now=102.0, forget_at=101.5)
    assert len(cache) == 0
