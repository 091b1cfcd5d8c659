"""Which sources can be read: what a run waits for, and what it goes on without. Reads stores; no I/O, no clock.

A source waits until each of its stores has been listed whole: what is missing in one would be deleted. Where that can't
be had (a custom resource that is not installed, a right that is not given), the other sources go on, and the records
of this one stay as they are (`externaldns.sparing`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clusterdns.kube.kinds import is_custom
from clusterdns.kube.objects import Key
from externaldns.sources.source import Source


def title(source: Source) -> str:
    """Return what tells `source` from the others: its name, and its resource if that is one of any kind."""
    return " ".join([source.name, *_resource(source)])


def awaited(sources: Sequence[Source]) -> list[str]:
    """Return the kinds of objects that must be listed before anything is changed; none if there is enough to go on."""
    missing = [store for source in sources for store in source.stores if not store.synced]
    if all(store.refused for store in missing) and len(unreadable(sources)) < len(sources):
        return []
    return sorted({store.kind for store in missing})


def unreadable(sources: Iterable[Source]) -> dict[str, str]:
    """Return, by the title of each source that can't be read now, what is missing and why."""
    found: dict[str, str] = {}
    for source in sources:
        missing = sorted({(store.kind, store.refused) for store in source.stores if not store.synced})
        if missing:
            found[title(source)] = ", ".join(f"{kind} ({why})" if why else kind for kind, why in missing)
    return found


def readable_kinds(sources: Iterable[Source]) -> frozenset[str] | None:
    """Return the words that the `resource` labels of the sources that can be read begin with; None if all can."""
    sources = tuple(sources)
    missing = unreadable(sources)
    if not missing:
        return None
    return frozenset(word for source in sources if title(source) not in missing for word in _words(source))


def unknown_objects(sources: Iterable[Source]) -> frozenset[str]:
    """Return the `resource` labels of objects that ask for nobody knows what: not one state of theirs could be read, or
    of an object that their records are made of.
    """
    found: set[str] = set()
    for source in sources:
        for number, store in enumerate(source.stores):
            unread = [key for key in store.unreadable if key is not None and store.get(*key) is None]
            asking = (each for key in unread for each in source.made_of(store.kind, key)) if number else unread
            found.update(label_of(source, key) for key in asking)
    return frozenset(found)


def label_of(source: Source, key: Key) -> str:
    """Return the `resource` label of what the object of `source` with that key asks for."""
    store = source.stores[0]
    if store.kind == "Node":
        return f"node/{key[1]}"
    # The name of a kind of any sort stands in its objects alone, in whichever of them.
    return "/".join((min(_words(source), default=""), *key))


def _words(source: Source) -> Iterable[str]:
    if _resource(source):
        # The name of the kind stands in its objects alone.
        return {each.kind.lower() for each in source.stores[0]}
    return (source.name.removeprefix("gateway-"),)


def _resource(source: Source) -> list[str]:
    """Return the RESOURCE.VERSION.GROUP of the objects that ask, if they may be of any kind."""
    return [store.kind for store in source.stores[:1] if is_custom(store.kind)]
