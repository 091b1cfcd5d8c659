"""When the signatures of an answer end (RFC 4034 section 3.1): such an answer is kept no longer, or not at all.

The only place in the caches that needs the time of day; it is passed in.
"""

from __future__ import annotations

from clusterdns.wire.response import Response

RRSIG = 46
_RRSIG_TYPE = RRSIG.to_bytes(2, "big")
# From the TTL field: TTL and RDLENGTH, then type covered, algorithm, labels and original TTL stand before it.
_EXPIRATION = 4 + 2 + 2 + 1 + 1 + 4
_HALF = 1 << 31


def seconds_signed(response: Response, wall: float) -> int | None:
    """Seconds until the first signature expires, 0 if one has; None without signatures. `wall`: seconds since 1970."""
    message = response.message
    today = int(wall)
    left = None
    for offset in response.ttl_offsets:
        if message[offset - 4 : offset - 2] != _RRSIG_TYPE:
            continue
        expiration = int.from_bytes(message[offset + _EXPIRATION : offset + _EXPIRATION + 4], "big")
        # "all comparisons involving these fields MUST use Serial number arithmetic" (RFC 4034 section 3.1.5).
        ahead = (expiration - today) % (2 * _HALF)
        seconds = ahead if ahead < _HALF else 0
        left = seconds if left is None else min(left, seconds)
    return left
