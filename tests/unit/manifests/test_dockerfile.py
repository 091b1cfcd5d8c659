"""The Dockerfile: its images are those of the manifests, and each starts the program that it is named after.

No image is built here: that takes a daemon and a network. hadolint reads it, and what it copies and pins is compared
with the repository.
"""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.unit.manifests.containers import containers
from tests.unit.manifests.documents import ROOT, documents, read_base
from tests.unit.manifests.readme import SECRETS

_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
_TEXT = (ROOT / "Dockerfile").read_text()


class Stage(NamedTuple):
    """One FROM and what follows it; `lines` are (instruction, rest), continued lines joined."""

    base: str
    name: str
    lines: list[tuple[str, str]]


def _stages() -> list[Stage]:
    stages: list[Stage] = []
    text = re.sub(r"^#.*\n", "", _TEXT, flags=re.MULTILINE).replace("\\\n", " ")
    for line in filter(None, text.splitlines()):
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(base, name, []))
        else:
            stages[-1].lines.append((instruction, rest))
    return stages


_STAGES = {stage.name: stage for stage in _stages()}
_PROGRAMS = sorted({container.program for container in containers(documents(read_base()), SECRETS)})


def _lineage(name: str) -> list[tuple[str, str]]:
    """The instructions of a stage behind those of the stages that it is made from."""
    stage = _STAGES.get(name)
    return [] if stage is None else [*_lineage(stage.base), *stage.lines]


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("program", _PROGRAMS)
def test_each_image_of_the_manifests_is_a_target_that_starts_its_program(program: str) -> None:
    entries = [json.loads(rest) for instruction, rest in _lineage(program) if instruction == "ENTRYPOINT"]
    assert entries == [[program]]
    assert program in _PROJECT["project"]["scripts"]
    assert f"--target {program} " in _TEXT


@pytest.mark.parametrize("program", _PROGRAMS)
def test_no_image_runs_as_root(program: str) -> None:
    users = [rest for instruction, rest in _lineage(program) if instruction == "USER"]
    # A number: Kubernetes can't tell of a name that it is not root's (runAsNonRoot).
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])


def test_nodelocals_image_has_the_program_that_it_runs() -> None:
    installed = [rest for instruction, rest in _lineage("nodelocal") if instruction == "RUN" and "apt-get" in rest]
    assert [re.search(r"install [^&]*\bnftables\b", each) is not None for each in installed] == [True]


def test_the_programs_run_on_a_python_that_they_support() -> None:
    bases = {stage.base for stage in _STAGES.values()} - _STAGES.keys()
    (base,) = bases
    version = re.fullmatch(r"python:3\.(\d+)-slim", base)
    assert version is not None, base
    least = int(_PROJECT["project"]["requires-python"].removeprefix(">=3."))
    assert int(version[1]) >= least


def test_what_is_copied_is_there_and_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copied = [
        source
        for stage in _STAGES.values()
        for instruction, rest in stage.lines
        if instruction in ("COPY", "ADD") and not rest.startswith("--from=")
        for source in rest.split()[:-1]
    ]
    assert sorted(copied) == sorted(line[1:] for line in ignored if line.startswith("!"))
    assert [source for source in copied if not (ROOT / source).exists()] == []
    packages = {package.partition(".")[0] for package in _PROJECT["tool"]["setuptools"]["packages"]}
    assert packages <= set(copied)
    assert {_PROJECT["project"]["readme"], *_PROJECT["project"]["license-files"], "pyproject.toml"} <= set(copied)
    assert [line for line in ignored if not line.startswith(("!", "#"))] == ["*", "**/__pycache__"]
    assert not any(fnmatch.fnmatch(source, "*__pycache__*") for source in copied)


def test_everything_installed_is_pinned_with_hashes() -> None:
    commands = [
        command.strip()
        for _, rest in _STAGES["build"].lines
        for command in rest.split("&&")
        if re.match(r"\s*pip ", command)
    ]
    assert len(commands) == 4
    for command in commands:
        # From a locked list, or nothing but what was built here.
        assert "--require-hashes" in command or "--no-deps" in command, command
        assert "wheel" not in command.split()[1] or "--no-build-isolation" in command, command
    assert re.search(r"https?:|--(extra-)?index-url|--trusted-host", _TEXT) is None


def test_the_build_takes_setuptools_from_the_lock() -> None:
    # The Dockerfile's own sed, on the lock as it is.
    command = re.search(r"sed -n ('[^']*') requirements-dev.lock", _TEXT)
    assert command is not None
    pinned = subprocess.run(
        ["sed", "-n", command[1].strip("'"), ROOT / "requirements-dev.lock"], capture_output=True, text=True, check=True
    ).stdout
    assert re.fullmatch(r"setuptools==[\d.]+ \\\n( +--hash=sha256:[0-9a-f]{64}( \\)?\n)+ +# via .*\n", pinned)
    least = _PROJECT["build-system"]["requires"][0].removeprefix("setuptools>=")
    assert int(pinned.removeprefix("setuptools==").partition(".")[0]) >= int(least)
