"""The stores filled from a folder of Kubernetes manifests: the embedded default, no API server needed.

    *.yaml *.yml *.json -> documents -> decode -> everything checked -> stores replaced -> answers and records

Either the whole folder is taken or nothing of it: a mistake in one file leaves the stores as they were.
Manifests are read as kubectl reads them (several documents to a file, `kind: List`, namespace `default`), and a
`status`, which an API server would ignore, is honoured: it is where a pod's addresses are.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from clusterdns.errors import ConfigError
from clusterdns.kube.decode import MalformedObject, decode_document
from clusterdns.kube.kinds import KINDS, find_kind
from clusterdns.kube.label_selector import LabelSelector
from clusterdns.kube.objects import Key, KubeObject, Namespace, Pod
from clusterdns.kube.store import Cluster

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
"""How often the folder is looked at. A stat of each file costs microseconds; inotify does not see network mounts."""

_DEEPEST = 100

_EVERYTHING = LabelSelector()

_SUFFIXES = (".yaml", ".yml", ".json")

Signature = frozenset[tuple[str, int, int, int]]
"""(name, modification time in ns, size, inode) of each manifest: unequal when anything was changed."""

Contents = dict[str, list[KubeObject]]
"""Kind to objects, every kind present."""

# libyaml's parser is some ten times faster; it is missing only where PyYAML was built without it.
_BaseLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _ManifestLoader(_BaseLoader):  # type: ignore[misc]
    """YAML as Kubernetes means it, a spelling of JSON: `2026-11-22T00:50:22Z` stays text."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in _BaseLoader.yaml_implicit_resolvers.items()
    }


