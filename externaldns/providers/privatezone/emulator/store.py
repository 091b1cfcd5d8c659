"""Zones, records, bindings and the change log in one SQLite file.

Written by the operations, read by them and by `vpc_view.py` for DNS: the file is the only copy, so a change is seen
by the next query. Each call of the API is one transaction, which the kernel has in the write-ahead log before the call
is answered: an acknowledged write survives kill -9. One process at a time, one thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

from clusterdns.errors import ConfigError
from clusterdns.limits import PRIVATEZONE_CHANGE_LOGS
from externaldns.providers.privatezone.emulator.parameters import Page, SearchMode
from externaldns.providers.privatezone.emulator.rows import APEX, BoundVpc, Change, Record, Zone

SCHEMA_VERSION = 2

# rr_order is the host record with its labels reversed and in lower case ("b.a" for a.b, "" for the apex), so that all
# names below a name are one range of the index. records_by_zone has the IDs in their order: without it, each page of a
# zone would sort all of the zone's records.
SCHEMA = """
CREATE TABLE zones (
    zone_id TEXT PRIMARY KEY, zone_name TEXT NOT NULL, dns_group TEXT NOT NULL, proxy_pattern TEXT NOT NULL,
    remark TEXT NOT NULL, resource_group_id TEXT NOT NULL, record_count INTEGER NOT NULL, serial INTEGER NOT NULL,
    created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL);
CREATE INDEX zones_by_name ON zones (zone_name);
CREATE TABLE bindings (
    zone_id TEXT NOT NULL REFERENCES zones ON DELETE CASCADE, vpc_id TEXT NOT NULL, region_id TEXT NOT NULL,
    vpc_type TEXT NOT NULL, PRIMARY KEY (zone_id, vpc_id)) WITHOUT ROWID;
CREATE TABLE records (
    record_id INTEGER PRIMARY KEY AUTOINCREMENT, zone_id TEXT NOT NULL REFERENCES zones ON DELETE CASCADE,
    rr TEXT NOT NULL, type TEXT NOT NULL, value TEXT NOT NULL, ttl INTEGER NOT NULL, priority INTEGER,
    line TEXT NOT NULL, weight INTEGER NOT NULL, status TEXT NOT NULL, remark TEXT NOT NULL,
    created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, rr_order TEXT NOT NULL);
CREATE INDEX records_by_name ON records (zone_id, rr_order);
CREATE INDEX records_by_zone ON records (zone_id);
CREATE TABLE weighted_sets (
    zone_id TEXT NOT NULL REFERENCES zones ON DELETE CASCADE, rr_order TEXT NOT NULL, type TEXT NOT NULL,
    line TEXT NOT NULL, PRIMARY KEY (zone_id, rr_order, type, line)) WITHOUT ROWID;
