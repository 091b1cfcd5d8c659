"""Short forms of the SDK's calls for tests: plain values in, plain values out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from alibabacloud_pvtz20180101 import models as m
from alibabacloud_pvtz20180101.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException

from externaldns.providers.privatezone.emulator.service import Listening
from tests.unit.externaldns.emulator.live import ask


def bind(sdk: Client, zone_id: str, *vpcs: str) -> None:
    """Bind a zone to exactly these VPCs."""
    wanted = [m.BindZoneVpcRequestVpcs(region_id="cn-hangzhou", vpc_id=vpc) for vpc in vpcs]
    sdk.bind_zone_vpc(m.BindZoneVpcRequest(zone_id=zone_id, vpcs=wanted))


def add(sdk: Client, zone_id: str, rr: str = "web", type: str = "A", value: str = "10.0.0.1", **fields: Any) -> int:
    """Add a record and return its ID."""
    request = m.AddZoneRecordRequest(zone_id=zone_id, rr=rr, type=type, value=value, **fields)
    return int(sdk.add_zone_record(request).body.record_id)


def info(sdk: Client, zone_id: str) -> dict[str, Any]:
    """Return DescribeZoneInfo's body."""
    return dict(sdk.describe_zone_info(m.DescribeZoneInfoRequest(zone_id=zone_id)).body.to_map())


def record(sdk: Client, record_id: int) -> dict[str, Any]:
    """Return DescribeZoneRecord's body."""
    return dict(sdk.describe_zone_record(m.DescribeZoneRecordRequest(record_id=record_id)).body.to_map())


def listed(sdk: Client, zone_id: str, **fields: Any) -> list[Any]:
    """Return the rows of one page of DescribeZoneRecords."""
    request = m.DescribeZoneRecordsRequest(zone_id=zone_id, **fields)
    return list(sdk.describe_zone_records(request).body.records.record)


def values(server: Listening, name: str, qtype: str = "A") -> list[str]:
    """Return the data of the DNS answer, sorted."""
    return sorted(rdata.to_text() for rrset in ask(server.dns, name, qtype).answer for rdata in rrset)


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    """Return status and code of a call that must be refused, in the gateway's shape."""
    with pytest.raises(ClientException) as refused:
        call()
    data = refused.value.data
    assert data.keys() >= {"RequestId", "HostId", "Code", "Message", "Recommend"}
    assert data["RequestId"] == refused.value.request_id
    return refused.value.status_code, refused.value.code
