"""Which rows are ours by what this process has seen, for what was edited by hand: a row keeps its ID, whatever is done
to it (PrivateZone's RecordId).

    row as it was last seen, ours        as it is now                          what that means
    -----------------------------------  ------------------------------------  ---------------------------------------
    web A 192.0.2.1                      the same, or with another value,      ours still: its ownership is written
                                           and no owner is said any more         anew, its value put right
    web A 192.0.2.1                      web A, of another owner               handed over: let go
    web A 192.0.2.1                      elsewhere A 192.0.2.1                 a stray: it is deleted; what is wanted
                                           or web CNAME lb.example.net           is made at its own place
    web A 192.0.2.1                      elsewhere A 192.0.2.1, of another      handed over: let go
                                           owner, who has nothing else there
    web A 192.0.2.1                      elsewhere A 203.0.113.1               nothing is as it was: let go
    a-web TXT "heritage=..."             a-web TXT "hello"                     a stray
    -                                    db A 192.0.2.1 of nobody              nobody's: `externaldns adopt` takes it

What a process has not seen itself it does not know: after a restart only what the zone says counts. Providers whose
records have no IDs (webhooks) have no memory. No I/O, no clock.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from externaldns.changes import NameChange, RecordChange
from externaldns.record import RESOURCE_LABEL, Endpoint, normalize_target

logger = logging.getLogger(__name__)


class _Known(NamedTuple):
    """A row of ours as it was last seen or written; `marks`: it is an ownership record."""

    name: str
    record_type: str
    value: str
    resource: str
    marks: bool


@dataclass(frozen=True, slots=True)
class SortedOut:
    """Records without strays, and the strays: record sets of the rows of ours that are where they don't belong."""

    records: tuple[Endpoint, ...]
    strays: tuple[Endpoint, ...] = ()


class OwnRows:
    """The rows that this process knows to be its own. `marks` tells whether a text is that of an ownership record."""

    def __init__(self, marks: Callable[[str], bool]) -> None:
        self._marks = marks
        self._known: dict[int, _Known] = {}

    def sort_out(self, records: Iterable[Endpoint]) -> SortedOut:
        """Take the strays out of `records`."""
        kept: list[Endpoint] = []
        strays: list[Endpoint] = []
        for record in records:
            ids = ((target, record.row_ids.get(target, 0)) for target in record.targets)
            lost = {target for target, row_id in ids if self._is_stray(record, target, row_id)}
            if not lost:
                kept.append(record)
                continue
            gone = record.only(lost)
            known = self._known[gone.row_ids[gone.targets[0]]]
            strays.append(gone.with_label(RESOURCE_LABEL, known.resource))
            if rest := [target for target in record.targets if target not in lost]:
                kept.append(record.only(rest))
        return SortedOut(tuple(kept), tuple(strays))

    def let_go(self, found: SortedOut, theirs: Iterable[Endpoint], *, per_value: bool) -> tuple[Endpoint, ...]:
        """Return the strays of `found` that are not `theirs`, and let go of the others.

        Unless ownership is said `per_value`, that of a name is for the others' rows there, if there are any.
        """
        beside = frozenset() if per_value else {record.key for record in found.records}
        given = [record for record in theirs if record.key not in beside]
        ids = {record.row_ids.get(target, 0) for record in given for target in record.targets}
        self.learn((), given)
        rest = ((stray, [each for each in stray.targets if stray.row_ids[each] not in ids]) for stray in found.strays)
        return tuple(stray.only(targets) for stray, targets in rest if targets)

    def recall(self, record: Endpoint, target: str) -> str | None:
        """Return the resource for which the row of `target` was made, if it is ours and in its place; else None."""
        known = self._known.get(record.row_ids.get(target, 0))
        if known is None or (known.name, known.record_type) != (record.dns_name, record.record_type):
            return None
        return known.resource

    def learn(self, own: Iterable[Endpoint], theirs: Iterable[Endpoint]) -> None:
        """Keep the rows of `own` as they are, which are ours, and let go of those of `theirs`."""
        for record in theirs:
            for target in record.targets:
                self._known.pop(record.row_ids.get(target, 0), None)
        for record in own:
            for target in record.targets:
                if row_id := record.row_ids.get(target):
                    self._keep(record, target, row_id)

    def forget_all_but(self, records: Sequence[Endpoint], unread: Callable[[str], bool]) -> None:
        """Forget the rows that are not among `records`, which are all that there are but under `unread` names."""
        ids = {row_id for record in records for row_id in record.row_ids.values()}
        self._known = {row_id: known for row_id, known in self._known.items() if row_id in ids or unread(known.name)}

    def forget_deleted(self, changes: Iterable[NameChange]) -> None:
        """Forget the values that `changes`, which were made, have taken away."""
        for step in (step for change in changes for step in change.steps if step.old is not None):
            stay = {_comparable(target) for target in step.new.targets} if step.new else set()
            for target, row_id in step.old.row_ids.items() if step.old else ():
                if _comparable(target) not in stay:
                    self._known.pop(row_id, None)

    def _keep(self, record: Endpoint, target: str, row_id: int) -> None:
        before, value = self._known.get(row_id), _comparable(target)
        # Whether a text is an ownership record's takes long to tell where they are encrypted.
        marks = (
            before.marks if before and before.value == value else record.record_type == "TXT" and self._marks(target)
        )
        self._known[row_id] = _Known(record.dns_name, record.record_type, value, record.resource, marks)

    def _is_stray(self, record: Endpoint, target: str, row_id: int) -> bool:
        known = self._known.get(row_id)
        if known is None:
            return False
        if known.name == record.dns_name:
            if known.record_type != record.record_type:
                return True
            return known.marks and known.value != _comparable(target) and not self._marks(target)
        if (known.record_type, known.value) == (record.record_type, _comparable(target)):
            return True
        del self._known[row_id]
        logger.warning(
            "what was our %s %s is now %s %s %s: it is left alone",
            known.name,
            known.record_type,
            record.dns_name,
            record.record_type,
            target,
        )
        return False


def remove(strays: Iterable[Endpoint], changes: Iterable[NameChange]) -> tuple[NameChange, ...]:
    """Return `changes` and the deletion of `strays`, which comes before all else under their names."""
    steps = {change.name: change.steps for change in changes}
    for stray in strays:
        deletion = RecordChange(stray, None, why="it was changed by hand")
        steps[stray.dns_name] = (deletion, *steps.get(stray.dns_name, ()))
    return tuple(NameChange(name, steps[name]) for name in sorted(steps))


def _comparable(target: str) -> str:
    # Texts come back with or without the quotes that they were written with.
    return normalize_target(target.strip().strip('"'))
