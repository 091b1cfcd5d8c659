"""The import contracts speak of modules that exist, and none escapes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from tests.unit.repository import markdown, tree

CONTRACTS: list[dict[str, Any]] = tree.project()["tool"]["importlinter"]["contracts"]
LAYERS: list[str] = next(each["layers"] for each in CONTRACTS if each["type"] == "layers")


def in_layers(layers: Iterable[str]) -> Iterator[str]:
    """The modules of layers that import-linter writes as `a | b`, or `(a)` where it may be missing."""
    for layer in layers:
        yield from (module.strip("() ") for module in layer.replace(":", "|").split("|"))


def missing(names: Iterable[str]) -> list[str]:
    """Those that are no modules."""
    return [name for name in names if not _exists(name)]


def _exists(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: str(contract["name"]))
def test_modules_exist(contract: dict[str, Any]) -> None:
    names = [*in_layers(contract.get("layers", ())), *contract.get("source_modules", ())]
    names += contract.get("forbidden_modules", ())
    assert names
    assert missing(names) == []


def test_missing_modules_are_seen() -> None:
    layers = ["clusterdns.wire | clusterdns.gone", "gone.at.all"]
    assert missing(in_layers(layers)) == ["clusterdns.gone", "gone.at.all"]


def test_every_part_of_the_shared_package_has_a_layer() -> None:
    parts = {
        f"clusterdns.{path.parts[1].removesuffix('.py')}"
        for path in tree.modules(("clusterdns",))
        if path.parts[1] != "__init__.py"
    }
    assert parts - set(in_layers(LAYERS)) == set()
    assert set(tree.SHIPPED) - {"clusterdns"} <= set(in_layers(LAYERS))


def test_the_architecture_page_has_the_layers() -> None:
    page = markdown.sections(tree.text("docs/architecture.md"))["Layers"]
    order = [
        name for name in page.replace("|", " ").replace("→", " ").replace(",", " ").split() if "clusterdns." in name
    ]
    expected = [name for name in in_layers(LAYERS) if name.startswith("clusterdns.")]
    assert order == expected
