"""The boundary to the vendor's SDK: its answers and errors become ours. What goes over the wire is tested with the
emulator (tests/integration)."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_pvtz20180101 import models
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException, ThrottlingException
from darabonba.exceptions import RetryError, UnretryableException
from darabonba.policy.retry import RetryPolicyContext

from clusterdns.errors import ConfigError
from externaldns.config import AlibabaCloudConfig
from externaldns.providers.privatezone import client
from externaldns.providers.privatezone.api import Page, Row, Vpc, Zone
from externaldns.providers.privatezone.client import SdkApi
from externaldns.providers.privatezone.failure import NO_KEYS, UNREACHABLE, NoKeys, PrivateZoneError
from tests.unit.repository.tree import ROOT


class SdkClient:
    """Takes the place of the SDK's client: keeps the requests, and answers or raises what it is told."""

    def __init__(self, answer: Any) -> None:
        self.requests: list[Any] = []
        self._answer = answer

    def __getattr__(self, name: str) -> Any:
        def call(request: Any) -> Any:
            self.requests.append(request.to_map())
            if isinstance(self._answer, Exception):
                raise self._answer
            return self._answer

        return call


def api_over(client: SdkClient | None = None, endpoint: str = "http://127.0.0.1:1") -> SdkApi:
    api = SdkApi(AlibabaCloudConfig("cn-hangzhou", "id", "secret", endpoint=endpoint))
    if client is not None:
        api._client = client
    return api


def answer(kind: str, body: dict[str, Any]) -> Any:
    response = getattr(models, f"{kind}Response")()
    return response.from_map({"statusCode": 200, "headers": {}, "body": body})


def test_zones() -> None:
    zone = {"ZoneId": "z1", "ZoneName": "Ex.com", "ZoneType": "AUTH_ZONE"}
    product = {"ZoneId": "z2", "ZoneName": "p.com", "ZoneType": "CLOUD_PRODUCT_ZONE"}
    client = SdkClient(answer("DescribeZones", {"TotalItems": 7, "Zones": {"Zone": [zone, product]}}))
    page = api_over(client).list_zones("vpc-1", 3)
    assert page == Page((Zone("z1", "ex.com"), Zone("z2", "p.com", "CLOUD_PRODUCT_ZONE")), 7)
    assert client.requests == [{"QueryVpcId": "vpc-1", "PageNumber": 3, "PageSize": 100, "ResourceTag": []}]


@pytest.mark.parametrize("body", [{"TotalItems": 0, "Zones": {"Zone": []}}, {"TotalItems": 0, "Zones": {}}, {}])
def test_no_zones(body: dict[str, Any]) -> None:
    assert api_over(SdkClient(answer("DescribeZones", body))).list_zones("", 1) == Page((), 0)


def test_rows() -> None:
    records = [
        {"RecordId": 1, "Rr": "web", "Type": "A", "Value": "1.1.1.1", "Ttl": 60},
        {
            "RecordId": 2,
            "Rr": "@",
            "Type": "MX",
            "Value": "m.ex.com",
            "Ttl": 5,
            "Priority": 10,
            "Line": "l",
            "Weight": 0,
        },
    ]
    client = SdkClient(answer("DescribeZoneRecords", {"TotalItems": 2, "Records": {"Record": records}}))
    assert api_over(client).list_rows("z1", 1, "web") == Page(
        (
            Row(1, "web", "A", "1.1.1.1", 60),
            Row(2, "@", "MX", "m.ex.com", 5, line="l", weight=0, priority=10),
        ),
        2,
    )
    assert client.requests == [
        {"ZoneId": "z1", "Keyword": "web", "SearchMode": "EXACT", "PageNumber": 1, "PageSize": 100}
    ]


def test_the_vpcs_of_a_zone() -> None:
    bound = {"BindVpcs": {"Vpc": [{"VpcId": "vpc-1", "RegionId": "cn-hangzhou"}]}}
    client = SdkClient(answer("DescribeZoneInfo", bound))
    assert api_over(client).list_vpcs("z1") == (Vpc("vpc-1", "cn-hangzhou"),)
    assert client.requests == [{"ZoneId": "z1"}]


def test_writes_send_the_token_and_leave_defaults_to_the_server() -> None:
    client = SdkClient(answer("AddZoneRecord", {"RecordId": 77}))
    api = api_over(client)
    row = Row(5, "web", "A", "1.1.1.1", 60)
    fields = {"Rr": "web", "Type": "A", "Value": "1.1.1.1", "Ttl": 60}
    assert api.add_row("z1", row, "t1") == 77
    api.update_row(row, "t2")
    api.update_row(Row(6, "web", "A", "1.1.1.1", 60, line="l", weight=2), "t3")
    api.delete_row(5, "t4")
    api.set_remark(5, "note", "t5")
    api.set_status(5, "ENABLE", "t6")
    api.set_weight(5, 9, "t7")
    api.weigh("z1", row, True, "t8")
    api.bind_vpcs("z1", [Vpc("vpc-1", "cn-hangzhou")], "t9")
    api.add_row("z1", Row(0, "@", "MX", "mail.ex.com", 60, priority=5, remark="note"), "t10")
    assert client.requests == [
        {"ZoneId": "z1", "ClientToken": "t1", **fields},
        {"RecordId": 5, "ClientToken": "t2", **fields},
        {"RecordId": 6, "ClientToken": "t3", "Line": "l", "Weight": 2, **fields},
        {"RecordId": 5, "ClientToken": "t4"},
        {"RecordId": 5, "Remark": "note", "ClientToken": "t5"},
        {"RecordId": 5, "Status": "ENABLE", "ClientToken": "t6"},
        {"RecordId": 5, "Weight": 9, "ClientToken": "t7"},
        {"ZoneId": "z1", "Rr": "web", "Type": "A", "Line": "default", "Open": True, "ClientToken": "t8"},
        {"ZoneId": "z1", "Vpcs": [{"VpcId": "vpc-1", "RegionId": "cn-hangzhou"}], "ClientToken": "t9"},
        {
            "ZoneId": "z1",
            "ClientToken": "t10",
            "Rr": "@",
            "Type": "MX",
            "Value": "mail.ex.com",
            "Ttl": 60,
            "Priority": 5,
            "Remark": "note",
        },
    ]


