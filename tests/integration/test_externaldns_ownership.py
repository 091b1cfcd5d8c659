"""Ownership against the emulator, with real processes: remarks, adopt, transfer."""

from __future__ import annotations

import subprocess
import sys

from tests.integration.externaldns_world import World, heritage

REMARK = "externaldns,me,service,shop,web"


def remarks(world: World) -> dict[str, str]:
    return {f"{row.rr} {row.type} {row.value}": row.remark for row in world.emulator.everything()}


def command(world: World, *words: str) -> tuple[int, list[str]]:
    """Run `externaldns adopt` or `transfer` with the world's flags; return the exit code and what it told."""
    line = world.command(*words)
    done = subprocess.run([sys.executable, *line], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, (done.stdout or done.stderr).splitlines()


def test_remarks_need_no_records_of_their_own(world: World) -> None:
    world.put("web", "192.0.2.1")
    assert world.once("--registry=remark")[0] == 0
    assert remarks(world) == {"web A 192.0.2.1": REMARK}
    assert world.relay.writes == ["AddZoneRecord"]
    assert world.once("--registry=remark")[0] == 0
    world.put("web", "192.0.2.2")
    assert world.once("--registry=remark")[0] == 0
    assert remarks(world) == {"web A 192.0.2.2": REMARK}
    assert world.relay.writes == ["AddZoneRecord", "UpdateZoneRecord"]
    world.remove("web")
    assert world.once("--registry=remark")[0] == 0
    assert remarks(world) == {}


def test_adopt_tells_first_and_then_takes_what_nobody_owns(world: World) -> None:
    world.put("web", "192.0.2.1")
    world.emulator.add("web", "A", "192.0.2.1")
    world.emulator.add("db", "A", "192.0.2.7")
    before = world.emulator.everything()
    code, told = command(world, "adopt", "--privatezone-create-zones=new.internal")
    assert code == 0
    assert any(line.startswith("take web.") for line in told)
    assert any(line.endswith("192.0.2.7: no object asks for it") for line in told)
    assert told[-1] == "nothing has been written; with --apply it is done"
    assert (world.relay.writes, world.emulator.everything()) == ([], before)
    assert command(world, "adopt", "--apply")[0] == 0
    assert world.relay.writes == ["AddZoneRecord"]
    assert f"a-web TXT 60 {heritage('web')}" in world.emulator.rows()
    assert command(world, "adopt", "--registry=remark", "--apply")[0] == 0
    assert remarks(world)["web A 192.0.2.1"] == REMARK
    assert world.once("--registry=remark")[0] == 0
    assert world.relay.writes == ["AddZoneRecord", "UpdateRecordRemark"], "all is as the controller wants it"


def test_transfer_takes_another_owners_records_and_deletes_nothing(world: World) -> None:
    world.put("web", "192.0.2.1")
    world.put("db", "192.0.2.2")
    assert world.once("--txt-owner-id=old")[0] == 0
    world.remove("db")
    before = len(world.relay.writes)
    code, told = command(world, "transfer", "--from-owner=old", "--apply")
    assert (code, told[-1]) == (0, "1 names done, 0 failed")
    assert world.relay.writes[before:] == ["UpdateZoneRecord"]
    assert world.once()[0] == 0
    assert world.emulator.rows() == sorted([
        f"a-db TXT 60 {heritage('db', 'old')}", "db A 60 192.0.2.2",
        f"a-web TXT 60 {heritage('web')}", "web A 60 192.0.2.1",
    ])  # fmt: skip


def test_a_wrong_command_line_ends_with_one_line(world: World) -> None:
    assert command(world, "transfer") == (1, ["externaldns: --from-owner: is required: write --from-owner=OWNER"])
    code, told = command(world, "adopt", "--registry=noop")
    assert (code, len(told)) == (1, 1)
    assert "has no owners" in told[0]
