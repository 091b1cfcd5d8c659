"""Mounted ConfigMaps, the template and cluster DNS change while nodelocal runs."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import pytest

from clusterdns.errors import ConfigError
from tests.unit.nodelocal.config_scene import (
    BAD,
    BASE,
    FORWARDS,
    STUB,
    WITH_STUB,
    Change,
    Scene,
    base,
    find,
    kube_dns,
    nothing,
    watch,
)
from tests.unit.nodelocal.published import CLUSTER_IP


def same_size_and_time(scene: Scene) -> None:
    """Another value, of which nothing but the file itself is different."""
    before = (scene.kube_dns.folder / "stubDomains").stat()
    scene.kube_dns.set({"stubDomains": STUB["stubDomains"].replace("10.1.1.1", "10.1.1.9")})
    os.utime(scene.kube_dns.folder / "stubDomains", ns=(before.st_atime_ns, before.st_mtime_ns))


WITH_UPSTREAM = f"forward . {CLUSTER_IP} {{ | forward . 10.2.2.2"


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
