"""Ownership: which of a zone's records are ours, and what must be written next to a record to keep it so.

Between provider and plan. Reading: TXT records named by `externaldns.ownership_names` give the records beside them
their labels (owner, resource), and leave the list. Writing: each changed record gets its ownership record, in an order
that survives a crash between any two writes:

    create   ownership record, then the record      a crash leaves an ownership record that claims nothing yet
    delete   the record, then ownership record      the same
    update   the record, then ownership record      the owner is the same before and after

A record without owner is never made, so none is ever left behind; an ownership record of ours without its record is
removed by the next run. A record whose ownership record somebody has taken away is still ours to `OwnRows`, and gets a
new one. No I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from externaldns.changes import Changes, NameChange, RecordChange
from externaldns.ownership_codec import OwnershipCodec
from externaldns.ownership_names import OwnershipNames
from externaldns.plan import Scope, Skipped
from externaldns.record import LOST_LABEL, OWNER_LABEL, RECORD_TYPES, RESOURCE_LABEL, Endpoint, RecordKey

ZoneOf = Callable[[str], str]
"""The zone that holds a name; "" if none is known."""

Recall = Callable[[Endpoint, str], str | None]
"""The resource for which a value of a record was made, if it is known to be ours; None if that is not known."""

RESTORED = "its ownership was taken away"
"""Why ownership alone is written, for the audit log."""


def remember_nothing(record: Endpoint, target: str) -> None:
    """Know no value to be ours, but by what the zone says."""


@dataclass(frozen=True, slots=True)
class Attached:
    """Changes with the ownership records that they need, and those that had to be left out."""

    changes: tuple[NameChange, ...]
    skipped: tuple[Skipped, ...] = ()


class View(Protocol):
    """The zone's records as their owners see them."""

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The records without ownership records, each with the labels that it was found to have."""

    @property
    def own(self) -> Iterable[Endpoint]:
        """What is ours, ownership records as well: each record with those of its values that are."""

    @property
    def theirs(self) -> Iterable[Endpoint]:
        """What other owners have, in the same way. What nobody owns is in neither."""

    @property
    def others(self) -> Mapping[RecordKey, Mapping[str, str]] | None:
        """Where each value has an owner, that of each value of others; None where a record has one owner for all."""

    def claim(self, records: Iterable[tuple[Endpoint, Endpoint]]) -> tuple[NameChange, ...]:
        """Return the changes of ownership alone that give each old record the labels of its new one."""

    def attach(self, changes: Changes, sweep: Scope | None = None) -> Attached:
        """Return `changes` grouped by name, with the changes of the ownership records that they need.

        With `sweep`, ownership records of ours in that scope that belong to no record are deleted as well: a run
        that ended between two writes leaves them. (Not for policies that never delete.)
        """


class Registry(Protocol):
    """A way to tell our records from others' (`--registry`)."""

    @property
    def owner_id(self) -> str:
        """The owner of our records; "" if everything in scope is ours."""

    @property
    def migrate_from(self) -> str | None:
        """An owner whose records become ours as far as they are wanted; None for none."""

    def read(self, records: Iterable[Endpoint], zone_of: ZoneOf, recall: Recall = remember_nothing) -> View:
        """Return the view of `records`: everything that the provider holds, or some names and what is beside them.

        What nobody owns by what the zone says, and `recall` knows, is ours, with LOST_LABEL.
        """

    def marks(self, text: str) -> bool:
        """Tell whether `text` of a TXT record says whose another record is."""

    def beside(self, name: str, zone: str) -> Iterable[str]:
        """Return the names, others than `name`, whose records say whose the records of `name` in `zone` are."""


@dataclass(frozen=True, slots=True)
class NoRegistry:
    """`--registry=noop`: every record in scope is ours."""

    owner_id: str = ""
    migrate_from: str | None = None

    def read(self, records: Iterable[Endpoint], zone_of: ZoneOf, recall: Recall = remember_nothing) -> View:
        return _PlainView(tuple(records))

    def marks(self, text: str) -> bool:
        return False

    def beside(self, name: str, zone: str) -> Iterable[str]:
        return ()


