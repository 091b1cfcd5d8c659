"""How long answers are kept, and the TTL that is left of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterdns.cache.lifetime import DENIAL, SUCCESS, Bounds, lifetime, remaining_ttl
from tests.support.chain import FOUND, NODATA, NXDOMAIN, Says, request, response_to

_SHORT_SOA = "cluster.local. 3 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 600"
_LONG_SOA = "cluster.local. 7200 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 7200"
_DELEGATION = ("cluster.local. 60 IN NS ns.cluster.local.",)
_CNAME = "@ 60 IN CNAME www.example."

ROWS: dict[str, tuple[Says, int]] = {
    # Positive answers: the lowest TTL, between minimum and maximum.
    "positive": (FOUND, 60),
    "lowest TTL of the answer": (Says(answer=("@ 60 IN A 10.0.0.1", "@ 20 IN A 10.0.0.2")), 20),
    "lowest TTL is an additional": (
        Says(answer=("@ 60 IN A 10.0.0.1",), additional=("b.example. 9 IN A 10.0.0.2",)),
        9,
    ),
    "an SOA beside an answer lends no minimum": (Says(answer=("@ 60 IN A 10.0.0.1",), authority=(_LONG_SOA,)), 60),
    "below the minimum": (Says(answer=("@ 0 IN A 10.0.0.1",)), 5),
    "above the maximum": (Says(answer=("@ 86400 IN A 10.0.0.1",)), 3600),
    "CNAME to an address": (Says(answer=(_CNAME, "www.example. 30 IN A 10.0.0.1")), 30),
    # RFC 2308 section 5: the lower of the SOA's TTL and its minimum.
    "NXDOMAIN, SOA minimum below its TTL": (NXDOMAIN, 5),
    "NXDOMAIN, SOA TTL below its minimum": (Says(rcode="NXDOMAIN", authority=(_SHORT_SOA,)), 5),
    "NXDOMAIN above the maximum": (Says(rcode="NXDOMAIN", authority=(_LONG_SOA,)), 1800),
    "NODATA": (NODATA, 5),
    "NODATA behind a CNAME": (Says(answer=(_CNAME,), authority=(_LONG_SOA,)), 60),
    "NXDOMAIN behind a CNAME": (Says(rcode="NXDOMAIN", answer=(_CNAME,), authority=(_LONG_SOA,)), 60),
    # "negative responses without SOA records SHOULD NOT be cached" (RFC 2308 section 5).
    "NXDOMAIN without SOA": (Says(rcode="NXDOMAIN"), 0),
    "NODATA without SOA": (Says(), 0),
    "CNAME only": (Says(answer=(_CNAME,)), 0),
    "delegation": (Says(authority=_DELEGATION, flags="QR RD"), 60),
    "delegation with an address": (Says(authority=_DELEGATION, additional=("ns.cluster.local. 20 IN A 10.0.0.2",)), 20),
    "delegation behind a CNAME": (Says(answer=(_CNAME,), authority=_DELEGATION), 0),
    "delegation with an error": (Says(rcode="REFUSED", authority=_DELEGATION), 0),
    "name servers of NXDOMAIN without SOA": (Says(rcode="NXDOMAIN", authority=_DELEGATION), 0),
    "name servers beside an SOA": (Says(authority=(*_DELEGATION, _LONG_SOA)), 60),
    "name servers among the additional records": (Says(additional=_DELEGATION), 0),
    "truncated delegation": (Says(authority=_DELEGATION, flags="QR TC RD RA"), 0),
    "SERVFAIL": (Says(rcode="SERVFAIL"), 0),
    "SERVFAIL with SOA": (Says(rcode="SERVFAIL", authority=(_LONG_SOA,)), 0),
    "REFUSED": (Says(rcode="REFUSED"), 0),
    "truncated": (Says(answer=("@ 60 IN A 10.0.0.1",), flags="QR TC RD RA"), 0),
    "truncated NXDOMAIN": (Says(rcode="NXDOMAIN", authority=(_LONG_SOA,), flags="QR TC RD RA"), 0),
}


@pytest.mark.parametrize(("says", "seconds"), ROWS.values(), ids=ROWS)
def test_lifetime_with_the_defaults(says: Says, seconds: int) -> None:
    question = request()
    assert lifetime(response_to(question, says), question.query.qtype, SUCCESS, DENIAL) == seconds


@pytest.mark.parametrize(
    ("says", "success", "denial", "seconds"),
    [
        (FOUND, Bounds(0, 30), Bounds(0, 1), 30),
        (FOUND, Bounds(120, 300), Bounds(0, 1), 120),
        (NXDOMAIN, Bounds(0, 300), Bounds(0, 2), 2),
        (NODATA, Bounds(0, 300), Bounds(10, 20), 10),
        (Says(answer=("@ 0 IN A 10.0.0.1",)), Bounds(0, 30), Bounds(0, 30), 0),
        (FOUND, Bounds(0, 0), Bounds(0, 30), 0),
    ],
)
def test_lifetime_within_configured_bounds(says: Says, success: Bounds, denial: Bounds, seconds: int) -> None:
    question = request()
    assert lifetime(response_to(question, says), question.query.qtype, success, denial) == seconds


@pytest.mark.parametrize("qtype", [41, 249, 250, 251, 252, 253, 254])
def test_meta_types_are_never_kept(qtype: int) -> None:
    response = response_to(request(), FOUND)
    assert lifetime(response, 1, SUCCESS, DENIAL) == 60
    assert lifetime(response, qtype, SUCCESS, DENIAL) == 0


@pytest.mark.parametrize(
    ("expires", "now", "ttl"),
    [
        (130.0, 100.0, 30),
        (130.0, 100.25, 30),
        (130.0, 101.0, 29),
        (130.0, 129.0, 1),
        (130.0, 129.999999, 1),
        (130.0, 129.9999999, 1),
        (130.0, 130.0, 0),
        (130.0, 200.0, 0),
        # 12.3 + 3600 is a little more than 3600 after 12.3 in binary fractions.
        (12.3 + 3600, 12.3, 3600),
    ],
)
def test_remaining_ttl(expires: float, now: float, ttl: int) -> None:
    assert remaining_ttl(expires, now) == ttl


@given(now=st.floats(0, 1e8), seconds=st.integers(1, 604800))
def test_remaining_ttl_is_what_was_given_at_first_and_never_more(now: float, seconds: int) -> None:
    assert remaining_ttl(now + seconds, now) == seconds


@given(now=st.floats(0, 1e6), seconds=st.integers(1, 3600), steps=st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_remaining_ttl_only_falls_and_ends_with_the_entry(now: float, seconds: int, steps: list[float]) -> None:
    expires = now + seconds
    seen = seconds
    for fraction in sorted(steps):
        at = now + fraction * seconds
        ttl = remaining_ttl(expires, at)
        assert (ttl == 0) == (at >= expires)
        assert ttl <= seen
        seen = ttl
