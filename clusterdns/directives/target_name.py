"""The name that a record leads to: of a CNAME, MX, SRV and the like, in uncompressed rdata.

Those of CoreDNS's `rewrite`, "CNAME, DNAME, SOA, SRV, MX, NAPTR, NS, PTR"; of an SOA it is the name server.
"""

from __future__ import annotations

from clusterdns.wire import numbers
from clusterdns.wire.records import Record

_NAPTR = 35
# How many bytes stand before the name (RFC 1035 section 3.3, RFC 2782, RFC 6672).
_BEFORE = {
    numbers.NS: 0,
    numbers.CNAME: 0,
    numbers.SOA: 0,
    numbers.PTR: 0,
    numbers.DNAME: 0,
    numbers.MX: 2,
    numbers.SRV: 6,
}


def target_of(record: Record) -> bytes | None:
    """The wire name that the record leads to; None if its type has none."""
    place = _place(record)
    return None if place is None else record.rdata[place[0] : place[1]]


def replace_target(record: Record, target: bytes) -> Record:
    """The record leading to `target` (a wire name); the record itself if its type leads nowhere."""
    place = _place(record)
    if place is None:
        return record
    return record._replace(rdata=record.rdata[: place[0]] + target + record.rdata[place[1] :])


def _place(record: Record) -> tuple[int, int] | None:
    """Where the name starts and ends in the rdata, which `read_sections` has found to be whole."""
    rdata = record.rdata
    start = _BEFORE.get(record.rtype)
    if record.rtype == _NAPTR:
        # Two numbers and three character strings stand before it (RFC 3403 section 4.1).
        start = 4
        for _ in range(3):
            start += 1 + rdata[start]
    if start is None:
        return None
    end = start
    while length := rdata[end]:
        end += 1 + length
    return start, end + 1
