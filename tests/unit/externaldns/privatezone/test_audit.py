"""The audit log: a line for each write that was tried, and none for a dry run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clusterdns.errors import ConfigError
from externaldns.changes import ChangeResult, NameChange, RecordChange
from externaldns.providers.privatezone.api import Row
from externaldns.providers.privatezone.audit import AuditLog
from externaldns.providers.privatezone.calls import Calls
from externaldns.providers.privatezone.gateway import Cause, WriteGateway
from externaldns.providers.privatezone.operations import DeleteRow
from externaldns.providers.privatezone.provider import PrivateZoneProvider
from externaldns.record import RESOURCE_LABEL, Endpoint
from tests.support import virtual_time
from tests.unit.externaldns.privatezone.memory_api import MemoryApi, fail


def web(target: str) -> Endpoint:
    return Endpoint("web.ex.com", (target,), "A", ttl=60, labels={RESOURCE_LABEL: "service/shop/web"})


def run(api: MemoryApi, file: Path, *steps: RecordChange, dry_run: bool = False) -> list[dict[str, Any]]:
    log = AuditLog(str(file), "pod-0", "me", wall_clock=lambda: 1e9)
    calls = Calls(dice=lambda: 0.0)

    async def body() -> list[ChangeResult]:
        provider = PrivateZoneProvider(api, calls, WriteGateway(api, api, calls, dry_run=dry_run, audit=log))
        await provider.read()
        return await provider.apply([NameChange("web.ex.com", (step,)) for step in steps])

    virtual_time.run(body())
    calls.close()
    log.close()
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_each_write_says_who_what_why_and_for_whom(tmp_path: Path) -> None:
    api = MemoryApi("ex.com")
    api.hold("ex.com", "web A 60 192.0.2.1")
    [line] = run(api, tmp_path / "log", RecordChange(web("192.0.2.1"), web("192.0.2.2")))
    assert line == {
        "time": "2001-09-09T01:46:40.000Z", "who": "pod-0", "owner": "me", "action": "update", "zone": "id-ex.com",
        "name": "web", "type": "A", "value": "192.0.2.2", "ttl": 60, "line": "default", "weight": 1, "remark": "",
        "was": "192.0.2.1", "why": "update", "resource": "service/shop/web", "error": None, "request": None,
    }  # fmt: skip


def test_a_write_that_fails_is_told_with_its_error_and_lines_are_appended(tmp_path: Path) -> None:
    api = MemoryApi("ex.com")
    run(api, tmp_path / "log", RecordChange(None, web("192.0.2.1")))
    api.before = fail("Record.Invalid.Value", "add")
    lines = run(api, tmp_path / "log", RecordChange(None, web("192.0.2.9")))
    assert [(line["action"], line["why"]) for line in lines] == [("add", "create")] * 2
    assert [line["error"] for line in lines] == [None, "PrivateZone call: Record.Invalid.Value: fails as told"]


def test_a_dry_run_writes_no_line(tmp_path: Path) -> None:
    api = MemoryApi("ex.com")
    assert run(api, tmp_path / "log", RecordChange(None, web("192.0.2.1")), dry_run=True) == []
    assert api.calls == []


def test_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    log = AuditLog("-", "pod-0", "me")
    log(DeleteRow("z", Row(1, "web", "A", "192.0.2.1", 60)), Cause("delete", "service/shop/web"), None)
    log.close()
    assert json.loads(capsys.readouterr().out)["action"] == "delete"


def test_a_file_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--audit-log .*no/such"):
        AuditLog(str(tmp_path / "no/such"), "pod-0", "me")


def test_a_log_that_cannot_be_written_stops_no_record(caplog: pytest.LogCaptureFixture) -> None:
    log = AuditLog("/dev/full", "pod-0", "me")
    for _ in range(3):
        log(DeleteRow("z", Row(1, "web", "A", "192.0.2.1", 60)), Cause(), None)
    log.close()
    assert log.lost == 3
    assert caplog.text.count("the audit log can't be written") == 1
