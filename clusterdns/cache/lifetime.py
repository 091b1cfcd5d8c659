"""How long an answer may be kept, in seconds: the rules of CoreDNS's `cache` on top of RFC 2308.

"the TTL of a record … a maximum number of seconds that [it] can be cached" (RFC 8767 section 4): an operator's cap
lowers it, a minimum keeps very short answers from costing a query each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from clusterdns.limits import CACHE_DENIAL_SECONDS, CACHE_MINIMUM_SECONDS, CACHE_SUCCESS_SECONDS
from clusterdns.wire import numbers
from clusterdns.wire.response import Kind, Response

_NEVER = frozenset({numbers.OPT, numbers.TSIG, numbers.IXFR, numbers.AXFR, 249, 253, 254})
"""Transfers and the other meta types: what they ask for is not a record (RFC 6895 section 3.1)."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The TTL bounds of one class of answers, in seconds."""

    minimum: int
    maximum: int


SUCCESS = Bounds(CACHE_MINIMUM_SECONDS.default_int, CACHE_SUCCESS_SECONDS.default_int)
DENIAL = Bounds(CACHE_MINIMUM_SECONDS.default_int, CACHE_DENIAL_SECONDS.default_int)


def lifetime(response: Response, qtype: int, success: Bounds, denial: Bounds) -> int:
    """Seconds to keep `response` for; 0 if it must not be kept."""
    if response.truncated or qtype in _NEVER:
        return 0
    kind = response.kind
    if kind is Kind.ANSWER or (kind is Kind.INCOMPLETE and is_delegation(response)):
        bounds = success
    elif kind is Kind.NODATA or kind is Kind.NXDOMAIN:
        bounds = denial
    else:
        return 0
    # Each answer comes by here, and `min` and `max` cost as much as the rest.
    ttl = response.ttl
    if ttl < bounds.minimum:
        ttl = bounds.minimum
    return ttl if ttl < bounds.maximum else bounds.maximum


def is_delegation(response: Response) -> bool:
    """True for a referral: no error, nothing answered, and the name servers of a zone below (RFC 2308 section 2.2).

    It is as positive as an answer: what it says is there.
    """
    if response.kind is not Kind.INCOMPLETE or response.rcode != numbers.NOERROR or response.message[6:8] != b"\0\0":
        return False
    # Without answers, the first TTL is that of the first record in the authority section, if there is one.
    first = response.ttl_offsets[0] if response.ttl_offsets and response.message[8:10] != b"\0\0" else 0
    return first > 0 and response.message[first - 4 : first - 2] == b"\0\2"


# `(now + 30.0) - now` may come out a little above 30; without this, rounding up would make 31 of it.
_CLOCK_ERROR = 1e-6


def remaining_ttl(expires: float, now: float) -> int:
    """The TTL to write at `now`: whole seconds, rounded up, so that it reaches 0 exactly when the entry is gone."""
    if expires <= now:
        return 0
    return max(1, math.ceil(expires - now - _CLOCK_ERROR))
