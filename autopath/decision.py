"""What a zone says to one question, before it is a message: the value between zone, reverse and the directive."""

from __future__ import annotations

import msgspec

from clusterdns.wire.records import Record


class Decision(msgspec.Struct, frozen=True, gc=False):
    """`exists` without records is NODATA (RFC 2308 section 2.2). `target` is set where `answer` is a CNAME to chase."""

    exists: bool
    answer: list[Record] | tuple[Record, ...] = ()
    additional: list[Record] | tuple[Record, ...] = ()
    target: bytes | None = None


NODATA = Decision(True)
NXDOMAIN = Decision(False)
