"""The write gateway: the only place from which PrivateZone is changed, and the one that a dry run closes.

It asks its fence before each try of each call, tells the audit log what was done and why, and settles doubts: an
addition that is refused because the record exists already, or a deletion of a record that is gone, has reached its aim.
That happens when an answer was lost on the way, or another run was cut short.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from externaldns.providers.privatezone.api import ReadApi, Row, Vpc, WriteApi
from externaldns.providers.privatezone.calls import Calls, Family
from externaldns.providers.privatezone.failure import CONFLICT, PrivateZoneError
from externaldns.providers.privatezone.listing import list_all
from externaldns.providers.privatezone.operations import (
    AddRow,
    DeleteRow,
    Enable,
    Operation,
    RemarkRow,
    SetWeight,
    UpdateRow,
    Weigh,
)
from externaldns.providers.privatezone.row_sets import canonical_row

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a write is made: the change that it is part of, and the object that asked for it ("": none does any more)."""

    verb: str = ""
    resource: str = ""


@dataclass(frozen=True, slots=True)
class ZoneWrite:
    """A zone was made (`action` "add zone"), or bound to exactly `vpcs` ("bind zone"); "" is an ID not known yet."""

    action: str
    zone_id: str
    name: str
    vpcs: tuple[str, ...] = ()


Audit = Callable[[Operation | ZoneWrite, Cause, Exception | None], None]
"""Called after each write that was tried: what, why, and the error if it failed."""

_ZONE_CAUSE = Cause("--privatezone-create-zones")


def tell_nobody(operation: Operation | ZoneWrite, cause: Cause, error: Exception | None) -> None:
    """No audit log."""


