"""externaldns as its users start it, against the emulator, over a relay that sees and can hold back every call."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import dns.rcode
import pytest

from externaldns.config import AlibabaCloudConfig
from externaldns.providers.privatezone.api import Row
from externaldns.providers.privatezone.client import SdkApi
from tests.integration.externaldns_relay import Relay
from tests.unit.externaldns.emulator.live import KEY, Process, ask

(KEY_ID, KEY_SECRET), VPC, ZONE = KEY, "vpc-demo", "demo.internal"
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
        where = ("--api-listen", "127.0.0.1:0", "--dns-listen", "127.0.0.1:0", "--database", str(database))
        self.process = Process(*where, "--zone", ZONE, "--vpc", VPC)
        self.api, self.dns = self.process.api, self.process.dns
        self.sdk = SdkApi(account(f"http://{self.api[0]}:{self.api[1]}"))
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
        answer = ask(self.dns, f"{name}.{ZONE}")
        addresses = sorted(str(item) for rrset in answer.answer for item in rrset)
        return addresses or dns.rcode.to_text(answer.rcode())

    def close(self) -> None:
        self.process.end(signal.SIGTERM)


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


def account(endpoint: str, secret: str = KEY_SECRET) -> AlibabaCloudConfig:
    return AlibabaCloudConfig("cn-hangzhou", KEY_ID, secret, VPC, endpoint)


def heritage(resource: str, owner: str = "me") -> str:
    return f'"heritage=external-dns,external-dns/owner={owner},external-dns/resource=service/shop/{resource}"'


def records(name: str, ip: str) -> list[str]:
    return [f"a-{name} TXT 60 {heritage(name)}", f"{name} A 60 {ip}"]


def wait_for(process: subprocess.Popen[str], text: str) -> list[str]:
    """Read what `process` logs up to a line with `text`; return it."""
    assert process.stderr is not None
    seen = []
    while line := process.stderr.readline():
        seen.append(line)
        if text in line:
            return seen
    pytest.fail(f"it ended without saying {text!r}: {''.join(seen)}")


def fetch(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
        return str(response.read().decode())


def metric(port: int, name: str) -> float:
    [line] = [line for line in fetch(port, "/metrics").splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[1])
