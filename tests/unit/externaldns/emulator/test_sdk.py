"""The unmodified SDK against a running emulator: every operation, both signatures, and what DNS says afterwards."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import dns.rcode
import pytest
from alibabacloud_pvtz20180101 import models as m
from alibabacloud_pvtz20180101.client import Client

from externaldns.providers.privatezone.emulator.service import Listening
from tests.unit.externaldns.emulator.calls import add, bind, info, listed, record, refusal, values
from tests.unit.externaldns.emulator.live import KEY, ask, client, emulator

Call = Callable[[Client], Any]


@pytest.fixture(scope="module")
def server() -> Iterator[Listening]:
    with emulator(":memory:", "--zone", "demo.internal", "--zone", "10.in-addr.arpa") as listening:
        yield listening


@pytest.fixture(scope="module")
def sdk(server: Listening) -> Client:
    return client(server.api)


@pytest.fixture
def zone_id(sdk: Client, request: pytest.FixtureRequest) -> str:
    """Return a new zone of the test's own, bound to the VPC that the DNS listener serves."""
    name = f"{request.node.name.replace('_', '-').partition('[')[0]}.internal"[-60:].lstrip("-")
    zone_id = str(sdk.add_zone(m.AddZoneRequest(zone_name=name)).body.zone_id)
    bind(sdk, zone_id, "vpc-demo")
    return zone_id


@pytest.mark.parametrize("config", [{}, {"signature_algorithm": "v2"}, {"endpoint": "http"}])
def test_each_way_to_sign_and_to_name_the_endpoint(server: Listening, config: dict[str, Any]) -> None:
    if "endpoint" in config:
        config = {"endpoint": f"http://{server.api[0]}:{server.api[1]}"}
    sdk = client(server.api, **config)
    zones = sdk.describe_zones(m.DescribeZonesRequest(keyword="demo.internal", search_mode="EXACT")).body
    assert [zone.zone_name for zone in zones.zones.zone] == ["demo.internal"]
    # A space goes over the wire as "+", and is signed as "%20".
    assert sdk.describe_zones(m.DescribeZonesRequest(keyword="a b+c~*é&=")).body.total_items == 0


@pytest.mark.parametrize("config", [{}, {"signature_algorithm": "v2"}])
@pytest.mark.parametrize(
    ("key", "refused"),
    [
        (("other-id", KEY[1]), (404, "InvalidAccessKeyId.NotFound")),
        ((KEY[0], "other-secret"), (400, "SignatureDoesNotMatch")),
    ],
)
def test_a_wrong_key_is_refused(
    server: Listening, config: dict[str, Any], key: tuple[str, str], refused: tuple[int, str]
) -> None:
    sdk = client(server.api, key, **config)
    assert refusal(lambda: sdk.describe_zones(m.DescribeZonesRequest())) == refused


def test_the_zones_of_the_flags_are_there_and_bound(sdk: Client) -> None:
    zones = sdk.describe_zones(m.DescribeZonesRequest(query_vpc_id="vpc-demo", page_size=100)).body.zones.zone
    flagged = {zone.zone_name: zone for zone in zones if zone.zone_name in ("demo.internal", "10.in-addr.arpa")}
    assert len(flagged) == 2
    assert flagged["10.in-addr.arpa"].is_ptr
    described = info(sdk, flagged["demo.internal"].zone_id)
    assert [(vpc["VpcId"], vpc["RegionId"]) for vpc in described["BindVpcs"]["Vpc"]] == [("vpc-demo", "cn-hangzhou")]
    assert described["ProxyPattern"] == "ZONE"
    assert described["DnsGroup"] == "FAST_ZONE"
    assert described["BindEdgeDnsClusters"] == {"EdgeDnsCluster": []}


