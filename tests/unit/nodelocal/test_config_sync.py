"""The Corefile and what it is made of: mounted ConfigMaps as the kubelet changes them, mistakes, and cluster DNS."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from clusterdns.daemon import flags
from clusterdns.daemon.corefile_loader import load_corefile
from clusterdns.directives.config.server import STANDARD
from clusterdns.errors import ConfigError
from clusterdns.forward.upstreams import Upstream
from nodelocal.cluster_dns import ClusterDns, NoClusterDns, Target
from nodelocal.config_sync import ConfigSync
from nodelocal.flags import FLAGS, options_of
from tests.support import virtual_time
from tests.unit.nodelocal.published import CLUSTER_IP, DEPLOYMENTS

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


def test_the_published_corefile(tmp_path: Path) -> None:
    scene = Scene(tmp_path, DEPLOYMENTS[0].corefile())
    assert scene.sync.render_once() is True
    assert scene.forwards == " | ".join([*3 * [f"forward . {CLUSTER_IP} {{"], "forward . /etc/resolv.conf"])
    assert os.listdir(tmp_path / "out") == ["Corefile"]
    assert scene.corefile.stat().st_mode & 0o777 == 0o644
    # The same once more is not written again.
    before = scene.corefile.stat()
    assert scene.sync.render_once() is False
    assert scene.corefile.stat() == before
    assert scene.sync.errors == 0


def test_without_a_template_the_corefile_is_the_operators(tmp_path: Path) -> None:
    scene = Scene(tmp_path, None, {"stubDomains": "{"})
    scene.corefile.write_text(". {\n}\n")
    assert scene.sync.render_once() is False
    assert scene.corefile.read_text() == ". {\n}\n"
    assert (scene.sync.errors, scene.checks) == (0, 0)


def test_everything_at_once(tmp_path: Path) -> None:
    data = {**STUB, "upstreamNameservers": '["10.2.2.2"]'}
    scene = Scene(tmp_path, BASE, data)
    assert scene.sync.render_once() is True
    assert scene.forwards == f"forward . {CLUSTER_IP} {{ | forward . 10.2.2.2 | forward . 10.1.1.1"


def test_cluster_dns_is_needed_only_where_it_is_asked_for(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "# __PILLAR__CLUSTER__DNS__\n. {\n  forward . 10.0.0.1\n}\n")
    scene.cluster_dns.found = ()
    assert scene.sync.render_once() is True
    assert "<nil>" not in scene.corefile.read_text()


SERVED = "dns://cluster.local.:53 is already served by the block at"
# The template, the ConfigMap, and what is said, with the folder written as {}.
MISTAKES: list[tuple[str, Mapping[str, str], str]] = [
    ("__PILLAR__DNS__DOMAIN__ {\n}\n", {}, "{}/base/Corefile.base:1:1: __PILLAR__DNS__DOMAIN__ is still here: "),
    (". {\n  forwerd . 10.0.0.1\n}\n", {},
     '{}/base/Corefile.base:2:3: unknown directive "forwerd"; did you mean "forward"?'),
    (". {\n", {}, '{}/base/Corefile.base:1:3: this "{{" is never closed: write "}}"'),
    (". {\n  import gone\n}\n", {}, "{}/base/Corefile.base:2:10: no snippet and no file is named {}/out/gone"),
    ("\udcff", {}, "{}/base/Corefile.base: not UTF-8 text: invalid start byte at byte 0"),
    (BASE, {"stubDomains": "{"}, "{}/kube-dns/stubDomains:1:2: not JSON: "),
    (BASE, {"stubDomains": '{"a": ["b"]}'}, '{}/kube-dns/stubDomains: "a": "b" is no server: '),
    (BASE, {"upstreamNameservers": "\udcff"}, "{}/kube-dns/upstreamNameservers: not UTF-8 text: "),
    (BASE, {"stubDomains": '{"acme.example": ["10.0.0.1"], "cluster.local": ["10.0.0.1"]}'},
     f'{{}}/kube-dns/stubDomains: "cluster.local": {SERVED} {{}}/base/Corefile.base:1:1'),
    (BASE.replace("__PILLAR__UPSTREAM__SERVERS__", "10.0.0.1 {\n  max_fails x\n}"), STUB,
     '{}/base/Corefile.base:10:13: max_fails needs a whole number, not "x"'),
]  # fmt: skip


@pytest.mark.parametrize(("base", "kube_dns", "message"), MISTAKES)
def test_mistakes_leave_the_old_corefile(tmp_path: Path, base: str, kube_dns: Mapping[str, str], message: str) -> None:
    scene = Scene(tmp_path)
    scene.sync.render_once()
    before = scene.corefile.read_text()
    scene.template.set({"Corefile.base": base})
    scene.kube_dns.set(kube_dns)
    with pytest.raises(ConfigError) as raised:
        scene.sync.render_once()
    assert str(raised.value).startswith(message.replace("{}", str(tmp_path)).replace("{{", "{").replace("}}", "}"))
    assert scene.corefile.read_text() == before
    assert os.listdir(tmp_path / "out") == ["Corefile"]
    assert scene.sync.errors == 1


def test_no_cluster_dns_leaves_the_old_corefile(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.sync.render_once()
    scene.cluster_dns.found = ()
    with pytest.raises(NoClusterDns, match=r"^-upstreamsvc: there is no Service kube-system/kube-dns$"):
        scene.sync.render_once()
    assert scene.forwards == FORWARDS


def test_what_was_asked_for_must_be_there(tmp_path: Path) -> None:
    scene = Scene(tmp_path, None, None, f"-basecorefile={tmp_path}/base/Corefile.base")
    with pytest.raises(ConfigError, match=r"base/Corefile.base: the template of the Corefile is not there"):
        scene.sync.render_once()
    scene.template.set({"Corefile.base": BASE})
    assert scene.sync.render_once() is True
    (tmp_path / "more").mkdir()
    scene = Scene(tmp_path / "more", BASE, None, f"-kubednscm={tmp_path}/more/kube-dns")
    shutil.rmtree(tmp_path / "more/kube-dns")
    with pytest.raises(ConfigError, match="kube-dns: the folder of the kube-dns ConfigMap is not there"):
        scene.sync.render_once()


def test_a_corefile_that_can_not_be_written(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    shutil.rmtree(tmp_path / "out")
    with pytest.raises(ConfigError, match="out/Corefile: the Corefile can't be written: No such file or directory"):
        scene.sync.render_once()
    (tmp_path / "out/Corefile").mkdir(parents=True)
    with pytest.raises(ConfigError, match="out/Corefile: the Corefile can't be written: Is a directory"):
        scene.sync.render_once()
    assert os.listdir(tmp_path / "out") == ["Corefile"]


def test_a_reader_finds_the_old_or_the_new_corefile(tmp_path: Path) -> None:
    """At the last moment before the rename, the new one is complete beside the old one."""
    scene = Scene(tmp_path)
    scene.sync.render_once()
    before = scene.corefile.read_text()
    seen: list[str] = []

    def check(path: str) -> object:
        seen.append(path)
        assert scene.corefile.read_text() == before
        assert Path(path).parent == scene.corefile.parent
        return scene.check(path)

    scene.kube_dns.set(STUB)
    ConfigSync(scene.options, scene.cluster_dns, check).render_once()
    assert len(seen) == 1
    assert scene.corefile.read_text() != before


# Changes while it runs. Between two looks the test changes something; a look happens when the watch sleeps.

Change = Callable[[Scene], object]


def nothing(scene: Scene) -> None:
    pass


def find(*servers: str) -> Change:
    return lambda scene: setattr(scene.cluster_dns, "found", servers)


def kube_dns(**data: str) -> Change:
    return lambda scene: scene.kube_dns.set(data)


def base(text: str) -> Change:
    return lambda scene: scene.template.set({"Corefile.base": text})


def same_size_and_time(scene: Scene) -> None:
    """Another value, of which nothing but the file itself is different."""
    before = (scene.kube_dns.folder / "stubDomains").stat()
    scene.kube_dns.set({"stubDomains": STUB["stubDomains"].replace("10.1.1.1", "10.1.1.9")})
    os.utime(scene.kube_dns.folder / "stubDomains", ns=(before.st_atime_ns, before.st_mtime_ns))


WITH_STUB = f"{FORWARDS} | forward . 10.1.1.1"
WITH_UPSTREAM = f"forward . {CLUSTER_IP} {{ | forward . 10.2.2.2"
BAD = kube_dns(stubDomains="{")
# What happens, who is asked at the end; how often `on_change` was called, an attempt failed, an error was told.
CHANGES: list[tuple[str, list[Change], str, int, int, int]] = [
    ("nothing", [nothing, nothing], FORWARDS, 0, 0, 0),
    ("a stub domain comes", [kube_dns(**STUB)], WITH_STUB, 1, 0, 0),
    ("and goes", [kube_dns(**STUB), kube_dns()], FORWARDS, 2, 0, 0),
    ("another of the same size and age", [kube_dns(**STUB), same_size_and_time], WITH_STUB.replace("1.1.1", "1.1.9"),
     2, 0, 0),
    ("upstream servers come", [kube_dns(upstreamNameservers='["10.2.2.2"]')], WITH_UPSTREAM, 1, 0, 0),
    ("and go", [kube_dns(upstreamNameservers='["10.2.2.2"]'), kube_dns(upstreamNameservers="[]")], FORWARDS, 2, 0, 0),
    ("a ConfigMap with other words and the same meaning", [kube_dns(stubDomains="{}")], FORWARDS, 0, 0, 0),
    ("the template changes", [base(". {\n forward . __PILLAR__UPSTREAM__SERVERS__\n}")], "forward . /etc/resolv.conf",
     1, 0, 0),
    ("a mistake is told once, and counted when it is tried again",
     [BAD, *21 * [nothing]], FORWARDS, 0, 3, 1),
    ("another mistake is told too", [BAD, kube_dns(stubDomains="[]")], FORWARDS, 0, 2, 2),
    ("a mistake is put right", [BAD, nothing, kube_dns(**STUB)], WITH_STUB, 1, 1, 1),
    ("a mistake is taken back", [BAD, nothing, kube_dns()], FORWARDS, 0, 1, 1),
    ("a mistake in the template is put right", [base(". {\n"), base(BASE)], FORWARDS, 0, 1, 1),
    ("the template goes and comes", [lambda scene: scene.template.set({}), base(BASE)], FORWARDS, 0, 1, 1),
    ("cluster DNS moves", [find("10.96.0.99")], FORWARDS.replace(CLUSTER_IP, "10.96.0.99"), 1, 0, 0),
    ("cluster DNS is gone for a while", [find(), nothing, find(CLUSTER_IP)], FORWARDS, 0, 1, 1),
    ("the optional ConfigMap is not mounted", [lambda scene: shutil.rmtree(scene.kube_dns.folder)], FORWARDS, 0, 0, 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "forwards", "changed", "failed", "told"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES]
)
def test_changes(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    changes: list[Change],
    forwards: str,
    changed: int,
    failed: int,
    told: int,
) -> None:
    scene = Scene(tmp_path)
    scene.sync.render_once()
    heard = watch(scene, changes)
    assert scene.forwards == forwards
    assert len(heard) == changed
    assert not heard or heard[-1] == scene.corefile.read_text()
    assert scene.sync.errors == failed
    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) == told


def watch(scene: Scene, changes: list[Change]) -> list[str]:
    """Run the watch through `changes`; the Corefile as it was at each call of `on_change`."""
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


def test_a_first_read_that_is_invalid_is_not_the_last(tmp_path: Path) -> None:
    scene = Scene(tmp_path, BASE, {"stubDomains": "{"})
    with pytest.raises(ConfigError):
        scene.sync.render_once()
    assert len(watch(scene, [nothing, kube_dns(**STUB)])) == 1
    assert scene.forwards == WITH_STUB


def test_a_template_may_come_later(tmp_path: Path) -> None:
    scene = Scene(tmp_path, None)
    scene.corefile.write_text(". {\n}\n")
    assert scene.sync.render_once() is False
    assert len(watch(scene, [nothing, base(BASE)])) == 1
    assert scene.forwards == FORWARDS


def test_keys_without_effect_are_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(tmp_path, BASE, {"federations": '{"a": "b.c"}'})
    scene.sync.render_once()
    watch(scene, [kube_dns(federations="{}", **STUB), kube_dns(federations="{")])
    assert [message for message in caplog.messages if "ignored" in message] == [
        f"{tmp_path}/kube-dns/federations is ignored: only stubDomains and upstreamNameservers are used"
    ]
    assert scene.sync.errors == 0


# The start.


def prepare(scene: Scene, *changes: Change, stop_after: int = 1000) -> bool:
    """Run `prepare` with a change at each of its pauses; ConfigError if it raises one."""
    remaining = list(changes)
    pauses = 0

    async def main() -> bool:
        stop = asyncio.Event()

        async def change_and_sleep(seconds: float) -> None:
            nonlocal pauses
            pauses += 1
            if pauses >= stop_after:
                stop.set()
            if remaining:
                remaining.pop(0)(scene)
            await asyncio.sleep(seconds)

        return await scene.sync.prepare(stop, sleep=change_and_sleep)

    return virtual_time.run(main())


def test_start_when_all_is_well(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    assert prepare(scene) is True
    assert scene.forwards == FORWARDS


def test_start_without_a_template(tmp_path: Path) -> None:
    assert prepare(Scene(tmp_path, None)) is True


def test_start_with_a_bad_configmap_goes_on_without_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(tmp_path, BASE, {"stubDomains": "{"})
    assert prepare(scene) is True
    assert scene.forwards == FORWARDS
    assert scene.sync.errors == 1
    assert caplog.messages[-1] == f"the Corefile is made without the ConfigMap in {tmp_path}/kube-dns"
    # It is not forgotten.
    assert len(watch(scene, [nothing, kube_dns(**STUB)])) == 1
    assert scene.forwards == WITH_STUB


@pytest.mark.parametrize(
    ("changes", "reason"), [([BAD], "a bad ConfigMap"), ([base(". {")], "a bad template"), ([find()], "no cluster DNS")]
)
def test_start_with_the_corefile_of_an_earlier_run(tmp_path: Path, changes: list[Change], reason: str) -> None:
    scene = Scene(tmp_path, BASE, STUB)
    scene.sync.render_once()
    before = scene.corefile.read_text()
    for change in changes:
        change(scene)
    assert prepare(scene) is True, reason
    assert scene.corefile.read_text() == before


def test_start_with_a_bad_template_is_refused(tmp_path: Path) -> None:
    scene = Scene(tmp_path, ". {\n")
    with pytest.raises(ConfigError, match=r"base/Corefile.base:1:3: "):
        prepare(scene)


def test_start_where_nobody_will_ever_know_cluster_dns_is_refused(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.cluster_dns.found = ()
    with pytest.raises(NoClusterDns):
        prepare(scene)


def test_start_waits_for_a_service_that_is_watched(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(tmp_path)
    scene.cluster_dns.found, scene.cluster_dns.followed = (), True
    assert prepare(scene, *11 * [nothing], find(CLUSTER_IP)) is True
    assert scene.forwards == FORWARDS
    assert scene.sync.errors == 2
    assert caplog.messages == [
        "the Corefile can't be made: -upstreamsvc: there is no Service kube-system/kube-dns",
    ]


def test_start_can_be_stopped(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.cluster_dns.found, scene.cluster_dns.followed = (), True
    assert prepare(scene, stop_after=3) is False
    assert not scene.corefile.exists()
