"""Faults, latency, temporary keys and the DNS of several VPCs: the SDK against an emulator told to misbehave."""

from __future__ import annotations

from typing import Any

import dns.rcode
import pytest
from alibabacloud_pvtz20180101 import models as m
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException
from darabonba.exceptions import UnretryableException

from clusterdns.errors import ConfigError
from externaldns.providers.privatezone.emulator.faults import (
    Fault,
    Faults,
    Latency,
    parse_fault,
    parse_latency,
)
from tests.unit.externaldns.emulator.calls import add, bind, listed, refusal
from tests.unit.externaldns.emulator.live import ask, client, emulator, only_zone

ZONES = ("--zone", "demo.internal")


@pytest.mark.parametrize(
    ("kind", "error", "code", "done"),
    [
        ("throttle", ClientException, "Throttling.User", False),
        ("busy", ClientException, "System.Busy", False),
        ("unavailable", ServerException, "ServiceUnavailable", False),
        ("error", ServerException, "InternalError", False),
        ("cut", UnretryableException, "", False),
        ("lost", UnretryableException, "", True),
    ],
)
def test_each_kind_of_fault(kind: str, error: type[Exception], code: str, done: bool) -> None:
    with emulator(":memory:", *ZONES, "--fault", f"AddZoneRecord={kind}") as listening:
        sdk = client(listening.api)
        zone_id = only_zone(sdk)
        with pytest.raises(error) as raised:
            add(sdk, zone_id)
        assert getattr(raised.value, "code", "") in (code, None)
        assert len(listed(sdk, zone_id)) == done


def test_only_the_calls_that_it_is_about_fail() -> None:
    with emulator(":memory:", *ZONES, "--fault", "writes=error") as listening:
        sdk = client(listening.api)
        zone_id = only_zone(sdk)
        with pytest.raises(ServerException):
            add(sdk, zone_id)
        assert listed(sdk, zone_id) == []


def test_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    with emulator(":memory:", *ZONES, "--latency", "reads=0.05", "--latency", "any=1") as listening:
        sdk = client(listening.api)
        monkeypatch.setattr("externaldns.providers.privatezone.emulator.http.asyncio.sleep", wait)
        add(sdk, only_zone(sdk))
        monkeypatch.undo()
    assert waits == [1.05, 1]


def test_each_family_of_calls_has_a_quota_of_its_own() -> None:
    with emulator(":memory:", *ZONES, "--write-qps", "0.1", "--zone-qps", "0.1") as listening:
        sdk = client(listening.api)
        zone_id = only_zone(sdk)
        add(sdk, zone_id)
        assert refusal(lambda: add(sdk, zone_id, "other")) == (400, "Throttling.User")
        sdk.add_zone(m.AddZoneRequest(zone_name="a.internal"))
        assert refusal(lambda: sdk.add_zone(m.AddZoneRequest(zone_name="b.internal"))) == (400, "Throttling.User")
        assert len(listed(sdk, zone_id)) == 1


@pytest.mark.parametrize("config", [{}, {"signature_algorithm": "v2"}])
def test_temporary_keys_need_their_token(config: dict[str, Any]) -> None:
    with emulator(":memory:", *ZONES, "--security-token", "token-1") as listening:
        assert only_zone(client(listening.api, security_token="token-1", **config))
        wrong: list[dict[str, Any]] = [{}, {"security_token": "token-2"}]
        for settings in wrong:
            with pytest.raises(ClientException, match="InvalidSecurityToken"):
                only_zone(client(listening.api, **settings, **config))


def test_each_vpc_has_its_dns() -> None:
    flags = (*ZONES, "--vpc", "vpc-1", "--vpc-dns", "vpc-2=127.0.0.1:0", "--vpc-dns", "vpc-3=[::1]:0")
    with emulator(":memory:", *flags) as listening:
        sdk = client(listening.api)
        zone_id = only_zone(sdk)
        add(sdk, zone_id)
        bind(sdk, zone_id, "vpc-1", "vpc-3")
        servers = {"vpc-1": listening.dns, **listening.resolvers}
        codes = {vpc: ask(address, "web.demo.internal").rcode() for vpc, address in servers.items()}
        assert codes == {"vpc-1": dns.rcode.NOERROR, "vpc-2": dns.rcode.REFUSED, "vpc-3": dns.rcode.NOERROR}
        for tcp in (False, True):
            assert ask(servers["vpc-3"], "other.demo.internal", tcp=tcp).rcode() == dns.rcode.NXDOMAIN


def test_shares_and_the_first_rule_that_fits() -> None:
    faults = Faults((Fault("AddZone", "busy", 0.5), Fault("writes", "lost", 0.5), Fault("any", "error", 0.0)))
    for rolls, kind in (([0.4], "busy"), ([0.5, 0.4], "lost"), ([0.5, 0.5, 0.0], "")):
        assert faults.pick("AddZone", writes=True, dice=iter(rolls).__next__) == kind
    assert faults.pick("DescribeZones", writes=False, dice=lambda: 0.0) == ""
    assert Faults().pick("AddZone", writes=True, dice=lambda: 0.0) == ""


def test_latencies_add_up() -> None:
    faults = Faults(latencies=(Latency("any", 1), Latency("reads", 2), Latency("AddZone", 4)))
    assert faults.seconds("AddZone", writes=True) == 5
    assert faults.seconds("DescribeZones", writes=False) == 3


@pytest.mark.parametrize("text", ["", "Any", "Any=", "Any=odd", "Any=busy:2", "=busy", "Any=busy:x"])
def test_a_fault_that_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match="--fault"):
        parse_fault(text)


@pytest.mark.parametrize("text", ["", "reads", "reads=", "reads=-1", "reads=61", "=1", "reads=x"])
def test_a_latency_that_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match="--latency"):
        parse_latency(text)


def test_flags_as_they_are_read() -> None:
    assert parse_fault("AddZoneRecord=lost:0.25") == Fault("AddZoneRecord", "lost", 0.25)
    assert parse_latency("any=0.5") == Latency("any", 0.5)
