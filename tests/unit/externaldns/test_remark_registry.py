"""Ownership by remark: whose each value is, and what a change does with those of others."""

from __future__ import annotations

import pytest

from externaldns.changes import Changes
from externaldns.ownership import View
from externaldns.plan import Plan, Scope, calculate
from externaldns.record import Endpoint
from externaldns.remark_registry import RemarkRegistry

ME, YOU, OLD = "externaldns,me,service,shop,web", "externaldns,you,service,shop,web", "externaldns,old,service,shop,web"
WORDS = "by hand"


def held(**remarks: str) -> Endpoint:
    """web A with the values 1.1.1.1, 2.2.2.2 ... and these remarks."""
    values = {f"{name[1]}.{name[1]}.{name[1]}.{name[1]}": remark for name, remark in remarks.items()}
    return Endpoint("web", tuple(values), "A", ttl=60, remarks={value: text for value, text in values.items() if text})


def view_of(*records: Endpoint, migrate_from: str | None = None) -> View:
    return RemarkRegistry("me", migrate_from).read(records, lambda name: "ex.com")


def wanted(*targets: str, shared: bool = False) -> Endpoint:
    labels = {"resource": "service/shop/web", **({"shared": "true"} if shared else {})}
    return Endpoint("web", targets, "A", ttl=60, labels=labels)


@pytest.mark.parametrize(
    ("record", "migrate_from", "targets", "owner", "others"),
    [
        (held(v1=ME), None, ("1.1.1.1",), "me", {}),
        (held(v1=ME, v2=ME), None, ("1.1.1.1", "2.2.2.2"), "me", {}),
        (held(v1=ME, v2=YOU), None, ("1.1.1.1",), "me", {"2.2.2.2": "you"}),
        (held(v1=ME, v2=""), None, ("1.1.1.1",), "me", {"2.2.2.2": ""}),
        (held(v1=YOU), None, ("1.1.1.1",), "you", {"1.1.1.1": "you"}),
        (held(v1=WORDS), None, ("1.1.1.1",), "", {"1.1.1.1": ""}),
        (held(v1=OLD, v2=YOU), "old", ("1.1.1.1",), "old", {"2.2.2.2": "you"}),
        (held(v1=OLD, v2=ME), "old", ("1.1.1.1", "2.2.2.2"), "old", {}),
        (held(v1=WORDS, v2=YOU), "", ("1.1.1.1",), "", {"2.2.2.2": "you"}),
    ],
)
def test_whose_it_is(
    record: Endpoint, migrate_from: str | None, targets: tuple[str, ...], owner: str, others: dict[str, str]
) -> None:
    view = view_of(record, migrate_from=migrate_from)
    [seen] = view.endpoints
    assert (seen.targets, seen.owner) == (targets, owner)
    assert view.others is not None
    assert dict(view.others.get(seen.key, {})) == others


def planned(view: View, *desired: Endpoint, migrate_from: str = "") -> Plan:
    return calculate(view.endpoints, desired, Scope("me", others=view.others, migrate_from=migrate_from))


@pytest.mark.parametrize(
    ("records", "desired", "told", "remarks", "others"),
    [
        ([], [wanted("1.1.1.1")], ["create web A 1.1.1.1"], {"1.1.1.1": ME}, ()),
        ([held(v1=ME)], [wanted("1.1.1.1")], [], None, ()),
        ([held(v1=ME)], [wanted("2.2.2.2")], ["update web A 2.2.2.2"], {"2.2.2.2": ME}, ()),
        ([held(v1=ME)], [], ["delete web A 1.1.1.1"], None, ()),
        ([held(v1=ME, v2=YOU)], [], ["delete web A 1.1.1.1"], None, ("2.2.2.2",)),
        ([held(v1=ME, v2=YOU)], [wanted("3.3.3.3")], ["update web A 3.3.3.3"], {"3.3.3.3": ME}, ("2.2.2.2",)),
        ([held(v2=YOU)], [wanted("1.1.1.1")], [], None, ()),
        ([held(v2=YOU)], [wanted("1.1.1.1", shared=True)], ["create web A 1.1.1.1"], {"1.1.1.1": ME}, ("2.2.2.2",)),
        ([held(v2=WORDS)], [wanted("2.2.2.2")], [], None, ()),
    ],
)
def test_changes(
    records: list[Endpoint],
    desired: list[Endpoint],
    told: list[str],
    remarks: dict[str, str] | None,
    others: tuple[str, ...],
) -> None:
    view = view_of(*records)
    attached = view.attach(planned(view, *desired).changes)
    steps = [step for change in attached.changes for step in change.steps]
    assert [str(step) for step in steps] == told
    assert attached.skipped == ()
    for step in steps:
        assert step.others == others
        assert (dict(step.new.remarks) if step.new else None) == remarks


def test_a_wish_for_other_words_in_the_remark_does_not_count() -> None:
    view = view_of(held(v1=ME))
    plan = planned(view, Endpoint("web", ("1.1.1.1",), "A", ttl=60, remarks={"1.1.1.1": WORDS}))
    assert plan.changes == Changes()


def test_another_owners_values_become_ours_as_far_as_they_are_wanted() -> None:
    view = view_of(held(v1=OLD, v2=YOU), migrate_from="old")
    [change] = view.attach(planned(view, wanted("1.1.1.1"), migrate_from="old").changes).changes
    [step] = change.steps
    assert step.new is not None
    assert (step.new.targets, dict(step.new.remarks), step.others) == (("1.1.1.1",), {"1.1.1.1": ME}, ("2.2.2.2",))


def test_a_claim_changes_remarks_alone() -> None:
    view = view_of(held(v1=WORDS, v2=YOU), migrate_from="")
    [record] = view.endpoints
    labels = {"owner": "me", "resource": "service/shop/web"}
    [change] = view.claim([(record, Endpoint("web", record.targets, "A", labels=labels))])
    [step] = change.steps
    assert step.old == record
    assert step.new is not None
    assert (step.new.targets, step.new.ttl, dict(step.new.remarks)) == (("1.1.1.1",), 60, {"1.1.1.1": ME})
    assert step.others == ("2.2.2.2",)