def test_the_life_of_a_record(server: Listening, sdk: Client, zone_id: str) -> None:
    zone_name = info(sdk, zone_id)["ZoneName"]
    name = f"web.{zone_name}"
    assert ask(server.dns, name).rcode() == dns.rcode.NXDOMAIN

    record_id = add(sdk, zone_id, remark="first", ttl=5)
    assert values(server, name) == ["10.0.0.1"]
    assert record(sdk, record_id).items() >= {
        "RecordId": record_id, "ZoneId": zone_id, "Rr": "web", "Type": "A", "Value": "10.0.0.1", "Ttl": 5,
        "Line": "default", "Weight": 1, "Status": "ENABLE", "Remark": "first",
    }.items()  # fmt: skip
    assert info(sdk, zone_id)["RecordCount"] == 1

    sdk.update_zone_record(m.UpdateZoneRecordRequest(record_id=record_id, rr="web", type="A", value="10.0.0.2"))
    assert values(server, name) == ["10.0.0.2"]
    assert record(sdk, record_id).items() >= {"Value": "10.0.0.2", "Ttl": 5, "Remark": "first"}.items()

    sdk.update_record_remark(m.UpdateRecordRemarkRequest(record_id=record_id, remark="second"))
    assert record(sdk, record_id)["Remark"] == "second"
    sdk.update_record_remark(m.UpdateRecordRemarkRequest(record_id=record_id, remark=""))
    assert record(sdk, record_id)["Remark"] == ""

    body = sdk.set_zone_record_status(m.SetZoneRecordStatusRequest(record_id=record_id, status="DISABLE")).body
    assert body.status == "DISABLE"
    assert ask(server.dns, name).rcode() == dns.rcode.NXDOMAIN
    sdk.set_zone_record_status(m.SetZoneRecordStatusRequest(record_id=record_id, status="ENABLE"))
    assert values(server, name) == ["10.0.0.2"]

    sdk.delete_zone_record(m.DeleteZoneRecordRequest(record_id=record_id))
    assert ask(server.dns, name).rcode() == dns.rcode.NXDOMAIN
    assert info(sdk, zone_id)["RecordCount"] == 0
    assert add(sdk, zone_id) > record_id


def test_moving_a_record_to_another_name_and_type(server: Listening, sdk: Client, zone_id: str) -> None:
    zone_name = info(sdk, zone_id)["ZoneName"]
    record_id = add(sdk, zone_id)
    change = m.UpdateZoneRecordRequest(record_id=record_id, rr="a.b", type="AAAA", value="fd00::1", ttl=30)
    sdk.update_zone_record(change)
    assert values(server, f"a.b.{zone_name}", "AAAA") == ["fd00::1"]
    assert ask(server.dns, f"b.{zone_name}").rcode() == dns.rcode.NOERROR
    assert ask(server.dns, f"web.{zone_name}").rcode() == dns.rcode.NXDOMAIN


@pytest.mark.parametrize(
    ("rr", "type", "value", "fields", "answered"),
    [
        ("@", "TXT", '"heritage=external-dns,owner=me"', {}, '"heritage=external-dns,owner=me"'),
        ("mail", "MX", "mx.example.com", {"priority": 7}, "7 mx.example.com."),
        ("mail2", "MX", "mx.example.com", {}, "10 mx.example.com."),
        ("_http._tcp", "SRV", "0 50 80 web.example.com.", {}, "0 50 80 web.example.com."),
        ("alias", "CNAME", "web.example.com", {}, "web.example.com."),
        ("v6", "AAAA", "fd00:0::1", {}, "fd00::1"),
        ("*.apps", "A", "10.0.0.3", {}, "10.0.0.3"),
    ],
)  # fmt: skip
def test_types(
    server: Listening, sdk: Client, rr: str, type: str, value: str, fields: dict[str, int], answered: str
) -> None:
    zone_id = sdk.add_zone(m.AddZoneRequest(zone_name=f"{type}.{rr.strip('@_*.') or 'apex'}.types")).body.zone_id
    bind(sdk, zone_id, "vpc-demo")
    zone_name = info(sdk, zone_id)["ZoneName"]
    add(sdk, zone_id, rr, type, value, **fields)
    name = zone_name if rr == "@" else f"{rr.replace('*', 'any')}.{zone_name}"
    assert values(server, name, type) == [answered]
    (row,) = listed(sdk, zone_id)
    assert (row.rr, row.type, row.value, row.ttl) == (rr, type, value, 60)


def test_ptr_in_a_reverse_zone(server: Listening, sdk: Client) -> None:
    reverse = m.DescribeZonesRequest(keyword="10.in-addr.arpa", search_mode="EXACT")
    zone_id = sdk.describe_zones(reverse).body.zones.zone[0].zone_id
    add(sdk, zone_id, "1.0.0", "PTR", "web.demo.internal")
    assert values(server, "1.0.0.10.in-addr.arpa", "PTR") == ["web.demo.internal."]


