"""The unmodified SDK runs every operation that the emulator has, with both signatures, and understands each field."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from alibabacloud_pvtz20180101 import models as m
from alibabacloud_pvtz20180101.client import Client

from externaldns.providers.privatezone.emulator import api
from externaldns.providers.privatezone.emulator.call import Call, Response
from tests.unit.externaldns.emulator.live import client, emulator

VPC = m.BindZoneVpcRequestVpcs(region_id="cn-hangzhou", vpc_id="vpc-demo", vpc_type="STANDARD")

# One life of a zone, in the order in which it can be lived. `zone` and `row` are the IDs of what was added before.
Make = Callable[[str, int], Any]
LIFE: list[tuple[str, Make]] = [
    ("DescribeUserServiceStatus", lambda zone, row: m.DescribeUserServiceStatusRequest()),
    ("CheckZoneName", lambda zone, row: m.CheckZoneNameRequest(zone_name="a.internal")),
    ("AddZone", lambda zone, row: m.AddZoneRequest(zone_name="a.internal", client_token="1")),
    ("BindZoneVpc", lambda zone, row: m.BindZoneVpcRequest(zone_id=zone, vpcs=[VPC], client_token="2")),
    ("UpdateZoneRemark", lambda zone, row: m.UpdateZoneRemarkRequest(zone_id=zone, remark="mine")),
    ("SetProxyPattern", lambda zone, row: m.SetProxyPatternRequest(zone_id=zone, proxy_pattern="RECORD")),
    ("ChangeZoneDnsGroup", lambda zone, row: m.ChangeZoneDnsGroupRequest(zone_id=zone, dns_group="FAST_ZONE")),
    ("DescribeZones", lambda zone, row: m.DescribeZonesRequest(query_vpc_id="vpc-demo")),
    ("DescribeZoneInfo", lambda zone, row: m.DescribeZoneInfoRequest(zone_id=zone)),
    ("AddZoneRecord", lambda zone, row: m.AddZoneRecordRequest(zone_id=zone, rr="w", type="A", value="10.0.0.1")),
    ("UpdateZoneRecord", lambda zone, row: m.UpdateZoneRecordRequest(
        record_id=row, rr="w", type="A", value="10.0.0.2")),
    ("UpdateRecordRemark", lambda zone, row: m.UpdateRecordRemarkRequest(record_id=row, remark="mine")),
    ("SetZoneLbaStatus", lambda zone, row: m.SetZoneLbaStatusRequest(
        zone_id=zone, rr="w", type="A", line="default", open=True)),
    ("UpdateZoneRecordWeight", lambda zone, row: m.UpdateZoneRecordWeightRequest(record_id=row, weight=7)),
    ("SetZoneRecordStatus", lambda zone, row: m.SetZoneRecordStatusRequest(record_id=row, status="DISABLE")),
    ("DescribeZoneRecords", lambda zone, row: m.DescribeZoneRecordsRequest(zone_id=zone)),
    ("DescribeZoneRecord", lambda zone, row: m.DescribeZoneRecordRequest(record_id=row)),
    ("DescribeChangeLogs", lambda zone, row: m.DescribeChangeLogsRequest(zone_id=zone)),
    ("DeleteZoneRecord", lambda zone, row: m.DeleteZoneRecordRequest(record_id=row)),
    ("BindZoneVpc", lambda zone, row: m.BindZoneVpcRequest(zone_id=zone)),
    ("DeleteZone", lambda zone, row: m.DeleteZoneRequest(zone_id=zone)),
]  # fmt: skip


def call_sdk(sdk: Client, action: str, request: Any) -> Any:
    """The body that the SDK's method for `action` returns: AddZone is `add_zone`."""
    name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in action).lstrip("_")
    return getattr(sdk, name)(request).body


@pytest.mark.parametrize("algorithm", ["ACS3-HMAC-SHA256", "v2"])
def test_the_sdk_runs_every_operation(algorithm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {action for action, _ in LIFE} == set(api.OPERATIONS)
    sent: list[Response] = []
    execute = api.execute

    def remember(action: str, operation: api.Operation, call: Call) -> Response:
        sent.append(execute(action, operation, call))
        return sent[-1]

    monkeypatch.setattr(api, "execute", remember)
    zone, row = "", 0
    with emulator(":memory:") as listening:
        sdk = client(listening.api, signature_algorithm=algorithm)
        for action, make in LIFE:
            body = call_sdk(sdk, action, make(zone, row)).to_map()
            assert body.pop("RequestId")
            # A field that the SDK does not know, or that stands elsewhere, would be lost on the way.
            assert body == json.loads(json.dumps(sent[-1])), action
            zone, row = (body["ZoneId"] if action == "AddZone" else zone), body.get("RecordId", row)
    assert len(sent) == len(LIFE)
