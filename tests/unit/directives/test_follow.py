"""An answer that others went into is for no more clients than each of them, and kept no longer."""

from __future__ import annotations

import math
from typing import Any

import pytest

from clusterdns.directives.chain import Reply
from clusterdns.directives.follow import shared
from tests.support.chain import FOUND, request, response_to

ASKED = request(client="10.0.0.7")
CLIENT = b"10.0.0.7"

# What the replies are that go in, and what the answer is then.
ROWS: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "for everyone": ([{}, {}], {"view": None, "cacheable": True, "watched": None, "forget_at": math.inf}),
    "one is for a view": ([{"view": b"shop"}, {}], {"view": b"shop"}),
    "both are for the same": ([{"view": b"shop"}, {"view": b"shop"}], {"view": b"shop"}),
    "for two views": ([{"view": b"shop"}, {"view": b"blog"}], {"view": CLIENT}),
    "one may be repeated": ([{"fresh_until": 130.0}, {}], {"fresh_until": 0.0}),
    "both may be repeated": ([{"fresh_until": 130.0}, {"fresh_until": math.inf}], {"fresh_until": 130.0}),
    "one no cache may have": ([{"cacheable": False}, {}], {"cacheable": False}),
    "one is current by watch": ([{}, {"watched": (b"web",)}], {"watched": (b"web",)}),
    "both are": ([{"watched": (b"web", b"db")}, {"watched": (b"db",)}], {"watched": (b"web", b"db")}),
    "one is to be forgotten soon": ([{}, {"forget_at": 101.0}], {"forget_at": 101.0}),
}


@pytest.mark.parametrize(("used", "expected"), ROWS.values(), ids=ROWS)
def test_shared(used: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    replies = [Reply(response_to(ASKED, FOUND), "used", **fields) for fields in used]
    for made in (Reply(response_to(ASKED, FOUND), "made"), replies[0]):
        reply = shared(ASKED, made, *replies)
        assert {name: getattr(reply, name) for name in expected} == expected
        assert reply.source == made.source