class WriteGateway:
    """Writes operations, or, with `dry_run`, tells of them. `fence` raises once writing is not allowed any more."""

    def __init__(
        self,
        writes: WriteApi,
        reads: ReadApi,
        calls: Calls,
        *,
        dry_run: bool,
        fence: Callable[[], None] = lambda: None,
        audit: Audit = tell_nobody,
    ) -> None:
        self._api = writes
        self._reads = reads
        self._calls = calls
        self._dry_run = dry_run
        self._fence = fence
        self._audit = audit

    @property
    def dry_run(self) -> bool:
        return self._dry_run

    async def write(self, operation: Operation, cause: Cause | None = None) -> Row | None:
        """Carry `operation` out and return its row as the zone has it now; PrivateZoneError if it could not be done.

        None for a row that is gone, and in a dry run.
        """
        cause = cause or Cause()
        if self._dry_run:
            logger.info("dry run, not done: %s", describe(operation))
            return None
        try:
            row = await self._carry_out(operation)
        except Exception as error:
            self._audit(operation, cause, error)
            raise
        self._audit(operation, cause, None)
        logger.info("%s", describe(operation))
        return row

    async def add_zone(self, name: str, vpcs: Sequence[Vpc]) -> str:
        """Make a zone and bind it to `vpcs`; return its ID, "" in a dry run."""
        token = _token()
        made = await self._write_zone(ZoneWrite("add zone", "", name), lambda: self._api.add_zone(name, token))
        zone_id = made or ""
        if vpcs and not self._dry_run:
            await self.bind_zone(zone_id, name, vpcs)
        return zone_id

    async def bind_zone(self, zone_id: str, name: str, vpcs: Sequence[Vpc]) -> None:
        """Bind the zone to exactly `vpcs`."""
        token = _token()
        write = ZoneWrite("bind zone", zone_id, name, tuple(vpc.vpc_id for vpc in vpcs))
        await self._write_zone(write, lambda: self._api.bind_vpcs(zone_id, vpcs, token))

    async def _write_zone(self, write: ZoneWrite, call: Callable[[], T]) -> T | None:
        """Do what `write` says by `call`; None in a dry run."""
        described = " ".join((write.action, write.name, *(("to", *write.vpcs) if write.vpcs else ())))
        if self._dry_run:
            logger.info("dry run, not done: %s", described)
            return None
        try:
            result = await self._call(call, "zone")
        except Exception as error:
            self._audit(write, _ZONE_CAUSE, error)
            raise
        zone_id = result if isinstance(result, str) else write.zone_id
        self._audit(replace(write, zone_id=zone_id), _ZONE_CAUSE, None)
        logger.info("%s: %s", described, zone_id)
        return result

    async def _carry_out(self, operation: Operation) -> Row | None:
        token = _token()
        match operation:
            case AddRow(zone_id, row):
                return await self._add(zone_id, row, token)
            case UpdateRow(_, _, row):
                await self._call(lambda: self._api.update_row(row, token))
            case RemarkRow(_, _, row):
                await self._call(lambda: self._api.set_remark(row.record_id, row.remark, token))
            case Enable(_, row):
                await self._call(lambda: self._api.set_status(row.record_id, row.status, token))
            case SetWeight(_, row):
                return await self._set_weight(operation.zone_id, row, token)
            case Weigh(zone_id, row, weighted):
                await self._call(lambda: self._api.weigh(zone_id, row, weighted, token))
            case DeleteRow(zone_id, row):
                await self._delete(zone_id, row, token)
                return None
        return operation.row

    async def _add(self, zone_id: str, row: Row, token: str) -> Row:
        try:
            record_id = await self._call(lambda: self._api.add_row(zone_id, row, token))
            return replace(row, record_id=record_id)
        except PrivateZoneError as error:
            if error.code != CONFLICT:
                raise
            twin = await self._find(zone_id, row.rr, lambda other: _same_data(row, other))
            # A twin with another remark than ours is somebody else's: not to be taken for the addition that we made.
            if twin is None or (row.remark and twin.remark != row.remark):
                raise
            if twin.ttl != row.ttl:
                return await self._carry_out(UpdateRow(zone_id, twin, replace(twin, ttl=row.ttl))) or twin
            return twin

    async def _set_weight(self, zone_id: str, row: Row, token: str) -> Row:
        if not row.record_id:
            # The row was added a moment ago, by a call of the same change.
            found = await self._find(zone_id, row.rr, lambda other: _same_data(row, other))
            if found is None:
                raise PrivateZoneError("UpdateZoneRecordWeight", "Record.NotExists", f"{row.rr} {row.type} is gone")
            row = replace(found, weight=row.weight)
        await self._call(lambda: self._api.set_weight(row.record_id, row.weight, token))
        return row

    async def _delete(self, zone_id: str, row: Row, token: str) -> None:
        try:
            await self._call(lambda: self._api.delete_row(row.record_id, token))
        except PrivateZoneError as error:
            if error.retryable:
                raise
            # The code for "no such record" is not documented, so the zone itself is asked.
            if await self._find(zone_id, row.rr, lambda other: other.record_id == row.record_id):
                raise

    async def _call(self, call: Callable[[], T], family: Family = "write") -> T:
        def fenced() -> T:
            # At the last moment: a call may have waited for its turn for longer than a lease lasts.
            self._fence()
            return call()

        return await self._calls.write(fenced, family)

    async def _find(self, zone_id: str, rr: str, wanted: Callable[[Row], bool]) -> Row | None:
        rows = await list_all(lambda page: self._calls.read(lambda: self._reads.list_rows(zone_id, page, rr)))
        return next((row for row in rows if wanted(row)), None)


def describe(operation: Operation) -> str:
    """Return one line that says what `operation` does."""
    row = operation.row
    text = f"{row.rr} {row.type} {row.value} TTL {row.ttl} in zone {operation.zone_id}"
    match operation:
        case AddRow():
            return f"add {text}"
        case UpdateRow(_, old, _):
            return f"update {text}, was {old.value} TTL {old.ttl}"
        case RemarkRow(_, old, _):
            return f"remark {text} with {row.remark!r}, was {old.remark!r}"
        case Enable():
            return f"enable {text}"
        case SetWeight():
            return f"weight {row.weight} for {text}"
        case Weigh(_, _, weighted):
            return f"weigh {row.rr} {row.type} in zone {operation.zone_id}: {'on' if weighted else 'off'}"
        case DeleteRow():
            return f"delete {text}"


def _token() -> str:
    """Return a ClientToken: unique for each operation and the same in its retries.

    Not made from the operation's content: adding what was added and deleted before is a new operation, and must not be
    taken for a repetition of the old one.
    """
    return uuid.uuid4().hex


def _same_data(row: Row, other: Row) -> bool:
    return (row.rr.lower(), row.type, row.line) == (other.rr.lower(), other.type, other.line) and canonical_row(
        row
    ) == canonical_row(other)
