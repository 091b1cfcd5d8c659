"""Ownership in remarks, over the API in memory: half the calls, and others' values as they were."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from externaldns.providers.privatezone.api import Row
from externaldns.remark_registry import RemarkRegistry
from tests.unit.externaldns.privatezone.memory_api import MemoryApi
from tests.unit.externaldns.privatezone.ownership_run import run, wanted

ME, YOU = RemarkRegistry("me"), RemarkRegistry("you")


def remarked(api: MemoryApi) -> list[str]:
    return sorted(f"{row.rr} {row.type} {row.value} {row.remark}".strip() for row in api.rows["id-ex.com"])


def test_one_call_for_each_value_and_none_for_ownership() -> None:
    api = MemoryApi("ex.com")
    run(api, ME, wanted("web.ex.com", "1.1.1.1", "2.2.2.2"), wanted("*.ex.com", "3.3.3.3"), wanted("ex.com", "4.4.4.4"))
    assert len(api.calls) == 4
    remark = "externaldns,me,service,shop,web"
    assert remarked(api) == [
        f"* A 3.3.3.3 {remark}",
        f"@ A 4.4.4.4 {remark}",
        f"web A 1.1.1.1 {remark}",
        f"web A 2.2.2.2 {remark}",
    ]
    run(api, ME, wanted("web.ex.com", "1.1.1.1", "5.5.5.5"))
    assert remarked(api) == [f"web A 1.1.1.1 {remark}", f"web A 5.5.5.5 {remark}"]
    assert len(api.calls) == 4 + 3, "one value changes in its row, two rows go"


def test_two_clusters_share_a_name_each_with_its_own_values() -> None:
    api = MemoryApi("ex.com")
    mine, yours = wanted("web.ex.com", "1.1.1.1", shared="true"), wanted("web.ex.com", "2.2.2.2", shared="true")
    run(api, ME, mine)
    run(api, YOU, yours)
    assert remarked(api) == [
        "web A 1.1.1.1 externaldns,me,service,shop,web",
        "web A 2.2.2.2 externaldns,you,service,shop,web",
    ]
    assert run(api, ME, mine) == run(api, YOU, yours) == ()
    run(api, ME, replace(mine, targets=("3.3.3.3",)))
    run(api, YOU)
    assert remarked(api) == ["web A 3.3.3.3 externaldns,me,service,shop,web"]


@pytest.mark.parametrize(
    "theirs",
    [
        pytest.param({"ttl": 5}, id="TTL"),
        pytest.param({"status": "DISABLE"}, id="disabled"),
        pytest.param({"weight": 9}, id="weight"),
    ],
)
@pytest.mark.parametrize("weights", ["", "7", "1.1.1.1=7,3.3.3.3=8", "1.1.1.1=7,2.2.2.2=8"])
def test_how_others_keep_their_values_is_no_difference_of_ours(theirs: dict[str, Any], weights: str) -> None:
    api = MemoryApi("ex.com")
    api.hold_row("ex.com", replace(Row(0, "web", "A", "2.2.2.2", 60, remark="externaldns,you"), **theirs))
    # The second value of theirs and ours is in both; it stays theirs.
    mine = replace(
        wanted("web.ex.com", "1.1.1.1", "2.2.2.2", "3.3.3.3", shared="true"),
        provider_specific={"alibabacloud/weight": weights} if weights else {},
    )
    assert run(api, ME, mine) != ()
    calls = len(api.calls)
    assert run(api, ME, mine) == ()
    assert len(api.calls) == calls
    [row] = [row for row in api.rows["id-ex.com"] if row.value == "2.2.2.2"]
    assert row == replace(row, **theirs)


def test_what_somebody_made_by_hand_stays() -> None:
    api = MemoryApi("ex.com")
    api.hold("ex.com", "web A 5 9.9.9.9", "db A 60 8.8.8.8")
    run(api, ME, wanted("web.ex.com", "1.1.1.1"), wanted("new.ex.com", "1.1.1.1"))
    run(api, ME)
    assert remarked(api) == ["db A 8.8.8.8", "web A 9.9.9.9"]
    run(api, ME, wanted("web.ex.com", "1.1.1.1", shared="true"))
    run(api, ME)
    assert api.held("ex.com") == ["db A 60 8.8.8.8", "web A 5 9.9.9.9"], "not even its TTL has changed"
