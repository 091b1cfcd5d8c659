"""Servers under measurement: started on loopback, their CPU time read from /proc, stopped again by pid."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clusterdns.demo.processes import free_ports

_START_SECONDS = 20.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Missing(Exception):
    """A program that the benchmark compares with is not installed."""


def program(name: str) -> str:
    """The path of an installed program, /usr/sbin included. Raises Missing with what to install."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise Missing(f"{name} is not installed: as root, apt-get install {name}")
    return found


@dataclass(slots=True)
class Server:
    """A running server on 127.0.0.1."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    def cpu_seconds(self) -> float:
        """User and system time so far, all threads (proc(5), stat fields 14 and 15)."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory_bytes(self) -> int:
        """Resident set size."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Running:
    """Servers that are to be stopped, the last one first."""

    def __init__(self) -> None:
        self._servers: list[Server] = []

    def add(self, server: Server) -> Server:
        self._servers.append(server)
        return server

    def stop(self) -> None:
        while self._servers:
            self._servers.pop().stop()


@contextmanager
def running() -> Iterator[Running]:
    """Servers for the time of a `with`."""
    servers = Running()
    try:
        yield servers
    finally:
        servers.stop()


def start(name: str, command: Sequence[str], port: int, log: Path) -> Server:
    """Start a server and wait until it answers DNS on `port`."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    server = Server(name, port, process)
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            server.stop()
            raise RuntimeError(f"{name} did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.005)
    return server


def start_upstream(folder: Path) -> Server:
    """An authoritative server that knows every name: what both sides forward to."""
    (port,) = free_ports(1)
    return start("upstream", [sys.executable, "-m", "bench.upstream", str(port)], port, folder / "upstream.log")


def start_nodelocal(folder: Path, upstream: int, *, force_tcp: bool = False) -> Server:
    """nodelocal as it is shipped: its real process, both caches, forwarding."""
    (port,) = free_ports(1)
    corefile = folder / f"nodelocal-{port}.Corefile"
    corefile.write_text(
        f".:{port} {{\n    bind 127.0.0.1\n    errors\n    cache 3600\n"
        f"    forward . 127.0.0.1:{upstream} {{\n        {'force_tcp' if force_tcp else 'prefer_udp'}\n    }}\n}}\n"
    )
    switches = ["-localip", "127.0.0.1", "-setupinterface=false", "-setupiptables=false"]
    switches += ["-metrics-listen-address=", "-prometheus-listen-address="]
    command = [sys.executable, "-m", "nodelocal.service", "-conf", str(corefile), *switches]
    return start("nodelocal", command, port, folder / f"nodelocal-{port}.log")


_CLIENT = """apiVersion: v1
kind: Pod
metadata: {name: client, namespace: bench}
spec: {containers: [{name: client, image: client}]}
status: {phase: Running, podIP: 127.0.0.1, podIPs: [{ip: 127.0.0.1}], startTime: "2026-01-01T00:00:00Z"}
"""


def start_autopath(folder: Path, upstream: int, *, cluster: str = "", options: str = "") -> Server:
    """autopath with a cluster of one pod, of the namespace `bench`: the client on 127.0.0.1.

    `cluster` is a manifest in JSON of what else there is; `options` are more lines of the server block.
    """
    (port,) = free_ports(1)
    manifests = folder / f"cluster-{port}"
    manifests.mkdir()
    (manifests / "client.yaml").write_text(_CLIENT)
    if cluster:
        (manifests / "cluster.json").write_text(cluster)
    corefile = folder / f"autopath-{port}.Corefile"
    corefile.write_text(
        f".:{port} {{\n    bind 127.0.0.1\n    errors\n    autopath @kubernetes\n    cache 30\n{options}"
        f"    kubernetes cluster.local in-addr.arpa {{\n        manifests {manifests}\n        pods verified\n    }}\n"
        f"    forward . 127.0.0.1:{upstream}\n}}\n"
    )
    command = [sys.executable, "-m", "autopath.service", "-conf", str(corefile)]
    return start("autopath", command, port, folder / f"autopath-{port}.log")


def start_unbound(folder: Path, upstream: int, *, force_tcp: bool = False) -> Server:
    """unbound, one thread, forwarding to the same upstream, its cache as large as it likes."""
    (port,) = free_ports(1)
    config = folder / f"unbound-{port}.conf"
    config.write_text(
        f"""server:
  interface: 127.0.0.1@{port}
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  verbosity: 0
  num-threads: 1
  do-ip6: no
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  module-config: "iterator"
  tcp-upstream: {"yes" if force_tcp else "no"}
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{upstream}
"""
    )
    return start("unbound", [program("unbound"), "-c", str(config)], port, folder / f"unbound-{port}.log")


def _answers(port: int) -> bool:
    query = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\5ready\4test\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.2)
        sock.connect(("127.0.0.1", port))
        try:
            sock.send(query)
            return sock.recv(512)[:2] == query[:2]
        except OSError:
            return False