@dataclass(frozen=True, slots=True)
class _PlainView:
    endpoints: tuple[Endpoint, ...]
    own: tuple[Endpoint, ...] = ()
    theirs: tuple[Endpoint, ...] = ()

    @property
    def others(self) -> None:
        return None

    def claim(self, records: Iterable[tuple[Endpoint, Endpoint]]) -> tuple[NameChange, ...]:
        return ()

    def attach(self, changes: Changes, sweep: Scope | None = None) -> Attached:
        steps = [
            *(RecordChange(old, None) for old in changes.delete),
            *(RecordChange(old, new) for old, new in changes.update),
            *(RecordChange(None, new) for new in changes.create),
        ]
        return Attached(group_by_name((step.endpoint.dns_name, step) for step in steps))


@dataclass(frozen=True, slots=True)
class TxtRegistry:
    """`--registry=txt`: each record has a TXT record beside it, as ExternalDNS writes and reads them."""

    owner_id: str
    names: OwnershipNames = field(default_factory=OwnershipNames)
    codec: OwnershipCodec = field(default_factory=OwnershipCodec)
    migrate_from: str | None = None

    def read(self, records: Iterable[Endpoint], zone_of: ZoneOf, recall: Recall = remember_nothing) -> View:
        ownership: dict[str, Endpoint] = {}
        data: list[Endpoint] = []
        for record in records:
            labels = self._labels(record)
            if labels is None:
                data.append(record)
            else:
                ownership[record.dns_name] = replace(record, labels=labels)
        return TxtView(self, tuple(data), ownership, zone_of, recall)

    def marks(self, text: str) -> bool:
        return self.codec.read(text) is not None

    def beside(self, name: str, zone: str) -> Iterable[str]:
        found = (self.names.readable(name, record_type, zone) for record_type in RECORD_TYPES)
        return dict.fromkeys(other for some in found for other in some)

    def other_texts(self, record: Endpoint | None) -> tuple[str, ...]:
        """Return what of a TXT record says nothing about ownership."""
        return tuple(text for text in record.targets if self.codec.read(text) is None) if record else ()

    def _labels(self, record: Endpoint) -> dict[str, str] | None:
        """Return what the ownership record `record` says; None if it is another kind of record.

        Two owners may have written at one name at the same moment. Then it is nobody's to change, so any
        other owner's word counts before ours.
        """
        if record.record_type != "TXT":
            return None
        found = [labels for labels in map(self.codec.read, record.targets) if labels is not None]
        return min(found, key=lambda labels: labels.get(OWNER_LABEL, "") == self.owner_id, default=None)


