"""The TTLs that PrivateZone takes. Source: AddZoneRecord, parameter Ttl (pvtz 2018-01-01). Pure."""

from __future__ import annotations

ALLOWED_SECONDS = (5, 30, 60, 3600, 43200, 86400)
DEFAULT_SECONDS = 60


def allowed_ttl(seconds: int | None) -> int:
    """Return the TTL that stands for `seconds` in a zone: the longest allowed one that is not longer.

    Never longer, because nobody must keep an answer for longer than its owner said; 5 s is the least there is.
    None, for "not said", is the zone's default.
    """
    if seconds is None:
        return DEFAULT_SECONDS
    return max((allowed for allowed in ALLOWED_SECONDS if allowed <= seconds), default=ALLOWED_SECONDS[0])
