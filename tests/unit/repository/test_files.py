"""Every file keeps the rules of CONTRIBUTING.md that a program can check."""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
from pathlib import Path, PurePosixPath

import pytest

from tests.unit.repository import tree

CHECKED = (*tree.SHIPPED, "bench", "docs")
MODULES = tree.modules(CHECKED)
LINES = 400
NOT_AN_IDEA = {"utils", "util", "common", "helpers", "helper", "manager", "managers", "misc"}
# Written so that they do not match themselves.
_MACHINE = re.compile(r"(?<![\w.~-])/(?:work|root|home|Users)/[\w.]|/tmp/(?:team|bash)")
_REGISTRY = re.compile(r"\b(?:[\w-]+\.)*(?:pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|crates\.io)\b")


def problems_of_module(path: PurePosixPath, source: str) -> list[str]:
    """What a module breaks: its length, its name, its docstring."""
    found = []
    if len(source.splitlines()) >= LINES:
        found.append(f"{path} has {LINES} lines or more")
    words = {word for part in (*path.parts[:-1], path.stem) for word in part.lower().split("_")}
    if vague := words & NOT_AN_IDEA:
        found.append(f"{path}: {vague.pop()} names no idea")
    if not has_docstring(source):
        found.append(f"{path} has no docstring")
    return found


def has_docstring(source: str) -> bool:
    """Whether the module begins with a text."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    first = next(token for token in tokens if token.type not in (tokenize.COMMENT, tokenize.NL))
    return first.type == tokenize.STRING


def problems_of_text(path: PurePosixPath, text: str) -> list[str]:
    """Places that exist on one machine only, and the hosts of package registries."""
    return [
        f"{path}:{number}: {match[0]}"
        for number, line in enumerate(text.splitlines(), 1)
        for pattern in (_MACHINE, _REGISTRY)
        if (match := pattern.search(line))
    ]


def test_there_is_something_to_check() -> None:
    assert {path.parts[0] for path in MODULES} >= set(tree.SHIPPED)
    assert len(MODULES) > 100


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_module(path: PurePosixPath) -> None:
    assert problems_of_module(path, tree.text(path)) == []


@pytest.mark.parametrize(
    ("path", "source", "problems"),
    [
        ("clusterdns/a.py", '"""A."""\n', 0),
        ("clusterdns/a.py", "x = 1\n", 1),
        ("clusterdns/__init__.py", "", 1),
        ("clusterdns/a.py", '"""A."""\n' + "\n" * 398, 0),
        ("clusterdns/a.py", '"""A."""\n' + "\n" * 399, 1),
        ("clusterdns/dns_utils.py", '"""A."""\n', 1),
        ("clusterdns/common/a.py", '"""A."""\n', 1),
        ("clusterdns/uncommon.py", '"""A."""\n', 0),
        ("clusterdns/Manager.py", "x = 1\n" * 400, 3),
    ],
)
def test_the_check_of_modules_sees(path: str, source: str, problems: int) -> None:
    assert len(problems_of_module(PurePosixPath(path), source)) == problems


def test_names_of_tests() -> None:
    names = [path for path in tree.modules(("tests",)) if NOT_AN_IDEA & set(path.stem.lower().split("_"))]
    assert names == []


def test_no_machine_and_no_registry() -> None:
    assert [problem for path in tree.files() for problem in problems_of_text(path, tree.text(path))] == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("see /" + "work/main", True),
        ("PYTHON=/" + "root/.pyenv/bin/python", True),
        ("'/" + "home/me/x'", True),
        ("/" + "tmp/team/x", True),
        ("https://files.python" + "hosted.org/packages", True),
        ("index = https://py" + "pi.org/simple", True),
        ("-conf /tmp/C", False),
        ("https://example.com/work/x", False),
        ("~/work/x", False),
        ("/rooted", False),
    ],
)
def test_the_check_of_text_sees(line: str, found: bool) -> None:
    assert bool(problems_of_text(PurePosixPath("a"), f"first\n{line}\n")) is found


def test_a_tree_without_git_has_the_same_rules(tmp_path: Path) -> None:
    for name in ("a.py", "b/c.py", ".venv/x.py", "b/__pycache__/c.pyc", "a.egg-info/y", "b/.hidden"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / ".gitignore").write_text(".venv/\n__pycache__/\n*.egg-info/\n")
    assert [str(path) for path in tree.files(tmp_path)] == [".gitignore", "a.py", "b/.hidden", "b/c.py"]


@pytest.mark.skipif(not tree.HAS_GIT, reason="needs git")
def test_git_says_what_belongs_to_the_tree(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("")
    (tmp_path / "gone.py").write_text("")
    (tmp_path / "stray.py").write_text("")
    for command in (["init", "-q"], ["add", "a.py", "gone.py"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    (tmp_path / "gone.py").unlink()
    assert [str(path) for path in tree.files(tmp_path)] == ["a.py"]
