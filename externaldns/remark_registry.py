"""`--registry=remark`: each value says itself whose it is, in the Remark that PrivateZone keeps with it.

Half the records and half the calls of TXT ownership, nothing to be left behind by a crash, and several owners under one
name: what is not ours of a record set is neither changed nor counted. No I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from externaldns import ownership_remark
from externaldns.changes import Changes, NameChange, RecordChange
from externaldns.ownership import RESTORED, Attached, Recall, View, ZoneOf, group_by_name, remember_nothing
from externaldns.plan import Scope
from externaldns.record import LOST_LABEL, OWNER_LABEL, RESOURCE_LABEL, Endpoint, RecordKey


@dataclass(frozen=True, slots=True)
class RemarkRegistry:
    """Implements `externaldns.ownership.Registry`.

    `migrate_from` is an owner whose values are ours to take over, "" for values of nobody, None for none.
    """

    owner_id: str
    migrate_from: str | None = None

    def __post_init__(self) -> None:
        ownership_remark.check_owner(self.owner_id)

    def read(self, records: Iterable[Endpoint], zone_of: ZoneOf, recall: Recall = remember_nothing) -> View:
        return RemarkView(self, records, recall)

    def marks(self, text: str) -> bool:
        return False

    def beside(self, name: str, zone: str) -> Iterable[str]:
        return ()


class RemarkView:
    """The records of a zone, each without the values of others, unless all of it is others'."""

    def __init__(self, registry: RemarkRegistry, records: Iterable[Endpoint], recall: Recall) -> None:
        self._registry = registry
        self._recall = recall
        self._others: dict[RecordKey, dict[str, str]] = {}
        self.theirs: list[Endpoint] = []
        self.endpoints = tuple(self._split(record) for record in records)

    @property
    def own(self) -> Iterable[Endpoint]:
        return (record for record in self.endpoints if record.owner == self._registry.owner_id)

    @property
    def others(self) -> Mapping[RecordKey, Mapping[str, str]]:
        return self._others

    def attach(self, changes: Changes, sweep: Scope | None = None) -> Attached:
        """Return `changes` grouped by name, each new value with the remark that makes it ours (see `View.attach`)."""
        steps = [
            *(self._step(old, None) for old in changes.delete),
            *(self._step(old, new) for old, new in changes.update),
            *(self._step(None, new) for new in changes.create),
        ]
        return Attached(group_by_name((step.endpoint.dns_name, step) for step in steps))

    def claim(self, records: Iterable[tuple[Endpoint, Endpoint]]) -> tuple[NameChange, ...]:
        """Return the changes of remarks alone that give each old record the labels of its new one."""
        steps = (self._step(old, replace(old, labels=new.labels)) for old, new in records)
        return group_by_name((step.endpoint.dns_name, step) for step in steps)

    def _step(self, old: Endpoint | None, new: Endpoint | None) -> RecordChange:
        if new is not None:
            labels = {**new.labels, OWNER_LABEL: new.owner or self._registry.owner_id}
            remark = ownership_remark.write(labels)
            new = replace(new, labels=labels, remarks=dict.fromkeys(new.targets, remark))
        lost = old is not None and new is not None and LOST_LABEL in old.labels
        change = RecordChange(old, new, why=RESTORED if lost else "")
        return replace(change, others=tuple(self._others.get(change.endpoint.key, ())))

    def _split(self, record: Endpoint) -> Endpoint:
        said = {target: self._labels(record, target) for target in record.targets}
        owners = {target: labels.get(OWNER_LABEL, "") for target, labels in said.items()}
        registry = self._registry
        mine = {registry.owner_id, registry.owner_id if registry.migrate_from is None else registry.migrate_from}
        ours = [target for target in record.targets if owners[target] in mine]
        theirs = {target: owner for target, owner in owners.items() if owner not in mine}
        if theirs:
            self._others[record.key] = theirs
            self.theirs.append(replace(record, targets=tuple(target for target, owner in theirs.items() if owner)))
        targets = tuple(ours) or record.targets
        # One value that has not moved yet is reason enough to write all of them anew.
        owner = min((owners[target] for target in targets), key=lambda owner: owner == registry.owner_id)
        resource = min(said[target].get(RESOURCE_LABEL, "") for target in targets)
        lost = "".join({said[target].get(LOST_LABEL, "") for target in targets})
        found = {OWNER_LABEL: owner, RESOURCE_LABEL: resource, LOST_LABEL: lost}
        record = record if len(targets) == len(record.targets) else record.only(targets)
        labels = {**record.labels, **{key: value for key, value in found.items() if value}}
        return replace(record, labels=labels)

    def _labels(self, record: Endpoint, target: str) -> dict[str, str]:
        labels = ownership_remark.read(record.remarks.get(target, ""))
        if labels is None and (resource := self._recall(record, target)) is not None:
            labels = {OWNER_LABEL: self._registry.owner_id, RESOURCE_LABEL: resource, LOST_LABEL: "true"}
        return labels or {}
