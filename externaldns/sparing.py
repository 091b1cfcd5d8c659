"""What stays although nobody asks for it: a mistake, or a source that can't be read, takes no record away. Pure.

    what is in doubt                        what stays, until that is settled
    -------------------------------------   ------------------------------------------------------------------------
    a target that can't be a record's       what is under its name, and what points back at it: values are added
                                            there, and none is taken away. A change of type is made, the name stays
    a name that can't be a record's         the records of the object that asks for it: nobody knows which it stands for
    an object that can't be read, or of     the records of that object: values are added there, and none is taken
    which one that its records are made     away. What could be read before counts as it was
    a source that can't be read             the records of its objects, and those of no known object, as they are

The controller asks `spare` after the plan and before the delete guard, which counts what is really to go. No I/O, no
clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from externaldns.changes import Changes
from externaldns.plan import differs
from externaldns.record import Endpoint, find_name_fault, normalize_target
from externaldns.resource_label import digest


@dataclass(frozen=True, slots=True)
class Doubts:
    """What nobody can tell at present."""

    names: frozenset[str] = frozenset()
    """Names that something is asked for which can't be a record."""
    objects: frozenset[str] = frozenset()
    """The resource labels, long and short, of objects that ask for a name which can't be one."""
    unknown: frozenset[str] = frozenset()
    """The same labels, of objects that ask for nobody knows what."""
    readable: frozenset[str] | None = None
    """The kinds of resource, as labels begin, whose sources can be read; None: all can."""

    @classmethod
    def about(cls, invalid: Iterable[Endpoint]) -> Doubts:
        """Return the doubts that endpoints which can't be records leave."""
        names: set[str] = set()
        objects: set[str] = set()
        for endpoint in invalid:
            if find_name_fault(endpoint.dns_name) is None:
                names.add(endpoint.dns_name)
            else:
                objects |= {endpoint.resource, digest(endpoint.resource)}
        return cls(frozenset(names), frozenset(objects))

    def beside(self, readable: frozenset[str] | None, unknown: Iterable[str]) -> Doubts:
        """Return these doubts, and those that sources, and objects (`unknown`, by label), which can't be read leave."""
        labels = frozenset(label for resource in unknown for label in (resource, digest(resource)))
        return replace(self, unknown=labels, readable=readable)

    def __bool__(self) -> bool:
        return bool(self.names or self.objects or self.unknown or self.readable is not None)

    def unread(self, record: Endpoint) -> bool:
        """Tell whether `record` may be wanted by an object of a source that can't be read."""
        return self.readable is not None and record.resource.partition("/")[0] not in self.readable

    def mistaken(self, record: Endpoint) -> bool:
        """Tell whether a mistake may be all that keeps `record` from being asked for."""
        if record.dns_name in self.names or record.resource in self.objects or record.resource in self.unknown:
            return True
        return record.record_type == "PTR" and any(normalize_target(each) in self.names for each in record.targets)

    def keeps(self, record: Endpoint) -> bool:
        """Tell whether anything of `record` stays for one of these reasons."""
        return self.unread(record) or self.mistaken(record)


@dataclass(frozen=True, slots=True)
class Spared:
    """The changes that may be made, and the records that stay, or keep values, against the plan."""

    changes: Changes
    kept: tuple[Endpoint, ...] = ()


def spare(changes: Changes, doubts: Doubts) -> Spared:
    """Return `changes` without what would take something away that is in doubt."""
    if not doubts:
        return Spared(changes)
    kept: list[Endpoint] = []
    new_types: dict[str, set[str]] = {}
    for new in changes.create:
        new_types.setdefault(new.dns_name, set()).add(new.record_type)
    delete: list[Endpoint] = []
    for old in changes.delete:
        replaced = _exclude_each_other(old.record_type, new_types.get(old.dns_name, set()))
        stays = doubts.unread(old) or (doubts.mistaken(old) and not replaced)
        (kept if stays else delete).append(old)
    in_the_way: dict[str, set[str]] = {}
    for old in kept:
        in_the_way.setdefault(old.dns_name, set()).add(old.record_type)
    create = [
        new for new in changes.create if not _exclude_each_other(new.record_type, in_the_way.get(new.dns_name, set()))
    ]
    update: list[tuple[Endpoint, Endpoint]] = []
    for old, new in changes.update:
        whole = new
        if doubts.unread(old):
            whole = old
        elif (old.dns_name in doubts.names or old.resource in doubts.unknown) and old.record_type != "CNAME":
            whole = _with_values_of(old, new)
        if whole is not new:
            kept.append(old)
        if differs(old, whole):
            update.append((old, whole))
    return Spared(Changes(tuple(create), tuple(update), tuple(delete)), tuple(kept))


def _exclude_each_other(record_type: str, others: set[str]) -> bool:
    """RFC 1034 section 3.6.2: "If a CNAME RR is present at a node, no other data should be present"."""
    return bool(others) and (record_type == "CNAME" or "CNAME" in others)


def _with_values_of(old: Endpoint, new: Endpoint) -> Endpoint:
    there = {normalize_target(target) for target in new.targets}
    missing = tuple(target for target in old.targets if normalize_target(target) not in there)
    return replace(new, targets=(*new.targets, *missing)) if missing else new
