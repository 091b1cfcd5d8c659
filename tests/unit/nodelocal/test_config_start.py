"""The Corefile at the start of nodelocal: what it waits for, and what it starts without."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from clusterdns.errors import ConfigError
from nodelocal.cluster_dns import NoClusterDns
from tests.support import virtual_time
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