def test_paging_and_keywords(sdk: Client, zone_id: str) -> None:
    ids = [add(sdk, zone_id, f"host-{number}", value=f"10.0.0.{number}") for number in range(7)]
    pages = [
        sdk.describe_zone_records(m.DescribeZoneRecordsRequest(zone_id=zone_id, page_number=page, page_size=3)).body
        for page in (1, 2, 3, 4)
    ]
    assert [[row.record_id for row in page.records.record] for page in pages] == [ids[:3], ids[3:6], ids[6:], []]
    assert {(page.total_items, page.total_pages, page.page_size) for page in pages} == {(7, 3, 3)}
    assert [row.rr for row in listed(sdk, zone_id, keyword="HOST-3")] == ["host-3"]
    assert listed(sdk, zone_id, keyword="host") == []  # Exact is the default here,
    assert len(listed(sdk, zone_id, keyword="Host", search_mode="LIKE")) == 7
    assert len(listed(sdk, zone_id)) == 7


def test_zone_lists(sdk: Client) -> None:
    for name in ("lists-a.example", "lists-b.example"):
        sdk.add_zone(m.AddZoneRequest(zone_name=name, dns_group="NORMAL_ZONE", proxy_pattern="RECORD"))

    def names(**fields: Any) -> list[str]:
        zones = sdk.describe_zones(m.DescribeZonesRequest(page_size=100, **fields)).body.zones.zone
        return [zone.zone_name for zone in zones]

    assert names(keyword="LISTS-") == ["lists-a.example", "lists-b.example"]  # and part of the name here.
    assert names(keyword="lists-", search_mode="EXACT") == []
    assert names(keyword="lists-", query_vpc_id="vpc-demo") == []
    assert "demo.internal" in names(query_vpc_id="vpc-demo", query_region_id="cn-hangzhou")
    assert names(query_region_id="cn-beijing") == []
    assert names(zone_type="CLOUD_PRODUCT_ZONE") == []
    assert names(resource_tag=[m.DescribeZonesRequestResourceTag(key="a", value="b")]) == []
    page = sdk.describe_zones(m.DescribeZonesRequest(keyword="lists-", page_size=1, page_number=2)).body
    assert [zone.zone_name for zone in page.zones.zone] == ["lists-b.example"]
    assert (page.total_items, page.total_pages) == (2, 2)


def test_binding_replaces_the_set_of_vpcs(server: Listening, sdk: Client, zone_id: str) -> None:
    zone_name = info(sdk, zone_id)["ZoneName"]
    add(sdk, zone_id)
    bind(sdk, zone_id, "vpc-other", "vpc-demo")
    assert [vpc["VpcId"] for vpc in info(sdk, zone_id)["BindVpcs"]["Vpc"]] == ["vpc-demo", "vpc-other"]
    bind(sdk, zone_id, "vpc-other")
    assert ask(server.dns, f"web.{zone_name}").rcode() == dns.rcode.REFUSED
    assert refusal(lambda: sdk.delete_zone(m.DeleteZoneRequest(zone_id=zone_id))) == (400, "Zone.VpcExists")
    bind(sdk, zone_id)
    assert sdk.delete_zone(m.DeleteZoneRequest(zone_id=zone_id)).body.zone_id == zone_id
    assert refusal(lambda: info(sdk, zone_id)) == (400, "Zone.NotExists")


def test_one_vpc_sees_one_zone_of_a_name(sdk: Client) -> None:
    one, two = (str(sdk.add_zone(m.AddZoneRequest(zone_name="twice.internal")).body.zone_id) for _ in range(2))
    bind(sdk, one, "vpc-a")
    assert refusal(lambda: bind(sdk, two, "vpc-b", "vpc-a")) == (400, "ZoneVpc.Conflict")
    assert info(sdk, two)["BindVpcs"]["Vpc"] == []
    bind(sdk, two, "vpc-b")
    bind(sdk, one, "vpc-a", "vpc-c")


def test_the_proxy_pattern_decides_about_unknown_names(server: Listening, sdk: Client, zone_id: str) -> None:
    name = f"gone.{info(sdk, zone_id)['ZoneName']}"
    assert ask(server.dns, name).rcode() == dns.rcode.NXDOMAIN
    sdk.set_proxy_pattern(m.SetProxyPatternRequest(zone_id=zone_id, proxy_pattern="RECORD"))
    assert info(sdk, zone_id)["ProxyPattern"] == "RECORD"
    assert ask(server.dns, name).rcode() == dns.rcode.REFUSED


