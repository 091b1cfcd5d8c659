"""The audit log: one JSON line for each write that was tried, saying who, what, why and for which object.

    {"time": "2026-01-01T00:00:00.123Z", "who": "external-dns-0", "owner": "me", "action": "update", "zone": "ID",
     "name": "web", "type": "A", "value": "192.0.2.2", "ttl": 60, ..., "was": "192.0.2.1", "why": "update",
     "resource": "service/shop/web", "error": null, "request": null}

A zone that is made or bound has its name and VPCs in place of a record.
Lines are appended and flushed one by one. A log that can't be written stops no record: that is said, and counted.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TextIO

from clusterdns.errors import ConfigError
from externaldns.providers.privatezone.failure import PrivateZoneError
from externaldns.providers.privatezone.gateway import Cause, ZoneWrite
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

logger = logging.getLogger(__name__)

_ACTIONS: dict[type, str] = {
    AddRow: "add",
    UpdateRow: "update",
    DeleteRow: "delete",
    RemarkRow: "remark",
    Enable: "enable",
    SetWeight: "weight",
    Weigh: "weigh",
}


class AuditLog:
    """Appends to `file` ("-": standard output). `who` is this process, `owner` its --txt-owner-id."""

    def __init__(self, file: str, who: str, owner: str, wall_clock: Callable[[], float] = time.time) -> None:
        """ConfigError if `file` can't be opened."""
        self.lost = 0
        """Lines that could not be written."""
        self._who = who
        self._owner = owner
        self._wall_clock = wall_clock
        self._close = file != "-"
        try:
            self._out: TextIO = open(file, "a", encoding="utf-8") if self._close else sys.stdout  # noqa: SIM115
        except OSError as error:
            raise ConfigError(f"can't be written: {error.strerror}", source=f"--audit-log {file}") from error

    def __call__(self, operation: Operation | ZoneWrite, cause: Cause, error: Exception | None) -> None:
        """Write the line of one write."""
        moment = datetime.fromtimestamp(self._wall_clock(), UTC)
        line = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "who": self._who,
            "owner": self._owner,
            "action": operation.action if isinstance(operation, ZoneWrite) else _ACTIONS[type(operation)],
            "zone": operation.zone_id,
            **_describe(operation),
            "why": cause.verb,
            "resource": cause.resource,
            "error": str(error) if error else None,
            "request": (error.request_id or None) if isinstance(error, PrivateZoneError) else None,
        }
        try:
            self._out.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._out.flush()
        except OSError as problem:
            if not self.lost:
                logger.error("the audit log can't be written: %s", problem)
            self.lost += 1

    def close(self) -> None:
        """Close the file."""
        if self._close:
            # What could not be written is counted already.
            with suppress(OSError):
                self._out.close()


def _describe(operation: Operation | ZoneWrite) -> dict[str, object]:
    if isinstance(operation, ZoneWrite):
        return {"name": operation.name, "vpcs": operation.vpcs}
    row = operation.row
    return {
        "name": row.rr,
        "type": row.type,
        "value": row.value,
        "ttl": row.ttl,
        "line": row.line,
        "weight": row.weight,
        "remark": row.remark,
        "was": operation.old.value if isinstance(operation, UpdateRow) else None,
    }
