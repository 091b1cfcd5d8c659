"""Processes of externaldns that work together: a leader and its standby, and a webhook with its client."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clusterdns.demo.processes import free_ports
from tests.integration.externaldns_world import VPC, World, fetch, metric, records, wait_for
from tests.support.apiserver import ApiServerDouble


class ApiServerThread:
    """An API server double in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.double: ApiServerDouble = self.do(self._make())

    def do(self, work: Any) -> Any:
        """Await `work` in the server's thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def put_service(self, name: str, ip: str) -> None:
        async def put() -> None:
            self.double.put(
                "Service",
                name,
                "shop",
                metadata={"annotations": {"external-dns.kubernetes.io/hostname": f"{name}.demo.internal"}},
                spec={"type": "LoadBalancer", "clusterIP": "10.96.0.5"},
                status={"loadBalancer": {"ingress": [{"ip": ip}]}},
            )

        self.do(put())

    def reasons(self) -> set[str]:
        """The reasons of all events that were posted."""
        return {event["reason"] for event in self.double.written.all("Event")}

    def lease(self) -> tuple[str, str]:
        """Who holds the Lease, and when it was last renewed."""
        [lease] = self.double.written.all("Lease")
        return lease["spec"]["holderIdentity"], lease["spec"]["renewTime"]

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the server's state fulfils `condition`."""
        self.do(self.double.until(condition))

    def close(self) -> None:
        self.do(self.double.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _make(self) -> ApiServerDouble:
        double = ApiServerDouble()
        await double.start()
        return double


@contextmanager
def candidate(world: World, kubeconfig: str, audit: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """One of two externaldns that want to lead."""
    dns = f"{world.emulator.dns[0]}:{world.emulator.dns[1]}"
    flags = (
        "--manifests=", f"--kubeconfig={kubeconfig}", "--events", "--kube-api-qps=0",
        "--leader-election", "--leader-election-namespace=external-dns", f"--audit-log={audit}",
        "--events-emit=RecordReady,RecordError,RecordAnswered", f"--propagation-check={dns}",
        f"--metrics-address=127.0.0.1:{port}",
    )  # fmt: skip
    with world.running(*flags) as process:
        yield process


def test_a_standby_takes_over_and_everything_is_told(world: World, tmp_path: Path) -> None:
    server, audit = ApiServerThread(), tmp_path / "audit.jsonl"
    kubeconfig = server.double.kubeconfig(tmp_path)
    ports = free_ports(2)
    try:
        with candidate(world, kubeconfig, audit, ports[0]) as one:
            wait_for(one, "all records are up to date")
            with candidate(world, kubeconfig, audit, ports[1]) as two:
                wait_for(two, "standing by")
                assert fetch(ports[0], "/healthz").splitlines()[:2] == ["OK", "election: leading"]
                server.put_service("web", "192.0.2.1")
                wait_for(one, "names that differed: 1")
                assert world.emulator.ask("web") == ["192.0.2.1"]
                server.until(lambda: server.reasons() >= {"RecordReady", "RecordAnswered"})
                assert metric(ports[0], "clusterdns_externaldns_propagation_seconds_count") == 1
                standby = fetch(ports[1], "/healthz").splitlines()
                assert standby[0] == "OK"
                assert standby[1].startswith("election: standing by; ")

                one.send_signal(signal.SIGTERM)
                assert one.wait(timeout=30) == 0
                wait_for(two, "all records are up to date")
                server.put_service("web", "192.0.2.2")
                wait_for(two, "names that differed: 1")
                assert world.emulator.ask("web") == ["192.0.2.2"]
        lines = [json.loads(line) for line in audit.read_text().splitlines()]
        assert [(line["action"], line["name"]) for line in lines] == [
            ("add", "a-web"),
            ("add", "web"),
            ("update", "web"),
        ]
        assert {line["resource"] for line in lines} == {"service/shop/web"}
        assert lines[0]["who"] == lines[1]["who"] != lines[2]["who"]
    finally:
        server.close()


def test_a_single_run_takes_the_lease_and_tells_before_it_ends(world: World, tmp_path: Path) -> None:
    server = ApiServerThread()
    try:
        server.put_service("web", "192.0.2.1")
        code, log = world.once(
            "--manifests=", f"--kubeconfig={server.double.kubeconfig(tmp_path)}", "--leader-election",
            "--leader-election-namespace=external-dns", "--events-emit=RecordReady",
        )  # fmt: skip
        assert code == 0, log
        assert world.emulator.ask("web") == ["192.0.2.1"]
        assert server.reasons() == {"RecordReady"}
        assert server.lease()[0] == "", "given back"
    finally:
        server.close()


def test_the_lease_is_not_given_back_while_a_write_is_under_way(world: World, tmp_path: Path) -> None:
    server, audit = ApiServerThread(), tmp_path / "audit.jsonl"
    kubeconfig, ports = server.double.kubeconfig(tmp_path), free_ports(2)
    try:
        with candidate(world, kubeconfig, audit, ports[0]) as one:
            wait_for(one, "all records are up to date")
            first = server.lease()[0]
            with candidate(world, kubeconfig, audit, ports[1]) as two:
                wait_for(two, "standing by")
                world.relay.stop_after(1)
                server.put_service("web", "192.0.2.1")
                assert world.relay.swallowed.wait(30)
                one.send_signal(signal.SIGTERM)
                wait_for(one, "shutting down")
                before = server.lease()
                server.until(lambda: server.lease() != before)
                assert server.lease()[0] == first, "renewed, not given back"
                assert one.poll() is None
                world.relay.let_through()
                world.relay.cut()
                assert one.wait(timeout=30) == 0
                wait_for(two, "names that differed: 1")
                assert server.lease()[0] not in ("", first)
                assert world.emulator.ask("web") == ["192.0.2.1"]
    finally:
        server.close()


def test_a_webhook_and_its_client(world: World) -> None:
    world.put("web", "192.0.2.1")
    command = [
        sys.executable, "-m", "externaldns.service", "webhook", "--webhook-address=127.0.0.1:0",
        "--metrics-address=127.0.0.1:0", f"--alibaba-cloud-config-file={world.manifests.parent / 'account.json'}",
        f"--alibaba-cloud-endpoint={world.relay.url}",
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as webhook:
        try:
            assert webhook.stderr is not None
            while "the webhook is served at" not in (line := webhook.stderr.readline()):
                assert line, f"it ended: {webhook.poll()}"
            port = line.split()[-1]
            flags = ("--provider=webhook", f"--webhook-provider-url=http://127.0.0.1:{port}")
            code, log = world.once(*flags, "--dry-run")
            assert (code, world.relay.writes) == (0, [])
            code, log = world.once(*flags)
            assert code == 0, log
            assert world.emulator.rows() == records("web", "192.0.2.1")
            world.remove("web")
            assert world.once(*flags)[0] == 0
            assert world.emulator.rows() == []
        finally:
            webhook.terminate()
            assert webhook.wait(timeout=30) == 0


def test_zones_are_made_and_bound_on_request(world: World) -> None:
    world.put("web", "192.0.2.1", "web.new.internal")
    assert world.once("--privatezone-create-zones=new.internal")[0] == 0
    zones = {zone.name for zone in world.emulator.sdk.list_zones(VPC, 1).items}
    assert zones == {"demo.internal", "new.internal"}
    assert world.relay.writes[:2] == ["AddZone", "BindZoneVpc"]
