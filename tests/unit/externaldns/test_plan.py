"""The plan, row by row: current records, wanted records, changes."""

from __future__ import annotations

import pytest

from externaldns.plan import Plan, Scope, Skipped, calculate
from externaldns.policy import POLICIES
from externaldns.record import Endpoint

ME = Scope(owner_id="me")


def endpoint(text: str) -> Endpoint:
    """Read `NAME TYPE TARGET[,TARGET] [ttl=N] [owner=X] [resource=X] [shared=true] [set=X] [weight=N]`."""
    name, record_type, targets, *rest = text.split()
    options = dict(option.split("=") for option in rest)
    labels = {key: value for key, value in options.items() if key in ("owner", "resource", "shared")}
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


@pytest.mark.parametrize(
    ("policy", "withheld"),
    [
        ("sync", []),
        ("upsert-only", ["delete gone A 1.1.1.1"]),
        ("create-only", ["update keep A 1.1.1.1 -> keep A 2.2.2.2", "delete gone A 1.1.1.1"]),
    ],
)
def test_what_a_policy_forbids_is_told(policy: str, withheld: list[str]) -> None:
    assert told(Plan(calculate(*EVERYTHING, ME, POLICIES[policy]).withheld)) == withheld


@pytest.mark.parametrize(
    ("desired", "outdone"),
    [
        (["web A 1.1.1.1 resource=a", "web A 1.1.1.1 resource=b"], []),
        (["web A 1.1.1.1 resource=a", "web A 2.2.2.2 resource=b"], [("b", "a")]),
        (["web CNAME lb resource=a", "web A 2.2.2.2 resource=b"], [("a", "b")]),
        (["web A 1.1.1.1 resource=a", "web AAAA ::1 resource=b"], []),
        (["web A 1.1.1.1 resource=a ttl=5", "web A 1.1.1.1 resource=b ttl=9"], [("b", "a")]),
    ],
)
def test_a_wish_that_another_object_wins_against_is_told(desired: list[str], outdone: list[tuple[str, str]]) -> None:
    plan = calculate([], map(endpoint, desired), ME)
    assert [(each.wish.resource, each.winner.resource) for each in plan.outdone] == outdone


OLD = Scope(owner_id="me", migrate_from="old")


@pytest.mark.parametrize(
    ("current", "desired", "changes"),
    [
        ("web A 1.1.1.1 owner=old", "web A 1.1.1.1", ["update web A 1.1.1.1 -> web A 1.1.1.1"]),
        ("web A 1.1.1.1 owner=old", "web A 2.2.2.2", ["update web A 1.1.1.1 -> web A 2.2.2.2"]),
        ("web A 1.1.1.1 owner=old resource=a", "web A 1.1.1.1 resource=a", ["update web A 1.1.1.1 -> web A 1.1.1.1"]),
        ("web A 1.1.1.1 owner=old resource=a", "web A 2.2.2.2 resource=b", ["skip web A of old"]),
        ("web A 1.1.1.1 owner=old", "db A 1.1.1.1", ["create db A 1.1.1.1"]),
        ("web A 1.1.1.1 owner=old", "web AAAA ::1", ["skip web AAAA of old"]),
        ("web A 1.1.1.1 owner=other", "web A 2.2.2.2", ["skip web A of other"]),
        ("web A 1.1.1.1 owner=me", "web A 1.1.1.1", []),
    ],
)
def test_another_owners_records_become_ours_as_far_as_they_are_wanted(
    current: str, desired: str, changes: list[str]
) -> None:
    plan = calculate([endpoint(current)], [endpoint(desired)], OLD)
    assert told(plan) == changes
    assert {new.owner for _, new in plan.changes.update} <= {"me"}


def sharing(*others: str) -> Scope:
    """Ours is what has no mention in `others`, each `NAME TYPE TARGET[,TARGET]`."""
    found = map(endpoint, others)
    return Scope(owner_id="me", others={record.key: dict.fromkeys(record.targets, "other") for record in found})


@pytest.mark.parametrize(
    ("current", "others", "desired", "changes"),
    [
        ("web A 9.9.9.9 owner=other", "web A 9.9.9.9", "web A 1.1.1.1", ["skip web A of other"]),
        ("web A 9.9.9.9 owner=other", "web A 9.9.9.9", "web A 1.1.1.1 shared=true", ["create web A 1.1.1.1"]),
        ("web A 9.9.9.9 owner=other", "web A 9.9.9.9", "web A 9.9.9.9 shared=true", []),
        ("web A 9.9.9.9 owner=other", "web A 9.9.9.9", "web A 9.9.9.9,1.1.1.1 shared=true", ["create web A 1.1.1.1"]),
        ("web A 9.9.9.9 owner=other", "web A 9.9.9.9", "web AAAA ::1 shared=true", ["create web AAAA ::1"]),
        ("web A 9.9.9.9 owner=other", "web A 9.9.9.9", "web CNAME lb shared=true", ["skip web CNAME of other"]),
        ("web CNAME lb owner=other", "web CNAME lb", "web A 1.1.1.1 shared=true", ["skip web A of other"]),
        # Once a value of ours stands beside others', it is ours to change and to delete.
        ("web A 1.1.1.1 owner=me", "web A 9.9.9.9", "web A 1.1.1.1,9.9.9.9 shared=true", []),
        ("web A 1.1.1.1 owner=me", "web A 9.9.9.9", "web A 2.2.2.2", ["update web A 1.1.1.1 -> web A 2.2.2.2"]),
        ("web A 1.1.1.1 owner=me", "web A 9.9.9.9", "web A 9.9.9.9", ["delete web A 1.1.1.1"]),
        (
            "web A 1.1.1.1 owner=me",
            "web A 9.9.9.9",
            "web AAAA ::1",
            ["delete web A 1.1.1.1", "skip web AAAA of other"],
        ),
        ("web A 1.1.1.1 owner=me", "web A 9.9.9.9", "db A 9.9.9.9", ["create db A 9.9.9.9", "delete web A 1.1.1.1"]),
    ],
)
def test_names_can_be_shared_where_each_value_has_an_owner(
    current: str, others: str, desired: str, changes: list[str]
) -> None:
    assert told(calculate([endpoint(current)], [endpoint(desired)], sharing(others))) == changes


def test_names_are_not_shared_where_a_record_has_one_owner() -> None:
    plan = calculate([endpoint("web A 9.9.9.9 owner=other")], [endpoint("web A 1.1.1.1 shared=true")], ME)
    assert told(plan) == ["skip web A of other"]
