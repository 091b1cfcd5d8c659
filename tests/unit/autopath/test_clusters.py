"""Clusters as directives name them: what is shared, and which objects of a cluster are seen at all."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Set
from pathlib import Path

import pytest

from autopath.clusters import Clusters, Source, origin_of
from autopath.kubernetes import Kubernetes
from clusterdns.daemon.lifecycle import settle_memory
from clusterdns.errors import ConfigError
from clusterdns.kube.objects import Namespace
from clusterdns.kube.watcher import ClusterWatch
from tests.support import virtual_time
from tests.support.apiserver import ApiServerDouble
from tests.support.until import until
from tests.unit.autopath.asking import Elsewhere, ask, config

MANIFESTS = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: front}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {clusterIP: 10.96.1.10}
---
apiVersion: v1
kind: Service
metadata: {name: plain, namespace: shop}
spec: {clusterIP: 10.96.1.11}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: data, labels: {app: db}}
spec: {clusterIP: None}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-a, namespace: data, labels: {app: db, kubernetes.io/service-name: db}}
addressType: IPv4
endpoints: [{addresses: [10.244.1.1]}]
"""

WEB, PLAIN, DB, DATA = "web.shop.svc", "plain.shop.svc", "db.data.svc", "data.svc"
ADDRESSES = ("10.1.96.10.in-addr.arpa.", "11.1.96.10.in-addr.arpa.", "1.1.244.10.in-addr.arpa.")

# (options, names that exist, addresses that have a name)
CHOICES = [
    ("", [WEB, PLAIN, DB, DATA], [10, 11, 1]),
    ("labels app=web", [WEB, DATA], [10]),
    ("labels app in (web, db)", [WEB, DB, DATA], [10, 1]),
    ("labels !app", [PLAIN, DATA], [11]),
    ("namespace_labels team=front", [WEB, PLAIN], [10, 11]),
    ("namespace_labels !team", [DB, DATA], [1]),
    ("namespace_labels team=front\nlabels app", [WEB], [10]),
    ("namespaces data", [DB, DATA], [1]),
    ("namespaces data\nlabels app=web", [DATA], []),
]


def directive(folder: Path, options: str) -> tuple[Kubernetes, Clusters]:
    configured = config(f"manifests {folder}\n{options}")
    clusters = Clusters()
    source = clusters.source_for(configured)

    async def fill() -> None:
        await clusters.start()
        await clusters.close()

    asyncio.run(fill())
    behind = Elsewhere().handle
    index = source.index_for(configured)
    return Kubernetes(configured, source.cluster, index, source.pods, resolve=behind, following=behind), clusters


@pytest.mark.parametrize(("options", "names", "addresses"), CHOICES, ids=[row[0] for row in CHOICES])
def test_chosen_objects(tmp_path: Path, options: str, names: list[str], addresses: list[int]) -> None:
    (tmp_path / "cluster.yaml").write_text(MANIFESTS)
    handler, _ = directive(tmp_path, options)
    exist = [name for name in (WEB, PLAIN, DB, DATA) if ask(handler, f"{name}.cluster.local A").rcode == "NOERROR"]
    assert exist == names
    named = [int(address.split(".")[0]) for address in ADDRESSES if ask(handler, f"{address} PTR").answer]
    assert named == addresses


def test_a_namespace_that_loses_its_label_goes(tmp_path: Path) -> None:
    (tmp_path / "cluster.yaml").write_text(MANIFESTS)
    handler, clusters = directive(tmp_path, "namespace_labels team=front")
    (source,) = clusters._sources.values()
    assert ask(handler, f"{WEB}.cluster.local A").rdata() == ["A 10.96.1.10"]
    # As the API server sends it to a watch with a selector.
    source.cluster.namespaces.delete(("", "shop"))
    assert ask(handler, f"{WEB}.cluster.local A").rcode == "NXDOMAIN"
    assert ask(handler, f"{ADDRESSES[0]} PTR").rcode == "NXDOMAIN"
    source.cluster.namespaces.put(Namespace(name="shop"))
    assert ask(handler, f"{WEB}.cluster.local A").rdata() == ["A 10.96.1.10"]


