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
    web A 1.1.1.1 (me, lost)   web A 1.1.1.1                update: the zone does not say any more that it is `me`'s
    -                          web A 1.1.1.1, CNAME lb      create web A 1.1.1.1 (RFC 1034: a CNAME stands alone)
    -                          web A 2.2.2.2, A 1.1.1.1     create web A 1.1.1.1 (of two objects, the lesser)
    web A 2.2.2.2 (me, svc/b)  web A 2.2.2.2 of svc/b,      nothing (the object that made it keeps it)
                               web A 1.1.1.1 of svc/a
    web A 1.1.1.1 (other)      web A 2.2.2.2, shared        create web A 2.2.2.2 beside it, if values have owners
    web A 1.1.1.1 (old)        web A 1.1.1.1                update: its owner is `me` from now on, with
                                                            --migrate-from-txt-owner=old; nothing else of `old`'s is

What is wanted and not done is in the plan, too: `skipped` for records that are somebody else's, `outdone` for wishes
that another object's wish has won against, `unowned` for records that are nobody's, and `withheld` for what the policy
forbids. A second plan, made from the
outcome of the first, has no changes. Unlike ExternalDNS's, it compares all targets, has one order, and takes a TTL back
to its default when the annotation goes (the provider says what the default is).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from externaldns.changes import Changes
from externaldns.conflict import choose_for_create, choose_for_update, drop_conflicting_types, rank
from externaldns.policy import Policy, sync
from externaldns.record import (
    LOST_LABEL,
    OWNER_LABEL,
    SHARED_LABEL,
    Endpoint,
    RecordKey,
    normalize_name,
    normalize_target,
    same_targets,
)
from externaldns.resource_label import is_about

DEFAULT_MANAGED_TYPES = frozenset({"A", "AAAA", "CNAME"})


@dataclass(frozen=True, slots=True)
class Scope:
    """What a plan is about; a record outside of it is neither changed nor a reason for anything."""

    owner_id: str = ""
    """The owner that the changed records must have; empty for no ownership at all (`--registry=noop`)."""
    record_types: frozenset[str] = DEFAULT_MANAGED_TYPES
    includes: Callable[[str], bool] = lambda name: True
    """Tells whether a normalized name is ours to manage (the domain filter, and a zone that holds it)."""
    others: Mapping[RecordKey, Mapping[str, str]] | None = None
    """Where each value has an owner: the owner of each value of others, by key. A record of ours is then without them.
    None: a record has one owner for all its values, and no name can be shared."""
    migrate_from: str = ""
    """An owner whose records become ours as far as they are wanted, and of the same object."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A wanted change that was left out because the record belongs to somebody else (`foreign_owner` "": nobody)."""

    name: str
    record_type: str
    foreign_owner: str


@dataclass(frozen=True, slots=True)
class Outdone:
    """A wish that is not granted because `winner`, another object's wish for the same name, is."""

    wish: Endpoint
    winner: Endpoint


@dataclass(frozen=True, slots=True)
class Plan:
    """What to change, and what is wanted and not done, by the reason for it."""

    changes: Changes
    skipped: tuple[Skipped, ...] = ()
    outdone: tuple[Outdone, ...] = ()
    withheld: Changes = field(default_factory=Changes)
    unowned: tuple[Endpoint, ...] = ()
    """Wishes for which there is a record already that nobody owns."""


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
    found = _Found()
    for (name, set_identifier), row in sorted(_rows(current, desired, scope).items()):
        _plan_row(row, _strangers(row, name, set_identifier, scope), scope, found)
    wished = Changes(tuple(found.create), tuple(found.update), tuple(found.delete))
    allowed = policy(wished)
    return Plan(allowed, tuple(found.skipped), tuple(found.outdone), _without(wished, allowed), tuple(found.unowned))


@dataclass(slots=True)
class _Found:
    """What a plan is made of, as it grows."""

    create: list[Endpoint] = field(default_factory=list)
    update: list[tuple[Endpoint, Endpoint]] = field(default_factory=list)
    delete: list[Endpoint] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    outdone: list[Outdone] = field(default_factory=list)
    unowned: list[Endpoint] = field(default_factory=list)


def _plan_row(row: _Row, strangers: Mapping[str, str], scope: Scope, found: _Found) -> None:
    """Plan one row; `strangers` are the types that others have something of under its name, and an owner of each."""
    winners = _winners(row)
    # What becomes ours in this very plan stands in nobody's way.
    moving = {key for key, old in row.current.items() if key in winners and _migrates(old, winners[key], scope)}
    strangers = {key: owner for key, owner in strangers.items() if key not in moving}
    for record_type in sorted(row.current.keys() | winners.keys()):
        old, new = row.current.get(record_type), winners.get(record_type)
        foreign = old is not None and _is_foreign(old, scope)
        if new is None:
            if old is not None and not foreign:
                found.delete.append(old)
            continue
        joins = scope.others is not None and _may_join(new, strangers)
        if old is None or (foreign and joins):
            # Another type beside somebody else's record would change what that name means.
            if strangers and not joins:
                found.skipped.append(Skipped(new.dns_name, record_type, min(strangers.values())))
            elif (rest := _beside_others(new, scope)).targets:
                found.create.append(rest)
        elif foreign:
            if record_type in moving:
                found.update.append((old, new.with_label(OWNER_LABEL, scope.owner_id)))
                continue
            if differs(old, new):
                found.skipped.append(Skipped(old.dns_name, record_type, old.owner))
            if not old.owner:
                found.unowned.append(new)
        elif not (rest := _beside_others(new, scope)).targets:
            found.delete.append(old)
        elif differs(old, rest):
            found.update.append((old, rest.with_label(OWNER_LABEL, old.owner) if old.owner else rest))
    found.outdone += _outdone(row.candidates, winners)


