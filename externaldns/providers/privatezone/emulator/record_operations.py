"""The operations on records. There is no batch operation: one call adds, changes or deletes one value of one name.

Each takes a `Call` and returns the response's fields, spelt and nested as the SDK's models have them; `api.py` lists
them and wraps the writing ones in a transaction.
"""

from __future__ import annotations

from dataclasses import replace

from clusterdns.limits import PRIVATEZONE_PRIORITY, PRIVATEZONE_WEIGHT
from externaldns.providers.privatezone.emulator.call import Call, Response, format_minute
from externaldns.providers.privatezone.emulator.failure import (
    PARAMETER_MISSING,
    RECORD_MISSING,
    RECORD_TYPE,
    RECORD_WEIGHT,
    ZONE_NOT_FAST,
    ApiFailure,
)
from externaldns.providers.privatezone.emulator.rows import DEFAULT_LINE, Record
from externaldns.providers.privatezone.emulator.rules import (
    DEFAULT_TTL,
    LBA_TYPES,
    check_neighbours,
    check_record,
    check_record_quota,
    check_record_remark,
    check_weight,
)


def describe_zone_records(call: Call) -> Response:
    """DescribeZoneRecords: one page of a zone's records; `Keyword` is compared with the host record."""
    read = call.parameters
    page, mode = read.page(), read.search_mode("EXACT")
    records, total = call.store.list_records(call.zone().zone_id, read.text("Keyword"), mode, page)
    # The tag "ecs" asks for the names of synchronised ECS hosts, which the emulator has none of.
    if read.text("Tag"):
        records, total = [], 0
    return {**page.describe(total), "Records": {"Record": [_record_fields(record) for record in records]}}


def describe_zone_record(call: Call) -> Response:
    """DescribeZoneRecord: one record by its ID."""
    return _record_fields(_record(call))


def add_zone_record(call: Call) -> Response:
    """AddZoneRecord: one value of one name."""
    read = call.parameters
    zone = call.zone()
    record_type = read.required("Type")
    record = Record(
        record_id=0,
        zone_id=zone.zone_id,
        rr=read.required("Rr"),
        type=record_type,
        value=read.required("Value"),
        ttl=_given(read.integer("Ttl"), DEFAULT_TTL),
        priority=_given(read.integer("Priority"), int(PRIVATEZONE_PRIORITY.default)) if record_type == "MX" else None,
        line=read.text("Line") or DEFAULT_LINE,
        weight=_given(read.integer("Weight"), int(PRIVATEZONE_WEIGHT.default)),
        status="ENABLE",
        remark=read.text("Remark"),
        created_ms=call.now_ms,
        updated_ms=call.now_ms,
    )
    if record.weight == 0:
        raise ApiFailure(RECORD_WEIGHT, reason="a new record's weight is from 1 to 100")
    check_record(record, zone)
    check_record_quota(zone.record_count)
    check_neighbours(record, call.store.records_at(zone.zone_id, record.rr))
    record_id = call.store.add_record(record)
    call.log("PV_RECORD", "add", zone, f"add record {_describe(record)}")
    return {"RecordId": record_id, "Success": True}


def update_zone_record(call: Call) -> Response:
    """UpdateZoneRecord: Rr, Type and Value are required; what else is left out stays as it is.

    Whether PrivateZone resets an omitted Ttl, Line or Weight instead is not documented.
    """
    read = call.parameters
    old = _record(call)
    zone = call.zone_by_id(old.zone_id)
    record_type = read.required("Type")
    # "This parameter is required if the record type is MX."
    if record_type == "MX" and not read.text("Priority"):
        raise ApiFailure(PARAMETER_MISSING, name="Priority")
    record = replace(
        old,
        rr=read.required("Rr"),
        type=record_type,
        value=read.required("Value"),
        ttl=_given(read.integer("Ttl"), old.ttl),
        priority=read.integer("Priority") if record_type == "MX" else None,
        line=read.text("Line") or old.line,
        weight=_given(read.integer("Weight"), old.weight),
        updated_ms=call.now_ms,
    )
    check_record(record, zone)
    check_neighbours(record, call.store.records_at(zone.zone_id, record.rr))
    call.store.update_record(record)
    call.log("PV_RECORD", "update", zone, f"update record {_describe(old)} to {_describe(record)}")
    return {"RecordId": record.record_id}


