"""The API's operations by name: which function answers each, and whether it writes.

`http.py` hands over a verified call; a writing one runs in a transaction, together with its ClientToken. Adding an
operation is adding a row. The API has 57; here are those that a controller of records and zones calls.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from clusterdns.limits import PRIVATEZONE_TOKEN_CHARACTERS, PRIVATEZONE_TOKEN_SECONDS
from externaldns.providers.privatezone.emulator import record_operations, zone_operations
from externaldns.providers.privatezone.emulator.call import Call, Response
from externaldns.providers.privatezone.emulator.failure import (
    ACTION_UNKNOWN,
    PARAMETER_INVALID,
    TOKEN_REUSED,
    VERSION_UNKNOWN,
    ApiFailure,
)

VERSION = "2018-01-01"

Family = Literal["read", "write", "zone"]
"""Calls that share a quota: those that only read, those that change records, those that change zones."""

# Parameters that belong to the sending and not to what is asked for: a repetition may differ in them.
TRANSPORT_PARAMETERS = frozenset({"Signature", "SignatureNonce", "Timestamp", "ClientToken", "Lang", "UserClientIp"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; `writes` asks for a transaction, and with the kind of what it is about chooses the quota."""

    run: Callable[[Call], Response]
    writes: bool

    @property
    def family(self) -> Family:
        """The quota that it counts against."""
        if not self.writes:
            return "read"
        return "write" if self.run.__module__ == record_operations.__name__ else "zone"


def describe_user_service_status(call: Call) -> Response:
    """DescribeUserServiceStatus: the emulator is always open for business."""
    return {"Status": "OPENED"}


OPERATIONS: Mapping[str, Operation] = {
    "AddZone": Operation(zone_operations.add_zone, writes=True),
    "AddZoneRecord": Operation(record_operations.add_zone_record, writes=True),
    "BindZoneVpc": Operation(zone_operations.bind_zone_vpc, writes=True),
    "ChangeZoneDnsGroup": Operation(zone_operations.change_zone_dns_group, writes=True),
    "CheckZoneName": Operation(zone_operations.check_zone_name_free, writes=False),
    "DeleteZone": Operation(zone_operations.delete_zone, writes=True),
    "DeleteZoneRecord": Operation(record_operations.delete_zone_record, writes=True),
    "DescribeChangeLogs": Operation(zone_operations.describe_change_logs, writes=False),
    "DescribeUserServiceStatus": Operation(describe_user_service_status, writes=False),
    "DescribeZoneInfo": Operation(zone_operations.describe_zone_info, writes=False),
    "DescribeZoneRecord": Operation(record_operations.describe_zone_record, writes=False),
    "DescribeZoneRecords": Operation(record_operations.describe_zone_records, writes=False),
    "DescribeZones": Operation(zone_operations.describe_zones, writes=False),
    "SetProxyPattern": Operation(zone_operations.set_proxy_pattern, writes=True),
    "SetZoneLbaStatus": Operation(record_operations.set_zone_lba_status, writes=True),
    "SetZoneRecordStatus": Operation(record_operations.set_zone_record_status, writes=True),
    "UpdateRecordRemark": Operation(record_operations.update_record_remark, writes=True),
    "UpdateZoneRecord": Operation(record_operations.update_zone_record, writes=True),
    "UpdateZoneRecordWeight": Operation(record_operations.update_zone_record_weight, writes=True),
    "UpdateZoneRemark": Operation(zone_operations.update_zone_remark, writes=True),
}


def find_operation(action: str, version: str) -> Operation:
    """Return the operation of this name, or raise ApiFailure."""
    if version != VERSION:
        raise ApiFailure(VERSION_UNKNOWN)
    if action not in OPERATIONS:
        raise ApiFailure(ACTION_UNKNOWN)
    return OPERATIONS[action]


def execute(action: str, operation: Operation, call: Call) -> Response:
    """Carry out a call and return its response; when this returns, a write is committed."""
    if not operation.writes:
        return operation.run(call)
    with call.store.transaction():
        return _run_once(action, operation, call)


def _run_once(action: str, operation: Operation, call: Call) -> Response:
    """Run a writing operation, or repeat the response that its ClientToken was given before."""
    token = call.parameters.text("ClientToken")
    if not token:
        return operation.run(call)
    if len(token) > PRIVATEZONE_TOKEN_CHARACTERS.maximum or not token.isascii():
        reason = f"it is at most {PRIVATEZONE_TOKEN_CHARACTERS.maximum} ASCII characters"
        raise ApiFailure(PARAMETER_INVALID, name="ClientToken", reason=reason)
    call.store.forget_tokens(call.now_ms - int(PRIVATEZONE_TOKEN_SECONDS.default) * 1000)
    asked = {name: value for name, value in call.parameters.values.items() if name not in TRANSPORT_PARAMETERS}
    request = json.dumps([action, asked], sort_keys=True)
    if known := call.store.token(token):
        if known[0] != request:
            raise ApiFailure(TOKEN_REUSED)
        repeated: Response = json.loads(known[1])
        return repeated
    response = operation.run(call)
    call.store.remember_token(token, request, json.dumps(response), call.now_ms)
    return response
