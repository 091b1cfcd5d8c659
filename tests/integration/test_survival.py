"""kill -9 on any of the suite's processes, and a restart: it serves again, and no record is lost or doubled."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from clusterdns.demo.pod import Lookup, Pod
from clusterdns.demo.suite import EXAMPLES, Suite
from clusterdns.errors import UpstreamFailure

_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 60.0

BEFORE = EXAMPLES / "payments.yaml"
PODS = (("127.0.10.1", "kube-system"), ("127.0.20.2", "shop"))


@pytest.mark.parametrize("victim", ["privatezone-emulator", "autopath", "nodelocal", "externaldns"])
def test_a_killed_process_serves_again_and_no_record_is_lost_or_doubled(victim: str, tmp_path: Path) -> None:
    asyncio.run(_scenario(victim, tmp_path))


async def _scenario(victim: str, folder: Path) -> None:
    during = folder / "refunds.yaml"
    during.write_text(BEFORE.read_text().replace("payments", "refunds").replace("10.20.30.40", "10.20.30.41"))
    home = folder / "suite"
    home.mkdir()
    suite = Suite(home)
    try:
        await suite.start()
        pods = [suite.pod(address, namespace) for address, namespace in PODS]
        suite.apply(BEFORE)
        await _until(pods[0], "payments.corp.example", lambda lookup: lookup.addresses == ("10.20.30.40",))

        (program,) = (program for program in suite.programs if program.name == victim)
        await program.kill()
        assert program.pid == 0
        # A change while it is away must not be lost, either.
        suite.apply(during)
        await program.start()

        for pod in pods:
            await _until(pod, "payments.corp.example", lambda lookup: lookup.addresses == ("10.20.30.40",))
            await _until(pod, "refunds.corp.example", lambda lookup: lookup.addresses == ("10.20.30.41",))
            await _until(pod, "aliyun.com", lambda lookup: (lookup.addresses, lookup.sent) == (("1.1.1.1",), 1))
            await _until(pod, "web.shop", lambda lookup: lookup.addresses == ("10.96.1.10",))
    finally:
        await suite.stop()
    assert _records(suite.database) == [
        ("a-payments", "TXT"),
        ("a-refunds", "TXT"),
        ("payments", "A"),
        ("refunds", "A"),
    ]
    assert all("Traceback" not in each.log.read_text() for each in suite.programs)


async def _until(pod: Pod, name: str, as_wanted: Callable[[Lookup], bool]) -> None:
    """Look `name` up, as a client that tries again would, until the answer is as wanted."""
    last: object = None
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                try:
                    last = await pod.look_up(name)
                    if as_wanted(last):
                        return
                except UpstreamFailure as failure:
                    last = failure
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        pytest.fail(f"{name} did not come back; last seen: {last}")


def _records(database: Path) -> list[tuple[str, str]]:
    """The rows of PrivateZone, doubles included; the emulator, which locks its file, must have stopped."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return sorted(connection.execute("SELECT rr, type FROM records").fetchall())
    finally:
        connection.close()
