"""ConfigMaps as the kubelet mounts them, a cluster DNS that moves, and a ConfigSync of both."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from clusterdns.daemon import flags
from clusterdns.daemon.corefile_loader import load_corefile
from clusterdns.directives.config.server import STANDARD
from clusterdns.forward.upstreams import Upstream
from nodelocal.cluster_dns import ClusterDns, NoClusterDns, Target
from nodelocal.config_sync import ConfigSync
from nodelocal.flags import FLAGS, options_of
from tests.support import virtual_time
from tests.unit.nodelocal.published import CLUSTER_IP

BASE = """\
cluster.local:53 {
    bind __PILLAR__LOCAL__DNS__
    forward . __PILLAR__CLUSTER__DNS__ {
        force_tcp
    }
}
.:53 {
    bind __PILLAR__LOCAL__DNS__
    forward . __PILLAR__UPSTREAM__SERVERS__
}
"""


FORWARDS = f"forward . {CLUSTER_IP} {{ | forward . /etc/resolv.conf"
STUB = {"stubDomains": '{"acme.example": ["10.1.1.1"]}'}


class Mount:
    """A ConfigMap as the kubelet mounts it: keys are links through `..data`, which is swapped in one rename."""

    def __init__(self, folder: Path, data: Mapping[str, str]) -> None:
        self.folder = folder
        self._generation = 0
        folder.mkdir()
        self.set(data)

    def set(self, data: Mapping[str, str]) -> None:
        self._generation += 1
        new = self.folder / f"..{self._generation}"
        new.mkdir()
        for key, text in data.items():
            (new / key).write_bytes(text.encode("utf-8", "surrogateescape"))
        (self.folder / "..data_tmp").symlink_to(new.name)
        (self.folder / "..data_tmp").rename(self.folder / "..data")
        for key in data:
            if not (self.folder / key).is_symlink():
                (self.folder / key).symlink_to(f"..data/{key}")
        for link in self.folder.iterdir():
            if not link.name.startswith("..") and link.name not in data:
                link.unlink()
        if self._generation > 1:
            shutil.rmtree(self.folder / f"..{self._generation - 1}")


class Known(ClusterDns):
    """Cluster DNS at `found`, or nowhere."""

    def __init__(self, *found: str, watched: bool = False) -> None:
        super().__init__(Target(), {})
        self.found = found
        self.followed = watched

    @property
    def watched(self) -> bool:
        return self.followed

    def servers(self) -> tuple[Upstream, ...]:
        if not self.found:
            raise NoClusterDns("there is no Service kube-system/kube-dns", source="-upstreamsvc")
        return tuple(Upstream(address, 53) for address in self.found)


class Scene:
    """The mounts, the Corefile, and a ConfigSync of them."""

    def __init__(
        self, path: Path, base: str | None = BASE, kube_dns: Mapping[str, str] | None = None, *more: str
    ) -> None:
        self.path = path
        self.template = Mount(path / "base", {} if base is None else {"Corefile.base": base})
        self.kube_dns = Mount(path / "kube-dns", kube_dns or {})
        (path / "out").mkdir()
        self.corefile = path / "out/Corefile"
        self.cluster_dns = Known(CLUSTER_IP)
        arguments = ["-localip=169.254.20.10", f"-conf={self.corefile}", *more]
        options = options_of(flags.parse(FLAGS, arguments, program="nodelocal", version="1"))
        # As if they were the defaults, which may be absent; `more` may have them for paths that must be there.
        self.options = replace(
            options, base_corefile=str(path / "base/Corefile.base"), kube_dns_folder=str(path / "kube-dns")
        )
        self.checks = 0
        self.sync = ConfigSync(self.options, self.cluster_dns, self.check)

    def check(self, path: str) -> object:
        self.checks += 1
        return load_corefile(path, STANDARD, default_port=53)

    @property
    def forwards(self) -> str:
        """The lines of the Corefile that say who is asked."""
        lines = (line.strip() for line in self.corefile.read_text().splitlines())
        return " | ".join(line for line in lines if line.startswith("forward"))


Change = Callable[[Scene], object]


def nothing(scene: Scene) -> None:
    pass


def find(*servers: str) -> Change:
    return lambda scene: setattr(scene.cluster_dns, "found", servers)


def kube_dns(**data: str) -> Change:
    return lambda scene: scene.kube_dns.set(data)


def base(text: str) -> Change:
    return lambda scene: scene.template.set({"Corefile.base": text})


WITH_STUB = f"{FORWARDS} | forward . 10.1.1.1"
BAD = kube_dns(stubDomains="{")


def watch(scene: Scene, changes: list[Change]) -> list[str]:
    """Run the watch with one of `changes` at each of its sleeps; the Corefile as it was at each call of `on_change`."""
    remaining = list(changes)
    heard: list[str] = []

    async def change_and_sleep(seconds: float) -> None:
        if not remaining:
            raise asyncio.CancelledError
        remaining.pop(0)(scene)
        await asyncio.sleep(seconds)

    async def on_change() -> None:
        heard.append(scene.corefile.read_text())

    with pytest.raises(asyncio.CancelledError):
        virtual_time.run(scene.sync.watch(on_change, sleep=change_and_sleep))
    return heard