def test_a_reload_keeps_the_sources_that_it_names_and_drops_the_others(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder in folders:
        folder.mkdir()
        (folder / "cluster.yaml").write_text(MANIFESTS)
    a, b, c = (config(f"manifests {folder}") for folder in folders)

    async def reload_twice() -> None:
        clusters = Clusters()
        before = [clusters.source_for(each) for each in (a, b)]
        await clusters.start()
        settle_memory()
        clusters.name_anew()
        clusters.source_for(c)  # a configuration that fails after it has named this much: all goes on as it was
        clusters.name_anew()
        named = clusters.source_for(b)
        await clusters.start()
        stores = [weakref.ref(each.cluster) for each in before]
        del before[0]
        await clusters.drop_all_but(clusters.named)
        assert [each is named for each in (*clusters.sources.values(), *before)] == [True, True]
        assert [each() is None for each in stores] == [True, False]
        filling = {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}
        assert filling == {f"manifests {folders[1]}"}
        await clusters.close()

    asyncio.run(reload_twice())


# (options of two directives, whether they share one source, whether they share one index)
PAIRS = [
    ("manifests /a", "manifests /a\npods verified\nttl 30", True, True),
    ("manifests /a", "manifests /a\nnamespaces shop", True, False),
    ("manifests /a", "manifests /a\nendpoint_pod_names", False, False),
    ("manifests /a", "manifests /b", False, False),
    ("manifests /a", "manifests /a\nlabels app", False, False),
    ("manifests /a", "manifests /a\nnamespace_labels app", False, False),
    ("kubeconfig /a", "kubeconfig /a blue", False, False),
    ("endpoint https://a", "endpoint https://a\ntls c k a", False, False),
    ("", "apiserver_qps 5", False, False),
]


@pytest.mark.parametrize(("first", "second", "source", "index"), PAIRS)
def test_what_directives_share(first: str, second: str, source: bool, index: bool) -> None:
    clusters = Clusters()
    sources = [clusters.source_for(config(options)) for options in (first, second)]
    indexes = [each.index_for(config(options)) for each, options in zip(sources, (first, second), strict=True)]
    assert (sources[0] is sources[1], indexes[0] is indexes[1]) == (source, index)


def test_a_reload_that_needs_less_watches_less(tmp_path: Path) -> None:
    async def main() -> None:
        async with ApiServerDouble() as server:
            server.put("Service", "web", "shop", spec={"clusterIP": "10.96.1.10"})
            server.put("Pod", "web-0", "shop", status={"phase": "Running", "podIP": "10.244.0.9"})
            options = f"kubeconfig {server.kubeconfig(tmp_path)}"
            clusters = Clusters()

            async def reload(more: str) -> Source:
                clusters.name_anew()
                source = clusters.source_for(config(f"{options}\n{more}"))
                await clusters.start()
                await clusters.drop_all_but(clusters.named)
                return source

            def watched() -> set[str]:
                return {watch.kind.name for watch in server.watches}

            source = await reload("pods verified")
            await server.until(lambda: watched() == {"Namespace", "Service", "EndpointSlice", "Pod"})
            assert source.pods.pod_at("10.244.0.9") is not None
            await reload("noendpoints")
            await server.until(lambda: watched() == {"Namespace", "Service"})
            # What is not watched any more is not known any more, and what is goes on as it was.
            assert source.pods.pod_at("10.244.0.9") is None
            assert (source.cluster.pod_claims.synced, source.cluster.services.synced) == (False, True)
            assert {each.resource for each in clusters.watches[next(iter(clusters.watches))].states()} == {
                "namespaces",
                "services",
            }
            assert len(server.lists("services")) == 1
            server.put("Service", "late", "shop", spec={"clusterIP": "10.96.1.11"})
            await until(lambda: source.cluster.services.get("shop", "late") is not None)
            # And back again.
            again = await reload("pods verified")
            assert again is source
            assert source.cluster.pod_claims.synced
            assert source.pods.pod_at("10.244.0.9") is not None
            assert watched() == {"Namespace", "Service", "EndpointSlice", "Pod"}
            await clusters.close()

    virtual_time.run(main())


def _folder(path: Path) -> Path:
    path.mkdir()
    (path / "cluster.yaml").write_text(MANIFESTS)
    return path


def test_a_configuration_that_failed_leaves_no_mark_on_those_after_it(tmp_path: Path) -> None:
    first, second = (_folder(tmp_path / name) for name in ("a", "b"))

    async def main() -> None:
        clusters = Clusters()
        clusters.source_for(config(f"manifests {first}"))
        await clusters.start()
        clusters.name_anew()
        clusters.source_for(config(f"manifests {tmp_path}/missing"))
        with pytest.raises(ConfigError, match="missing"):
            await clusters.start()
        clusters.name_anew()
        source = clusters.source_for(config(f"manifests {second}"))
        await clusters.start()
        assert source.cluster.services.synced
        await clusters.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("options", "why"),
    [("kubeconfig /nowhere/config", "/nowhere/config: no such kubeconfig"), ("", "not in a cluster")],
)
def test_what_is_no_configuration_of_an_api_server_is_a_mistake(
    options: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    async def main() -> None:
        clusters = Clusters()
        clusters.source_for(config(options))
        with pytest.raises(ConfigError, match=why):
            await clusters.start()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_what_a_failed_configuration_needed_more_is_not_watched(tmp_path: Path) -> None:
    async def main() -> None:
        async with ApiServerDouble() as server:
            options = f"kubeconfig {server.kubeconfig(tmp_path)}"
            clusters = Clusters()
            clusters.source_for(config(options))
            await clusters.start()
            clusters.name_anew()
            clusters.source_for(config(f"{options}\npods verified"))  # and something else in it was wrong
            clusters.name_anew()
            clusters.source_for(config(options))
            await clusters.start()
            await asyncio.sleep(1)
            assert {watch.kind.name for watch in server.watches} == {"Namespace", "Service", "EndpointSlice"}
            assert len(server.lists("services")) == 1
            await clusters.close()

    virtual_time.run(main())


def test_a_reload_that_needs_more_of_a_folder_while_it_is_broken(tmp_path: Path) -> None:
    """What is known stays, and the folder is still looked at."""
    manifest = tmp_path / "cluster.yaml"
    manifest.write_text(MANIFESTS)

    async def main() -> None:
        clusters = Clusters()
        source = clusters.source_for(config(f"manifests {tmp_path}\nnoendpoints"))
        await clusters.start()
        manifest.write_text("kind: [")
        clusters.name_anew()
        clusters.source_for(config(f"manifests {tmp_path}\npods verified"))
        await clusters.start()
        assert source.cluster.services.get("shop", "web") is not None
        manifest.write_text(MANIFESTS.replace("name: web", "name: later"))
        async with asyncio.timeout(20):
            while source.cluster.services.get("shop", "later") is None:  # noqa: ASYNC110 (it is polled)
                await asyncio.sleep(0.02)
        await clusters.close()

    asyncio.run(main())


def test_kinds_of_manifests_come_and_go_as_they_are_needed(tmp_path: Path) -> None:
    (tmp_path / "cluster.yaml").write_text(MANIFESTS)

    async def main() -> None:
        clusters = Clusters()
        for options, kinds in (("pods verified", 4), ("", 3), ("noendpoints", 2), ("pods verified", 4)):
            clusters.name_anew()
            source = clusters.source_for(config(f"manifests {tmp_path}\n{options}"))
            await clusters.start()
            await clusters.drop_all_but(clusters.named)
            (needed,) = clusters.named.values()
            assert [source.cluster.store(kind).synced for kind in needed] == [True] * kinds
        await clusters.close()

    asyncio.run(main())


def test_a_cluster_that_is_dropped_changes_no_more_while_others_lose_kinds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever follows it has let go of it already."""
    folder = _folder(tmp_path / "a")
    still_filled: list[str] = []

    async def end(self: ClusterWatch, kinds: Set[str]) -> None:
        assert kinds == {"Pod"}
        still_filled.extend(task.get_name() for task in asyncio.all_tasks() if "manifests" in task.get_name())

    monkeypatch.setattr(ClusterWatch, "end", end)

    async def main() -> None:
        async with ApiServerDouble() as server:
            options = f"kubeconfig {server.kubeconfig(tmp_path)}"
            clusters = Clusters()
            for each in (f"{options}\npods verified", f"manifests {folder}"):
                clusters.source_for(config(each))
            await clusters.start()
            clusters.name_anew()
            clusters.source_for(config(options))
            await clusters.drop_all_but(clusters.named)
            assert list(clusters.sources) == [origin_of(config(options))]
            await clusters.close()

    virtual_time.run(main())
    assert still_filled == []
