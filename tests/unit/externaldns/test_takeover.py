"""Who gets a record: rows of records, wishes, and what adopt and transfer make of them."""

from __future__ import annotations

import pytest

from externaldns.plan import Scope
from externaldns.record import Endpoint
from externaldns.takeover import propose
from externaldns.takeover_command import describe

SCOPE = Scope("me", includes=lambda name: name.endswith(".ex.com"))


def endpoint(text: str) -> Endpoint:
    """Read `NAME TYPE TARGET[,TARGET] [owner=X] [resource=X]`."""
    name, record_type, targets, *rest = text.split()
    return Endpoint(name, tuple(targets.split(",")), record_type, labels=dict(pair.split("=") for pair in rest))


@pytest.mark.parametrize(
    ("record", "wishes", "adopted", "transferred"),
    [
        ("web.ex.com A 1.1.1.1", ["web.ex.com A 1.1.1.1 resource=a"], "taken", "nobody owns it"),
        ("web.ex.com A 1.1.1.1", ["web.ex.com A 2.2.2.2 resource=a"], "a asks for 2.2.2.2 (--any-value takes it)",
         "nobody owns it"),
        ("web.ex.com A 1.1.1.1", [], "no object asks for it", None),
        ("web.ex.com A 1.1.1.1", ["web.ex.com AAAA ::1 resource=a"], "no object asks for it", None),
        ("web.ex.com CNAME lb", ["web.ex.com CNAME lb resource=a", "web.ex.com A 1.1.1.1 resource=b"],
         "no object asks for it", None),
        ("web.ex.com A 1.1.1.1,2.2.2.2", ["web.ex.com A 2.2.2.2,1.1.1.1 resource=a"], "taken", "nobody owns it"),
        ("web.ex.com A 1.1.1.1", ["web.ex.com A 2.2.2.2 resource=b", "web.ex.com A 1.1.1.1 resource=a"],
         "taken", "nobody owns it"),
        ("web.ex.com A 1.1.1.1 owner=old resource=a", ["web.ex.com A 1.1.1.1 resource=a"], "'old' owns it", "taken"),
        ("web.ex.com A 1.1.1.1 owner=old", ["web.ex.com A 1.1.1.1 resource=a"], "'old' owns it", "taken"),
        ("web.ex.com A 1.1.1.1 owner=old resource=b", ["web.ex.com A 1.1.1.1 resource=a"], "'old' owns it",
         "it was made for b, and a asks for it"),
        ("web.ex.com A 1.1.1.1 owner=old", [], None, "no object asks for it"),
        ("web.ex.com A 1.1.1.1 owner=other", ["web.ex.com A 1.1.1.1 resource=a"], "'other' owns it", "'other' owns it"),
        ("web.ex.com A 1.1.1.1 owner=me", ["web.ex.com A 1.1.1.1 resource=a"], None, None),
        ("web.ex.net A 1.1.1.1", ["web.ex.net A 1.1.1.1 resource=a"], None, None),
        ("web.ex.com TXT hello", ["web.ex.com TXT hello resource=a"], None, None),
    ],
)  # fmt: skip
def test_row(record: str, wishes: list[str], adopted: str | None, transferred: str | None) -> None:
    for giver, expected in (("", adopted), ("old", transferred)):
        takeover = propose([endpoint(record)], map(endpoint, wishes), SCOPE, giver)
        told = ["taken" for _ in takeover.taken] + [left.reason for left in takeover.left]
        assert told == ([] if expected is None else [expected])
        for old, new in takeover.taken:
            assert (new.owner, new.resource) == ("me", "a")
            assert (new.targets, new.ttl, new.key) == (old.targets, old.ttl, old.key)


def test_any_value_takes_what_the_controller_will_change() -> None:
    wish = endpoint("web.ex.com A 2.2.2.2 resource=a")
    [(_, new)] = propose([endpoint("web.ex.com A 1.1.1.1")], [wish], SCOPE, "", any_value=True).taken
    assert new.targets == ("1.1.1.1",)


def test_the_plan_is_told_line_by_line() -> None:
    current = [
        endpoint("b.ex.com A 1.1.1.1 owner=x"),
        Endpoint("a.ex.com", ("1.1.1.1",), "A", remarks={"1.1.1.1": "by hand"}),
    ]
    wishes = [endpoint("a.ex.com A 1.1.1.1 resource=service/shop/a"), endpoint("b.ex.com A 1.1.1.1 resource=b")]
    assert list(describe(propose(current, wishes, SCOPE, ""))) == [
        "take a.ex.com A 1.1.1.1: service/shop/a asks for it, nobody owns it; its remark 'by hand' is replaced",
        "leave b.ex.com A 1.1.1.1: 'x' owns it",
        "1 records to take, 1 left as they are",
    ]
