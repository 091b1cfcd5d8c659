"""What a plan asks for, as values: which record sets to create, replace and delete.

`plan.calculate` makes `Changes`, `policy.restrict` filters them, `ownership` groups them by name and puts the
ownership record of each next to it, and a provider carries out the groups. No I/O, no clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from externaldns.record import Endpoint


@dataclass(frozen=True, slots=True)
class RecordChange:
    """One record set on its way from `old` to `new`: without `old` it is created, without `new` deleted.

    `others` are values under the same name and type that belong to somebody else: they stay as they are, and count
    neither as `old` nor as `new`. `why` is for the audit log, where it is more than what is wanted and what is not.
    """

    old: Endpoint | None
    new: Endpoint | None
    others: tuple[str, ...] = ()
    why: str = ""
    zone: str = ""
    """The zone that has the record; "" for the one that its name lies in."""

    @property
    def endpoint(self) -> Endpoint:
        """The record set as it will be; as it was, if it goes."""
        endpoint = self.new or self.old
        assert endpoint is not None, "a change has an old or a new record set"
        return endpoint

    @property
    def verb(self) -> str:
        if self.old is None:
            return "create"
        return "update" if self.new else "delete"

    def __str__(self) -> str:
        endpoint = self.endpoint
        place = f" in zone {self.zone}" if self.zone else ""
        return f"{self.verb} {endpoint.dns_name} {endpoint.record_type} {' '.join(endpoint.targets)}{place}"


@dataclass(frozen=True, slots=True)
class Changes:
    """All changes of one run, each tuple sorted by name, type and set identifier."""

    create: tuple[Endpoint, ...] = ()
    update: tuple[tuple[Endpoint, Endpoint], ...] = ()
    """(old, new) pairs of the same name and type."""
    delete: tuple[Endpoint, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.create or self.update or self.delete)


@dataclass(frozen=True, slots=True)
class NameChange:
    """The changes of one name, in the order in which they must happen.

    If a step fails, the later ones must not be tried; other names are independent of this one.
    """

    name: str
    steps: tuple[RecordChange, ...]


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """How one `NameChange` went: `error` is None when every step was done (or would have been, in a dry run)."""

    change: NameChange
    error: Exception | None = None
    written: tuple[Endpoint, ...] = ()
    """The rows that were added or changed, also before an error; none where rows have no IDs."""