def test_weights(server: Listening, sdk: Client, zone_id: str) -> None:
    name = f"web.{info(sdk, zone_id)['ZoneName']}"
    first, _ = add(sdk, zone_id, value="10.0.0.1", weight=10), add(sdk, zone_id, value="10.0.0.2", weight=10)
    assert values(server, name) == ["10.0.0.1", "10.0.0.2"]

    def lba(open: bool) -> None:
        sdk.set_zone_lba_status(
            m.SetZoneLbaStatusRequest(zone_id=zone_id, rr="web", type="A", line="default", open=open)
        )

    lba(True)
    assert len(values(server, name)) == 1
    sdk.update_zone_record_weight(m.UpdateZoneRecordWeightRequest(record_id=first, weight=0))
    assert record(sdk, first)["Weight"] == 0
    assert [values(server, name) for _ in range(3)] == [["10.0.0.2"]] * 3
    lba(False)
    assert values(server, name) == ["10.0.0.1", "10.0.0.2"]


def test_small_zone_operations(sdk: Client, zone_id: str) -> None:
    sdk.update_zone_remark(m.UpdateZoneRemarkRequest(zone_id=zone_id, remark="kept"))
    sdk.change_zone_dns_group(m.ChangeZoneDnsGroupRequest(zone_id=zone_id, dns_group="NORMAL_ZONE"))
    assert info(sdk, zone_id).items() >= {"Remark": "kept", "DnsGroup": "NORMAL_ZONE"}.items()
    assert refusal(lambda: add(sdk, zone_id, weight=2)) == (400, "Zone.DnsGroup")
    assert sdk.check_zone_name(m.CheckZoneNameRequest(zone_name="new.internal")).body.check
    assert sdk.describe_user_service_status(m.DescribeUserServiceStatusRequest()).body.status == "OPENED"


def test_the_change_log_is_newest_first(sdk: Client, zone_id: str) -> None:
    record_id = add(sdk, zone_id)
    sdk.delete_zone_record(m.DeleteZoneRecordRequest(record_id=record_id))

    def log(**fields: Any) -> list[tuple[str, str]]:
        request = m.DescribeChangeLogsRequest(zone_id=zone_id, **fields)
        changes = sdk.describe_change_logs(request).body.change_logs.change_log
        return [(change.oper_object, change.oper_action) for change in changes]

    records = [("PV_RECORD", "delete"), ("PV_RECORD", "add")]
    assert log() == [*records, ("PV_ZONE", "bind"), ("PV_ZONE", "add")]
    assert log(entity_type="PV_RECORD") == records
    assert log(entity_type="UNHEARD_OF") == log()
    assert log(keyword="DELETE RECORD") == records[:1]
    assert log(end_timestamp=1) == []
    assert log(page_size=1, page_number=2) == records[1:]


def test_a_client_token_makes_a_write_happen_once(sdk: Client, zone_id: str) -> None:
    first = add(sdk, zone_id, client_token="token-1")
    assert add(sdk, zone_id, client_token="token-1") == first
    assert len(listed(sdk, zone_id)) == 1
    assert refusal(lambda: add(sdk, zone_id, value="10.0.0.2", client_token="token-1")) == (
        400,
        "IdempotentParameterMismatch",
    )
    # A refused write leaves its token free.
    assert refusal(lambda: add(sdk, zone_id, client_token="token-2"))[1] == "Record.Invalid.Conflict"
    sdk.delete_zone_record(m.DeleteZoneRecordRequest(record_id=first, client_token="token-3"))
    assert (
        sdk.delete_zone_record(m.DeleteZoneRecordRequest(record_id=first, client_token="token-3")).body.record_id
        == first
    )
    assert add(sdk, zone_id, client_token="token-2") > first


REFUSED: list[tuple[Call, int, str]] = [
    (lambda sdk: listed(sdk, "0" * 32), 400, "Zone.NotExists"),
    (lambda sdk: listed(sdk, "not an id"), 400, "Zone.Invalid.Id"),
    (lambda sdk: listed(sdk, "0" * 32, page_size=101), 400, "InvalidPageSize"),
    (lambda sdk: listed(sdk, "0" * 32, page_size=0), 400, "InvalidPageSize"),
    (lambda sdk: listed(sdk, "0" * 32, page_number=0), 400, "InvalidPageNumber"),
    (lambda sdk: listed(sdk, "0" * 32, search_mode="REGEX"), 400, "InvalidSearchMode"),
    (lambda sdk: sdk.describe_zone_records(m.DescribeZoneRecordsRequest()), 400, "MissingZoneId"),
    (lambda sdk: record(sdk, 999999), 400, "Record.NotExists"),
    (lambda sdk: record(sdk, 2**63), 400, "InvalidRecordId"),
    (lambda sdk: sdk.delete_zone_record(m.DeleteZoneRecordRequest(record_id=999999)), 400, "Record.NotExists"),
    (lambda sdk: sdk.add_zone(m.AddZoneRequest(zone_name="a..b")), 400, "Zone.Invalid.Name"),
    (lambda sdk: sdk.add_zone(m.AddZoneRequest(zone_name="a.b", dns_group="SLOW")), 400, "InvalidDnsGroup"),
    (lambda sdk: sdk.describe_regions(m.DescribeRegionsRequest()), 404, "InvalidAction.NotFound"),
]