def delete_zone_record(call: Call) -> Response:
    """DeleteZoneRecord: by its ID, which is never used again."""
    record = _record(call)
    call.store.delete_record(record, call.now_ms)
    call.log("PV_RECORD", "delete", call.zone_by_id(record.zone_id), f"delete record {_describe(record)}")
    return {"RecordId": record.record_id}


def set_zone_record_status(call: Call) -> Response:
    """SetZoneRecordStatus: a disabled record is kept and listed, but not answered."""
    status = call.parameters.choice("Status", ("ENABLE", "DISABLE"))
    record = _record(call)
    _write(call, replace(record, status="ENABLE" if status == "ENABLE" else "DISABLE"), f"status {status}")
    return {"RecordId": record.record_id, "Status": status}


def update_record_remark(call: Call) -> Response:
    """UpdateRecordRemark: an absent or empty remark clears it."""
    remark = call.parameters.text("Remark")
    check_record_remark(remark)
    record = _record(call)
    _write(call, replace(record, remark=remark), f"remark {remark or 'none'}")
    return {"RecordId": record.record_id}


def update_zone_record_weight(call: Call) -> Response:
    """UpdateZoneRecordWeight: from 0 (never chosen) to 100."""
    weight = call.parameters.required_integer("Weight")
    record = _record(call)
    check_weight(weight, record.type, call.zone_by_id(record.zone_id).dns_group)
    _write(call, replace(record, weight=weight), f"weight {weight}")
    return {"RecordId": record.record_id}


def set_zone_lba_status(call: Call) -> Response:
    """SetZoneLbaStatus: whether a set of A or AAAA records answers by weight or with all its values."""
    read = call.parameters
    zone = call.zone()
    rr, record_type, line = read.required("Rr"), read.required("Type"), read.required("Line")
    weighted = read.boolean("Open")
    if record_type not in LBA_TYPES:
        raise ApiFailure(RECORD_TYPE, reason=f"only {' and '.join(LBA_TYPES)} have a weight mode")
    if zone.dns_group != "FAST_ZONE":
        raise ApiFailure(ZONE_NOT_FAST, what="The weight mode")
    if not any((other.type, other.line) == (record_type, line) for other in call.store.records_at(zone.zone_id, rr)):
        raise ApiFailure(RECORD_MISSING)
    call.store.set_weighted(zone.zone_id, rr, record_type, line, weighted)
    call.log("PV_RECORD", "update", zone, f"weight mode of {rr} {record_type} {line} {'on' if weighted else 'off'}")
    return {"Success": True}


def _record(call: Call) -> Record:
    record = call.store.record(call.parameters.required_integer("RecordId"))
    if record is None:
        raise ApiFailure(RECORD_MISSING)
    return record


def _write(call: Call, record: Record, what: str) -> None:
    call.store.update_record(replace(record, updated_ms=call.now_ms))
    call.log("PV_RECORD", "update", call.zone_by_id(record.zone_id), f"set {what} of record {_describe(record)}")


def _given(number: int | None, default: int) -> int:
    return default if number is None else number


def _describe(record: Record) -> str:
    return f"{record.rr} {record.type} {record.line} {record.value} (ttl:{record.ttl})"


def _record_fields(record: Record) -> Response:
    fields: Response = {
        "RecordId": record.record_id,
        "ZoneId": record.zone_id,
        "Rr": record.rr,
        "Type": record.type,
        "Value": record.value,
        "Ttl": record.ttl,
        "Line": record.line,
        "Weight": record.weight,
        "Status": record.status,
        "Remark": record.remark,
        "CreateTime": format_minute(record.created_ms),
        "CreateTimestamp": record.created_ms,
        "UpdateTime": format_minute(record.updated_ms),
        "UpdateTimestamp": record.updated_ms,
    }
    if record.priority is not None:
        fields["Priority"] = record.priority
    return fields
