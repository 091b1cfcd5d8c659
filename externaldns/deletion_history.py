"""The deletions of the last minutes as a text that outlives the process: the guard's window, noted on the Lease.

    {"example.com": [[1767225600, 12], [1767225660, 3]]}       by zone: seconds since 1970, and how many then

Minutes are counted together, so that the text stays short. Clocks of two machines may disagree: what seems to lie in
the future counts as of now. No I/O, no clock.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

History = Mapping[str, Sequence[tuple[float, int]]]
"""By zone: so many seconds ago so many records were deleted."""

_MINUTE = 60


def encode(history: History, wall: float) -> str:
    """Return the text for `history` at `wall` (seconds since 1970)."""
    text: dict[str, list[list[int]]] = {}
    for zone, deletions in sorted(history.items()):
        minutes: dict[int, int] = {}
        for ago, count in deletions:
            # Rounded up: what is forgotten too early may be deleted twice.
            minute = -int(-(wall - ago) // _MINUTE) * _MINUTE
            minutes[minute] = minutes.get(minute, 0) + count
        text[zone] = [[minute, count] for minute, count in sorted(minutes.items())]
    return json.dumps(text, separators=(",", ":"))


def decode(text: str, wall: float) -> History:
    """Return what `text` says at `wall`; nothing if it is not one of ours."""
    try:
        found = json.loads(text)
        return {
            str(zone): [(max(0.0, wall - float(at)), int(count)) for at, count in deletions]
            for zone, deletions in found.items()
        }
    except (ValueError, TypeError, AttributeError, OverflowError):
        return {}
