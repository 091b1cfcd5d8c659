"""The base as it is: the real programs start with it, and it has the names that users' other manifests refer to."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
import yaml

from tests.unit.manifests.checks import problems
from tests.unit.manifests.containers import FIELDS, containers
from tests.unit.manifests.documents import BASE, documents, name_of, read_base
from tests.unit.manifests.readme import README, SECRETS, VERSION, blocks
from tests.unit.manifests.rehearsal import MAINS


@pytest.mark.parametrize("addresses", ["192.0.2.10", "2001:db8::10", "192.0.2.10,2001:db8::10"])
def test_the_programs_start_with_it_and_do_what_it_declares(addresses: str) -> None:
    fields = {**FIELDS, "status.hostIPs": addresses, "status.podIPs": addresses}
    assert problems(read_base(), SECRETS, version=VERSION, fields=fields) == []


def test_every_program_is_in_it() -> None:
    assert {container.program for container in containers(documents(read_base()), SECRETS)} == MAINS.keys()


@pytest.mark.parametrize(
    "name",
    [
        ("ServiceAccount", "kube-system", "coredns"),
        ("ClusterRole", "", "system:coredns"),
        ("ClusterRoleBinding", "", "system:coredns"),
        ("ConfigMap", "kube-system", "coredns"),
        ("Deployment", "kube-system", "coredns"),
        ("Service", "kube-system", "kube-dns"),
        ("ServiceAccount", "kube-system", "node-local-dns"),
        ("ConfigMap", "kube-system", "node-local-dns"),
        ("DaemonSet", "kube-system", "node-local-dns"),
        ("Service", "kube-system", "node-local-dns"),
        ("Service", "kube-system", "kube-dns-upstream"),
        ("ClusterRole", "", "external-dns"),
        ("Deployment", "external-dns", "external-dns"),
    ],
)
def test_objects_have_the_names_that_they_take_over(name: tuple[str, str, str]) -> None:
    assert name in {name_of(document) for document in documents(read_base())}


@pytest.mark.parametrize(
    ("kind", "name", "selector", "container"),
    [
        ("Deployment", "coredns", {"k8s-app": "kube-dns"}, "coredns"),
        ("DaemonSet", "node-local-dns", {"k8s-app": "node-local-dns"}, "node-cache"),
    ],
)
def test_what_replaces_an_object_has_its_selector_and_container(
    kind: str, name: str, selector: dict[str, str], container: str
) -> None:
    # A selector can't be changed, and a container of another name would be added instead of replaced.
    (found,) = (each for each in documents(read_base()) if name_of(each)[::2] == (kind, name))
    assert found["spec"]["selector"]["matchLabels"] == selector
    assert [each["name"] for each in found["spec"]["template"]["spec"]["containers"]] == [container]


def test_the_readme_builds_and_patches_what_is_there() -> None:
    overlay = yaml.safe_load(blocks("yaml")[0])
    assert [f"{image['name']}:{VERSION}" for image in overlay["images"]] == [
        f"clusterdns/{program}:{VERSION}" for program in ("nodelocal", "autopath", "externaldns")
    ]
    assert {image["name"] for image in overlay["images"]} == {
        container.spec["image"].partition(":")[0] for container in containers(documents(read_base()), SECRETS)
    }
    names = {name_of(document)[::2] for document in documents(read_base())}
    assert all((patch["target"]["kind"], patch["target"]["name"]) in names for patch in overlay["patches"])
    assert re.findall(r":(\d+\.\d+\.\d+)", README) == [VERSION, VERSION]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
def test_kustomize_makes_the_same_objects_of_it() -> None:
    built = subprocess.run(["kubectl", "kustomize", BASE], capture_output=True, text=True, check=False)
    assert (built.returncode, built.stderr) == (0, "")
    made = {name_of(document): document for document in yaml.safe_load_all(built.stdout)}
    ours = {name_of(document): document for document in documents(read_base())}
    assert made.keys() == ours.keys()
    for name, document in ours.items():
        assert made[name].get("spec") == document.get("spec")
        assert made[name].get("data") == document.get("data")
