"""The plan: from the records that are there and the records that are wanted, what to change. Pure.

`externaldns.controller` calls `calculate` between reading and applying. The algorithm is ExternalDNS's
(plan/plan.go), in a fixed order of output. For owner `me` and policy `sync`:

    current (owner)            wanted                       changes
    -------------------------  ---------------------------  ------------------------------------------------
    -                          web A 1.1.1.1                create web A 1.1.1.1
    web A 1.1.1.1 (me)         web A 1.1.1.1                nothing
    web A 1.1.1.1 (me)         web A 2.2.2.2                update web A 1.1.1.1 -> 2.2.2.2
    web A 1.1.1.1 (me)         web A 1.1.1.1, AAAA ::1      create web AAAA ::1
    web A 1.1.1.1 (me)         -                            delete web A 1.1.1.1
    web A 1.1.1.1 (me)         web CNAME lb.example.org     delete web A, create web CNAME
    web A 1.1.1.1 (other)      web A 2.2.2.2                nothing; skipped, because `other` owns it
    web A 1.1.1.1 (other)      web AAAA ::1                 nothing; skipped, because `other` owns the name
    web A 1.1.1.1 (nobody)     web A 2.2.2.2                nothing; skipped, because nobody owns it
    -                          web A 1.1.1.1, CNAME lb      create web A 1.1.1.1 (RFC 1034: a CNAME stands alone)
    -                          web A 2.2.2.2, A 1.1.1.1     create web A 1.1.1.1 (of two objects, the lesser)
    web A 2.2.2.2 (me, svc/b)  web A 2.2.2.2 of svc/b,      nothing (the object that made it keeps it)
                               web A 1.1.1.1 of svc/a

A second plan, made from the outcome of the first, is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from externaldns.changes import Changes
from externaldns.conflict import choose_for_create, choose_for_update, drop_conflicting_types
from externaldns.policy import Policy, sync
from externaldns.record import OWNER_LABEL, Endpoint, normalize_name, same_targets

DEFAULT_MANAGED_TYPES = frozenset({"A", "AAAA", "CNAME"})


@dataclass(frozen=True, slots=True)
class Scope:
    """What a plan is about; a record outside of it is neither changed nor a reason for anything."""

    owner_id: str = ""
    """The owner that the changed records must have; empty for no ownership at all (`--registry=noop`)."""
    record_types: frozenset[str] = DEFAULT_MANAGED_TYPES
    includes: Callable[[str], bool] = lambda name: True
    """Tells whether a normalized name is ours to manage (the domain filter, and a zone that holds it)."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A wanted change that was left out because the record belongs to somebody else (`foreign_owner` "": nobody)."""

    name: str
    record_type: str
    foreign_owner: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to change, and what can't be changed because it is not ours."""

    changes: Changes
    skipped: tuple[Skipped, ...] = ()


@dataclass(slots=True)
class _Row:
    """Everything known about one name and set identifier."""

    current: dict[str, Endpoint] = field(default_factory=dict)
    candidates: list[Endpoint] = field(default_factory=list)


def calculate(
    current: Iterable[Endpoint], desired: Iterable[Endpoint], scope: Scope | None = None, policy: Policy = sync
) -> Plan:
    """Return the changes that turn `current` into `desired` within `scope`, filtered by `policy`.

    The owner of a current record is its label `owner`. Endpoints in `desired` may claim a name several times;
    `externaldns.conflict` chooses. A desired TTL of None means "as it is": a provider that has a default
    must fill it in beforehand, or a removed annotation would leave the old TTL behind. So does a remark that is
    not said.
    """
    scope = scope or Scope()
    create: list[Endpoint] = []
    update: list[tuple[Endpoint, Endpoint]] = []
    delete: list[Endpoint] = []
    skipped: list[Skipped] = []
    for _, row in sorted(_rows(current, desired, scope).items()):
        held = [row.current[record_type] for record_type in sorted(row.current)]
        foreign = [record for record in held if scope.owner_id and record.owner != scope.owner_id]
        candidates = drop_conflicting_types(row.candidates)
        for record_type in sorted(row.current.keys() | {candidate.record_type for candidate in candidates}):
            old = row.current.get(record_type)
            wanted = [candidate for candidate in candidates if candidate.record_type == record_type]
            if old is None:
                new = choose_for_create(wanted)
                # Another type beside somebody else's record would change what that name means.
                if foreign:
                    skipped.append(Skipped(new.dns_name, record_type, foreign[0].owner))
                else:
                    create.append(new)
            elif not wanted:
                if old not in foreign:
                    delete.append(old)
            else:
                new = choose_for_update(old, wanted)
                if not _differs(old, new):
                    continue
                if old in foreign:
                    skipped.append(Skipped(old.dns_name, record_type, old.owner))
                else:
                    update.append((old, _inherit_owner(old, new)))
    return Plan(policy(Changes(tuple(create), tuple(update), tuple(delete))), tuple(skipped))


def _rows(current: Iterable[Endpoint], desired: Iterable[Endpoint], scope: Scope) -> dict[tuple[str, str], _Row]:
    rows: dict[tuple[str, str], _Row] = {}
    for endpoint in _in_scope(current, scope):
        rows.setdefault((endpoint.dns_name, endpoint.set_identifier), _Row()).current[endpoint.record_type] = endpoint
    for endpoint in _in_scope(desired, scope):
        rows.setdefault((endpoint.dns_name, endpoint.set_identifier), _Row()).candidates.append(endpoint)
    return rows


def _in_scope(endpoints: Iterable[Endpoint], scope: Scope) -> Iterable[Endpoint]:
    for endpoint in endpoints:
        name = normalize_name(endpoint.dns_name)
        if endpoint.record_type in scope.record_types and scope.includes(name):
            yield endpoint if name == endpoint.dns_name else replace(endpoint, dns_name=name)


def _differs(old: Endpoint, new: Endpoint) -> bool:
    return (
        (new.ttl is not None and new.ttl != old.ttl)
        or not same_targets(old.targets, new.targets)
        or dict(old.provider_specific) != dict(new.provider_specific)
        or any(old.remarks.get(target, "") != remark for target, remark in new.remarks.items())
    )


def _inherit_owner(old: Endpoint, new: Endpoint) -> Endpoint:
    return new.with_label(OWNER_LABEL, old.owner) if old.owner else new
