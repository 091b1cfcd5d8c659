"""Any current and any wanted records: a plan reaches what is wanted in one pass, or says why not."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from externaldns.changes import Changes
from externaldns.plan import Plan, Scope, calculate
from externaldns.policy import POLICIES
from externaldns.record import Endpoint, RecordKey, normalize_target, same_targets

TARGETS = {"A": ["1.1.1.1", "2.2.2.2", "10.0.0.3"], "AAAA": ["fd00::1", "FD00:0::2"], "CNAME": ["lb", "web.example"]}
ME = "me"
Others = dict[RecordKey, dict[str, str]]


@st.composite
def records(draw: st.DrawFn, label: str, values: list[str], ttls: list[int | None]) -> Endpoint:
    record_type = draw(st.sampled_from(sorted(TARGETS)))
    size = 1 if record_type == "CNAME" else 2
    targets = draw(st.lists(st.sampled_from(TARGETS[record_type]), min_size=1, max_size=size, unique=True))
    labels = {label: draw(st.sampled_from(values))}
    if label == "resource" and draw(st.booleans()):
        labels["shared"] = "true"
    return Endpoint(
        draw(st.sampled_from("abc")),
        tuple(targets),
        record_type,
        draw(st.sampled_from(["", "", "line"])),
        draw(st.sampled_from(ttls)),
        labels,
    )


CURRENT = st.lists(records("owner", [ME, "other", "old", ""], [5, 60]), max_size=6, unique_by=lambda record: record.key)
DESIRED = st.lists(records("resource", ["a", "b", "c"], [None, 5, 60]), max_size=6)


def others_in(held: list[Endpoint]) -> Others:
    """The values of others, and whose each is."""
    return {record.key: dict.fromkeys(record.targets, record.owner) for record in held if record.owner != ME}


def apply(current: list[Endpoint], changes: Changes, others: Others) -> list[Endpoint]:
    """What a provider that does as it is told holds afterwards; a key may be held twice where others share it."""
    held = list(current)
    for old in changes.delete:
        held.remove(old)
    for old, new in changes.update:
        held[held.index(old)] = replace(new, ttl=old.ttl if new.ttl is None else new.ttl)
    for new in changes.create:
        mine = [record for record in held if record.key == new.key and record.key not in others]
        assert mine == [], "a record that exists is not created"
        held.append(replace(new.with_label("owner", ME), ttl=new.ttl or 60))
    return held


def seen(held: list[Endpoint], others: Others) -> list[Endpoint]:
    """The records as a view shows them: where some values of a key are ours, those alone."""
    ours = {record.key for record in held if record.owner == ME}
    return [record for record in held if record.owner == ME or record.key not in ours]


def reasons(plan: Plan) -> set[tuple[str, str]]:
    """The (name, type) pairs of which the plan says why they are not as wanted."""
    return {
        *((skip.name, skip.record_type) for skip in plan.skipped),
        *((each.wish.dns_name, each.wish.record_type) for each in plan.outdone),
        *((new.dns_name, new.record_type) for new in plan.withheld.create),
        *((new.dns_name, new.record_type) for _, new in plan.withheld.update),
    }


def is_met(wish: Endpoint, held: list[Endpoint], *, shared: bool) -> bool:
    """Whether the zone says what `wish` does: its values, possibly each by another owner, and its TTL."""
    found = [record for record in held if record.key == wish.key]
    values = {normalize_target(target) for record in found for target in record.targets}
    ours = [record for record in found if record.owner == ME]
    ttl = wish.ttl is None or all(record.ttl == wish.ttl for record in ours)
    # Beside the values of others, a shared wish is met by what is there.
    exact = shared or any(same_targets(record.targets, wish.targets) for record in found)
    return ttl and exact and {normalize_target(target) for target in wish.targets} <= values


@settings(max_examples=300, deadline=None)
@given(CURRENT, DESIRED, st.integers(), st.sampled_from(sorted(POLICIES)), st.booleans(), st.booleans())
def test_one_pass_is_enough_or_the_plan_says_why_not(
    current: list[Endpoint], desired: list[Endpoint], seed: int, policy: str, shares: bool, migrates: bool
) -> None:
    others = others_in(current) if shares else {}
    scope = Scope(owner_id=ME, others=others if shares else None, migrate_from="old" if migrates else "")
    plan = calculate(current, desired, scope, POLICIES[policy])
    dice = random.Random(seed)
    shuffled = dice.sample(current, len(current)), dice.sample(desired, len(desired))
    assert calculate(*shuffled, scope, POLICIES[policy]) == plan, "the order of the input does not matter"

    after = apply(current, plan.changes, others)
    left = others_in(after) if shares else None
    second = calculate(seen(after, others), desired, replace(scope, others=left), POLICIES[policy])
    assert second.changes == Changes(), "a second plan is empty"

    foreign = [record for record in current if record.owner not in (ME, "old" if migrates else ME)]
    assert [record for record in after if record in foreign] == foreign, "others' records are as they were"
    assert {old.owner for old in plan.changes.delete} <= {ME}, "only ours are ever deleted"
    assert {old.owner for old, _ in plan.changes.update} <= {ME, *(["old"] if migrates else [])}

    told = reasons(plan)
    for wish in desired:
        assert is_met(wish, after, shared=wish.key in others) or (wish.dns_name, wish.record_type) in told, (
            "whatever is not as wanted is told"
        )
    if policy == "sync":
        wanted = {(wish.dns_name, wish.set_identifier) for wish in desired}
        assert all((each.dns_name, each.set_identifier) in wanted for each in after if each.owner == ME)
