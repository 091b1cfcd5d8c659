"""The watch of an API server, against the double: lists, watches, and everything that breaks either.

All on virtual time, so that minutes of backoff pass at once; every wait is for an event, never for a time.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from clusterdns.errors import ConfigError
from clusterdns.kube.objects import KubeObject
from clusterdns.kube.store import Cluster, Store
from clusterdns.kube.watcher import UNFINISHED_PODS, ClusterWatch
from clusterdns.limits import KUBE_LIST_PAGE
from tests.support import virtual_time
from tests.support.apiserver import ApiServerDouble, Request

ALL = frozenset({"Namespace", "Service", "EndpointSlice", "Pod", "Node"})
SERVICES = frozenset({"Service"})
PODS = frozenset({"Pod"})


async def until(store: Store[Any], condition: Callable[[], bool]) -> None:
    """Wait for a change of `store` after which `condition` holds."""
    changed = asyncio.Event()
    store.subscribe(lambda old, new: changed.set())
    while not condition():
        changed.clear()
        await changed.wait()


def names(store: Store[Any]) -> list[str]:
    return sorted(each.name for each in store)


class Scene:
    """A double with some objects, the stores, and the watch that keeps them."""

    def __init__(self, server: ApiServerDouble, cluster: Cluster, folder: Path) -> None:
        self.server = server
        self.cluster = cluster
        self.folder = folder

    async def services(self, *expected: str) -> None:
        await until(self.cluster.services, lambda: names(self.cluster.services) == sorted(expected))


@asynccontextmanager
async def watching(
    folder: Path,
    kinds: frozenset[str],
    *,
    prepare: Callable[[ApiServerDouble], None] = lambda server: None,
    **more: Any,
) -> AsyncIterator[Scene]:
    async with ApiServerDouble() as server:
        server.put("Namespace", "shop")
        server.put("Service", "web", "shop", spec={"clusterIP": "10.96.1.10"})
        server.put("Service", "db", "data", spec={"clusterIP": "None"})
        prepare(server)
        cluster = Cluster()
        watch = ClusterWatch(cluster, server.kubeconfig(folder), kinds, dice=lambda: 0.0, **more)
        task = asyncio.create_task(watch.run())
        try:
            yield Scene(server, cluster, folder)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def play(
    tmp_path: Path, script: Callable[[Scene], Coroutine[Any, Any, None]], kinds: frozenset[str] = SERVICES, **more: Any
) -> None:
    async def main() -> None:
        async with watching(tmp_path, kinds, **more) as scene:
            await script(scene)

    virtual_time.run(main())


# The ordinary way.


def test_every_kind_is_listed_and_watched(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        for kind in ALL:
            await scene.server.watched(kind)
            assert scene.cluster.store(kind).synced
        assert names(scene.cluster.services) == ["db", "web"]
        assert names(scene.cluster.namespaces) == ["shop"]
        assert len(scene.cluster.pods) == 0

    play(tmp_path, script, ALL)


def test_changes_arrive(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.server.watched("Service")
        scene.server.put("Service", "new", "shop", spec={"clusterIP": "10.96.1.11"})
        await scene.services("db", "new", "web")
        scene.server.put("Service", "new", "shop", spec={"clusterIP": "10.96.1.12"})
        store = scene.cluster.services
        await until(store, lambda: [each.cluster_ips for each in store if each.name == "new"] == [("10.96.1.12",)])
        scene.server.delete("Service", "new", "shop")
        await scene.services("db", "web")
        assert len(scene.server.asked("services", watch=False)) == 1
        assert len(scene.server.asked("services", watch=True)) == 1

    play(tmp_path, script)


def test_what_is_asked(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.server.watched("Pod")
        listing, watch = scene.server.requests
        assert listing.path == watch.path == "/api/v1/namespaces/shop/pods"
        assert listing.query == {"limit": "500", "fieldSelector": UNFINISHED_PODS}
        assert watch.query == {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": "103",
            "timeoutSeconds": "300",
            "fieldSelector": UNFINISHED_PODS,
        }

    play(tmp_path, script, PODS, namespace="shop", field_selectors={"Pod": UNFINISHED_PODS})


def test_one_namespace(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.server.watched("Service")
        await scene.server.watched("Namespace")
        assert names(scene.cluster.services) == ["web"]
        assert [each.path for each in scene.server.asked("namespaces", watch=False)] == ["/api/v1/namespaces"]

    play(tmp_path, script, frozenset({"Service", "Namespace"}), namespace="shop")


def many(server: ApiServerDouble) -> None:
    for number in range(2 * int(KUBE_LIST_PAGE.default)):
        server.put("Service", f"s{number}", "many")


def test_pages(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.server.watched("Service")
        assert len(scene.cluster.services) == 1002
        assert len(scene.server.asked("services", watch=False)) == 3

    play(tmp_path, script, prepare=many)


def test_pod_that_finishes_leaves(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.server.watched("Pod")
        pods = scene.cluster.pods
        scene.server.put("Pod", "job", "shop", status={"phase": "Running", "podIP": "10.244.1.99"})
        await until(pods, lambda: names(pods) == ["job"])
        scene.server.put("Pod", "job", "shop", status={"phase": "Succeeded", "podIP": "10.244.1.99"})
        await until(pods, lambda: names(pods) == [])

    play(tmp_path, script, PODS, field_selectors={"Pod": UNFINISHED_PODS})


def test_one_node(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        for node in ("node-a", "node-b"):
            scene.server.put("Pod", f"on-{node}", "shop", spec={"nodeName": node})
        await until(scene.cluster.pods, lambda: names(scene.cluster.pods) == ["on-node-a"])

    play(tmp_path, script, PODS, field_selectors={"Pod": "spec.nodeName=node-a"})


def test_server_ends_the_watch(tmp_path: Path) -> None:
    """After timeoutSeconds the server ends it; the next one starts after the last bookmark, and nothing is listed."""

    async def script(scene: Scene) -> None:
        await scene.server.until(lambda: len(scene.server.asked("services", watch=True)) == 3)
        first, second, third = scene.server.asked("services", watch=True)
        assert [second.at - first.at, third.at - second.at] == pytest.approx([300, 300], abs=2)
        assert len(scene.server.asked("services", watch=False)) == 1
        scene.server.put("Service", "later", "shop")
        await scene.services("db", "later", "web")

    play(tmp_path, script)


# Broken in every way. Each row: what happens while a watch is open; afterwards the server has one more Service and
# lacks another, and the store must get there. Then: how many lists there were in all.


async def restart(scene: Scene) -> None:
    await scene.server.stop()
    await scene.server.start()


async def cut(scene: Scene) -> None:
    scene.server.cut_watches()


async def cut_in_event(scene: Scene) -> None:
    scene.server.cut_watches(in_event=True)


async def end(scene: Scene) -> None:
    scene.server.end_watches()


async def expire(scene: Scene) -> None:
    scene.server.end_watches()
    scene.server.put("Service", "unseen", "shop")
    scene.server.expire_history()


async def restore_backup(scene: Scene) -> None:
    scene.server.restore_backup()
    scene.server.end_watches()


async def nonsense(scene: Scene) -> None:
    scene.server.send_line(b"<html>502 Bad Gateway</html>\n")


async def odd_object(scene: Scene) -> None:
    scene.server.send_line(b'{"type":"ADDED","object":{"metadata":{"name":5}}}\n')


async def empty_lines(scene: Scene) -> None:
    scene.server.send_line(b"\n\n")


BREAKS: list[tuple[str, Callable[[Scene], Awaitable[None]], int]] = [
    ("connection reset", cut, 1),
    ("connection reset in the middle of an event", cut_in_event, 1),
    ("ended early by the server", end, 1),
    ("server goes and comes back at once", restart, 1),
    ("history expired: 410 in an ERROR event", expire, 2),
    ("etcd restored: our version lies in the future", restore_backup, 2),
    ("a line that is no event", nonsense, 2),
    ("an object that can not be read", odd_object, 1),
    ("empty lines", empty_lines, 1),
]


@pytest.mark.parametrize(("happen", "lists"), [row[1:] for row in BREAKS], ids=[row[0] for row in BREAKS])
def test_broken_watches(tmp_path: Path, happen: Callable[[Scene], Awaitable[None]], lists: int) -> None:
    async def script(scene: Scene) -> None:
        await scene.server.watched("Service")
        await happen(scene)
        scene.server.delete("Service", "web", "shop")
        scene.server.put("Service", "after", "shop")
        with suppress(KeyError):
            scene.server.delete("Service", "unseen", "shop")
        await scene.services("after", "db")
        await scene.server.watched("Service")
        assert len(scene.server.asked("services", watch=False)) == lists
        # And it is a live watch again, not just a list.
        scene.server.put("Service", "live", "shop")
        await scene.services("after", "db", "live")

    play(tmp_path, script)


def test_silent_watch_is_given_up(tmp_path: Path) -> None:
    """No event, no bookmark, no end: a connection whose other side is gone. 150 s, then list and compare."""

    async def script(scene: Scene) -> None:
        await scene.server.until(lambda: len(scene.server.asked("services", watch=False)) == 2)
        first, second = scene.server.asked("services", watch=False)
        assert second.at - first.at == pytest.approx(150, abs=2)

    def silence(server: ApiServerDouble) -> None:
        server.bookmarks = False

    play(tmp_path, script, prepare=silence)


def test_expired_continue_token(tmp_path: Path) -> None:
    """410 in the middle of a paged list: start over, at once."""

    async def script(scene: Scene) -> None:
        await scene.server.watched("Service")
        assert len(scene.cluster.services) == 1002
        pages = scene.server.asked("services", watch=False)
        assert ["continue" in each.query for each in pages] == [False, True, False, True, True]
        assert pages[-1].at - pages[0].at < 0.4

    def expire_once(server: ApiServerDouble) -> None:
        def before_answer(request: Request) -> None:
            if len(server.requests) == 2:
                server.expire_history()

        many(server)
        server.before_answer = before_answer

    play(tmp_path, script, prepare=expire_once)


REFUSALS = [401, 403, 429, 500, 503]


@pytest.mark.parametrize("status", REFUSALS)
def test_refused_list_is_tried_for_ever(tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int) -> None:
    def refuse(server: ApiServerDouble) -> None:
        server.refusals["services"] = status

    async def script(scene: Scene) -> None:
        await scene.server.watched("Pod")
        await scene.server.until(lambda: len(scene.server.asked("services", watch=False)) == 9)
        times = [each.at for each in scene.server.asked("services", watch=False)]
        pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert pauses == pytest.approx([0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 15, 15], abs=0.3)
        assert not scene.cluster.services.synced
        scene.server.refusals.clear()
        await scene.services("db", "web")
        await scene.server.watched("Service")

    caplog.set_level(logging.INFO)
    play(tmp_path, script, frozenset({"Service", "Pod"}), prepare=refuse)
    down, up = caplog.messages
    assert down.startswith(f"no current services, the last known stay in use: Kubernetes API: {status} ")
    assert up == "services are current again"


def test_server_away_for_a_minute(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def script(scene: Scene) -> None:
        await scene.server.watched("Service")
        await scene.server.stop()
        await asyncio.sleep(60)
        assert names(scene.cluster.services) == ["db", "web"]
        assert scene.cluster.services.synced
        scene.server.put("Service", "meanwhile", "shop")
        await scene.server.start()
        await scene.services("db", "meanwhile", "web")
        assert len(scene.server.asked("services", watch=False)) == 1

    caplog.set_level(logging.INFO)
    play(tmp_path, script)
    assert len(caplog.messages) == 2
    assert caplog.messages[1] == "services are current again"


def test_rotated_token(tmp_path: Path) -> None:
    """The server takes another token from now on; the kubeconfig that has it is read again after the first 401."""

    async def script(scene: Scene) -> None:
        await scene.server.watched("Service")
        scene.server.token = "second-token"
        scene.server.kubeconfig(scene.folder)
        scene.server.end_watches()
        scene.server.put("Service", "after", "shop")
        await scene.services("after", "db", "web")
        assert [each.token for each in scene.server.requests][-2:] == ["first-token", "second-token"]

    play(tmp_path, script)


def test_kubeconfig_broken_while_running_is_trouble_not_the_end(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.server.watched("Service")
        scene.server.token = "second-token"
        (scene.folder / "kubeconfig.json").write_text("{}")
        scene.server.cut_watches()
        await scene.server.until(lambda: len(scene.server.asked("services", watch=True)) == 2)
        await asyncio.sleep(10)
        scene.server.kubeconfig(scene.folder)
        scene.server.put("Service", "after", "shop")
        await scene.services("after", "db", "web")

    play(tmp_path, script)


def test_forbidden_kind_does_not_hold_up_others(tmp_path: Path) -> None:
    def forbid(server: ApiServerDouble) -> None:
        server.refusals["nodes"] = 403

    async def script(scene: Scene) -> None:
        await scene.server.watched("Service")
        scene.server.put("Service", "new", "shop")
        await scene.services("db", "new", "web")
        assert not scene.cluster.nodes.synced

    play(tmp_path, script, frozenset({"Service", "Node"}), prepare=forbid)


# Configuration.


def run_watch(kubeconfig: str | None, context: str | None = None) -> None:
    watch = ClusterWatch(Cluster(), kubeconfig, SERVICES, context=context)
    virtual_time.run(watch.run())


CONFIGURATIONS: list[tuple[str, str]] = [
    ("", "not a usable kubeconfig"),
    ("{}", "not a usable kubeconfig"),
    ("[]", "not a usable kubeconfig"),
    ("{", "not a usable kubeconfig"),
    (json.dumps({"current-context": "x", "contexts": [], "clusters": [], "users": []}), "not a usable kubeconfig"),
]


@pytest.mark.parametrize(("text", "message"), CONFIGURATIONS)
def test_unusable_kubeconfig(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"^{path}: {message}"):
        run_watch(str(path))


def test_missing_kubeconfig(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"^{tmp_path}/gone: no such kubeconfig file$"):
        run_watch(f"{tmp_path}/gone")


def test_unknown_context(tmp_path: Path) -> None:
    path = ApiServerDouble().kubeconfig(tmp_path)
    with pytest.raises(ConfigError, match="other"):
        run_watch(path, "other")


def test_not_in_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ConfigError, match=r"not in a cluster .*: give a kubeconfig file or a folder of manifests"):
        run_watch(None)


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(KeyError):
        ClusterWatch(Cluster(), None, frozenset({"Secret"}))


def test_objects_are_trimmed_ones(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.server.watched("Service")
        stored: list[KubeObject] = list(scene.cluster.services)
        assert [each.key for each in stored] == [("data", "db"), ("shop", "web")]
        assert [each.headless for each in scene.cluster.services] == [True, False]

    play(tmp_path, script)
