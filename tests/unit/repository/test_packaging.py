"""What is installed is what the tree has, under the version that it says, from locked and hashed requirements."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import clusterdns
from tests.unit.repository import tree

PROJECT = tree.project()
LOCKS = ("requirements.lock", "requirements-dev.lock")
NEEDED = {
    "requirements.lock": PROJECT["project"]["dependencies"],
    "requirements-dev.lock": [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]],
}
_PIN = re.compile(r"([A-Za-z0-9._-]+)==([^\s;]+)(?: ; [^\\]+)?((?: --hash=sha256:[0-9a-f]{64})+)")


def packages(paths: Iterable[PurePosixPath]) -> list[str]:
    """The packages among these files, as pyproject.toml names them."""
    return sorted(".".join(path.parent.parts) for path in paths if path.name == "__init__.py")


def problems_of_lock(text: str) -> list[str]:
    """Lines of a lock that are not one version of one name, with hashes: addresses, options, bare names."""
    return [line for line in _requirements(text) if not _PIN.fullmatch(line)]


def pins(text: str) -> dict[str, list[str]]:
    """The versions in a lock, by canonical name: several where they differ by platform or Python."""
    found: dict[str, list[str]] = {}
    for line in _requirements(text):
        if match := _PIN.fullmatch(line):
            found.setdefault(canonicalize_name(match[1]), []).append(match[2])
    return found


def unmet(needed: Iterable[str], pinned: Mapping[str, list[str]]) -> list[str]:
    """The requirements that no version of the lock, or a wrong one, satisfies."""
    requirements = [Requirement(line) for line in needed]
    return [
        str(each)
        for each in requirements
        if not (versions := pinned.get(canonicalize_name(each.name)))
        or not all(each.specifier.contains(version, prereleases=True) for version in versions)
    ]


def _requirements(text: str) -> list[str]:
    """The lock's logical lines: continued ones joined, comments and empty ones left out."""
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    return [line.rstrip() for line in joined.splitlines() if line.strip()]


def test_packages_are_those_of_the_tree() -> None:
    assert sorted(PROJECT["tool"]["setuptools"]["packages"]) == packages(tree.modules(tree.SHIPPED))


def test_every_module_is_in_a_package() -> None:
    known = set(PROJECT["tool"]["setuptools"]["packages"])
    assert [path for path in tree.modules(tree.SHIPPED) if ".".join(path.parent.parts) not in known] == []


def test_types_are_shipped() -> None:
    for package, patterns in PROJECT["tool"]["setuptools"]["package-data"].items():
        assert [pattern for pattern in patterns if not list((tree.ROOT / package).glob(pattern))] == []


@pytest.mark.parametrize(("script", "target"), PROJECT["project"]["scripts"].items())
def test_console_script(script: str, target: str) -> None:
    module, _, function = target.partition(":")
    assert function == "main", script
    assert callable(getattr(importlib.import_module(module), function))


def test_one_version() -> None:
    assert PROJECT["project"]["version"] == clusterdns.__version__


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_is_pinned_and_hashed(lock: str) -> None:
    assert problems_of_lock(tree.text(lock)) == []
    assert "://" not in tree.text(lock)


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_has_what_the_project_needs(lock: str) -> None:
    assert unmet(NEEDED[lock], pins(tree.text(lock))) == []


def test_tests_run_with_what_is_shipped() -> None:
    shipped, tested = (pins(tree.text(lock)) for lock in LOCKS)
    assert {name: versions for name, versions in shipped.items() if tested.get(name) != versions} == {}


_HASH = f" \\\n    --hash=sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (f"a==1{_HASH}{_HASH}\n    # via b\n", 0),
        (f"a==1 ; python_full_version < '3.12'{_HASH}\n", 0),
        ("a==1\n", 1),
        (f"a>=1{_HASH}\n", 1),
        (f"a==1 \\\n    --hash=md5:{'a' * 32}\n", 1),
        (f"--index-url https://packages.example/simple\na==1{_HASH}\n", 1),
        ("--find-links wheels\n-e .\n", 2),
        (f"a @ https://packages.example/a.whl{_HASH}\n", 1),
    ],
)
def test_the_check_of_locks_sees(text: str, problems: int) -> None:
    assert len(problems_of_lock(text)) == problems


@pytest.mark.parametrize(
    ("needed", "missing"),
    [("A.b>=1,<3", 0), ("a_b", 0), ("a-b>=2", 1), ("c", 1), ("a-b[x]>=1", 0), ("a-b<1", 1)],
)
def test_the_check_of_needs_sees(needed: str, missing: int) -> None:
    assert len(unmet([needed], pins(f"a-b==1.5{_HASH}\na-b==2.5 ; os_name == 'nt'{_HASH}\n"))) == missing


def test_the_list_of_packages_sees() -> None:
    paths = map(PurePosixPath, ("a/__init__.py", "a/b/__init__.py", "a/c/d.py"))
    assert packages(paths) == ["a", "a.b"]
