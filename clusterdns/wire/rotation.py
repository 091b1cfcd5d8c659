"""Addresses of an answer in turn, as CoreDNS's `loadbalance` does, in its bytes (RFC 1794 section 3).

Where the address records of a name stand side by side they are equal but for the address: one owner, written the same
way each time, one type, one length. Such a run is turned by moving bytes; nothing that a compressed name may
point to moves, and each TTL field has its place before and after. Records that stand in any other way are left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from clusterdns.wire import numbers
from clusterdns.wire.query import HEADER, HEADER_BYTES

# Type and the length of the address, as they stand around class and TTL.
_ADDRESSES = {numbers.A.to_bytes(2, "big"): 4, numbers.AAAA.to_bytes(2, "big"): 16}


class Run(NamedTuple):
    """So many `records` of `size` bytes each, the first at byte `start`."""

    start: int
    size: int
    records: int


def address_runs(message: bytes, ttl_offsets: Iterable[int]) -> tuple[Run, ...]:
    """The runs of two or more addresses in `message`.

    `ttl_offsets` are the places of its TTL fields, record by record from the first on (`Response.ttl_offsets`).
    """
    _id, _flags, _questions, answers, authorities, _additionals = HEADER.unpack_from(message)
    sections = {answers, answers + authorities}
    start = HEADER_BYTES
    while length := message[start]:
        start += 1 + length
    start += 5
    runs: list[Run] = []
    run: Run | None = None
    head = b""
    for number, offset in enumerate(ttl_offsets):
        length = message[offset + 4] << 8 | message[offset + 5]
        end = offset + 6 + length
        # Owner, type and class.
        this_head = message[start:offset]
        if run is not None and this_head == head and end - start == run.size and number not in sections:
            run = run._replace(records=run.records + 1)
        else:
            if run is not None and run.records > 1:
                runs.append(run)
            is_address = _ADDRESSES.get(message[offset - 4 : offset - 2]) == length
            run = Run(start, end - start, 1) if is_address else None
            head = this_head
        start = end
    if run is not None and run.records > 1:
        runs.append(run)
    return tuple(runs)


def turn(message: bytes, runs: Iterable[Run]) -> bytes:
    """The message with the first record of each run at its end."""
    for start, size, records in runs:
        second, end = start + size, start + size * records
        message = message[:start] + message[second:end] + message[start:second] + message[end:]
    return message
