"""Zones that are made and bound on request, also by a run that comes after one that was cut off."""

from __future__ import annotations

import pytest

from externaldns.providers.privatezone.failure import PrivateZoneError
from externaldns.providers.privatezone.zones import ZoneChoice
from tests.support import virtual_time
from tests.unit.externaldns.privatezone.memory_api import MemoryApi
from tests.unit.externaldns.privatezone.test_provider import provider_of, read

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


def test_a_dry_run_makes_and_binds_nothing(caplog: pytest.LogCaptureFixture) -> None:
    api = MemoryApi("10.in-addr.arpa")
    with caplog.at_level("INFO"), provider_of(api, CHOICE, dry_run=True) as provider:
        assert virtual_time.run(provider.read()).zones == ("10.in-addr.arpa",)
    assert api.calls == []
    assert caplog.messages == ["dry run, not done: add zone ex.com"]
