"""The unstructured source: records of objects of any kind, by annotations and templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clusterdns.kube.custom import CustomObject
from clusterdns.kube.manifests import ManifestFolder
from clusterdns.kube.store import Cluster
from externaldns import flags
from externaldns.sources.build import build_sources, kinds_of
from externaldns.sources.source import Source, collect
from externaldns.sources.wanted import WantedRecords
from tests.unit.externaldns.sources.building import NAME, annotated, shown

POOLS = "pools.v1.net.example"


def sources(cluster: Cluster, *arguments: str) -> list[Source]:
    required = ["--source=unstructured", f"--unstructured-resource={POOLS}", "--provider=alibabacloud", "--policy=sync"]
    return build_sources(flags.parse([*required, *arguments], {}).source, cluster)


def pool(name: str = "web", annotations: dict[str, str] | None = None, **content: Any) -> CustomObject:
    document = {"kind": "Pool", "metadata": {"name": name}, **content}
    return CustomObject(
        namespace="shop",
        name=name,
        labels={"app": "front"},
        annotations=annotations or {},
        kind="Pool",
        api_version="net.example/v1",
        content=document,
    )


SPEC = {"addresses": ["10.0.0.1", "fd00::1"], "hosts": [{"name": "a", "ip": "10.0.0.3"}, {"name": "b"}]}
STATUS = {"endpoint": {"address": "db.ex.net."}}
BOTH = annotated(hostname=NAME, target="192.0.2.1,lb.ex.net")
EACH_HOST = "--fqdn-target-template={{range $h := .Spec.hosts}}{{$h.name}}.ex.com:{{$h.ip}},{{end}}"


@pytest.mark.parametrize(
    ("annotations", "arguments", "expected"),
    [
        ({}, [], set()),
        (BOTH, [], {f"{NAME} A 192.0.2.1", f"{NAME} CNAME lb.ex.net"}),
        (annotated(hostname=NAME), [], set()),
        (annotated(target="192.0.2.1"), [], set()),
        (BOTH, ["--ignore-hostname-annotation"], set()),
        (BOTH | annotated(controller="other"), [], set()),
        (BOTH, ["--annotation-filter=no=way"], set()),
        (BOTH, ["--label-filter=app=front"], {f"{NAME} A 192.0.2.1", f"{NAME} CNAME lb.ex.net"}),
        (BOTH, ["--label-filter=app=back"], set()),
        (BOTH, ["--namespace=bank"], set()),
        ({}, ["--fqdn-template={{.Name}}.ex.com"], set()),
        ({}, ["--fqdn-template={{.Name}}.ex.com", "--target-template={{.Status.endpoint.address}}"],
         {f"{NAME} CNAME db.ex.net"}),
        ({}, ["--fqdn-template={{.Kind}}.{{.Labels.app}}.ex.com",
              "--target-template={{range .Spec.addresses}}{{.}},{{end}}"],
         {"pool.front.ex.com A 10.0.0.1", "pool.front.ex.com AAAA fd00::1"}),
        ({}, ["--fqdn-template={{.Object.kind}}.{{.Metadata.name}}.ex.com", "--target-template={{.Spec.missing}}"],
         set()),
        ({}, [EACH_HOST], {"a.ex.com A 10.0.0.3"}),
        (BOTH, [EACH_HOST], {f"{NAME} A 192.0.2.1", f"{NAME} CNAME lb.ex.net"}),
        (BOTH, [EACH_HOST, "--combine-fqdn-annotation"],
         {f"{NAME} A 192.0.2.1", f"{NAME} CNAME lb.ex.net", "a.ex.com A 10.0.0.3"}),
        ({}, [EACH_HOST, "--fqdn-template=x.ex.com", "--target-template=192.0.2.7"], {"a.ex.com A 10.0.0.3"}),
    ],
)  # fmt: skip
def test_records(annotations: dict[str, str], arguments: list[str], expected: set[str]) -> None:
    cluster = Cluster()
    cluster.store(POOLS).replace([pool(annotations=annotations, spec=SPEC, status=STATUS)])
    assert shown(collect(sources(cluster, *arguments)).endpoints) == expected


def test_a_record_has_the_label_that_externaldns_gives_it_and_the_ttl_of_the_object() -> None:
    cluster = Cluster()
    cluster.store(POOLS).replace([pool(annotations=BOTH | annotated(ttl="7"))])
    assert {(each.resource, each.ttl) for each in collect(sources(cluster)).endpoints} == {("pool/shop/web", 7)}


def test_each_resource_is_a_source_and_the_api_server_is_asked_for_it() -> None:
    made = sources(Cluster(), "--unstructured-resource=configmaps.v1")
    assert [source.name for source in made] == ["unstructured", "unstructured"]
    assert kinds_of(made) == {POOLS, "configmaps.v1"}


def test_an_object_for_which_a_template_cannot_be_made_is_named(caplog: pytest.LogCaptureFixture) -> None:
    cluster = Cluster()
    cluster.store(POOLS).replace([pool()])
    asked = sources(cluster, "--fqdn-template=a.ex.com", "--target-template={{index .Spec.addresses 0}}")
    assert collect(asked).endpoints == ()
    assert "pool/shop/web: --target-template can't be made: index 0 is out of range" in caplog.text


def test_the_wanted_records_follow_the_objects() -> None:
    cluster = Cluster()
    wanted = WantedRecords(sources(cluster, "--fqdn-template={{.Name}}.ex.com", "--target-template={{.Spec.ip}}"))
    cluster.store(POOLS).put(pool(spec={"ip": "10.0.0.1"}))
    assert (wanted.take_dirty(), shown(wanted.endpoints().endpoints)) == ({NAME}, {f"{NAME} A 10.0.0.1"})
    cluster.store(POOLS).put(pool(spec={"ip": "10.0.0.2"}))
    assert (wanted.take_dirty(), shown(wanted.endpoints().endpoints)) == ({NAME}, {f"{NAME} A 10.0.0.2"})
    cluster.store(POOLS).delete(("shop", "web"))
    assert (wanted.take_dirty(), shown(wanted.endpoints().endpoints)) == ({NAME}, set())


def test_a_folder_of_manifests(tmp_path: Path) -> None:
    (tmp_path / "pool.yaml").write_text(
        "apiVersion: net.example/v1\nkind: Pool\nmetadata: {name: web, namespace: shop}\nspec: {ip: 10.0.0.1}\n"
    )
    cluster = Cluster()
    asked = sources(cluster, "--fqdn-template={{.Name}}.ex.com", "--target-template={{.Spec.ip}}")
    ManifestFolder(tmp_path, cluster, custom=(POOLS,)).load()
    assert shown(collect(asked).endpoints) == {f"{NAME} A 10.0.0.1"}
