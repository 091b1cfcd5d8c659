"""From a wanted record set to calls, row by row."""

from __future__ import annotations

import pytest

from externaldns.changes import RecordChange
from externaldns.providers.privatezone.api import Row
from externaldns.providers.privatezone.operations import (
    AddRow,
    DeleteRow,
    Enable,
    Operation,
    RemarkRow,
    SetWeight,
    UpdateRow,
    Weigh,
    operations,
)
from externaldns.providers.privatezone.row_sets import canonical_target, to_endpoints
from externaldns.providers.privatezone.ttl import ALLOWED_SECONDS, allowed_ttl
from externaldns.record import Endpoint

OWNED = '"heritage=external-dns,external-dns/owner=me"'


def told(operation: Operation) -> str:
    row = operation.row
    match operation:
        case AddRow():
            return f"add {row.value} {row.ttl}"
        case UpdateRow(_, old, _):
            return f"update {old.value} {old.ttl} -> {row.value} {row.ttl}"
        case DeleteRow():
            return f"delete {row.value}"
        case RemarkRow():
            return f"remark {row.value} {row.remark}"
        case Enable():
            return f"enable {row.value}"
        case SetWeight():
            return f"weight {row.value} {row.weight}"
        case Weigh(_, _, weighted):
            return f"weigh {'on' if weighted else 'off'}"


@pytest.mark.parametrize(
    ("record_type", "held", "wanted", "ttl", "calls"),
    [
        pytest.param("A", [], ["1.1.1.1"], 60, ["add 1.1.1.1 60"], id="new"),
        pytest.param("A", [], ["1.1.1.1"], None, ["add 1.1.1.1 60"], id="new, default TTL"),
        pytest.param("A", ["1.1.1.1 60"], ["1.1.1.1"], 60, [], id="as it is"),
        pytest.param("A", ["1.1.1.1 60"], None, None, ["delete 1.1.1.1"], id="gone"),
        pytest.param("A", ["1.1.1.1 60"], ["2.2.2.2"], 60, ["update 1.1.1.1 60 -> 2.2.2.2 60"], id="one for one"),
        pytest.param("A", ["1.1.1.1 60"], ["2.2.2.2"], 5, ["update 1.1.1.1 60 -> 2.2.2.2 5"], id="value and TTL"),
        pytest.param("A", ["1.1.1.1 5"], ["2.2.2.2"], None, ["update 1.1.1.1 5 -> 2.2.2.2 5"], id="TTL as it is"),
        pytest.param(
            "A",
            ["1.1.1.1 60", "9.9.9.9 60"],
            ["2.2.2.2", "9.9.9.9"],
            60,
            ["update 1.1.1.1 60 -> 2.2.2.2 60"],
            id="one of two for one",
        ),
        pytest.param(
            "A",
            ["1.1.1.1 60"],
            ["2.2.2.2", "3.3.3.3"],
            60,
            ["add 2.2.2.2 60", "add 3.3.3.3 60", "delete 1.1.1.1"],
            id="add before delete",
        ),
        pytest.param(
            "A",
            ["1.1.1.1 60", "2.2.2.2 60"],
            ["3.3.3.3", "4.4.4.4"],
            60,
            ["add 3.3.3.3 60", "add 4.4.4.4 60", "delete 1.1.1.1", "delete 2.2.2.2"],
            id="another set",
        ),
        pytest.param("A", ["1.1.1.1 60", "2.2.2.2 60"], ["1.1.1.1"], 60, ["delete 2.2.2.2"], id="one less"),
        pytest.param("A", ["1.1.1.1 60"], ["1.1.1.1"], 5, ["update 1.1.1.1 60 -> 1.1.1.1 5"], id="TTL"),
        pytest.param(
            "A",
            ["1.1.1.1 60", "2.2.2.2 5"],
            ["1.1.1.1", "2.2.2.2"],
            60,
            ["update 2.2.2.2 5 -> 2.2.2.2 60"],
            id="a TTL change that was cut short",
        ),
        pytest.param("A", ["1.1.1.1 300"], ["1.1.1.1"], 60, [], id="a TTL that means the same"),
        pytest.param("AAAA", ["FD00:0::1 60"], ["fd00::1"], 60, [], id="another spelling"),
        pytest.param("CNAME", ["LB.example.org. 60"], ["lb.example.org"], 60, [], id="case and dot"),
        pytest.param("TXT", [f"{OWNED} 60"], [OWNED], None, [], id="text"),
        pytest.param("TXT", [f"{OWNED.strip(chr(34))} 60"], [OWNED], None, [], id="text without its quotes"),
        pytest.param("TXT", [f"{OWNED.replace(',', ';')} 60"], [OWNED], None, [], id="text with semicolons"),
        pytest.param("TXT", ['"a;b" 60'], ['"a,b"'], None, ['update "a;b" 60 -> "a,b" 60'], id="another text"),
    ],
)
def test_calls(record_type: str, held: list[str], wanted: list[str] | None, ttl: int | None, calls: list[str]) -> None:
    rows = [
        Row(number, "web", record_type, line.rpartition(" ")[0], int(line.rpartition(" ")[2]))
        for number, line in enumerate(held)
    ]
    new = Endpoint("web.ex.com", tuple(wanted), record_type, ttl=ttl) if wanted else None
    old = next(iter(to_endpoints("web.ex.com", rows)), None)
    found = operations("zone-1", "web", rows, RecordChange(old, new))
    assert [told(call) for call in found] == calls
    assert {call.zone_id for call in found} <= {"zone-1"}


def test_an_update_keeps_what_only_the_row_knows() -> None:
    row = Row(7, "Web", "A", "1.1.1.1", 60, line="aliyun_r_cn-beijing-a", weight=5)
    properties = {"alibabacloud/line": row.line, "alibabacloud/weight": "5"}
    old, new = (Endpoint("web.ex.com", (ip,), "A", provider_specific=properties) for ip in ("1.1.1.1", "2.2.2.2"))
    [call] = operations("zone-1", "Web", [row], RecordChange(old, new))
    assert call == UpdateRow("zone-1", row, Row(7, "Web", "A", "2.2.2.2", 60, row.line, 5))


@pytest.mark.parametrize(
    ("seconds", "ttl"),
    [(None, 60), (0, 5), (1, 5), (5, 5), (29, 5), (30, 30), (60, 60), (300, 60), (3600, 3600), (10**9, 86400)],
)
def test_a_ttl_is_rounded_down_to_an_allowed_one_and_stays_there(seconds: int | None, ttl: int) -> None:
    assert allowed_ttl(seconds) == ttl
    assert allowed_ttl(ttl) == ttl
    assert ttl in ALLOWED_SECONDS


@pytest.mark.parametrize(
    ("record_type", "value", "canonical"),
    [
        ("A", "1.1.1.1", "1.1.1.1"),
        ("A", "not an address", "not an address"),
        ("AAAA", "FD00:0::1", "fd00::1"),
        ("AAAA", "::FFFF:192.0.2.1", "::ffff:192.0.2.1"),
        ("SRV", "0  50 80 Web.ex.com.", "0 50 80 web.ex.com"),
        ("TXT", '"Hello"', "Hello"),
        ("TXT", "heritage=external-dns;external-dns/owner=me", OWNED),
    ],
)
def test_equal_values_have_one_form(record_type: str, value: str, canonical: str) -> None:
    assert canonical_target(record_type, value) == canonical
