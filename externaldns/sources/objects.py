"""What all sources have in common: they go through the objects of one store, one by one.

A subclass says what one object asks for, and whom a change of another object concerns. Reads stores; no I/O, no clock.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from clusterdns.kube.objects import Key, KubeObject
from clusterdns.kube.store import Store
from externaldns.record import Endpoint
from externaldns.sources.go_template_functions import TemplateError
from externaldns.sources.readiness import label_of
from externaldns.sources.selection import Selection

logger = logging.getLogger(__name__)

T = TypeVar("T", bound=KubeObject)


class ObjectSource(ABC, Generic[T]):
    """Implements `externaldns.sources.source.Source` over the objects of `primary` that `selection` admits."""

    name: str

    def __init__(self, primary: Store[T], selection: Selection) -> None:
        self._primary = primary
        self._selection = selection

    @property
    def stores(self) -> tuple[Store[Any], ...]:
        return (self._primary,)

    def endpoints(self) -> list[Endpoint]:
        found: list[Endpoint] = []
        for each in sorted(self._primary, key=lambda each: each.key):
            try:
                found += self._endpoints_of(each)
            except TemplateError as error:
                logger.error("%s: %s", label_of(self, each.key), error)
        return found

    def endpoints_of(self, key: Key) -> list[Endpoint]:
        found = self._primary.get(*key)
        return self._endpoints_of(found) if found is not None else []

    def concerned(self, kind: str, old: KubeObject | None, new: KubeObject | None) -> Iterable[Key]:
        changed = new or old
        if changed is None:
            return ()
        if kind == self._primary.kind:
            return (changed.key,)
        return self._concerned_by_other(kind, changed.key, old, new)

    def made_of(self, kind: str, key: Key) -> Iterable[Key]:
        return [each.key for each in self._primary]

    def _endpoints_of(self, asking: T) -> list[Endpoint]:
        return list(self._make(asking)) if self._selection.admits(asking) else []

    @abstractmethod
    def _make(self, asking: T) -> Iterable[Endpoint]:
        """Return what the object, which was admitted, asks for."""

    def _concerned_by_other(self, kind: str, key: Key, old: KubeObject | None, new: KubeObject | None) -> Iterable[Key]:
        """Like `concerned`, for an object with that key in one of the other stores."""
        return self.made_of(kind, key)
