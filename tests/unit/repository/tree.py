"""The repository's files: those that git knows, or, in an unpacked source archive, all that .gitignore lets through."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).parents[3]
HAS_GIT = shutil.which("git") is not None
SHIPPED = ("clusterdns", "nodelocal", "autopath", "externaldns")
"""The folders that are installed."""


def files(root: Path = ROOT) -> list[PurePosixPath]:
    """The files below `root`, relative to it."""
    known = _known_to_git(root)
    found = _walked(root) if known is None else known
    return sorted(PurePosixPath(name) for name in found if (root / name).is_file())


def modules(folders: Sequence[str]) -> list[PurePosixPath]:
    """The Python modules in these folders."""
    return [path for path in files() if path.parts[0] in folders and path.suffix == ".py"]


def text(path: PurePosixPath | str) -> str:
    """What a file says; bytes that are no UTF-8 are replaced."""
    return (ROOT / path).read_text("utf-8", errors="replace")


def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads(text("pyproject.toml"))


def _known_to_git(root: Path) -> list[str] | None:
    if not (root / ".git").exists() or not HAS_GIT:
        return None
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=False)
    # git refuses a folder of another user, as in a container that mounts one.
    return None if listing.returncode else [name for name in listing.stdout.split("\0") if name]


def _walked(root: Path) -> Iterator[str]:
    ignored = [".git", *(line.rstrip("/") for line in (root / ".gitignore").read_text("utf-8").split())]
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not _matches(name, ignored)]
        for name in names:
            if not _matches(name, ignored):
                yield Path(folder, name).relative_to(root).as_posix()


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)