def _winners(row: _Row) -> dict[str, Endpoint]:
    """Return the wish that counts for each type that is wanted."""
    by_type: dict[str, list[Endpoint]] = {}
    for candidate in drop_conflicting_types(row.candidates):
        by_type.setdefault(candidate.record_type, []).append(candidate)
    return {
        record_type: choose_for_update(row.current[record_type], wishes)
        if record_type in row.current
        else choose_for_create(wishes)
        for record_type, wishes in by_type.items()
    }


def _is_foreign(record: Endpoint, scope: Scope) -> bool:
    return scope.owner_id != "" and record.owner != scope.owner_id


def _strangers(row: _Row, name: str, set_identifier: str, scope: Scope) -> dict[str, str]:
    found = {key: record.owner for key, record in row.current.items() if _is_foreign(record, scope)}
    for record_type in scope.record_types if scope.others else ():
        if theirs := (scope.others or {}).get((name, record_type, set_identifier)):
            found[record_type] = min(theirs.values())
    return found


def _outdone(wishes: list[Endpoint], winners: Mapping[str, Endpoint]) -> list[Outdone]:
    """Return the wishes that no winner grants; the CNAMEs among them may have lost to another type."""
    if len(wishes) < 2:
        return []
    least = winners[min(winners)]
    lost = ((wish, winners.get(wish.record_type, least)) for wish in sorted(wishes, key=rank))
    return [Outdone(wish, winner) for wish, winner in lost if differs(winner, wish)]


def _beside_others(new: Endpoint, scope: Scope) -> Endpoint:
    """Return `new` without the values that others have there already: a value exists once, and is theirs."""
    theirs = {normalize_target(value) for value in (scope.others or {}).get(new.key, ())}
    if not theirs:
        return new
    return new.only([target for target in new.targets if normalize_target(target) not in theirs])


def _may_join(new: Endpoint, strangers: Mapping[str, str]) -> bool:
    """Tell whether `new` may stand beside what others have: RFC 1034 section 3.6.2 leaves no room by a CNAME."""
    return new.labels.get(SHARED_LABEL) == "true" and "CNAME" not in {new.record_type, *strangers}


def _migrates(old: Endpoint, new: Endpoint, scope: Scope) -> bool:
    """Tell whether `old` is to become ours. A record that does not say whose wish it was is any object's."""
    ours = bool(scope.migrate_from) and old.owner == scope.migrate_from
    return ours and (not old.resource or is_about(old.resource, new.resource))


def _without(wished: Changes, allowed: Changes) -> Changes:
    """Return what of `wished` is not in `allowed`."""
    create, delete = ({each.key for each in some} for some in (allowed.create, allowed.delete))
    update = {old.key for old, _ in allowed.update}
    return Changes(
        tuple(new for new in wished.create if new.key not in create),
        tuple(pair for pair in wished.update if pair[0].key not in update),
        tuple(old for old in wished.delete if old.key not in delete),
    )


def _rows(current: Iterable[Endpoint], desired: Iterable[Endpoint], scope: Scope) -> dict[tuple[str, str], _Row]:
    rows: dict[tuple[str, str], _Row] = {}
    for endpoint in _in_scope(current, scope):
        rows.setdefault((endpoint.dns_name, endpoint.set_identifier), _Row()).current[endpoint.record_type] = endpoint
    for endpoint in _in_scope(desired, scope):
        if scope.others is not None and endpoint.remarks:
            # The remarks say whose the values are; there is no room for other words.
            endpoint = replace(endpoint, remarks={})
        rows.setdefault((endpoint.dns_name, endpoint.set_identifier), _Row()).candidates.append(endpoint)
    return rows


def _in_scope(endpoints: Iterable[Endpoint], scope: Scope) -> Iterable[Endpoint]:
    for endpoint in endpoints:
        name = normalize_name(endpoint.dns_name)
        if endpoint.record_type in scope.record_types and scope.includes(name):
            yield endpoint if name == endpoint.dns_name else replace(endpoint, dns_name=name)


def differs(old: Endpoint, new: Endpoint) -> bool:
    """Tell whether a record that is `old` must be written to be `new`."""
    return (
        LOST_LABEL in old.labels
        or (new.ttl is not None and new.ttl != old.ttl)
        or not same_targets(old.targets, new.targets)
        or dict(old.provider_specific) != dict(new.provider_specific)
        or any(old.remarks.get(target, "") != remark for target, remark in new.remarks.items())
    )
