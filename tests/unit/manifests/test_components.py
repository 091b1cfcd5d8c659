"""The components for externaldns's other sources: with each, and with all, the program may do what it does."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from tests.unit.manifests.checks import problems
from tests.unit.manifests.documents import BASE, Sources, documents, name_of, read_base
from tests.unit.manifests.readme import SECRETS, VERSION, blocks

COMPONENTS = BASE.parent / "components"
NAMES = sorted(path.name for path in COMPONENTS.iterdir())
SOURCES = {
    "externaldns-crd": ["crd"],
    "externaldns-gateway": ["gateway-httproute", "gateway-grpcroute"],
    "externaldns-ingress": ["ingress"],
}
_RBAC, _DEPLOYMENT, _KUSTOMIZATION = "rbac.yaml", "externaldns.yaml", "kustomization.yaml"


def component(name: str) -> dict[str, str]:
    """The files of a component."""
    return {path.name: path.read_text("utf-8") for path in sorted((COMPONENTS / name).iterdir())}


def with_components(parts: dict[str, dict[str, str]], *, rights: bool = True, flags: bool = True) -> Sources:
    """The base's files as they are with components: their resources beside it, their arguments in its Deployment."""
    sources = read_base()
    for name, files in parts.items():
        kustomization = yaml.safe_load(files[_KUSTOMIZATION])
        assert kustomization["resources"] == [_RBAC]
        if rights:
            sources[f"{name}.yaml"] = files[_RBAC]
            sources[_KUSTOMIZATION] = sources[_KUSTOMIZATION].replace("resources:\n", f"resources:\n- {name}.yaml\n", 1)
        if flags:
            sources[_DEPLOYMENT] = yaml.safe_dump_all(
                _patched(list(yaml.safe_load_all(sources[_DEPLOYMENT])), kustomization["patches"])
            )
    return sources


def _patched(objects: Sequence[dict[str, object]], patches: Sequence[dict[str, object]]) -> Sequence[object]:
    """RFC 6902's `add` to the end of a list is all that the components use."""
    for patch in patches:
        [target] = [each for each in objects if name_of(each)._asdict() == patch["target"]]
        for operation in yaml.safe_load(str(patch["patch"])):
            assert operation["op"] == "add"
            place: object = target
            for step in operation["path"].removeprefix("/").removesuffix("/-").split("/"):
                place = place[int(step)] if isinstance(place, list) else place[step]  # type: ignore[index]
            assert isinstance(place, list)
            place.append(operation["value"])
    return objects


CHOICES = [list(some) for count in (1, 2, 3) for some in itertools.combinations(NAMES, count)]


@pytest.mark.parametrize("names", CHOICES, ids="+".join)
def test_with_any_of_them_the_program_may_do_what_it_does_and_no_more(names: list[str]) -> None:
    sources = with_components({name: component(name) for name in names})
    assert problems(sources, SECRETS, version=VERSION) == []
    [deployment] = [each for each in documents(sources) if name_of(each)[::2] == ("Deployment", "external-dns")]
    arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    asked = [argument.partition("=")[2] for argument in arguments if argument.startswith("--source=")]
    assert asked == ["service", *(source for name in names for source in SOURCES[name])]


@pytest.mark.parametrize("name", NAMES)
def test_neither_half_of_a_component_does_without_the_other(name: str) -> None:
    files = {name: component(name)}
    without_rights = problems(with_components(files, rights=False), SECRETS, version=VERSION)
    assert any("external-dns may not list" in problem for problem in without_rights)
    without_flags = problems(with_components(files, flags=False), SECRETS, version=VERSION)
    assert any("which its program does not do" in problem for problem in without_flags)


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("externaldns-crd", "[dnsendpoints/status]", "[dnsendpoints/scale]", "may not patch dnsendpoints/status.e"),
        ("externaldns-crd", "[patch]", "[patch, update]", "may update dnsendpoints/status.ext"),
        ("externaldns-gateway", "[namespaces]", "[secrets]", "external-dns may list secrets., which"),
        ("externaldns-ingress", "networking.k8s.io", "extensions", "may not watch ingresses.networking.k8s.io"),
        ("externaldns-ingress", "  name: external-dns\n", "  name: external\n", "one of them is not used here"),
        ("externaldns-ingress", "  name: external-dns-ingress\nrules", "  name: external\nrules", "nobody is bound to"),
    ],
)  # fmt: skip
def test_what_is_broken_is_told(name: str, old: str, new: str, told: str) -> None:
    files = component(name)
    assert old in files[_RBAC], "this row changes nothing"
    broken = {name: files | {_RBAC: files[_RBAC].replace(old, new)}}
    found = problems(with_components(broken), SECRETS, version=VERSION)
    assert any(told in problem for problem in found), found


def test_the_readme_names_them_all() -> None:
    [listed] = [found for block in blocks("yaml") if (found := yaml.safe_load(block)).keys() == {"components"}]
    assert listed["components"] == [f"components/{name}" for name in NAMES]


def test_the_lease_is_the_only_one_that_may_be_changed() -> None:
    [role] = [each for each in documents(read_base()) if each["kind"] == "Role"]
    bounded = [rule.get("resourceNames") for rule in role["rules"] if set(rule["verbs"]) & {"get", "update"}]
    assert bounded == [["external-dns"]], "by name: a Lease of somebody else's is not ours to read or change"


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
def test_kustomize_makes_the_same_of_them(tmp_path: Path) -> None:
    shutil.copytree(BASE.parent, tmp_path / "kustomize")
    overlay = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["base"],
        "components": [f"components/{name}" for name in NAMES],
    }
    (tmp_path / "kustomize" / _KUSTOMIZATION).write_text(yaml.safe_dump(overlay))
    command = ["kubectl", "kustomize", str(tmp_path / "kustomize")]
    built = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (built.returncode, built.stderr) == (0, "")
    made = {name_of(document): document for document in yaml.safe_load_all(built.stdout)}
    ours = {name_of(each): each for each in documents(with_components({name: component(name) for name in NAMES}))}
    assert made.keys() == ours.keys()
    for name, document in ours.items():
        assert made[name].get("spec") == document.get("spec")
        assert made[name].get("rules") == document.get("rules")
