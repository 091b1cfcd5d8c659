"""A folder of manifests: what is taken, what is refused and where the mistake is said to be, and reloading."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from clusterdns.errors import ConfigError
from clusterdns.kube.manifests import ManifestFolder
from clusterdns.kube.objects import Service
from clusterdns.kube.store import Cluster
from tests.support import virtual_time

WEB = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.1.10, ports: [{name: http, port: 80}]}
"""
SLICE = """\
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-a, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [10.244.2.20]}]
"""
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: team}
spec: {nodeName: node-a, containers: [{name: c, image: i}]}
status:
  {phase: Running, podIP: 127.0.0.21, podIPs: [{ip: 127.0.0.21}, {ip: "FD00::1"}], startTime: 2026-11-22T00:50:22Z}
"""
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {a: b}}\n"
OTHER = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
JSON = '{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-a"}}'


def folder(path: Path, **files: str) -> Path:
    for name, text in files.items():
        (path / name.replace("_", ".")).write_text(text)
    return path


def names(cluster: Cluster) -> dict[str, list[str]]:
    kinds = ("Namespace", "Service", "EndpointSlice", "Pod", "Node")
    return {kind: sorted(each.name for each in cluster.store(kind)) for kind in kinds}


def test_everything_in_a_folder(tmp_path: Path) -> None:
    folder(
        tmp_path,
        a_yaml=f"---\n{WEB}---\n{SLICE}---\n# nothing\n---\n{OTHER}",
        b_yml=POD,
        c_json=JSON,
        d_yaml=f"apiVersion: v1\nkind: List\nitems:\n- {NAMESPACE.replace(chr(10), chr(10) + '  ')}",
        README_md="not a manifest",
        _hidden_yaml="{broken",
        empty_yaml="",
    )
    cluster = Cluster()
    ManifestFolder(tmp_path, cluster).load()
    assert names(cluster) == {
        "Namespace": ["shop", "team"],
        "Service": ["web"],
        "EndpointSlice": ["web-a"],
        "Pod": ["client"],
        "Node": ["node-a"],
    }
    pod = cluster.pods.get("team", "client")
    assert pod is not None
    assert (pod.ips, pod.phase, pod.started) == (("127.0.0.21", "fd00::1"), "Running", "2026-11-22T00:50:22Z")
    shop = cluster.namespaces.get("", "shop")
    assert shop is not None
    assert shop.labels == {"a": "b"}
    assert all(
        store.synced
        for store in (cluster.namespaces, cluster.services, cluster.endpoint_slices, cluster.pods, cluster.nodes)
    )


def test_empty_folder_is_an_empty_cluster(tmp_path: Path) -> None:
    cluster = Cluster()
    ManifestFolder(tmp_path, cluster).load()
    assert cluster.services.synced
    assert not any(names(cluster).values())


# File name, content, what the error says after the folder's path.
MISTAKES: list[tuple[str, str, str]] = [
    ("a.yaml", WEB + "---\n\n" + WEB.replace("80", "'80'"),
     "a.yaml:7:1: Service web: spec.ports[0].port: expected `int`, got `str`"),
    ("a.yaml", "kind: Service\n", "a.yaml:1:1: apiVersion is missing"),
    ("a.yaml", "# a comment\njust text\n", "a.yaml:2:1: expected an object with apiVersion and kind, got text"),
    ("a.yaml", "a: [1,\nb: 2\n", "a.yaml:3:1: not YAML: while parsing a flow sequence: did not find expected ','"),
    ("a.yaml", "a:\n\t- b\n", "a.yaml:2:1: not YAML: while scanning for the next token: found character that cannot"),
    ("a.yaml", "a: !!python/object:os.system x\n", "a.yaml:1:4: not YAML: could not determine a constructor"),
    ("a.yaml", 'a: !!int ""\n', "a.yaml:1:1: not YAML: "),
    ("a.yaml", "a: !!timestamp x\n", "a.yaml:1:1: not YAML: "),
    ("a.yaml", "a: *b\n", "a.yaml:1:4: not YAML: found undefined alias"),
    ("a.yaml", "[" * 100_000 + "]" * 100_000, "a.yaml:1:101: not YAML: nested more than 100 deep"),
    ("a.yaml", WEB + "---\n" + WEB, "a.yaml:6:1: Service shop/web is already in {folder}/a.yaml:1; remove one of them"),
    ("a.json", '{"kind":\n}', "a.json:2:1: not JSON: Expecting value"),
    ("a.json", "[" * 100_000, "a.json:1:1: not usable JSON: "),
    ("a.json", "", "a.json:1:1: not JSON: Expecting value"),
    ("a.json", "[]", "a.json:1:1: expected an object with apiVersion and kind, got a list"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "message"), MISTAKES)
def test_mistakes(tmp_path: Path, name: str, text: str, message: str) -> None:
    folder(tmp_path, z_yaml=SLICE)
    cluster = Cluster()
    manifests = ManifestFolder(tmp_path, cluster)
    manifests.load()
    (tmp_path / name).write_text(text)
    before = names(cluster)
    with pytest.raises(ConfigError) as raised:
        manifests.load()
    assert f"{tmp_path}/{message.format(folder=tmp_path)}" in str(raised.value)
    assert names(cluster) == before


def test_same_object_in_two_files(tmp_path: Path) -> None:
    folder(tmp_path, a_yaml=WEB, b_yaml=f"---\n{OTHER}---\n{WEB}")
    with pytest.raises(ConfigError) as raised:
        ManifestFolder(tmp_path, Cluster()).load()
    assert str(raised.value) == (
        f"{tmp_path}/b.yaml:6:1: Service shop/web is already in {tmp_path}/a.yaml:1; remove one of them"
    )


def test_files_that_can_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to(tmp_path / "gone")
    with pytest.raises(ConfigError, match=r"a\.yaml: can't read the manifest: No such file or directory"):
        ManifestFolder(tmp_path, Cluster()).load()
    (tmp_path / "a.yaml").unlink()
    (tmp_path / "b.yaml").write_bytes(b"a: \xff\n")
    with pytest.raises(ConfigError, match=r"b\.yaml: not UTF-8 text: invalid start byte at byte 3"):
        ManifestFolder(tmp_path, Cluster()).load()


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="gone: can't read the manifest folder: No such file or directory"):
        ManifestFolder(tmp_path / "gone", Cluster()).load()


def test_address_that_is_none_is_left_out_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder(tmp_path, a_yaml=OTHER + "---\n" + WEB.replace("10.96.1.10", "10.96.1.300"))
    cluster = Cluster()
    ManifestFolder(tmp_path, cluster).load()
    web = cluster.services.get("shop", "web")
    assert isinstance(web, Service)
    assert web.cluster_ips == ()
    assert caplog.messages == [
        f"{tmp_path}/a.yaml:5: Service shop/web: spec.clusterIPs: '10.96.1.300' is not an IP address"
    ]


# Reloading. Between two polls the test changes the folder; a poll happens when the watch sleeps.

Change = Callable[[Path], object]
TWO = WEB + "---\n" + WEB.replace("name: web", "name: two")
BROKEN = "kind: Service\n"


def same_size_and_time(path: Path) -> None:
    """What `kubectl cp` and rsync do: another file of the same size with the old time."""
    times = (path / "a.yaml").stat()
    replacement = path / ".new"
    replacement.write_text(WEB.replace("name: web", "name: bew"))
    os.utime(replacement, ns=(times.st_atime_ns, times.st_mtime_ns))
    replacement.rename(path / "a.yaml")


# What happens between polls, then the services after it, then how many errors were logged in all.
RELOADS: list[tuple[str, list[Change], list[str], int]] = [
    ("nothing happens", [lambda path: None], ["web"], 0),
    ("a file is changed", [lambda path: (path / "a.yaml").write_text(TWO)], ["two", "web"], 0),
    ("a file is added", [lambda path: (path / "b.yaml").write_text(WEB.replace("web", "b"))], ["b", "web"], 0),
    ("a file goes", [lambda path: (path / "a.yaml").unlink()], [], 0),
    ("a file is replaced, same size and time", [same_size_and_time], ["bew"], 0),
    ("a mistake keeps the previous state, and is told once",
     [lambda path: (path / "b.yaml").write_text(BROKEN), lambda path: None, lambda path: None], ["web"], 1),
    ("a mistake is put right",
     [lambda path: (path / "a.yaml").write_text(BROKEN), lambda path: (path / "a.yaml").write_text(TWO)],
     ["two", "web"], 1),
    ("another mistake is told too",
     [lambda path: (path / "a.yaml").write_text(BROKEN), lambda path: (path / "a.yaml").write_text(BROKEN * 2)],
     ["web"], 2),
    ("the folder goes", [lambda path: path.rename(path.with_name("away")), lambda path: None], ["web"], 1),
    ("the folder comes back",
     [lambda path: path.rename(path.with_name("away")), lambda path: path.with_name("away").rename(path)], ["web"], 1),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "services", "errors"), [row[1:] for row in RELOADS], ids=[r[0] for r in RELOADS])
def test_reloading(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, changes: list[Change], services: list[str], errors: int
) -> None:
    path = tmp_path / "manifests"
    path.mkdir()
    folder(path, a_yaml=WEB)
    cluster = Cluster()
    manifests = ManifestFolder(path, cluster)
    manifests.load()
    remaining = list(changes)

    async def change_instead_of_sleeping(seconds: float) -> None:
        if not remaining:
            raise asyncio.CancelledError
        remaining.pop(0)(path)

    with pytest.raises(asyncio.CancelledError):
        virtual_time.run(manifests.watch(sleep=change_instead_of_sleeping))
    assert names(cluster)["Service"] == services
    told = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert len(told) == errors
    assert all("the previous ones stay" in each.getMessage() for each in told)


def test_reload_tells_listeners_only_differences(tmp_path: Path) -> None:
    folder(tmp_path, a_yaml=TWO)
    cluster = Cluster()
    manifests = ManifestFolder(tmp_path, cluster)
    manifests.load()
    heard: list[tuple[str, str]] = []
    cluster.services.subscribe(lambda old, new: heard.append((old.name if old else "", new.name if new else "")))
    heard.clear()
    (tmp_path / "a.yaml").write_text(WEB)
    manifests.load()
    assert heard == [("two", "")]
