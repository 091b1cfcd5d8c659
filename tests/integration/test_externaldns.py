"""externaldns over a Service's life, with rows of others, a kill, an API that goes away and wrong configuration."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from clusterdns.demo.processes import free_ports
from externaldns.providers.privatezone.client import SdkApi
from externaldns.providers.privatezone.failure import PrivateZoneError
from tests.integration.externaldns_world import VPC, ZONE, World, account, fetch, heritage, metric, records, wait_for


def test_a_services_life_from_its_manifest_to_the_dns_and_back(world: World) -> None:
    world.put("web", "192.0.2.1")
    code, log = world.once("--dry-run")
    assert code == 0
    assert "dry run, not done: add web A 192.0.2.1" in log
    assert (world.relay.writes, world.emulator.rows()) == ([], [])
    assert world.emulator.ask("web") == "NXDOMAIN"

    assert world.once()[0] == 0
    assert world.emulator.rows() == records("web", "192.0.2.1")
    assert world.emulator.ask("web") == ["192.0.2.1"]
    assert world.relay.writes == ["AddZoneRecord", "AddZoneRecord"]

    before = world.emulator.everything()
    assert world.once()[0] == 0
    assert len(world.relay.writes) == 2, "a second run writes nothing"

    world.put("web", "192.0.2.2")
    assert world.once("--dry-run")[0] == 0
    assert world.emulator.everything() == before
    assert world.once()[0] == 0
    assert world.relay.writes[2:] == ["UpdateZoneRecord"]
    assert world.emulator.ask("web") == ["192.0.2.2"]

    world.remove("web")
    assert world.once("--dry-run")[0] == 0
    assert world.once("--policy=upsert-only")[0] == 0
    assert len(world.relay.writes) == 3
    assert world.once()[0] == 0
    assert world.emulator.rows() == []
    assert world.emulator.ask("web") == "NXDOMAIN"


def test_foreign_records_stay_as_they_are(world: World) -> None:
    world.emulator.add("theirs", "A", "198.51.100.1")
    world.emulator.add("a-theirs", "TXT", heritage("theirs", "them"))
    world.emulator.add("hand", "A", "198.51.100.2")
    foreign = world.emulator.everything()
    for name in ("theirs", "hand", "web"):
        world.put(name, "192.0.2.1")
    code, log = world.once()
    assert code == 0
    assert f"theirs.{ZONE} A is left alone: 'them' owns it" in log
    assert f"hand.{ZONE} A is left alone: nobody owns the record that is there" in log
    assert [row for row in world.emulator.everything() if row in foreign] == foreign
    assert set(records("web", "192.0.2.1")) < set(world.emulator.rows())
    for name in ("theirs", "hand", "web"):
        world.remove(name)
    assert world.once()[0] == 0
    assert world.emulator.everything() == foreign


@pytest.mark.parametrize("position", [1, 4])
def test_kill_9_in_the_middle_of_a_run_loses_and_doubles_nothing(world: World, position: int) -> None:
    names = ["db", "web", "www"]
    for name in names:
        world.put(name, "192.0.2.1")
    world.relay.stop_after(position)
    with world.running("--once") as process:
        assert world.relay.swallowed.wait(30)
        process.send_signal(signal.SIGKILL)
    assert 1 <= len(world.emulator.rows()) <= position, "it was killed in the middle"

    world.relay.let_through()
    assert world.once()[0] == 0
    assert world.emulator.rows() == sorted(row for name in names for row in records(name, "192.0.2.1"))
    writes = len(world.relay.writes)
    assert world.once()[0] == 0
    assert len(world.relay.writes) == writes


def test_the_loop_follows_the_manifests_and_ends_when_told(world: World) -> None:
    flags = ("--events", "--min-event-sync-interval=200ms", "--metrics-address=127.0.0.1:0")
    with world.running(*flags) as process:
        wait_for(process, "all records are up to date")
        world.put("web", "192.0.2.1")
        wait_for(process, "names that differed: 1")
        assert world.emulator.ask("web") == ["192.0.2.1"]
        world.remove("web")
        wait_for(process, "names that differed: 1")
        assert world.emulator.ask("web") == "NXDOMAIN"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


def test_the_loop_outlives_an_api_that_goes_away(world: World) -> None:
    world.put("web", "192.0.2.1")
    (port,) = free_ports(1)
    with world.running("--interval=1s", f"--metrics-address=127.0.0.1:{port}") as process:
        wait_for(process, "names that differed: 1")
        world.relay.close()
        wait_for(process, "run failed")
        assert process.poll() is None
        assert metric(port, "external_dns_controller_consecutive_soft_errors") >= 1
        assert metric(port, "external_dns_controller_last_sync_timestamp_seconds") > 0
        assert fetch(port, "/healthz").startswith("OK\nelection: none\nobjects: synced\n")


def test_once_says_with_its_exit_code_that_it_failed(world: World) -> None:
    world.put("web", "192.0.2.1")
    world.relay.close()
    code, log = world.once()
    assert code == 1
    assert "run failed: PrivateZone DescribeZones: Unreachable" in log


def test_a_wrong_key_is_refused_and_not_tried_again(world: World) -> None:
    with pytest.raises(PrivateZoneError) as caught:
        SdkApi(account(world.relay.url, "wrong")).list_zones(VPC, 1)
    assert not caught.value.retryable
    assert world.relay.actions == ["DescribeZones"]


def test_a_wrong_manifest_folder_ends_the_program(world: World, tmp_path: Path) -> None:
    code, log = world.once("--manifests", str(tmp_path / "missing"))
    assert code == 1
    assert "can't read the manifest folder" in log
