"""The write gateway: the only place from which PrivateZone is changed, and the one that a dry run closes.

It also settles doubts. An addition that is refused because the record exists already, or a deletion of a record that
is gone, has reached its aim: that happens when an answer was lost on the way, or another run was cut short.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import replace

from externaldns.providers.privatezone.api import DEFAULT_LINE, ReadApi, Row, WriteApi
from externaldns.providers.privatezone.calls import Calls
from externaldns.providers.privatezone.failure import CONFLICT, PrivateZoneError
from externaldns.providers.privatezone.listing import list_all
from externaldns.providers.privatezone.operations import AddRow, DeleteRow, Operation, UpdateRow, canonical_value

logger = logging.getLogger(__name__)


class WriteGateway:
    """Writes operations, or, with `dry_run`, only tells of them."""

    def __init__(self, writes: WriteApi, reads: ReadApi, calls: Calls, *, dry_run: bool) -> None:
        self._api = writes
        self._reads = reads
        self._calls = calls
        self._dry_run = dry_run

    async def write(self, operation: Operation) -> None:
        """Carry `operation` out; returns once it holds. PrivateZoneError if it does not."""
        if self._dry_run:
            logger.info("dry run, not done: %s", _describe(operation))
            return
        # Unique for each operation and the same in its retries. Not made from the operation's content: adding what
        # was added and deleted before is a new operation, and must not be taken for a repetition of the old one.
        token = uuid.uuid4().hex
        match operation:
            case AddRow(zone_id, row):
                await self._add(zone_id, row, token)
            case UpdateRow(_, _, row):
                await self._calls.write(lambda: self._api.update_row(row, token))
            case DeleteRow(zone_id, row):
                await self._delete(zone_id, row, token)
        logger.info("%s", _describe(operation))

    async def _add(self, zone_id: str, row: Row, token: str) -> None:
        try:
            await self._calls.write(lambda: self._api.add_row(zone_id, row, token))
        except PrivateZoneError as error:
            if error.code != CONFLICT:
                raise
            twin = await self._find(zone_id, row.rr, lambda other: _same_data(row, other))
            if twin is None:
                raise
            if twin.ttl != row.ttl:
                await self.write(UpdateRow(zone_id, twin, replace(twin, ttl=row.ttl)))

    async def _delete(self, zone_id: str, row: Row, token: str) -> None:
        try:
            await self._calls.write(lambda: self._api.delete_row(row.record_id, token))
        except PrivateZoneError as error:
            if error.retryable:
                raise
            # The code for "no such record" is not documented, so the zone itself is asked.
            if await self._find(zone_id, row.rr, lambda other: other.record_id == row.record_id):
                raise

    async def _find(self, zone_id: str, rr: str, wanted: Callable[[Row], bool]) -> Row | None:
        rows = await list_all(lambda page: self._calls.read(lambda: self._reads.list_rows(zone_id, page, rr)))
        return next((row for row in rows if wanted(row)), None)


def _same_data(row: Row, other: Row) -> bool:
    return (
        (row.rr.lower(), row.type) == (other.rr.lower(), other.type)
        and other.line == DEFAULT_LINE
        and canonical_value(row.type, row.value) == canonical_value(other.type, other.value)
    )


def _describe(operation: Operation) -> str:
    row = operation.row
    text = f"{row.rr} {row.type} {row.value} TTL {row.ttl} in zone {operation.zone_id}"
    match operation:
        case AddRow():
            return f"add {text}"
        case UpdateRow(_, old, _):
            return f"update {text}, was {old.value} TTL {old.ttl}"
        case DeleteRow():
            return f"delete {text}"