@pytest.mark.parametrize(("call", "status", "code"), REFUSED)
def test_refused_calls(sdk: Client, call: Call, status: int, code: str) -> None:
    assert refusal(lambda: call(sdk)) == (status, code)


def test_refused_records(sdk: Client, zone_id: str) -> None:
    record_id = add(sdk, zone_id)

    def update(**fields: Any) -> object:
        changed = {"record_id": record_id, "rr": "web", "type": "A", "value": "10.0.0.1"} | fields
        return sdk.update_zone_record(m.UpdateZoneRecordRequest(**changed))

    def remark(text: str) -> object:
        return sdk.update_record_remark(m.UpdateRecordRemarkRequest(record_id=record_id, remark=text))

    def weight(number: int) -> object:
        request = m.UpdateZoneRecordWeightRequest(record_id=record_id, weight=number)
        return sdk.update_zone_record_weight(request)

    def status(text: str) -> object:
        return sdk.set_zone_record_status(m.SetZoneRecordStatusRequest(record_id=record_id, status=text))

    def lba(rr: str, type: str) -> object:
        request = m.SetZoneLbaStatusRequest(zone_id=zone_id, rr=rr, type=type, line="default", open=True)
        return sdk.set_zone_lba_status(request)

    rows: list[tuple[Callable[[], object], str]] = [
        (lambda: add(sdk, zone_id), "Record.Invalid.Conflict"),
        (lambda: add(sdk, zone_id, "web", "CNAME", "x.example.com"), "Record.Invalid.Conflict"),
        (lambda: add(sdk, zone_id, "w", ttl=61), "Record.Invalid.Ttl"),
        (lambda: add(sdk, zone_id, "w", weight=0), "Record.Invalid.Weight"),
        (lambda: add(sdk, zone_id, "w", remark="x" * 51), "Record.Remark"),
        (lambda: add(sdk, zone_id, "w", client_token="x" * 65), "InvalidClientToken"),
        (lambda: add(sdk, zone_id, "w", value=""), "MissingValue"),
        (lambda: update(type="MX", value="mx.example.com"), "MissingPriority"),
        (lambda: update(value="10.0.0.300"), "Record.Invalid.Value"),
        (lambda: remark("a b"), "Record.Remark"),
        (lambda: weight(101), "Record.Invalid.Weight"),
        (lambda: status("ON"), "InvalidStatus"),
        (lambda: lba("none", "A"), "Record.NotExists"),
        (lambda: lba("web", "TXT"), "Record.Invalid.Type"),
    ]
    before = [row.to_map() for row in listed(sdk, zone_id)]
    for call, code in rows:
        assert refusal(call) == (400, code)
    assert [row.to_map() for row in listed(sdk, zone_id)] == before


def test_throttling_and_other_error_codes() -> None:
    flags = ["--zone-qps", "0.1", "--read-qps", "1", "--error-code", "Throttling.User=Throttling"]
    with emulator(":memory:", *flags) as listening:
        sdk = client(listening.api)
        sdk.describe_zones(m.DescribeZonesRequest())
        sdk.add_zone(m.AddZoneRequest(zone_name="a.internal"))
        assert refusal(lambda: sdk.add_zone(m.AddZoneRequest(zone_name="b.internal"))) == (400, "Throttling")


def test_a_defect_is_an_internal_error_in_the_gateways_shape(
    sdk: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("externaldns.providers.privatezone.emulator.api.find_operation", fail)
    with caplog.at_level(logging.ERROR), pytest.raises(Exception, match="InternalError") as failed:
        sdk.describe_zones(m.DescribeZonesRequest())
    assert getattr(failed.value, "status_code", 0) == 500
    assert "boom" in caplog.text
