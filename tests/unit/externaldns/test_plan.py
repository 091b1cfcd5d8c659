"""The plan, row by row: current records, wanted records, changes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from externaldns.changes import Changes
from externaldns.plan import Plan, Scope, Skipped, calculate
from externaldns.policy import POLICIES
from externaldns.record import Endpoint

ME = Scope(owner_id="me")


def endpoint(text: str) -> Endpoint:
    """Read `NAME TYPE TARGET[,TARGET] [ttl=N] [owner=X] [resource=X] [set=X] [weight=N]`."""
    name, record_type, targets, *rest = text.split()
    options = dict(option.split("=") for option in rest)
    labels = {key: value for key, value in options.items() if key in ("owner", "resource")}
    ttl = int(options["ttl"]) if "ttl" in options else None
    provider_specific = {key: value for key, value in options.items() if key == "weight"}
    return Endpoint(
        name, tuple(targets.split(",")), record_type, options.get("set", ""), ttl, labels, provider_specific
    )


def show(record: Endpoint) -> str:
    ttl = f" ttl={record.ttl}" if record.ttl is not None else ""
    identifier = f" set={record.set_identifier}" if record.set_identifier else ""
    return f"{record.dns_name} {record.record_type} {','.join(record.targets)}{ttl}{identifier}"


def told(plan: Plan) -> list[str]:
    """The changes of a plan in words."""
    return [
        *(f"create {show(new)}" for new in plan.changes.create),
        *(f"update {show(old)} -> {show(new)}" for old, new in plan.changes.update),
        *(f"delete {show(old)}" for old in plan.changes.delete),
        *(f"skip {skip.name} {skip.record_type} of {skip.foreign_owner or 'nobody'}" for skip in plan.skipped),
    ]


ROWS = [
    pytest.param([], ["web A 1.1.1.1"], ["create web A 1.1.1.1"], id="new"),
    pytest.param(["web A 1.1.1.1 owner=me"], ["web A 1.1.1.1"], [], id="nothing to do"),
    pytest.param(["web A 1.1.1.1 owner=me"], [], ["delete web A 1.1.1.1"], id="gone"),
    pytest.param(
        ["web A 1.1.1.1 owner=me"], ["web A 2.2.2.2"], ["update web A 1.1.1.1 -> web A 2.2.2.2"], id="another value"
    ),
    pytest.param(["web A 1.1.1.1,2.2.2.2 owner=me"], ["web A 2.2.2.2,1.1.1.1"], [], id="another order"),
    pytest.param(["web AAAA fd00::1 owner=me"], ["web AAAA FD00:0::1"], [], id="another spelling"),
    pytest.param(
        ["web AAAA fd00::1,fd00::2 owner=me"],
        ["web AAAA fd00:0::1,fd00::3"],
        ["update web AAAA fd00::1,fd00::2 -> web AAAA fd00:0::1,fd00::3"],
        id="another value behind another spelling",
    ),
    pytest.param(
        ["web A 1.1.1.1 owner=me"], ["web A 1.1.1.1", "web AAAA ::1"], ["create web AAAA ::1"], id="second type"
    ),
    pytest.param(
        ["web A 1.1.1.1 owner=me", "web AAAA ::1 owner=me"], ["web A 1.1.1.1"], ["delete web AAAA ::1"], id="type gone"
    ),
    pytest.param(
        ["web A 1.1.1.1 owner=me"],
        ["web CNAME lb.example.org"],
        ["create web CNAME lb.example.org", "delete web A 1.1.1.1"],
        id="type changes",
    ),
    pytest.param(
        ["web A 1.1.1.1 owner=me ttl=60"],
        ["web A 1.1.1.1 ttl=5"],
        ["update web A 1.1.1.1 ttl=60 -> web A 1.1.1.1 ttl=5"],
        id="another TTL",
    ),
    pytest.param(["web A 1.1.1.1 owner=me ttl=60"], ["web A 1.1.1.1"], [], id="no TTL wanted"),
    pytest.param(
        ["web A 1.1.1.1 owner=me"],
        ["web A 1.1.1.1 weight=3"],
        ["update web A 1.1.1.1 -> web A 1.1.1.1"],
        id="provider specific",
    ),
    # Whose record it is.
    pytest.param(["web A 1.1.1.1 owner=other"], ["web A 2.2.2.2"], ["skip web A of other"], id="foreign update"),
    pytest.param(["web A 1.1.1.1"], ["web A 2.2.2.2"], ["skip web A of nobody"], id="unowned update"),
    pytest.param(["web A 1.1.1.1 owner=other"], ["web A 1.1.1.1"], [], id="foreign but as wanted"),
    pytest.param(["web A 1.1.1.1 owner=other"], [], [], id="foreign delete"),
    pytest.param(["web A 1.1.1.1 owner=other"], ["web AAAA ::1"], ["skip web AAAA of other"], id="foreign name"),
    pytest.param(
        ["web A 1.1.1.1 owner=me", "web AAAA ::1 owner=other"],
        ["web CNAME lb"],
        ["delete web A 1.1.1.1", "skip web CNAME of other"],
        id="half foreign name",
    ),
    # Who wins.
    pytest.param([], ["web A 2.2.2.2", "web A 1.1.1.1"], ["create web A 1.1.1.1"], id="the lesser value"),
    pytest.param([], ["web A 10.0.0.10", "web A 10.0.0.9"], ["create web A 10.0.0.9"], id="addresses are numbers"),
    pytest.param([], ["web A 1.1.1.1,2.2.2.2", "web A 9.9.9.9"], ["create web A 9.9.9.9"], id="fewer targets"),
    pytest.param(
        ["web A 2.2.2.2 owner=me resource=b"],
        ["web A 1.1.1.1 resource=a", "web A 2.2.2.2 resource=b"],
        [],
        id="who made it keeps it",
    ),
    pytest.param(
        ["web A 2.2.2.2 owner=me resource=b"],
        ["web A 3.3.3.3 resource=c", "web A 1.1.1.1 resource=a"],
        ["update web A 2.2.2.2 -> web A 1.1.1.1"],
        id="the lesser inherits",
    ),
    pytest.param([], ["web CNAME lb", "web A 1.1.1.1"], ["create web A 1.1.1.1"], id="a CNAME stands alone"),
    pytest.param(
        ["web CNAME lb owner=me"],
        ["web CNAME lb", "web A 1.1.1.1"],
        ["create web A 1.1.1.1", "delete web CNAME lb"],
        id="a CNAME gives way",
    ),
    # What is one name.
    pytest.param(["web A 1.1.1.1 owner=me"], ["WEB. A 1.1.1.1"], [], id="case and dot"),
    pytest.param(
        ["web A 1.1.1.1 owner=me set=a"],
        ["web A 1.1.1.1 set=b"],
        ["create web A 1.1.1.1 set=b", "delete web A 1.1.1.1 set=a"],
        id="set identifier",
    ),
    # What is not ours to manage at all.
    pytest.param(["web TXT hello owner=me"], ["web A 1.1.1.1"], ["create web A 1.1.1.1"], id="type not managed"),
]


@pytest.mark.parametrize(("current", "desired", "changes"), ROWS)
def test_row(current: list[str], desired: list[str], changes: list[str]) -> None:
    assert told(calculate(map(endpoint, current), map(endpoint, desired), ME)) == changes


def test_without_ownership_every_record_is_ours() -> None:
    plan = calculate([endpoint("web A 1.1.1.1"), endpoint("old A 1.1.1.1 owner=x")], [endpoint("web A 2.2.2.2")])
    assert told(plan) == ["update web A 1.1.1.1 -> web A 2.2.2.2", "delete old A 1.1.1.1"]


def test_an_update_keeps_the_owner_and_takes_the_new_resource() -> None:
    current = endpoint("web A 2.2.2.2 owner=me resource=b")
    [(_, new)] = calculate([current], [endpoint("web A 1.1.1.1 resource=a")], ME).changes.update
    assert dict(new.labels) == {"owner": "me", "resource": "a"}


def test_names_out_of_scope_are_neither_changed_nor_a_reason() -> None:
    scope = Scope(owner_id="me", includes=lambda name: not name.startswith("x"))
    plan = calculate([endpoint("x A 1.1.1.1 owner=me")], [endpoint("x2 A 1.1.1.1"), endpoint("y A 1.1.1.1")], scope)
    assert told(plan) == ["create y A 1.1.1.1"]


def test_a_skipped_change_names_the_record_and_its_owner() -> None:
    plan = calculate([endpoint("web A 1.1.1.1 owner=other")], [endpoint("web A 2.2.2.2")], ME)
    assert plan.skipped == (Skipped("web", "A", "other"),)


EVERYTHING = (
    [endpoint("keep A 1.1.1.1 owner=me"), endpoint("gone A 1.1.1.1 owner=me")],
    [endpoint("keep A 2.2.2.2"), endpoint("new A 1.1.1.1")],
)


@pytest.mark.parametrize(
    ("policy", "changes"),
    [
        ("sync", ["create new A 1.1.1.1", "update keep A 1.1.1.1 -> keep A 2.2.2.2", "delete gone A 1.1.1.1"]),
        ("upsert-only", ["create new A 1.1.1.1", "update keep A 1.1.1.1 -> keep A 2.2.2.2"]),
        ("create-only", ["create new A 1.1.1.1"]),
    ],
)
def test_policies_are_filters(policy: str, changes: list[str]) -> None:
    assert told(calculate(*EVERYTHING, ME, POLICIES[policy])) == changes


@pytest.mark.parametrize("policy", ["upsert-only", "create-only"])
@pytest.mark.parametrize(
    ("current", "desired", "changes"),
    [
        ("web A 1.1.1.1 owner=me", "web CNAME lb", []),
        ("web CNAME lb owner=me", "web A 1.1.1.1", []),
        ("web A 1.1.1.1 owner=me", "web AAAA ::1", ["create web AAAA ::1"]),
    ],
)
def test_without_deletions_a_cname_and_other_types_do_not_replace_each_other(
    policy: str, current: str, desired: str, changes: list[str]
) -> None:
    assert told(calculate([endpoint(current)], [endpoint(desired)], ME, POLICIES[policy])) == changes


TARGETS = {"A": ["1.1.1.1", "2.2.2.2", "10.0.0.3"], "AAAA": ["fd00::1", "fd00::2"], "CNAME": ["lb", "web.example"]}


@st.composite
def records(draw: st.DrawFn, label: str, values: list[str]) -> Endpoint:
    record_type = draw(st.sampled_from(sorted(TARGETS)))
    size = 1 if record_type == "CNAME" else 2
    targets = draw(st.lists(st.sampled_from(TARGETS[record_type]), min_size=1, max_size=size, unique=True))
    ttl = draw(st.sampled_from([None, 5, 60]))
    return Endpoint(
        draw(st.sampled_from("abc")),
        tuple(targets),
        record_type,
        ttl=ttl,
        labels={label: draw(st.sampled_from(values))},
    )


def apply(current: list[Endpoint], changes: Changes) -> list[Endpoint]:
    """What a provider that does as it is told holds afterwards."""
    held = {record.key: record for record in current}
    for old in changes.delete:
        del held[old.key]
    for old, new in changes.update:
        held[old.key] = new
    for new in changes.create:
        assert new.key not in held, "a record that exists is not created"
        held[new.key] = new.with_label("owner", "me")
    return list(held.values())


@given(
    st.lists(records("owner", ["me", "other", ""]), max_size=6, unique_by=lambda record: record.key),
    st.lists(records("resource", ["a", "b", "c"]), max_size=6),
    st.integers(),
)
def test_a_plan_reaches_its_aim_in_one_pass_and_leaves_foreign_records_alone(
    current: list[Endpoint], desired: list[Endpoint], seed: int
) -> None:
    plan = calculate(current, desired, ME)
    shuffled = random.Random(seed).sample(current, len(current)), random.Random(seed).sample(desired, len(desired))
    assert calculate(*shuffled, ME) == plan, "the order of the input does not matter"

    after = apply(current, plan.changes)
    assert calculate(after, desired, ME).changes == Changes(), "a second plan is empty"
    foreign = [record for record in current if record.owner != "me"]
    assert [record for record in after if record.owner != "me"] == foreign
    wanted = {record.dns_name for record in desired}
    left_out = {skip.name for skip in plan.skipped}
    assert wanted - left_out <= {record.dns_name for record in after}, "whatever is missing was told"
