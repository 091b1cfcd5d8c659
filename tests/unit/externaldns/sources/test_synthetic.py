"""The sources without a cluster: nothing, and a record of each type."""

from __future__ import annotations

import pytest

from clusterdns.kube.store import Cluster
from externaldns import flags
from externaldns.record import RECORD_TYPES, find_fault
from externaldns.sources.build import build_sources, kinds_of
from externaldns.sources.source import Source, collect
from externaldns.sources.wanted import WantedRecords
from tests.unit.externaldns.sources.building import shown


def sources(*arguments: str) -> list[Source]:
    config = flags.parse(["--provider=alibabacloud", "--policy=sync", *arguments], {})
    return build_sources(config.source, Cluster())


@pytest.mark.parametrize("name", ["fake", "empty"])
def test_it_needs_no_api_server_and_waits_for_nothing(name: str) -> None:
    made = sources(f"--source={name}")
    assert [source.name for source in made] == [name]
    assert kinds_of(made) == frozenset()
    assert all(store.synced for source in made for store in source.stores)


def test_empty_asks_for_nothing() -> None:
    [empty] = sources("--source=empty")
    assert collect([empty]).endpoints == ()
    assert (empty.endpoints_of(("", "a")), list(empty.concerned("Pod", None, None))) == ([], [])


def test_fake_asks_for_one_record_of_each_type_always_the_same() -> None:
    [fake] = sources("--source=fake")
    assert [each for each in fake.endpoints() if find_fault(each)] == []
    collected = collect([fake])
    assert {record.record_type for record in collected.endpoints} == set(RECORD_TYPES)
    assert {"fake-a.example.com A 192.0.2.1", "fake-aaaa.example.com AAAA 2001:db8::1"} <= shown(collected.endpoints)
    assert collect(sources("--source=fake")) == collected
    assert {record.resource for record in collected.endpoints} == {"pod/default/fake"}


def test_fake_has_the_domains_of_the_template_and_an_address_for_each() -> None:
    collected = collect(sources("--source=fake", "--fqdn-template={{.Name}}.ex.com,b.ex.com"))
    assert {"fake-a.fake.ex.com A 192.0.2.1,192.0.2.2", "fake-a.b.ex.com A 192.0.2.1,192.0.2.2"} <= shown(
        collected.endpoints
    )
    assert not [record for record in collected.endpoints if find_fault(record)]


def test_the_wanted_records_have_them_from_the_start() -> None:
    wanted = WantedRecords(sources("--source=fake", "--source=empty"))
    assert "fake-a.example.com" in wanted.take_dirty()
