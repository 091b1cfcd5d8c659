"""PrivateZone's API through the vendor's SDK: `api.ReadApi` and `api.WriteApi` over HTTP.

The SDK's synchronous client is used (its async methods open a connection per call), without its own retries: those
would block a thread in `time.sleep`. Importing the SDK takes most of a second, so that happens when a client is made.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

from clusterdns.errors import ConfigError
from clusterdns.limits import PRIVATEZONE_CONNECT_SECONDS, PRIVATEZONE_READ_SECONDS
from externaldns.config import AlibabaCloudConfig
from externaldns.providers.privatezone.api import (
    DEFAULT_LINE,
    DEFAULT_WEIGHT,
    ENABLED,
    OWN_ZONE_TYPE,
    PAGE_SIZE,
    Page,
    Row,
    Vpc,
    Zone,
)
from externaldns.providers.privatezone.failure import NO_KEYS, UNREACHABLE, NoKeys, PrivateZoneError
from externaldns.record import normalize_name

# For regions that it does not know, the SDK makes up a regional name; the service is at this one for all regions.
DEFAULT_ENDPOINT = "https://pvtz.aliyuncs.com"


class SdkApi:
    """One account's PrivateZone. Thread-safe: the SDK's connection pool is."""

    def __init__(self, config: AlibabaCloudConfig, credential: Any = None) -> None:
        """`credential` is asked for the keys before each call; None: those in `config`.

        ConfigError if the endpoint is no http or https URL.
        """
        scheme, address = _split_endpoint(config.endpoint or DEFAULT_ENDPOINT)
        _honour_no_proxy(scheme, address)
        from alibabacloud_pvtz20180101 import client, models
        from alibabacloud_tea_openapi.utils_models import Config

        _silence_sdk_logger()
        self._models = models
        self._client: Any = client.Client(
            Config(
                access_key_id=None if credential else config.access_key_id,
                access_key_secret=None if credential else config.access_key_secret,
                security_token=None if credential else config.security_token or None,
                credential=credential,
                region_id=config.region_id,
                endpoint=address,
                protocol=scheme,
                connect_timeout=int(PRIVATEZONE_CONNECT_SECONDS.default * 1000),
                read_timeout=int(PRIVATEZONE_READ_SECONDS.default * 1000),
            )
        )

    def list_zones(self, vpc_id: str, page: int, name: str = "") -> Page[Zone]:
        request = self._models.DescribeZonesRequest(
            query_vpc_id=vpc_id or None,
            page_number=page,
            page_size=PAGE_SIZE,
            keyword=name or None,
            search_mode="EXACT" if name else None,
        )
        body = _call("DescribeZones", self._client.describe_zones, request)
        zones = (body.zones.zone if body.zones else None) or []
        return Page(tuple(_to_zone(zone) for zone in zones), int(body.total_items or 0))

    def list_rows(self, zone_id: str, page: int, rr: str = "") -> Page[Row]:
        request = self._models.DescribeZoneRecordsRequest(
            zone_id=zone_id, page_number=page, page_size=PAGE_SIZE, keyword=rr or None, search_mode="EXACT"
        )
        body = _call("DescribeZoneRecords", self._client.describe_zone_records, request)
        records = (body.records.record if body.records else None) or []
        return Page(tuple(_to_row(record) for record in records), int(body.total_items or 0))

    def list_vpcs(self, zone_id: str) -> tuple[Vpc, ...]:
        request = self._models.DescribeZoneInfoRequest(zone_id=zone_id)
        body = _call("DescribeZoneInfo", self._client.describe_zone_info, request)
        bound = (body.bind_vpcs.vpc if body.bind_vpcs else None) or []
        return tuple(Vpc(vpc.vpc_id, vpc.region_id) for vpc in bound)

    def add_zone(self, name: str, token: str) -> str:
        request = self._models.AddZoneRequest(zone_name=name, client_token=token)
        return str(_call("AddZone", self._client.add_zone, request).zone_id)

    def bind_vpcs(self, zone_id: str, vpcs: Sequence[Vpc], token: str) -> None:
        wanted = [self._models.BindZoneVpcRequestVpcs(vpc_id=vpc.vpc_id, region_id=vpc.region_id) for vpc in vpcs]
        request = self._models.BindZoneVpcRequest(zone_id=zone_id, vpcs=wanted, client_token=token)
        _call("BindZoneVpc", self._client.bind_zone_vpc, request)

    def add_row(self, zone_id: str, row: Row, token: str) -> int:
        request = self._models.AddZoneRecordRequest(
            zone_id=zone_id, client_token=token, remark=row.remark or None, **_fields(row)
        )
        return int(_call("AddZoneRecord", self._client.add_zone_record, request).record_id)

    def update_row(self, row: Row, token: str) -> None:
        request = self._models.UpdateZoneRecordRequest(record_id=row.record_id, client_token=token, **_fields(row))
        _call("UpdateZoneRecord", self._client.update_zone_record, request)

    def delete_row(self, record_id: int, token: str) -> None:
        request = self._models.DeleteZoneRecordRequest(record_id=record_id, client_token=token)
        _call("DeleteZoneRecord", self._client.delete_zone_record, request)

    def set_remark(self, record_id: int, remark: str, token: str) -> None:
        request = self._models.UpdateRecordRemarkRequest(record_id=record_id, remark=remark, client_token=token)
        _call("UpdateRecordRemark", self._client.update_record_remark, request)

    def set_status(self, record_id: int, status: str, token: str) -> None:
        request = self._models.SetZoneRecordStatusRequest(record_id=record_id, status=status, client_token=token)
        _call("SetZoneRecordStatus", self._client.set_zone_record_status, request)

    def set_weight(self, record_id: int, weight: int, token: str) -> None:
        request = self._models.UpdateZoneRecordWeightRequest(record_id=record_id, weight=weight, client_token=token)
        _call("UpdateZoneRecordWeight", self._client.update_zone_record_weight, request)

    def weigh(self, zone_id: str, row: Row, weighted: bool, token: str) -> None:
        request = self._models.SetZoneLbaStatusRequest(
            zone_id=zone_id, rr=row.rr, type=row.type, line=row.line, open=weighted, client_token=token
        )
        _call("SetZoneLbaStatus", self._client.set_zone_lba_status, request)


def _to_zone(zone: Any) -> Zone:
    return Zone(
        zone.zone_id,
        normalize_name(zone.zone_name),
        zone.zone_type or OWN_ZONE_TYPE,
        records=None if zone.record_count is None else int(zone.record_count),
        updated=None if zone.update_timestamp is None else int(zone.update_timestamp),
    )


def _to_row(record: Any) -> Row:
    return Row(
        record_id=int(record.record_id),
        rr=record.rr,
        type=record.type,
        value=record.value,
        ttl=int(record.ttl or 0),
        line=record.line or DEFAULT_LINE,
        weight=DEFAULT_WEIGHT if record.weight is None else int(record.weight),
        priority=None if record.priority is None else int(record.priority),
        remark=record.remark or "",
        status=record.status or ENABLED,
    )


def _fields(row: Row) -> dict[str, Any]:
    """Return the fields of `row` that both writing calls take; what is at its default is left to the server."""
    fields: dict[str, Any] = {"rr": row.rr, "type": row.type, "value": row.value, "ttl": row.ttl}
    if row.type == "MX":
        fields["priority"] = row.priority
    if row.line != DEFAULT_LINE:
        fields["line"] = row.line
    if row.weight != DEFAULT_WEIGHT:
        fields["weight"] = row.weight
    return fields


def _call(action: str, method: Callable[[Any], Any], request: Any) -> Any:
    from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
    from darabonba.exceptions import UnretryableException

    try:
        return method(request).body
    except AlibabaCloudException as error:
        # A throttled call is a ClientException with a code, or a ThrottlingException that says how many
        # milliseconds to wait; all have the attributes read here.
        data = error.data or {}
        raise PrivateZoneError(
            action,
            error.code or "Unknown",
            str(data.get("Message") or error.message or ""),
            status=error.status_code or 0,
            request_id=str(data.get("RequestId") or ""),
            retry_after_seconds=(error.retry_after or 0) / 1000,
        ) from error
    except UnretryableException as error:
        if isinstance(error.inner_exception, NoKeys):
            raise PrivateZoneError(action, NO_KEYS, str(error.inner_exception)) from error
        # Everything else that goes wrong on the way: connection, timeout, an answer that is not JSON.
        raise PrivateZoneError(action, UNREACHABLE, str(error.inner_exception)) from error


def _split_endpoint(endpoint: str) -> tuple[str, str]:
    parts = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
    try:
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number, or over 65535
        valid = False
    if not valid or parts.path.strip("/") or parts.query:
        raise ConfigError(
            f"{endpoint!r} is no endpoint: write http://HOST:PORT or https://HOST", source="--alibaba-cloud-endpoint"
        )
    return parts.scheme, parts.netloc


def _honour_no_proxy(scheme: str, address: str) -> None:
    """Take the proxy for `scheme` out of the environment if NO_PROXY, or a loopback address, rules it out.

    The SDK reads HTTP_PROXY and HTTPS_PROXY but ignores NO_PROXY and has no way to be told "no proxy".
    """
    host = urlsplit(f"//{address}").hostname or ""
    if host in ("localhost", "::1") or host.startswith("127.") or proxy_bypass(address):
        for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper()):
            os.environ.pop(name, None)


def _silence_sdk_logger() -> None:
    # The SDK's core logs everything at DEBUG to a handler of its own; let it follow the program's logging instead.
    logger = logging.getLogger("darabonba-core")
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)
