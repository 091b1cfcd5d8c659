"""The serial of a zone that follows a cluster (RFC 1035 section 3.3.13, RFC 1982): Unix time, as in CoreDNS.

    a change at time t        the zone's serial is the second behind it, floor(t) + 1, until the next change
    handed out at time now    with that serial, but none later than the second before this one, floor(now) - 1

So a zone that is handed out has a lower serial than what changes from a second before that moment on, however many
changes one second has: nobody who has the zone can miss one. Two seconds after the last change it is handed out with
the serial that it keeps. Nothing is counted, so a serial is never ahead of time by more than a second, whatever the
rate of changes, a restart goes on where time is, and processes and replicas that see a change within a second of one
another, by their own clocks, agree. Where a clock is set back, serials stand still until it is where it was.

Pure; times are Unix seconds.
"""

from __future__ import annotations

_APART = 1
"""Seconds by which replicas may see a change apart."""


def serial_after(change: float) -> int:
    """The serial of a zone whose last change was then."""
    return int(change) + 1


def serial_handed_out(serial: int, now: float) -> int:
    """The serial with which a zone that has `serial` is handed out."""
    return min(serial, int(now) - _APART)
