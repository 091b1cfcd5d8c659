"""Zones that are made and bound on request, also by a run that comes after one that was cut off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from externaldns.providers.privatezone.audit import AuditLog
from externaldns.providers.privatezone.calls import Calls
from externaldns.providers.privatezone.failure import PrivateZoneError
from externaldns.providers.privatezone.gateway import WriteGateway
from externaldns.providers.privatezone.provider import PrivateZoneProvider
from externaldns.providers.privatezone.zones import ZoneChoice
from tests.support import virtual_time
from tests.unit.externaldns.privatezone.memory_api import MemoryApi, fail
from tests.unit.externaldns.privatezone.provider_runs import provider_of, read

CHOICE = ZoneChoice("vpc-1", create=("10.in-addr.arpa", "ex.com"), region_id="cn-hangzhou")


def test_missing_zones_are_made_and_bound_to_the_vpc() -> None:
    api = MemoryApi()
    assert read(api, CHOICE).zones == ("10.in-addr.arpa", "ex.com")
    assert api.calls == [
        "add zone 10.in-addr.arpa", "bind id-10.in-addr.arpa vpc-1", "add zone ex.com", "bind id-ex.com vpc-1",
    ]  # fmt: skip
    api.calls.clear()
    read(api, CHOICE)
    assert api.calls == []


def test_a_zone_that_was_made_and_not_bound_is_bound() -> None:
    api = MemoryApi("10.in-addr.arpa")
    api.add_empty_zone("ex.com")
    read(api, CHOICE)
    assert api.calls == ["bind id-ex.com vpc-1"]


def test_a_zone_that_other_vpcs_use_is_not_ours() -> None:
    api = MemoryApi("10.in-addr.arpa")
    api.add_empty_zone("ex.com", "vpc-other", zone_id="theirs")
    read(api, CHOICE)
    assert api.calls == ["add zone ex.com", "bind id-ex.com vpc-1"]
    assert api.vpcs["theirs"] == ["vpc-other"]


def test_which_of_two_unbound_zones_is_meant_is_asked() -> None:
    api = MemoryApi("10.in-addr.arpa")
    api.add_empty_zone("ex.com", zone_id="one")
    api.add_empty_zone("ex.com", zone_id="two")
    with pytest.raises(PrivateZoneError, match="two zones are called ex"):
        read(api, CHOICE)
    assert api.calls == []


def test_without_a_vpc_a_zone_is_made_and_bound_to_none() -> None:
    api = MemoryApi()
    assert read(api, ZoneChoice(create=("ex.com",))).zones == ("ex.com",)
    assert api.calls == ["add zone ex.com"]


def test_the_audit_log_has_zones_too(tmp_path: Path) -> None:
    api = MemoryApi("10.in-addr.arpa")
    api.add_empty_zone("left.over")
    choice = ZoneChoice("vpc-1", create=("ex.com", "left.over"), region_id="cn-hangzhou")
    log, calls = AuditLog(str(tmp_path / "log"), "pod-0", "me", wall_clock=lambda: 1e9), Calls(dice=lambda: 0.0)
    provider = PrivateZoneProvider(api, calls, WriteGateway(api, api, calls, dry_run=False, audit=log), choice)
    virtual_time.run(provider.read())
    api.before = fail("Forbidden.RAM", "add zone")
    api.zones.clear()
    with pytest.raises(PrivateZoneError, match="Forbidden"):
        virtual_time.run(provider.read())
    calls.close()
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert lines[0] == {
        "time": "2001-09-09T01:46:40.000Z", "who": "pod-0", "owner": "me", "action": "add zone", "zone": "id-ex.com",
        "name": "ex.com", "vpcs": [], "why": "--privatezone-create-zones", "resource": "", "error": None,
        "request": None,
    }  # fmt: skip
    assert [(line["action"], line["zone"], line["vpcs"], bool(line["error"])) for line in lines[1:]] == [
        ("bind zone", "id-ex.com", ["vpc-1"], False),
        ("bind zone", "id-left.over", ["vpc-1"], False),
        ("add zone", "", [], True),
    ]


def test_a_dry_run_makes_and_binds_nothing(caplog: pytest.LogCaptureFixture) -> None:
    api = MemoryApi("10.in-addr.arpa")
    with caplog.at_level("INFO"), provider_of(api, CHOICE, dry_run=True) as provider:
        assert virtual_time.run(provider.read()).zones == ("10.in-addr.arpa",)
    assert api.calls == []
    assert caplog.messages == ["dry run, not done: add zone ex.com"]
