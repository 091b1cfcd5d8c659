"""The resolvers: programs that look one name up and print "MICROSECONDS ADDRESS...", built where they have to be."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Resolver:
    """`command` without the name; `options` are those of its resolv.conf, next to ndots."""

    name: str
    command: tuple[str, ...]
    options: str = ""


def resolvers(folder: Path, *, runtimes: bool) -> tuple[list[Resolver], list[str]]:
    """Build all that can be built into `folder`, with `runtimes` those of languages, too.

    Returns them, and the Debian packages of those that are not installed.
    """
    found, missing = [], []
    if _have("gcc"):
        glibc = _build(folder / "glibc", "gcc", "-O1", "-o", folder / "glibc", _HERE / "resolve.c")
        found.append(Resolver("glibc", glibc))
        for option in ("single-request", "single-request-reopen"):
            found.append(Resolver(f"glibc, {option}", glibc, option))
    else:
        missing.append("gcc")
    if _have("musl-gcc"):
        musl = _build(folder / "musl", "musl-gcc", "-O1", "-static", "-o", folder / "musl", _HERE / "resolve.c")
        found.append(Resolver("musl", musl))
    else:
        missing.append("musl-tools")
    python = (sys.executable, str(_HERE / "resolve.py"))
    if _have("getent"):
        for option in ("single-request", "single-request-reopen"):
            found.append(Resolver(f"getent, {option}", (*python, "getent"), option))
    found.append(Resolver("Python", (*python, "socket")))
    found.append(Resolver("c-ares (aiodns)", (*python, "cares")))
    if runtimes:
        for resolver, package in ((_go, "golang-go"), (_java, "default-jdk-headless"), (_node, "nodejs")):
            built = resolver(folder)
            if built is None:
                missing.append(package)
            else:
                found.append(built)
    return found, missing


def _go(folder: Path) -> Resolver | None:
    if not _have("go"):
        return None
    environment = {"CGO_ENABLED": "0", "GOCACHE": str(folder / "go-cache")}
    return Resolver(
        "Go", _build(folder / "go", "go", "build", "-o", folder / "go", _HERE / "resolve.go", **environment)
    )


def _java(folder: Path) -> Resolver | None:
    if not (_have("javac") and _have("java")):
        return None
    _build(folder, "javac", "-d", folder, _HERE / "Resolve.java")
    return Resolver("Java", ("java", "-cp", str(folder), "Resolve"))


def _node(folder: Path) -> Resolver | None:
    return Resolver("Node", ("node", str(_HERE / "resolve.js"))) if _have("node") else None


def _have(program: str) -> bool:
    return shutil.which(program) is not None


def _build(result: Path, *command: str | Path, **environment: str) -> tuple[str, ...]:
    subprocess.run(["env", *(f"{name}={value}" for name, value in environment.items()), *command], check=True)
    return (str(result),)