# PyYAML's constructors raise whatever int() or a dict raises when a tag does not fit its value (`!!int ""`).
_BROKEN_YAML = (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


class ManifestFolder:
    """The manifests of one folder (not of folders inside it), and the stores that they fill.

    Of a kind in `selectors` only the objects that match are taken, as an API server would send them; with `node`, only
    the pods of that node. `custom` are names of resources whose objects are taken whole, too.
    """

    def __init__(
        self,
        path: Path,
        cluster: Cluster,
        *,
        selectors: Mapping[str, LabelSelector] = MappingProxyType({}),
        node: str = "",
        custom: Collection[str] = (),
    ) -> None:
        self._path = path
        self._cluster = cluster
        self._selectors = selectors
        self._node = node
        self._custom = custom
        self._seen: Signature | None = None

    def load(self) -> None:
        """Read the folder and make the stores hold exactly what is in it, all kinds, in one step.

        Raises ConfigError naming file, line and mistake, with the stores untouched.
        """
        # Taken before reading: a change while we read is then a change for `watch` too.
        self._seen = self._signature()
        self._apply(self._read())

    async def watch(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Load again whenever the folder changes, until cancelled. A mistake is logged once and changes nothing."""
        while True:
            await sleep(POLL_SECONDS)
            signature = self._signature()
            if signature == self._seen:
                continue
            self._seen = signature
            try:
                # In a thread: queries are answered while a large folder is parsed.
                contents = await asyncio.to_thread(self._read)
            except ConfigError as error:
                log.error("manifests not reloaded, the previous ones stay: %s", error)
            else:
                self._apply(contents)
                log.info("manifests reloaded from %s: %s", self._path, _summary(contents))

    def _signature(self) -> Signature:
        try:
            return frozenset((file.name, *_identity(file)) for file in self._files())
        except ConfigError:
            return frozenset()  # the folder can't be read: reading it again says why

    def _files(self) -> list[Path]:
        """The manifests, sorted by name. Hidden ones are left out: editors and kubelet keep temporary files so."""
        try:
            with os.scandir(self._path) as entries:
                names = sorted(entry.name for entry in entries)
        except OSError as error:
            raise ConfigError(f"can't read the manifest folder: {error.strerror}", source=str(self._path)) from None
        return [self._path / name for name in names if name.endswith(_SUFFIXES) and not name.startswith(".")]

    def _read(self) -> Contents:
        contents: Contents = {kind: [] for kind in (*KINDS, *self._custom)}
        places: dict[tuple[str, Key], str] = {}
        for file in self._files():
            for line, document in _documents(file):
                place = f"{file}:{line}"
                try:
                    found = decode_document(document, _warn_at(place), self._custom)
                except MalformedObject as error:
                    raise ConfigError(str(error), source=str(file), line=line, column=1) from None
                for kind, each in found:
                    if first := places.get((kind.name, each.key)):
                        raise ConfigError(
                            f"{kind.name} {'/'.join(filter(None, each.key))} is already in {first}; remove one of them",
                            source=str(file),
                            line=line,
                            column=1,
                        )
                    places[kind.name, each.key] = place
                    contents[kind.name].append(each)
        _add_implied_namespaces(contents)
        return contents

    def _apply(self, contents: Contents) -> None:
        for kind, objects in contents.items():
            selector = self._selectors.get(kind, _EVERYTHING)
            self._cluster.store(kind).replace(
                each for each in objects if selector.matches(each.labels) and self._is_here(each)
            )

    def _is_here(self, each: KubeObject) -> bool:
        return not self._node or not isinstance(each, Pod) or each.node_name == self._node


def _warn_at(place: str) -> Callable[[str], None]:
    return lambda text: log.warning("%s: %s", place, text)


def _identity(file: Path) -> tuple[int, int, int]:
    try:
        status = file.stat()
    except OSError:
        return (0, 0, 0)  # gone since it was listed, or a dangling link: reading it says what is wrong
    return (status.st_mtime_ns, status.st_size, status.st_ino)


def _documents(file: Path) -> Iterator[tuple[int, Any]]:
    """(line, document) of each document that is not empty; the line, from 1, is where its content starts."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"can't read the manifest: {error.strerror}", source=str(file)) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"not UTF-8 text: {error.reason} at byte {error.start}", source=str(file)) from None
    yield from _json_document(file, text) if file.suffix == ".json" else _yaml_documents(file, text)


def _json_document(file: Path, text: str) -> Iterator[tuple[int, Any]]:
    try:
        yield 1, json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"not JSON: {error.msg}", source=str(file), line=error.lineno, column=error.colno) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"not usable JSON: {error}", source=str(file), line=1, column=1) from None


def _yaml_documents(file: Path, text: str) -> Iterator[tuple[int, Any]]:
    loader = _ManifestLoader(text)
    line = 1
    try:
        _check_nesting(text)
        while loader.check_node():
            node = loader.get_node()
            line = node.start_mark.line + 1
            document = loader.construct_document(node)
            if document is not None:
                yield line, document
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (line, 1)
        what = ": ".join(filter(None, (error.context, error.problem)))
        raise ConfigError(f"not YAML: {what}", source=str(file), line=place[0], column=place[1]) from None
    except _BROKEN_YAML as error:
        raise ConfigError(f"not YAML: {error}", source=str(file), line=line, column=1) from None
    finally:
        loader.dispose()


def _check_nesting(text: str) -> None:
    """Raise YAMLError for nesting that nobody writes: libyaml recurses, and would end the process at some 20,000."""
    depth = 0
    for event in yaml.parse(text, Loader=_BaseLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                mark: Any = event.start_mark
                raise yaml.MarkedYAMLError(problem=f"nested more than {_DEEPEST} deep", problem_mark=mark)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _add_implied_namespaces(contents: Contents) -> None:
    """A cluster can't hold an object whose namespace does not exist, so each one that is used does."""
    named = {each.name for each in contents["Namespace"]}
    used = {each.namespace for objects in contents.values() for each in objects if each.namespace}
    contents["Namespace"] += [Namespace(name=name) for name in sorted(used - named)]


def _summary(contents: Contents) -> str:
    return ", ".join(f"{len(objects)} {find_kind(kind).plural}" for kind, objects in contents.items() if objects)
