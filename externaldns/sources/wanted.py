"""The wanted records, kept up to date change by change: what a change of one object costs does not grow with the rest.

    a store tells of a change -> keys of objects that it concerns -> `take_dirty`: their endpoints anew -> names

`endpoints` gives what `sources.source.collect` would give, of some names or of all. No I/O, no clock.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from clusterdns.kube.objects import Key, KubeObject
from clusterdns.kube.store import Store
from externaldns.record import RESOURCE_LABEL, UNASKED_LABEL, Endpoint, find_fault
from externaldns.sources.go_template_functions import TemplateError
from externaldns.sources.readiness import label_of, title
from externaldns.sources.shaping import Shaping
from externaldns.sources.source import Collected, Source, merge, order

logger = logging.getLogger(__name__)

Asker = tuple[int, Key]
"""A source, by its place in the list, and the key of an object that asks for records."""


class WantedRecords:
    """Follows the stores of `sources` from its making on; `on_change` is called when there may be dirty names.

    Make it before the stores are filled, or after: objects that are there already are dirty at first.
    """

    def __init__(
        self, sources: Sequence[Source], shaping: Shaping | None = None, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self._sources = sources
        self._shaping = shaping or Shaping()
        self._on_change = on_change
        self._dirty: set[Asker] = set()
        self._asked: dict[Asker, tuple[Endpoint, ...]] = {}
        self._invalid: dict[Asker, tuple[Endpoint, ...]] = {}
        self._all_invalid: tuple[tuple[str, Endpoint], ...] | None = ()
        """What `invalid` returns, if that has not changed since."""
        self._askers: dict[str, set[Asker]] = {}
        """Who asks for a name."""
        for number, source in enumerate(sources):
            for store in source.stores:
                self._follow(number, source, store)

    def take_dirty(self) -> set[str]:
        """Ask again all objects that changes concerned; return the names under which any asks for something else now.

        Most changes of objects are none for their records: a node writes its status every few seconds.
        """
        dirty, self._dirty = self._dirty, set()
        names: set[str] = set()
        for number, key in dirty:
            try:
                names |= self._ask((number, key))
            except TemplateError as error:
                self._leave((number, key), str(error))
            except Exception:
                label = label_of(self._sources[number], key)
                logger.exception("bug: %s can't be asked for records; those that it has stay", label)
                self._leave((number, key), "a bug is in the way of asking it; the log has more")
        return names

    def invalid(self) -> tuple[tuple[str, Endpoint], ...]:
        """Return all that is asked for and can't be a record, each with its source; the same tuple while that stays."""
        if self._all_invalid is None:
            found = sorted(self._invalid.items())
            self._all_invalid = tuple(
                (self._sources[number].name, each) for (number, _), some in found for each in some
            )
        return self._all_invalid

    def settled(self, source: str, key: Key, busy: Callable[[str], bool]) -> bool:
        """Tell whether an object of `source` was asked as it is now, and none of its names is `busy`."""
        askers = [(number, key) for number, each in enumerate(self._sources) if each.name == source]
        if not self._dirty.isdisjoint(askers):
            return False
        return not any(busy(each.dns_name) for asker in askers for each in self._asked.get(asker, ()))

    def endpoints(self, names: Iterable[str] | None = None, without: Collection[str] = ()) -> Collected:
        """Return what is wanted under `names`, or altogether, as of the last `take_dirty`; not by sources `without`."""
        askers = self._asked if names is None else {asker for name in names for asker in self._askers.get(name, ())}
        chosen = None if names is None else set(names)
        by_source: dict[int, list[Endpoint]] = {}
        left_out = {number for number, source in enumerate(self._sources) if title(source) in without}
        # Sorted, so that what is wanted does not depend on the order of events.
        for asker in sorted(asker for asker in askers if asker[0] not in left_out):
            by_source.setdefault(asker[0], []).extend(
                each for each in self._asked[asker] if chosen is None or each.dns_name in chosen
            )
        merged = {number: merge(some) for number, some in by_source.items()}
        endpoints = sorted((each for found in merged.values() for each in found.endpoints), key=order)
        duplicates = [
            (self._sources[number].name, each) for number, found in merged.items() for each in found.duplicates
        ]
        return Collected(tuple(endpoints), tuple(duplicates))

    def _follow(self, number: int, source: Source, store: Store[KubeObject]) -> None:
        def changed(old: KubeObject | None, new: KubeObject | None) -> None:
            before = len(self._dirty)
            self._dirty.update((number, key) for key in source.concerned(store.kind, old, new))
            if len(self._dirty) > before:
                self._on_change()

        store.subscribe(changed)

    def _ask(self, asker: Asker) -> set[str]:
        number, key = asker
        found = list(self._shaping.shape(self._sources[number].endpoints_of(key)))
        faulty = [find_fault(endpoint) is not None for endpoint in found]
        asked = tuple(endpoint for endpoint, fault in zip(found, faulty, strict=True) if not fault)
        invalid = tuple(endpoint for endpoint, fault in zip(found, faulty, strict=True) if fault)
        old = self._asked.pop(asker, ())
        before, after = ({endpoint.dns_name for endpoint in some} for some in (old, asked))
        if asked:
            self._asked[asker] = asked
        self._take_invalid(asker, invalid)
        for name in before - after:
            self._askers[name].discard(asker)
            if not self._askers[name]:
                del self._askers[name]
        for name in after - before:
            self._askers.setdefault(name, set()).add(asker)
        return _differing(_by_name(old), _by_name(asked))

    def _leave(self, asker: Asker, why: str) -> None:
        """What this object asked for stays, and the others are asked: without them their records would go."""
        number, key = asker
        labels = {RESOURCE_LABEL: label_of(self._sources[number], key), UNASKED_LABEL: why}
        self._take_invalid(asker, (Endpoint("", (), "", labels=labels),))

    def _take_invalid(self, asker: Asker, invalid: tuple[Endpoint, ...]) -> None:
        if self._invalid.pop(asker, ()) != invalid:
            self._all_invalid = None
        if invalid:
            self._invalid[asker] = invalid


def _by_name(endpoints: Iterable[Endpoint]) -> dict[str, list[Endpoint]]:
    names: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        names.setdefault(endpoint.dns_name, []).append(endpoint)
    return names


def _differing(old: Mapping[str, list[Endpoint]], new: Mapping[str, list[Endpoint]]) -> set[str]:
    """Return the names under which not the same is asked for, in whatever order.

    Name by name, because a headless Service may ask for a thousand of them.
    """
    return {
        name
        for name in old.keys() | new.keys()
        if any(each not in new.get(name, ()) for each in old.get(name, ()))
        or any(each not in old.get(name, ()) for each in new.get(name, ()))
    }
