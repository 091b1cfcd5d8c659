"""The objects that programs write to the API server double and nobody watches: Leases and Events."""

from __future__ import annotations

from typing import Any

from clusterdns.kube.kinds import Kind

Object = dict[str, Any]

WRITTEN = (Kind("Lease", "leases", group="coordination.k8s.io"), Kind("Event", "events"))


class WrittenObjects:
    """Takes POST and PUT as a server does: an object is made once, and changed under the version that was read."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str, str], Object] = {}
        self._version = 1000

    def all(self, kind: str) -> list[Object]:
        """The objects of `kind`, in the order of their names."""
        return [each for (its_kind, _, _), each in sorted(self._held.items()) if its_kind == kind]

    def create(self, kind: Kind, namespace: str, sent: Object) -> tuple[int, Object]:
        """The answer's status and body; the body is empty for a refusal."""
        self._version += 1
        name = sent["metadata"].get("name") or f"{sent['metadata']['generateName']}{self._version}"
        if (kind.name, namespace, name) in self._held:
            return 409, {}
        sent["metadata"] |= {"name": name, "namespace": namespace, "resourceVersion": str(self._version)}
        self._held[kind.name, namespace, name] = sent
        return 201, sent

    def read(self, path: str) -> tuple[int, Object]:
        """The same for a GET of one object."""
        held = self._held.get(_key(path))
        return (404, {}) if held is None else (200, held)

    def change(self, path: str, sent: Object) -> tuple[int, Object]:
        """The same for a PUT."""
        held = self._held.get(_key(path))
        if held is None:
            return 404, {}
        if sent["metadata"]["resourceVersion"] != held["metadata"]["resourceVersion"]:
            return 409, {}
        self._version += 1
        sent["metadata"]["resourceVersion"] = str(self._version)
        self._held[_key(path)] = sent
        return 200, sent


def _key(path: str) -> tuple[str, str, str]:
    *_, namespace, plural, name = path.split("/")
    [kind] = [kind for kind in WRITTEN if kind.plural == plural]
    return kind.name, namespace, name
