"""The demo's suite: emulator, autopath, nodelocal and externaldns as real processes on loopback, and an Internet.

    pod ──► nodelocal ──► autopath ──► Internet (in this process)
                │            └──────► PrivateZone emulator ◄── externaldns ◄── manifests
                └────────────────────────► (the same)

Everything lives in one temporary folder; the cluster in it is a copy of examples/cluster, which the demo changes.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from pathlib import Path

from clusterdns.demo.internet import Internet
from clusterdns.demo.pod import Pod
from clusterdns.demo.processes import Program, counter, free_ports

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ZONE = "corp.example"
_KEY = ("demo-key", "demo-secret")
_PORTS = (
    "INTERNET",
    "PRIVATEZONE",
    "PRIVATEZONE_API",
    "AUTOPATH",
    "PLAIN",
    "AUTOPATH_READY",
    "AUTOPATH_METRICS",
    "NODELOCAL",
    "NODELOCAL_PLAIN",
    "NODELOCAL_READY",
    "NODELOCAL_METRICS",
    "EXTERNALDNS_METRICS",
)


class Suite:
    """The running programs. `folder` is an empty folder that is theirs alone."""

    def __init__(self, folder: Path, examples: Path = EXAMPLES) -> None:
        self.folder = folder
        self.cluster = folder / "cluster"
        self.database = folder / "privatezone.db"
        self._examples = examples
        self._ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
        self.internet = Internet(examples / "internet.zone", "127.0.0.1", self._ports["INTERNET"])
        shutil.copytree(examples / "cluster", self.cluster)
        environment = {f"DEMO_{name}_PORT": str(port) for name, port in self._ports.items()}
        environment["DEMO_CLUSTER"] = str(self.cluster)
        self.emulator = Program(
            "privatezone-emulator",
            "externaldns.providers.privatezone.emulator.service",
            self._emulator_arguments(),
            environment,
            folder,
            self._url("PRIVATEZONE_API", "/"),
            ready_status=400,  # the API serves, and refuses a request without a signature
        )
        self.autopath = Program(
            "autopath",
            "autopath.service",
            ["-conf", str(examples / "autopath.Corefile")],
            environment,
            folder,
            self._url("AUTOPATH_READY", "/ready"),
        )
        self.nodelocal = Program(
            "nodelocal",
            "nodelocal.service",
            [
                *("-conf", str(examples / "nodelocal.Corefile"), "-localip", "127.0.0.1"),
                *("-setupinterface=false", "-setupiptables=false"),
                *("-metrics-listen-address=", "-prometheus-listen-address="),
            ],
            environment,
            folder,
            self._url("NODELOCAL_READY", "/ready"),
        )
        self.externaldns = Program(
            "externaldns",
            "externaldns.service",
            self._externaldns_arguments(),
            environment,
            folder,
            self._url("EXTERNALDNS_METRICS", "/healthz"),
        )

    @property
    def programs(self) -> tuple[Program, ...]:
        """The four, in the order in which they are started."""
        return (self.emulator, self.autopath, self.nodelocal, self.externaldns)

    def pod(self, address: str, namespace: str, *, autopath: bool = True) -> Pod:
        """A pod whose nameserver is nodelocal, in front of a server with the search walk or of one without."""
        port = self._ports["NODELOCAL" if autopath else "NODELOCAL_PLAIN"]
        return Pod(address, namespace, ("127.0.0.1", port))

    @property
    def dns_ports(self) -> dict[str, int]:
        """Where the programs answer DNS, by program."""
        return {
            "nodelocal": self._ports["NODELOCAL"],
            "autopath": self._ports["AUTOPATH"],
            "privatezone-emulator": self._ports["PRIVATEZONE"],
        }

    @property
    def http_ports(self) -> dict[str, int]:
        """Where they answer HTTP."""
        names = ("PRIVATEZONE_API", "AUTOPATH_READY", "AUTOPATH_METRICS", "NODELOCAL_READY", "EXTERNALDNS_METRICS")
        return {name: self._ports[name] for name in names}

    async def start(self) -> None:
        """Start everything and wait until it serves. Raises ProcessFailure."""
        await self.internet.start()
        await asyncio.gather(*(program.start() for program in self.programs))

    async def stop(self) -> None:
        """Stop everything."""
        await asyncio.gather(*(program.stop() for program in reversed(self.programs)))
        await self.internet.close()

    async def reached_autopath(self) -> int:
        """How many questions have reached the autopath process so far, by its own count."""
        return await counter(
            self._url("AUTOPATH_METRICS", "/metrics"),
            "coredns_dns_requests_total",
            "clusterdns_packet_cache_hits_total",
        )

    async def nodelocal_cache_hits(self) -> int:
        """How many questions nodelocal has answered from its caches so far, by its own count."""
        return await counter(
            self._url("NODELOCAL_METRICS", "/metrics"),
            "clusterdns_packet_cache_hits_total",
            "coredns_cache_hits_total",
        )

    def apply(self, manifest: Path) -> None:
        """Bring an object into the cluster; it is there whole or not at all."""
        incoming = self.cluster / f".{manifest.name}"
        shutil.copyfile(manifest, incoming)
        incoming.rename(self.cluster / manifest.name)

    def delete(self, manifest: Path) -> None:
        """Take it out again."""
        (self.cluster / manifest.name).unlink()

    def _url(self, port: str, path: str) -> str:
        return f"http://127.0.0.1:{self._ports[port]}{path}"

    def _emulator_arguments(self) -> list[str]:
        return [
            *("--api-listen", f"127.0.0.1:{self._ports['PRIVATEZONE_API']}"),
            *("--dns-listen", f"127.0.0.1:{self._ports['PRIVATEZONE']}"),
            *("--database", str(self.database)),
            *("--zone", ZONE, "--vpc", "vpc-demo"),
            *("--access-key-id", _KEY[0], "--access-key-secret", _KEY[1]),
        ]

    def _externaldns_arguments(self) -> list[str]:
        config = self.folder / "alibaba-cloud.json"
        config.write_text(
            json.dumps(
                {
                    "regionId": "cn-hangzhou",
                    "accessKeyId": _KEY[0],
                    "accessKeySecret": _KEY[1],
                    "vpcId": "vpc-demo",
                }
            )
        )
        return [
            *("--source=service", "--provider=alibabacloud", "--alibaba-cloud-zone-type=private"),
            f"--alibaba-cloud-config-file={config}",
            f"--alibaba-cloud-endpoint=http://127.0.0.1:{self._ports['PRIVATEZONE_API']}",
            f"--manifests={self.cluster}",
            *("--policy=sync", "--registry=txt", "--txt-owner-id=demo", f"--domain-filter={ZONE}"),
            *("--interval=1m", "--events", "--min-event-sync-interval=200ms"),
            f"--metrics-address=127.0.0.1:{self._ports['EXTERNALDNS_METRICS']}",
        ]


def examples_folder(given: str | None) -> Path:
    """Where the examples are: `given`, or those of the checkout that this module is part of."""
    folder = Path(given) if given else EXAMPLES
    if not (folder / "internet.zone").exists():
        sys.exit(f"no examples in {folder}: run this from a checkout, or name the folder with --examples")
    return folder
