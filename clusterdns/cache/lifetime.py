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
    if response.kind is Kind.ANSWER:
        bounds = success
    elif response.kind in (Kind.NODATA, Kind.NXDOMAIN):
        bounds = denial
    else:
        return 0
    return min(max(response.ttl, bounds.minimum), bounds.maximum)


# `(now + 30.0) - now` may come out a little above 30; without this, rounding up would make 31 of it.
_CLOCK_ERROR = 1e-6


def remaining_ttl(expires: float, now: float) -> int:
    """The TTL to write at `now`: whole seconds, rounded up, so that it reaches 0 exactly when the entry is gone."""
    if expires <= now:
        return 0
    return max(1, math.ceil(expires - now - _CLOCK_ERROR))
