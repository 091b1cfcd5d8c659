"""Every test here needs root and the programs that make and look at namespaces; each has namespaces of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.netns import Namespace, Namespaces
from tests.support.node import Node


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.root)
            for package, program in (("nftables", "nft"), ("conntrack", "conntrack"), ("iproute2", "ip")):
                item.add_marker(pytest.mark.package(package, program=program))


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    """An empty namespace."""
    with Namespaces() as namespaces:
        yield namespaces.make("alone")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node without nodelocal."""
    with Namespaces() as namespaces:
        yield Node(namespaces, tmp_path)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node whose nodelocal serves, for all tests of a module; they leave it as it is."""
    with Namespaces() as namespaces:
        node = Node(namespaces, tmp_path_factory.mktemp("serving"))
        node.start_nodelocal()
        yield node