CREATE TABLE client_tokens (
    token TEXT PRIMARY KEY, request TEXT NOT NULL, response TEXT NOT NULL, at_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX client_tokens_by_age ON client_tokens (at_ms);
CREATE TABLE changes (
    change_id INTEGER PRIMARY KEY AUTOINCREMENT, entity TEXT NOT NULL, action TEXT NOT NULL, zone_id TEXT NOT NULL,
    zone_name TEXT NOT NULL, content TEXT NOT NULL, client TEXT NOT NULL, at_ms INTEGER NOT NULL);
"""

ZONE_COLUMNS = ", ".join(f"zones.{field.name}" for field in fields(Zone))
RECORD_COLUMNS = ", ".join(field.name for field in fields(Record))
CHANGE_COLUMNS = ", ".join(field.name for field in fields(Change))


def rr_order(rr: str) -> str:
    """Return the sort key of a host record; see SCHEMA."""
    return "" if rr == APEX else ".".join(reversed(rr.lower().split(".")))


class Store:
    """The open file. Every writing method must be called inside `transaction()`."""

    def __init__(self, file: str) -> None:
        """Open or create `file`; raises ConfigError if it can't be used."""
        with _as_config_error(file):
            self.connection = sqlite3.connect(file, isolation_level=None, timeout=0)
            try:
                self._prepare(file)
            except BaseException:
                self.connection.close()
                raise

    def _prepare(self, file: str) -> None:
        # Exclusive, so that a second emulator on the same file fails at once instead of answering from half a view.
        self.connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        self.connection.execute("PRAGMA journal_mode = WAL")
        # NORMAL waits for the disk at checkpoints only: a power failure may cost the last writes, the end of this
        # process none, and a write takes a fraction of the time that it takes with FULL.
        self.connection.execute("PRAGMA synchronous = NORMAL")
        self.connection.execute("PRAGMA foreign_keys = ON")
        (version,) = self.connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, SCHEMA_VERSION):
            raise ConfigError(
                f"the database has schema {version}, this emulator needs {SCHEMA_VERSION}: use another file",
                source=file,
            )
        with self.transaction():
            if version == 0:
                for statement in SCHEMA.split(";"):
                    self.connection.execute(statement)
                self.connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def close(self) -> None:
        """Close the file; the write-ahead log is merged into it."""
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside durable together, or nothing of it."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            # SQLite itself has rolled back after some errors, a full disk among them.
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise

    # Zones.

    def zone(self, zone_id: str) -> Zone | None:
        """Return one zone."""
        row = self.connection.execute(f"SELECT {ZONE_COLUMNS} FROM zones WHERE zone_id = ?", (zone_id,)).fetchone()
        return Zone(*row) if row else None

    def zones_named(self, zone_name: str) -> list[Zone]:
        """Return the zones of one name, oldest first; several may share it, in different VPCs."""
        query = f"SELECT {ZONE_COLUMNS} FROM zones WHERE zone_name = ? ORDER BY created_ms, rowid"
        return [Zone(*row) for row in self.connection.execute(query, (zone_name,))]

    def count_zones(self) -> int:
        """Return how many zones there are."""
        (count,) = self.connection.execute("SELECT count(*) FROM zones").fetchone()
        return int(count)

    def list_zones(
        self, keyword: str, mode: SearchMode, vpc_id: str, region_id: str, group_id: str, page: Page
    ) -> tuple[list[Zone], int]:
        """Return one page, oldest zone first, and how many zones match in all; empty filters match everything."""
        condition, values = _keyword("zone_name", keyword, mode)
        if vpc_id or region_id:
            condition += (
                " AND EXISTS (SELECT 1 FROM bindings b WHERE b.zone_id = zones.zone_id"
                " AND (? = '' OR b.vpc_id = ?) AND (? = '' OR b.region_id = ?))"
            )
            values += [vpc_id, vpc_id, region_id, region_id]
        if group_id:
            condition += " AND resource_group_id = ?"
            values.append(group_id)
        rows, total = self._page("zones", ZONE_COLUMNS, condition, values, "rowid", page)
        return [Zone(*row) for row in rows], total

    def add_zone(self, zone: Zone) -> None:
        """Insert a zone."""
        self._insert("zones", _columns(zone))

    def change_zone(self, zone_id: str, now_ms: int, **columns: str) -> None:
        """Set columns of a zone, for example `remark`; the names are the caller's own, never a client's."""
        changed = ", ".join(f"{name} = ?" for name in (*columns, "updated_ms"))
        self.connection.execute(f"UPDATE zones SET {changed} WHERE zone_id = ?", (*columns.values(), now_ms, zone_id))

    def delete_zone(self, zone_id: str) -> None:
        """Delete a zone with its records and bindings."""
        self.connection.execute("DELETE FROM zones WHERE zone_id = ?", (zone_id,))

    # Bindings.

    def vpcs_of(self, zone_id: str) -> list[BoundVpc]:
        """Return the VPCs that see a zone."""
        query = "SELECT vpc_id, region_id, vpc_type FROM bindings WHERE zone_id = ? ORDER BY vpc_id"
        return [BoundVpc(*row) for row in self.connection.execute(query, (zone_id,))]

    def zones_in_vpc(self, vpc_id: str, names: Sequence[str]) -> list[Zone]:
        """Return the zones of these names that a VPC sees: at most one for each name."""
        marks = ", ".join("?" * len(names))
        query = (
            f"SELECT {ZONE_COLUMNS} FROM zones JOIN bindings USING (zone_id)"
            f" WHERE vpc_id = ? AND zone_name IN ({marks})"
        )
        return [Zone(*row) for row in self.connection.execute(query, (vpc_id, *names))]

    def replace_vpcs(self, zone_id: str, vpcs: Sequence[BoundVpc]) -> None:
        """Bind a zone to exactly these VPCs."""
        self.connection.execute("DELETE FROM bindings WHERE zone_id = ?", (zone_id,))
        for vpc in vpcs:
            self._insert("bindings", {"zone_id": zone_id, **_columns(vpc)})

    # Records.

    def record(self, record_id: int) -> Record | None:
        """Return one record."""
        query = f"SELECT {RECORD_COLUMNS} FROM records WHERE record_id = ?"
        row = self.connection.execute(query, (record_id,)).fetchone()
        return Record(*row) if row else None

    def records_at(self, zone_id: str, rr: str) -> list[Record]:
        """Return all records of one name, in the order of their IDs."""
        query = f"SELECT {RECORD_COLUMNS} FROM records WHERE zone_id = ? AND rr_order = ? ORDER BY record_id"
        return [Record(*row) for row in self.connection.execute(query, (zone_id, rr_order(rr)))]

    def has_enabled_below(self, zone_id: str, rr: str) -> bool:
        """Whether a name below `rr` has a record that answers, so that `rr` exists too (RFC 4592 section 2.2.2)."""
        # "/" follows "." in ASCII, so this range is every key that starts with the name and a dot.
        query = (
            "SELECT EXISTS (SELECT 1 FROM records WHERE zone_id = ? AND rr_order >= ? AND rr_order < ?"
            " AND status = 'ENABLE')"
        )
        key = rr_order(rr)
        (found,) = self.connection.execute(query, (zone_id, f"{key}.", f"{key}/")).fetchone()
        return bool(found)

    def list_records(self, zone_id: str, keyword: str, mode: SearchMode, page: Page) -> tuple[list[Record], int]:
        """Return one page of a zone, lowest ID first, and how many records match in all."""
        if keyword and mode == "EXACT":
            condition, values = "rr_order = ?", [rr_order(keyword)]
        else:
            condition, values = _keyword("rr", keyword, mode)
        condition, values = f"zone_id = ? AND {condition}", [zone_id, *values]
        rows, total = self._page("records", RECORD_COLUMNS, condition, values, "record_id", page)
        return [Record(*row) for row in rows], total

    def add_record(self, record: Record) -> int:
        """Insert a record and return its ID, which is never used again."""
        columns = _columns(record) | {"rr_order": rr_order(record.rr)}
        del columns["record_id"]
        record_id = self._insert("records", columns)
        self._touch(record.zone_id, record.created_ms, added=1)
        return record_id

    def update_record(self, record: Record) -> None:
        """Write all columns of a record that exists."""
        columns = _columns(record) | {"rr_order": rr_order(record.rr)}
        changed = ", ".join(f"{name} = ?" for name in columns)
        values = (*columns.values(), record.record_id)
        self.connection.execute(f"UPDATE records SET {changed} WHERE record_id = ?", values)
        self._touch(record.zone_id, record.updated_ms, added=0)

    def delete_record(self, record: Record, now_ms: int) -> None:
        """Delete a record."""
        self.connection.execute("DELETE FROM records WHERE record_id = ?", (record.record_id,))
        self._touch(record.zone_id, now_ms, added=-1)

    # Weight mode.

    def is_weighted(self, zone_id: str, rr: str, record_type: str, line: str) -> bool:
        """Whether a set of records answers by weight instead of with all its values."""
        query = "SELECT 1 FROM weighted_sets WHERE zone_id = ? AND rr_order = ? AND type = ? AND line = ?"
        return self.connection.execute(query, (zone_id, rr_order(rr), record_type, line)).fetchone() is not None

    def set_weighted(self, zone_id: str, rr: str, record_type: str, line: str, weighted: bool) -> None:
        """Turn the weight mode of a set on or off."""
        key = (zone_id, rr_order(rr), record_type, line)
        if weighted:
            self.connection.execute("INSERT OR IGNORE INTO weighted_sets VALUES (?, ?, ?, ?)", key)
        else:
            self.connection.execute(
                "DELETE FROM weighted_sets WHERE zone_id = ? AND rr_order = ? AND type = ? AND line = ?", key
            )

    # ClientToken and change log.

    def token(self, token: str) -> tuple[str, str] | None:
        """Return the request and the response that a ClientToken stands for."""
        query = "SELECT request, response FROM client_tokens WHERE token = ?"
        row = self.connection.execute(query, (token,)).fetchone()
        return (str(row[0]), str(row[1])) if row else None

    def remember_token(self, token: str, request: str, response: str, now_ms: int) -> None:
        """Keep what a ClientToken was answered with."""
        self.connection.execute("INSERT INTO client_tokens VALUES (?, ?, ?, ?)", (token, request, response, now_ms))

    def forget_tokens(self, before_ms: int) -> None:
        """Drop the tokens that are older than `before_ms`."""
        self.connection.execute("DELETE FROM client_tokens WHERE at_ms < ?", (before_ms,))

    def log(self, change: Change) -> None:
        """Add a line to the change log, and drop the oldest one beyond the limit."""
        columns = _columns(change)
        del columns["change_id"]
        change_id = self._insert("changes", columns)
        oldest = change_id - int(PRIVATEZONE_CHANGE_LOGS.default)
        self.connection.execute("DELETE FROM changes WHERE change_id <= ?", (oldest,))

    def list_changes(
        self, entity: str, zone_id: str, keyword: str, start_ms: int, end_ms: int, page: Page
    ) -> tuple[list[Change], int]:
        """Return one page of the log, newest first, and how many lines match; empty filters match everything."""
        condition = (
            "(? = '' OR entity = ?) AND (? = '' OR zone_id = ?) AND at_ms >= ? AND at_ms <= ?"
            " AND (? = '' OR instr(lower(action || ' ' || content), lower(?)) > 0)"
        )
        values = [entity, entity, zone_id, zone_id, start_ms, end_ms, keyword, keyword]
        rows, total = self._page("changes", CHANGE_COLUMNS, condition, values, "change_id DESC", page)
        return [Change(*row) for row in rows], total

    def _touch(self, zone_id: str, now_ms: int, added: int) -> None:
        self.connection.execute(
            "UPDATE zones SET record_count = record_count + ?, serial = serial + 1, updated_ms = ? WHERE zone_id = ?",
            (added, now_ms, zone_id),
        )

    def _insert(self, table: str, columns: dict[str, Any]) -> int:
        marks = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
        return int(self.connection.execute(statement, tuple(columns.values())).lastrowid or 0)

    def _page(
        self, table: str, columns: str, condition: str, values: Sequence[object], order: str, page: Page
    ) -> tuple[list[tuple[Any, ...]], int]:
        (total,) = self.connection.execute(f"SELECT count(*) FROM {table} WHERE {condition}", values).fetchone()
        query = f"SELECT {columns} FROM {table} WHERE {condition} ORDER BY {order} LIMIT ? OFFSET ?"
        return self.connection.execute(query, (*values, page.size, page.offset)).fetchall(), int(total)


@contextmanager
def _as_config_error(file: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise ConfigError(f"can't use the database: {error}", source=file) from error


def _columns(row: Zone | BoundVpc | Record | Change) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in fields(row)}


def _keyword(column: str, keyword: str, mode: SearchMode) -> tuple[str, list[Any]]:
    """Return the condition for a keyword; neither mode is case-sensitive."""
    if not keyword:
        return "1", []
    if mode == "EXACT":
        return f"lower({column}) = lower(?)", [keyword]
    return f"instr(lower({column}), lower(?)) > 0", [keyword]
