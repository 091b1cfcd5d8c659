"""The watch of an API server when all is well, and what configurations it refuses. All on virtual time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clusterdns.errors import ConfigError
from clusterdns.kube import watcher
from clusterdns.kube.access import Access
from clusterdns.kube.objects import KubeObject
from clusterdns.kube.store import Cluster
from clusterdns.kube.watcher import UNFINISHED_PODS, ClusterWatch
from clusterdns.limit import Limit
from tests.support import virtual_time
from tests.support.apiserver import ApiServerDouble
from tests.unit.kube.scene import ALL, PODS, SERVICES, Scene, many, names, play, until


@pytest.fixture(autouse=True, params=[True, False], ids=["streamed lists", "paged lists"])
def _streams(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ApiServerDouble, "streams", request.param)


# The ordinary way.


def test_every_kind_is_listed_and_watched(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        for kind in ALL:
            await scene.watched(kind)
            assert scene.cluster.store(kind).synced
        assert names(scene.cluster.services) == ["db", "web"]
        assert names(scene.cluster.namespaces) == ["shop"]
        assert len(scene.cluster.pods) == 0

    play(tmp_path, script, ALL)


def test_changes_arrive(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.watched("Service")
        scene.server.put("Service", "new", "shop", spec={"clusterIP": "10.96.1.11"})
        await scene.services("db", "new", "web")
        scene.server.put("Service", "new", "shop", spec={"clusterIP": "10.96.1.12"})
        store = scene.cluster.services
        await until(store, lambda: [each.cluster_ips for each in store if each.name == "new"] == [("10.96.1.12",)])
        scene.server.delete("Service", "new", "shop")
        await scene.services("db", "web")
        assert len(scene.server.lists("services")) == 1

    play(tmp_path, script)


def test_what_is_asked(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.watched("Pod")
        assert {each.path for each in scene.server.requests} == {"/api/v1/namespaces/shop/pods"}
        watch = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": "103",
            "timeoutSeconds": "300",
            "fieldSelector": UNFINISHED_PODS,
        }
        stream = watch | {
            "resourceVersion": "",
            "sendInitialEvents": "true",
            "resourceVersionMatch": "NotOlderThan",
        }
        page = {"limit": "500", "fieldSelector": UNFINISHED_PODS}
        expected = [stream] if scene.server.streams else [stream, page, watch]
        assert [each.query for each in scene.server.requests] == expected

    play(tmp_path, script, PODS, namespace="shop", field_selectors={"Pod": UNFINISHED_PODS})


def test_one_namespace(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.watched("Service")
        await scene.watched("Namespace")
        assert names(scene.cluster.services) == ["web"]
        assert [each.path for each in scene.server.lists("namespaces")] == ["/api/v1/namespaces"]

    play(tmp_path, script, frozenset({"Service", "Namespace"}), namespace="shop")


def test_many_objects(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.watched("Service")
        assert len(scene.cluster.services) == 1002
        assert len(scene.server.pages("services")) == (0 if scene.server.streams else 3)

    play(tmp_path, script, prepare=many)


def test_pages_of_large_objects_get_shorter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = Limit("page", 10_000, 1, 10_000, "bytes", "this test")
    monkeypatch.setattr(watcher, "KUBE_PAGE_BYTES", size)

    async def script(scene: Scene) -> None:
        await scene.watched("Service")
        assert len(scene.cluster.services) == 1002
        first, *others = [int(each.query["limit"]) for each in scene.server.pages("services")]
        assert first == 500
        assert 20 < min(others) <= max(others) < 150

    def paged(server: ApiServerDouble) -> None:
        many(server)
        server.streams = False

    play(tmp_path, script, prepare=paged)


def test_pod_that_finishes_leaves(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.watched("Pod")
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
        await scene.server.until(lambda: len(scene.server.watched_since("services")) == 3)
        first, second, third = scene.server.watched_since("services")
        assert [second.at - first.at, third.at - second.at] == pytest.approx([300, 300], abs=2)
        assert len(scene.server.lists("services")) == 1
        scene.server.put("Service", "later", "shop")
        await scene.services("db", "later", "web")

    play(tmp_path, script)


# Configuration.


def run_watch(kubeconfig: str | None, context: str | None = None) -> None:
    watch = ClusterWatch(Cluster(), Access(kubeconfig or "", context or ""), SERVICES)
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


def test_a_context_that_is_not_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = ApiServerDouble.kubeconfig

    def write_with_another(server: ApiServerDouble, folder: Path) -> str:
        path = Path(write(server, folder))
        found = json.loads(path.read_text())
        found["clusters"].append({"name": "elsewhere", "cluster": {"server": "http://127.0.0.1:1"}})
        found["contexts"].append({"name": "elsewhere", "context": {"cluster": "elsewhere", "user": "tester"}})
        path.write_text(json.dumps(found | {"current-context": "elsewhere"}))
        return str(path)

    monkeypatch.setattr(ApiServerDouble, "kubeconfig", write_with_another)

    async def script(scene: Scene) -> None:
        await scene.services("db", "web")

    play(tmp_path, script, limits={"context": "double"})


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
        ClusterWatch(Cluster(), Access(), frozenset({"Secret"}))


def test_objects_are_trimmed_ones(tmp_path: Path) -> None:
    async def script(scene: Scene) -> None:
        await scene.watched("Service")
        stored: list[KubeObject] = list(scene.cluster.services)
        assert [each.key for each in stored] == [("data", "db"), ("shop", "web")]
        assert [each.headless for each in scene.cluster.services] == [True, False]

    play(tmp_path, script)


def test_label_selectors(tmp_path: Path) -> None:
    """What is not selected is not sent; what loses its label goes, as the server says."""

    def prepare(server: ApiServerDouble) -> None:
        server.put("Service", "front", "shop", metadata={"labels": {"tier": "front"}})

    async def script(scene: Scene) -> None:
        await scene.services("front")
        await scene.watched("Service")
        scene.server.put("Service", "late", "shop", metadata={"labels": {"tier": "front"}})
        scene.server.put("Service", "never", "shop")
        await scene.services("front", "late")
        scene.server.put("Service", "front", "shop", metadata={"labels": {"tier": "back"}})
        await scene.services("late")

    play(tmp_path, script, label_selectors={"Service": "tier=front"}, prepare=prepare)


def test_a_kind_that_the_server_does_not_have(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing waits for it, it is said once, and it is found when it is there at last."""

    def prepare(server: ApiServerDouble) -> None:
        server.without.add("serviceimports")

    async def script(scene: Scene) -> None:
        def asked() -> int:
            return len(scene.server.asked("serviceimports"))

        await scene.server.until(lambda: asked() == 5)
        assert scene.cluster.service_imports.synced
        scene.server.without.clear()
        scene.server.put("ServiceImport", "web", "shop", spec={"type": "ClusterSetIP", "ips": ["10.112.0.1"]})
        await until(scene.cluster.service_imports, lambda: names(scene.cluster.service_imports) == ["web"])
        scene.server.without.add("serviceimports")
        before = asked()
        scene.server.cut_watches()
        await scene.server.until(lambda: asked() == before + 3)
        assert names(scene.cluster.service_imports) == ["web"]

    play(tmp_path, script, frozenset({"ServiceImport"}), prepare=prepare)
    said = [record.message for record in caplog.records if record.name == "clusterdns.kube.watcher"]
    assert [text.partition(":")[0] for text in said] == ["no current serviceimports, the last known stay in use"] * 2
