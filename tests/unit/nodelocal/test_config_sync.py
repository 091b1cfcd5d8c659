"""The Corefile and what it is made of: mounted ConfigMaps as the kubelet changes them, mistakes, and cluster DNS."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from clusterdns.errors import ConfigError
from nodelocal.cluster_dns import NoClusterDns
from nodelocal.config_sync import ConfigSync
from tests.unit.nodelocal.config_scene import (
    BASE,
    FORWARDS,
    STUB,
    Scene,
)
from tests.unit.nodelocal.published import CLUSTER_IP, DEPLOYMENTS


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
