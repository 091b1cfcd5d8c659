"""Who gets a record that nobody owns, or that another owner hands over: what `externaldns adopt` and `transfer` decide.

    record as it is                         wanted by an object      adopt          transfer from old
    --------------------------------------  -----------------------  -------------  -----------------
    web A 1.1.1.1 of nobody                 web A 1.1.1.1            taken          left
    web A 1.1.1.1 of nobody                 web A 2.2.2.2            left (*)       left
    web A 1.1.1.1 of nobody                 -                        left           left
    web A 1.1.1.1 of old, for shop/web      the same, of shop/web    left           taken
    web A 1.1.1.1 of old, for shop/web      the same, of shop/db     left           left
    web A 1.1.1.1 of old                    -                        left           left
    web A 1.1.1.1 of other                  web A 1.1.1.1            left           left
    (*) taken with --any-value: then the next run of the controller changes the value

Values and TTLs stay as they are, and nothing is ever deleted. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from externaldns.conflict import choose_for_update, drop_conflicting_types
from externaldns.plan import Scope
from externaldns.record import OWNER_LABEL, RESOURCE_LABEL, Endpoint, RecordKey, same_targets
from externaldns.resource_label import is_about


@dataclass(frozen=True, slots=True)
class Left:
    """A record that is wanted, or could have been meant, and is not taken."""

    record: Endpoint
    reason: str


@dataclass(frozen=True, slots=True)
class Takeover:
    """What to take: each record as it is, and as it is with its new labels. Sorted by key."""

    taken: tuple[tuple[Endpoint, Endpoint], ...] = ()
    left: tuple[Left, ...] = ()


def propose(
    current: Iterable[Endpoint], desired: Iterable[Endpoint], scope: Scope, giver: str, *, any_value: bool = False
) -> Takeover:
    """Return what `scope.owner_id` may take from `giver` ("": from nobody), of the records that `desired` asks for.

    `current` have their owners as labels; records that are ours already are not mentioned.
    """
    wishes: dict[RecordKey, list[Endpoint]] = {}
    for wish in desired:
        wishes.setdefault((wish.dns_name, "", wish.set_identifier), []).append(wish)
    taken: list[tuple[Endpoint, Endpoint]] = []
    left: list[Left] = []
    for record in sorted(current, key=lambda record: record.key):
        outside = record.record_type not in scope.record_types or not scope.includes(record.dns_name)
        if outside or record.owner == scope.owner_id:
            continue
        candidates = drop_conflicting_types(wishes.get((record.dns_name, "", record.set_identifier), []))
        wanted = [wish for wish in candidates if wish.record_type == record.record_type]
        if record.owner != giver:
            if wanted:
                left.append(Left(record, f"{record.owner!r} owns it" if record.owner else "nobody owns it"))
        elif not wanted:
            left.append(Left(record, "no object asks for it"))
        elif fault := _find_obstacle(record, wish := choose_for_update(record, wanted), any_value=any_value):
            left.append(Left(record, fault))
        else:
            labels = {**record.labels, OWNER_LABEL: scope.owner_id, RESOURCE_LABEL: wish.resource}
            taken.append((record, replace(record, labels=labels)))
    return Takeover(tuple(taken), tuple(left))


def _find_obstacle(record: Endpoint, wish: Endpoint, *, any_value: bool) -> str:
    """Return why `record` is not simply what `wish` asks for; "" if it is."""
    if record.resource and not is_about(record.resource, wish.resource):
        return f"it was made for {record.resource}, and {wish.resource} asks for it"
    if not any_value and not same_targets(record.targets, wish.targets):
        return f"{wish.resource} asks for {' '.join(wish.targets)} (--any-value takes it)"
    return ""
