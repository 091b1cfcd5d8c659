"""Where the addresses of an answer stand in its bytes, if they may change places there.

Nearly every answer with several addresses ends in a run of records that differ in their last bytes only: the same
owner, written as one pointer, one type, one length, and nothing behind them. Such a run can be put into any order
without reading the rest, and without any TTL moving.
"""

from __future__ import annotations

from typing import NamedTuple

from clusterdns.wire import numbers
from clusterdns.wire.names import skip_name
from clusterdns.wire.query import HEADER, HEADER_BYTES
from clusterdns.wire.response import Response

_POINTER = 0xC0
# Owner, type, class, TTL, length, address.
_RECORD_BYTES = {numbers.A: 2 + 10 + 4, numbers.AAAA: 2 + 10 + 16}


class AddressRun(NamedTuple):
    """From byte `start` to byte `end` of the message, in records of `size` bytes."""

    start: int
    size: int
    end: int


def address_run(response: Response) -> AddressRun | None:
    """The run at the end of the message, behind CNAMEs or nothing; None if its addresses stand in any other way."""
    message = response.message
    answers = HEADER.unpack_from(message)[3]
    if answers < 2 or message[8:HEADER_BYTES] != bytes(4):
        return None
    start = offset = response.question_end
    head = b""
    size = 0
    for _ in range(answers):
        behind_owner = skip_name(message, offset)
        rtype = message[behind_owner] << 8 | message[behind_owner + 1]
        end = behind_owner + 10 + (message[behind_owner + 8] << 8 | message[behind_owner + 9])
        # Owner, type and class: all but TTL, length and address.
        this_head = message[offset : behind_owner + 4]
        if rtype == numbers.CNAME and not head:
            start = end
        elif not head and message[offset] >= _POINTER and end - offset == _RECORD_BYTES.get(rtype):
            head, size = this_head, end - offset
        elif this_head != head or end - offset != size:
            return None
        offset = end
    return AddressRun(start, size, offset) if offset - start > size > 0 else None
