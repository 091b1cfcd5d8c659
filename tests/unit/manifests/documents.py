"""The YAML of a kustomize base as documents, and the base's own list of them."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[3]
MANIFESTS = ROOT / "manifests"
BASE = MANIFESTS / "kustomize" / "base"

Document = dict[str, Any]
Sources = Mapping[str, str]
"""The text of each file of a base, by the file's name."""

_KUSTOMIZATION = "kustomization.yaml"
_CLUSTER_WIDE = frozenset({"Namespace", "ClusterRole", "ClusterRoleBinding"})


class Name(NamedTuple):
    """What tells an object from all others of a cluster."""

    kind: str
    namespace: str
    name: str


def read_base() -> dict[str, str]:
    """The files of the base in this repository."""
    return {path.name: path.read_text("utf-8") for path in sorted(BASE.iterdir())}


def documents(sources: Sources) -> list[Document]:
    """Every document of every file but the kustomization."""
    return [document for name, text in sources.items() if name != _KUSTOMIZATION for document in _parsed(text)]


@functools.cache
def _parsed(text: str) -> tuple[Document, ...]:
    return tuple(document for document in yaml.safe_load_all(text) if document is not None)


def name_of(document: Document) -> Name:
    metadata = document["metadata"]
    return Name(document["kind"], metadata.get("namespace", ""), metadata["name"])


def listing_problems(sources: Sources) -> Iterator[str]:
    """Files and objects that kustomize would leave out, miss, or take twice."""
    listed = yaml.safe_load(sources[_KUSTOMIZATION])["resources"]
    for name in sorted({*listed, *sources.keys()} - {_KUSTOMIZATION}):
        if listed.count(name) != 1:
            yield f"{_KUSTOMIZATION} lists {name} {listed.count(name)} times"
        if name not in sources:
            yield f"{_KUSTOMIZATION} lists {name}, which is not there"
    seen = set()
    for document in documents(sources):
        name = name_of(document)
        if name in seen:
            yield f"{name.kind} {name.name} is there twice"
        seen.add(name)
        if (name.kind in _CLUSTER_WIDE) != (not name.namespace):
            yield f"{name.kind} {name.name} has {'a' if name.namespace else 'no'} namespace"
