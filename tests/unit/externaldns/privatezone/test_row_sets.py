"""Rows to record sets and back: weights, lines, priorities, remarks, disabled rows."""

from __future__ import annotations

import pytest

from externaldns.providers.privatezone.api import Row
from externaldns.providers.privatezone.row_sets import (
    adjust,
    target_of,
    to_endpoints,
    value_of,
    weights_of,
)
from externaldns.record import Endpoint

BEIJING = "aliyun_r_cn-beijing-a"


def row(value: str, type: str = "A", **fields: object) -> Row:
    return Row(1, "web", type, value, 60, **fields)  # type: ignore[arg-type]


def endpoint(
    *targets: str, type: str = "A", set_id: str = "", remarks: dict[str, str] | None = None, **more: str
) -> Endpoint:
    properties = {f"alibabacloud/{name}": value for name, value in more.items()}
    return Endpoint("web.ex.com", targets, type, set_id, 60, provider_specific=properties, remarks=remarks or {})


@pytest.mark.parametrize(
    ("rows", "endpoints"),
    [
        pytest.param([row("2.2.2.2"), row("1.1.1.1")], [endpoint("1.1.1.1", "2.2.2.2")], id="one set, sorted"),
        pytest.param([row("1.1.1.1", weight=9)], [endpoint("1.1.1.1", weight="9")], id="one weight"),
        pytest.param(
            [row("1.1.1.1", weight=90), row("2.2.2.2", weight=10)],
            [endpoint("1.1.1.1", "2.2.2.2", weight="1.1.1.1=90,2.2.2.2=10")],
            id="a weight for each value",
        ),
        pytest.param(
            [row("1.1.1.1"), row("3.3.3.3", line=BEIJING)],
            [endpoint("3.3.3.3", set_id=BEIJING, line=BEIJING), endpoint("1.1.1.1")],
            id="a line is a set of its own",
        ),
        pytest.param(
            [row("1.1.1.1", weight=90), row("2.2.2.2", status="DISABLE")],
            [endpoint("1.1.1.1", "2.2.2.2", weight="1.1.1.1=90", status="2.2.2.2=DISABLE")],
            id="what only one has",
        ),
        pytest.param([row("1.1.1.1", status="DISABLE")], [endpoint("1.1.1.1", status="DISABLE")], id="disabled"),
        pytest.param(
            [row("1.1.1.1", remark="a"), row("2.2.2.2")],
            [endpoint("1.1.1.1", "2.2.2.2", remarks={"1.1.1.1": "a"})],
            id="remarks",
        ),
        pytest.param([row("Mail.ex.com.", "MX", priority=5)], [endpoint("5 mail.ex.com", type="MX")], id="MX"),
    ],
)
def test_rows_as_the_plan_sees_them(rows: list[Row], endpoints: list[Endpoint]) -> None:
    assert to_endpoints("web.ex.com", rows) == endpoints


@pytest.mark.parametrize(
    ("wanted", "adjusted"),
    [
        pytest.param([endpoint("1.1.1.1", weight="1")], [endpoint("1.1.1.1")], id="the weight that rows have"),
        pytest.param([endpoint("1.1.1.1", weight="101")], [endpoint("1.1.1.1")], id="no such weight"),
        pytest.param([endpoint('"x"', type="TXT", weight="9")], [endpoint('"x"', type="TXT")], id="no weights for TXT"),
        pytest.param([endpoint("1.1.1.1", unknown="x")], [endpoint("1.1.1.1")], id="no such property"),
        pytest.param(
            [endpoint("1.1.1.1", remark="hello")], [endpoint("1.1.1.1", remarks={"1.1.1.1": "hello"})], id="remark"
        ),
        pytest.param(
            [endpoint("1.1.1.1", line=BEIJING)], [endpoint("1.1.1.1", line=BEIJING, set_id=BEIJING)], id="line"
        ),
        pytest.param(
            [endpoint("2.2.2.2", set_id="green", weight="10"), endpoint("1.1.1.1", set_id="blue", weight="90")],
            [endpoint("1.1.1.1", "2.2.2.2", weight="1.1.1.1=90,2.2.2.2=10")],
            id="set identifiers share a name",
        ),
        pytest.param(
            [endpoint("1.1.1.1"), endpoint("2.2.2.2")],
            [endpoint("1.1.1.1"), endpoint("2.2.2.2")],
            id="without them the plan chooses",
        ),
        pytest.param([endpoint("MAIL.ex.com.", type="MX")], [endpoint("10 mail.ex.com", type="MX")], id="MX"),
    ],
)
def test_wanted_records_as_the_zone_will_have_them(wanted: list[Endpoint], adjusted: list[Endpoint]) -> None:
    assert adjust(wanted) == adjusted
    assert adjust(adjusted) == adjusted


@pytest.mark.parametrize("target", ["5 mail.ex.com", "10 mail.ex.com"])
def test_an_mx_target_survives_the_way_through_a_row(target: str) -> None:
    value, priority = value_of("MX", target)
    assert target_of(row(value, "MX", priority=priority)) == target


def test_weights_are_by_value() -> None:
    assert weights_of(endpoint("1.1.1.1", "2.2.2.2", weight="1.1.1.1=90,2.2.2.2=10")) == {"1.1.1.1": 90, "2.2.2.2": 10}
    assert weights_of(endpoint("1.1.1.1", "2.2.2.2", weight="7")) == {"1.1.1.1": 7, "2.2.2.2": 7}
    assert weights_of(endpoint("1.1.1.1")) == {"1.1.1.1": 1}