def unretryable(cause: Exception) -> Any:
    return UnretryableException(RetryPolicyContext(exception=cause))


@pytest.mark.parametrize(
    ("raised", "code", "retryable", "throttled", "retry_after"),
    [
        (ClientException(status_code=400, code="Throttling.User", message="slow"), "Throttling.User", True, True, 0),
        (ThrottlingException(status_code=400, code="Throttling", message="slow", retry_after=1500), "Throttling",
         True, True, 1.5),
        (ClientException(status_code=400, code="Zone.NotExists", message="no"), "Zone.NotExists", False, False, 0),
        (ClientException(status_code=404, code="InvalidAccessKeyId.NotFound"), "InvalidAccessKeyId.NotFound",
         False, False, 0),
        (ServerException(status_code=503, code="ServiceUnavailable", message="away"), "ServiceUnavailable", True, False,
         0),
        (ServerException(status_code=500, code="Odd", message="away"), "Odd", True, False, 0),
        (unretryable(NoKeys("nowhere")), NO_KEYS, False, False, 0),
        (unretryable(RetryError("connection refused")), UNREACHABLE, True, False, 0),
        (unretryable(ValueError("no JSON")), UNREACHABLE, True, False, 0),
    ],
)  # fmt: skip
def test_errors(raised: Exception, code: str, retryable: bool, throttled: bool, retry_after: float) -> None:
    with pytest.raises(PrivateZoneError) as caught:
        api_over(SdkClient(raised)).list_zones("", 1)
    error = caught.value
    assert (error.code, error.retryable, error.throttled) == (code, retryable, throttled)
    assert error.retry_after_seconds == retry_after
    assert str(error).startswith(f"PrivateZone DescribeZones: {code}: ")


@pytest.mark.parametrize(
    ("code", "message", "said"),
    [
        ("Record.Invalid.Conflict", "Taken.", "Record.Invalid.Conflict: Taken."),
        (
            "SignatureDoesNotMatch",
            "Not matched. server string to sign is:POST&%2F&Nonce",
            "SignatureDoesNotMatch: Not matched; the secret is not that key's: mend accessKeySecret",
        ),
        (
            "Forbidden.RAM",
            "Not authorized.",
            "Forbidden.RAM: Not authorized; the RAM user or role lacks this permission",
        ),
    ],
)
def test_who_has_to_mend_something_is_told_what(code: str, message: str, said: str) -> None:
    body = {"Code": code, "Message": message, "RequestId": "R-1"}
    raised = ClientException(status_code=400, code=code, message=f"code: 400, {message}", data=body, request_id="R-1")
    with pytest.raises(PrivateZoneError) as caught:
        api_over(SdkClient(raised)).list_zones("", 1)
    assert str(caught.value).startswith(f"PrivateZone DescribeZones: {said}")
    assert caught.value.about_caller is ("; " in said)
    assert caught.value.request_id == "R-1"


@pytest.mark.parametrize(
    "endpoint", ["ftp://host", "http://", "http://host:port", "http://host:99999", "http://host/path", "://"]
)
def test_an_endpoint_that_is_none_is_named(endpoint: str) -> None:
    with pytest.raises(ConfigError, match="--alibaba-cloud-endpoint"):
        api_over(endpoint=endpoint)


@pytest.mark.parametrize(
    ("endpoint", "no_proxy", "proxied"),
    [
        ("http://127.0.0.1:1", "", False),
        ("http://[::1]:1", "", False),
        ("http://localhost:1", "", False),
        ("http://pvtz.example.com", "", True),
        ("http://pvtz.example.com", "example.com", False),
        ("https://pvtz.example.com", "example.com", True),
    ],
)
def test_no_proxy_is_honoured(endpoint: str, no_proxy: str, proxied: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://proxy.example.net:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    monkeypatch.setenv("no_proxy", no_proxy)
    api_over(endpoint=endpoint)
    assert ("HTTP_PROXY" in os.environ) is ("http_proxy" in os.environ) is proxied


def test_the_sdk_does_not_log_past_the_programs_logging() -> None:
    api_over()
    logger = logging.getLogger("darabonba-core")
    assert logger.handlers == []
    assert logger.level == logging.NOTSET


def test_the_permissions_that_are_documented_are_those_of_the_calls() -> None:
    source = Path(client.__file__).read_text()
    page = (ROOT / "docs" / "privatezone.md").read_text()
    assert set(re.findall(r"`pvtz:(\w+)`", page)) == set(re.findall(r'_call\("(\w+)"', source))
