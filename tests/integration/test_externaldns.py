"""externaldns as its users start it, against the emulator, over a relay that sees and can hold back every call."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import pytest

from externaldns.config import AlibabaCloudConfig
from externaldns.providers.privatezone.api import Row
from externaldns.providers.privatezone.client import SdkApi
from externaldns.providers.privatezone.failure import PrivateZoneError
from tests.integration.externaldns_relay import Relay

KEY_ID, KEY_SECRET, VPC, ZONE = "key-id", "key-secret", "vpc-demo", "demo.internal"
SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: {name}
  namespace: shop
  annotations:
    external-dns.alpha.kubernetes.io/hostname: {hostname}
spec:
  type: LoadBalancer
  clusterIP: 10.96.0.5
status:
  loadBalancer:
    ingress:
    - ip: {ip}
"""


class Emulator:
    """The emulator process, and the zone in it seen through the API."""

    def __init__(self, database: Path) -> None:
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "externaldns.providers.privatezone.emulator.service",
                "--api-listen", "127.0.0.1:0", "--dns-listen", "127.0.0.1:0", "--database", str(database),
                "--zone", ZONE, "--vpc", VPC, "--access-key-id", KEY_ID, "--access-key-secret", KEY_SECRET,
            ],
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        words = dict(word.split("=") for word in self.process.stdout.readline().split()[1:])
        self.api, self.dns = (_address(words[name]) for name in ("api", "dns"))
        self.sdk = SdkApi(account(f"http://{words['api']}"))
        [self.zone_id] = [zone.zone_id for zone in self.sdk.list_zones(VPC, 1).items]

    def rows(self) -> list[str]:
        """Each row as `RR TYPE TTL VALUE`, sorted."""
        rows = self.sdk.list_rows(self.zone_id, 1).items
        return sorted(f"{row.rr} {row.type} {row.ttl} {row.value}" for row in rows)

    def everything(self) -> list[Row]:
        return sorted(self.sdk.list_rows(self.zone_id, 1).items, key=lambda row: row.record_id)

    def add(self, rr: str, record_type: str, value: str) -> None:
        """Add a record by hand."""
        self.sdk.add_row(self.zone_id, Row(0, rr, record_type, value, 60), f"hand-{rr}-{record_type}")

    def ask(self, name: str) -> list[str] | str:
        """The addresses of `name`, or the response code without them."""
        query = dns.message.make_query(f"{name}.{ZONE}", "A")
        answer = dns.query.udp(query, self.dns[0], port=self.dns[1], timeout=5)
        addresses = sorted(str(item) for rrset in answer.answer for item in rrset)
        return addresses or dns.rcode.to_text(answer.rcode())

    def close(self) -> None:
        close_sdk_sessions()
        self.process.terminate()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


class World:
    """A cluster of manifests, an emulator, a relay between, and externaldns to be run."""

    def __init__(self, folder: Path, cleanup: ExitStack) -> None:
        self.emulator = Emulator(folder / "zone.sqlite")
        cleanup.callback(self.emulator.close)
        self.relay = Relay(self.emulator.api)
        cleanup.callback(self.relay.close)
        self.manifests = folder / "manifests"
        self.manifests.mkdir()
        self._account = folder / "account.json"
        values = {"regionId": "cn-hangzhou", "accessKeyId": KEY_ID, "accessKeySecret": KEY_SECRET, "vpcId": VPC}
        self._account.write_text(json.dumps(values), encoding="utf-8")

    def put(self, name: str, ip: str, hostname: str | None = None) -> None:
        """Write the manifest of a Service, the new content in one step."""
        text = SERVICE.format(name=name, ip=ip, hostname=hostname or f"{name}.{ZONE}")
        draft = self.manifests / f".{name}"
        draft.write_text(text, encoding="utf-8")
        draft.rename(self.manifests / f"{name}.yaml")

    def remove(self, name: str) -> None:
        (self.manifests / f"{name}.yaml").unlink()

    def command(self, *words: str) -> list[str]:
        """The arguments of the interpreter for externaldns with `words`: a command, if the first is one, and flags."""
        first = [word for word in words[:1] if not word.startswith("--")]
        return [
            "-m", "externaldns.service", *first,
            "--source=service", "--provider=alibabacloud", "--policy=sync", "--txt-owner-id=me",
            "--alibaba-cloud-config-file", str(self._account), "--alibaba-cloud-endpoint", self.relay.url,
            "--manifests", str(self.manifests), *words[len(first) :],
        ]  # fmt: skip

    def start(self, *flags: str) -> subprocess.Popen[str]:
        command = [sys.executable, *self.command(*flags)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("EXTERNAL_DNS_")}
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)

    @contextmanager
    def running(self, *flags: str) -> Iterator[subprocess.Popen[str]]:
        """Run externaldns for as long as the block; nothing that waits for it waits for more than a minute."""
        process = self.start(*flags)
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()
            process.wait()
            assert process.stderr is not None
            process.stderr.close()
            watchdog.join()

    def once(self, *flags: str) -> tuple[int, str]:
        """Run `--once`; return the exit code and what it logged."""
        with self.running("--once", *flags) as process:
            assert process.stderr is not None
            log = process.stderr.read()
            return process.wait(), log


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ExitStack() as cleanup:
        yield World(tmp_path, cleanup)


def account(endpoint: str, secret: str = KEY_SECRET) -> AlibabaCloudConfig:
    return AlibabaCloudConfig("cn-hangzhou", KEY_ID, secret, VPC, endpoint)


def close_sdk_sessions() -> None:
    """Close the connections that the SDK keeps for ever in a class attribute."""
    from darabonba.core import DaraCore

    for session in DaraCore._sessions.values():
        session.close()
    DaraCore._sessions.clear()


def heritage(resource: str, owner: str = "me") -> str:
    return f'"heritage=external-dns,external-dns/owner={owner},external-dns/resource=service/shop/{resource}"'


def records(name: str, ip: str) -> list[str]:
    return [f"a-{name} TXT 60 {heritage(name)}", f"{name} A 60 {ip}"]


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


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
    port = free_port()
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


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    """Read what `process` logs up to a line with `text`."""
    assert process.stderr is not None
    seen = []
    while line := process.stderr.readline():
        seen.append(line)
        if text in line:
            return
    pytest.fail(f"it ended without saying {text!r}: {''.join(seen)}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def fetch(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
        return str(response.read().decode())


def metric(port: int, name: str) -> float:
    [line] = [line for line in fetch(port, "/metrics").splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[1])
