"""The examples load with the real programs' parsers and the environment that the demo sets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

import autopath.service
import nodelocal.service
from clusterdns.corefile.parse import parse
from clusterdns.demo.suite import Suite
from clusterdns.directives.config import kubernetes
from clusterdns.directives.config.server import ServerConfig, load
from clusterdns.errors import ConfigError
from clusterdns.kube.manifests import ManifestFolder
from clusterdns.kube.store import Cluster
from tests.unit.repository import markdown, tree

COREFILES = {
    "autopath": ("examples/autopath.Corefile", autopath.service.DIRECTIVES),
    "nodelocal": ("examples/nodelocal.Corefile", nodelocal.service.DIRECTIVES),
}


def load_for(program: str, environment: Mapping[str, str]) -> tuple[ServerConfig, ...]:
    path, known = COREFILES[program]
    return load(parse(tree.text(path), path, environ=environment), known)


def environment_of(program: str, folder: Path) -> dict[str, str]:
    """What the demo, which is not started, would start the program with."""
    suite = Suite(folder)
    asyncio.run(suite.stop())  # its Internet holds sockets from the start
    return {"autopath": suite.autopath, "nodelocal": suite.nodelocal}[program]._environment


@pytest.mark.parametrize("program", COREFILES)
def test_corefile(program: str, tmp_path: Path) -> None:
    environment = environment_of(program, tmp_path)
    ports = {int(value) for name, value in environment.items() if re.fullmatch(r"DEMO_\w+_PORT", name)}
    assert set(re.findall(r"\{\$(\w+)\}", tree.text(COREFILES[program][0]))) <= set(environment)
    servers = load_for(program, environment)
    assert all(server.addresses == ("127.0.0.1",) for server in servers)
    assert {key.port for server in servers for key in server.keys} <= ports


@pytest.mark.parametrize("program", COREFILES)
def test_a_corefile_needs_its_environment(program: str) -> None:
    with pytest.raises(ConfigError):
        load_for(program, {})


def test_the_corefile_of_readme() -> None:
    (example,) = markdown.fenced(tree.text("README.md"), "corefile")
    (server,) = load(parse(example, "README.md", environ={}), autopath.service.DIRECTIVES)
    config = server.one(kubernetes.Config)
    assert config is not None
    assert config.manifests == "examples/cluster"


def test_there_is_no_other_corefile() -> None:
    found = {str(path) for path in tree.files() if path.suffix == ".Corefile"}
    assert found == {path for path, _ in COREFILES.values()}


def test_the_cluster_loads() -> None:
    cluster = Cluster()
    ManifestFolder(tree.ROOT / "examples" / "cluster", cluster).load()
    assert all(len(cluster.store(kind)) for kind in ("Namespace", "Service", "EndpointSlice", "Pod"))