class TxtView:
    """The records of a zone with the labels that their ownership records give them."""

    def __init__(
        self,
        registry: TxtRegistry,
        data: tuple[Endpoint, ...],
        ownership: dict[str, Endpoint],
        zone_of: ZoneOf,
        recall: Recall,
    ) -> None:
        self._registry = registry
        self._ownership = ownership
        self._zone_of = zone_of
        self._recall = recall
        self.endpoints = tuple(self._with_labels(record) for record in data)

    @property
    def own(self) -> Iterable[Endpoint]:
        owner_id = self._registry.owner_id
        yield from (record for record in self.endpoints if record.owner == owner_id)
        for record in self._ownership.values():
            if record.owner == owner_id:
                others = self._registry.other_texts(record)
                yield replace(record, targets=tuple(text for text in record.targets if text not in others))

    @property
    def theirs(self) -> Iterable[Endpoint]:
        found = (*self.endpoints, *self._ownership.values())
        return (record for record in found if record.owner not in ("", self._registry.owner_id))

    def attach(self, changes: Changes, sweep: Scope | None = None) -> Attached:
        """Return `changes` with their ownership records, grouped by name (see `View.attach`).

        Within a name: ownership records of new records, deletions, updates, creations, and last the ownership
        records of what is gone. So a change of type is a deletion and a creation right after each other. A record
        is not created where another owner's ownership record already stands: the two would fight over the name.
        """
        skipped: list[Skipped] = []
        created: list[Endpoint] = []
        for new in changes.create:
            holder = self._ownership.get(self._name(new))
            if holder is not None and holder.owner != self._registry.owner_id:
                skipped.append(Skipped(new.dns_name, new.record_type, holder.owner))
            else:
                created.append(new.with_label(OWNER_LABEL, self._registry.owner_id))
        steps: list[tuple[str, RecordChange]] = []
        for new in created:
            steps += [(new.dns_name, step) for step in self._claim(new)]
        # What cannot take another type yet keeps the one it has: the name would be gone otherwise, past the guard.
        blocked = {skip.name for skip in skipped}
        deleted = [old for old in changes.delete if old.dns_name not in blocked]
        steps += [(old.dns_name, RecordChange(old, None)) for old in deleted]
        for old, new in changes.update:
            why = RESTORED if LOST_LABEL in old.labels else ""
            steps.append((old.dns_name, RecordChange(old, new, why=why)))
            steps += [(old.dns_name, replace(step, why=why)) for step in self._claim(new)]
        steps += [(new.dns_name, RecordChange(None, new)) for new in created]
        used = self._used_names(deleted, created)
        for old in deleted:
            found = [name for name in self._readable_names(old) if name in self._ownership and name not in used]
            steps += [(old.dns_name, self._release(name)) for name in found if self._is_ours(name)]
        if sweep is not None:
            for name in sorted(self._ownership.keys() - self._used_names((), created)):
                in_scope = self._registry.names.record_type(name) in sweep.record_types and sweep.includes(name)
                if self._is_ours(name) and in_scope:
                    steps.append((name, self._release(name)))
        return Attached(group_by_name(steps), tuple(skipped))

    @property
    def others(self) -> None:
        return None

    def claim(self, records: Iterable[tuple[Endpoint, Endpoint]]) -> tuple[NameChange, ...]:
        """Return the changes of ownership records alone that give each old record the labels of its new one."""
        return group_by_name((new.dns_name, step) for _, new in records for step in self._claim(new))

    def _with_labels(self, record: Endpoint) -> Endpoint:
        for name in self._readable_names(record):
            if name in self._ownership:
                record = replace(record, labels={**record.labels, **self._ownership[name].labels})
                break
        return record if record.owner else self._recalled(record)

    def _recalled(self, record: Endpoint) -> Endpoint:
        """Return `record` as ours, if all of its values are known to be: a record has one owner for all of them."""
        resources = [self._recall(record, target) for target in record.targets]
        if not resources or None in resources:
            return record
        found = {OWNER_LABEL: self._registry.owner_id, RESOURCE_LABEL: resources[0] or "", LOST_LABEL: "true"}
        return replace(record, labels={**record.labels, **{key: text for key, text in found.items() if text}})

    def _used_names(self, deleted: Iterable[Endpoint], created: Iterable[Endpoint]) -> set[str]:
        """Return the names at which the ownership records of all records, less `deleted`, plus `created`, may be."""
        gone = {record.key for record in deleted}
        kept = [record for record in self.endpoints if record.key not in gone]
        return {name for record in (*kept, *created) for name in self._readable_names(record)}

    def _is_ours(self, name: str) -> bool:
        return self._ownership[name].owner == self._registry.owner_id

    def _claim(self, record: Endpoint) -> list[RecordChange]:
        """Make the ownership record of `record` say what it should; nothing if it does already."""
        name = self._name(record)
        old = self._ownership.get(name)
        ours = (OWNER_LABEL, RESOURCE_LABEL)
        # Other words of ExternalDNS's in the text stay.
        labels = {key: value for key, value in old.labels.items() if key not in ours} if old is not None else {}
        labels |= {key: record.labels[key] for key in ours if record.labels.get(key)}
        if old is not None and dict(old.labels) == labels:
            return []
        targets = (self._registry.codec.write(labels), *self._registry.other_texts(old))
        return [RecordChange(old, Endpoint(name, targets, "TXT", labels=labels))]

    def _release(self, name: str) -> RecordChange:
        """Take our words away from the TXT record at `name`; somebody else's text there stays."""
        old = self._ownership[name]
        others = self._registry.other_texts(old)
        return RecordChange(old, replace(old, targets=others, labels={}) if others else None)

    def _name(self, record: Endpoint) -> str:
        return self._registry.names.name(record.dns_name, record.record_type, self._zone_of(record.dns_name))

    def _readable_names(self, record: Endpoint) -> tuple[str, ...]:
        zone = self._zone_of(record.dns_name)
        return self._registry.names.readable(record.dns_name, record.record_type, zone)


def group_by_name(steps: Iterable[tuple[str, RecordChange]]) -> tuple[NameChange, ...]:
    """Return the steps of each name, which come with it, in their order."""
    groups: dict[str, list[RecordChange]] = {}
    for name, step in steps:
        groups.setdefault(name, []).append(step)
    return tuple(NameChange(name, tuple(groups[name])) for name in sorted(groups))
