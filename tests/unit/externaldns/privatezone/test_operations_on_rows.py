"""Calls for what a row has beside its value and TTL: weight, remark, line, priority, status; and others' values."""

from __future__ import annotations

import pytest

from externaldns.changes import RecordChange
from externaldns.providers.privatezone.api import Row
from externaldns.providers.privatezone.operations import AddRow, operations
from externaldns.providers.privatezone.row_sets import adjust, to_endpoints
from externaldns.record import Endpoint
from tests.unit.externaldns.privatezone.test_operations import told


def calls(rows: list[Row], new: Endpoint | None, *others: str) -> list[str]:
    """What turns `rows` into `new`, as the plan would ask for it."""
    known = [row for row in rows if row.value not in others]
    old = next(iter(to_endpoints("web.ex.com", known)), None)
    wanted = adjust([new])[0] if new else None
    return [told(call) for call in operations("zone-1", "web", rows, RecordChange(old, wanted, others))]


def row(number: int, value: str, **fields: object) -> Row:
    return Row(number, "web", "A", value, 60, **fields)  # type: ignore[arg-type]


def a(*targets: str, remarks: dict[str, str] | None = None, **properties: str) -> Endpoint:
    specific = {f"alibabacloud/{name}": value for name, value in properties.items()}
    return Endpoint("web.ex.com", targets, "A", ttl=60, provider_specific=specific, remarks=remarks or {})


@pytest.mark.parametrize(
    ("rows", "new", "expected"),
    [
        pytest.param(
            [],
            a("1.1.1.1", weight="9"),
            ["add 1.1.1.1 60", "weigh on", "weight 1.1.1.1 9"],
            id="a new weighed set: the weight last",
        ),
        pytest.param(
            [], a("1.1.1.1", "2.2.2.2", weight="9"),
            ["add 1.1.1.1 60", "weigh on", "add 2.2.2.2 60", "weight 1.1.1.1 9"], id="of two values",
        ),
        pytest.param([row(1, "1.1.1.1")], a("1.1.1.1", weight="9"), ["weigh on", "weight 1.1.1.1 9"], id="weighed now"),
        pytest.param([row(1, "1.1.1.1", weight=9)], a("1.1.1.1"), ["weigh off", "weight 1.1.1.1 1"], id="no more"),
        pytest.param([row(1, "1.1.1.1", weight=9)], a("1.1.1.1", weight="9"), [], id="weighed as it should be"),
        pytest.param(
            [row(1, "1.1.1.1", weight=9)], a("2.2.2.2", weight="9"), ["update 1.1.1.1 60 -> 2.2.2.2 60"],
            id="another value of the same weight",
        ),
        pytest.param([row(1, "1.1.1.1")], a("1.1.1.1", remark="me"), ["remark 1.1.1.1 me"], id="a remark"),
        pytest.param([row(1, "1.1.1.1", remark="x")], a("1.1.1.1"), [], id="somebody's remark stays"),
        pytest.param(
            [row(1, "1.1.1.1", remark="x")], a("2.2.2.2", remark="me"),
            ["update 1.1.1.1 60 -> 2.2.2.2 60", "remark 2.2.2.2 me"], id="a remark on another value",
        ),
        pytest.param([row(1, "1.1.1.1", status="DISABLE")], a("1.1.1.1"), ["enable 1.1.1.1"], id="disabled by hand"),
    ],
)  # fmt: skip
def test_calls(rows: list[Row], new: Endpoint, expected: list[str]) -> None:
    assert calls(rows, new) == expected


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (a("2.2.2.2"), ["update 1.1.1.1 60 -> 2.2.2.2 60"]),
        (None, ["delete 1.1.1.1"]),
        (a("1.1.1.1", "2.2.2.2"), ["add 2.2.2.2 60"]),
    ],
)
def test_values_of_others_are_left_alone(new: Endpoint | None, expected: list[str]) -> None:
    assert calls([row(1, "1.1.1.1"), row(2, "9.9.9.9")], new, "9.9.9.9") == expected


def test_a_value_that_the_plan_did_not_know_is_not_its_to_delete() -> None:
    rows = [row(1, "1.1.1.1"), row(2, "9.9.9.9")]
    change = RecordChange(a("1.1.1.1"), None)
    assert [told(call) for call in operations("zone-1", "web", rows, change)] == ["delete 1.1.1.1"]


def test_an_added_row_carries_line_remark_and_priority() -> None:
    [call] = operations("z", "web", [], RecordChange(None, adjust([a("1.1.1.1", line="l", remark="me")])[0]))
    assert call == AddRow("z", Row(0, "web", "A", "1.1.1.1", 60, line="l", remark="me"))
    mail = Endpoint("web.ex.com", ("5 mail.ex.com",), "MX", ttl=60)
    [call] = operations("z", "web", [], RecordChange(None, mail))
    assert call == AddRow("z", Row(0, "web", "MX", "mail.ex.com", 60, priority=5))
