"""When the controller runs, as scripts of (second, what happens)."""

from __future__ import annotations

import pytest

from externaldns.schedule import Schedule

RUN, FAIL, CHANGE = "run", "fail", "change"


@pytest.mark.parametrize(
    ("script", "due"),
    [
        pytest.param([], float("-inf"), id="at once"),
        pytest.param([(0, RUN)], 60, id="interval"),
        pytest.param([(0, RUN), (10, CHANGE)], 10.2, id="change"),
        pytest.param([(0, RUN), (10, CHANGE), (10.1, CHANGE)], 10.2, id="a burst is not put off"),
        pytest.param([(0, RUN), (1, CHANGE)], 5, id="not sooner than the least interval"),
        pytest.param([(0, RUN), (59.9, CHANGE)], 60, id="never later than planned"),
        pytest.param([(0, FAIL)], 1, id="first retry"),
        pytest.param([(0, FAIL), (1, FAIL)], 3, id="second retry"),
        pytest.param([(number, FAIL) for number in range(2000)], 2059, id="retries come at least each interval"),
        pytest.param([(0, FAIL), (1, RUN), (61, FAIL)], 62, id="a good run forgets failures"),
    ],
)
def test_the_next_run(script: list[tuple[float, str]], due: float) -> None:
    schedule = Schedule(60, 5)
    for now, what in script:
        if what == CHANGE:
            schedule.object_changed(now)
        else:
            schedule.run_ended(now, now, what == RUN)
    if script:
        assert schedule.wait_seconds(due - 0.5) == pytest.approx(0.5)
        assert not schedule.should_run(due - 0.001)
    assert schedule.should_run(due)
    assert schedule.wait_seconds(due) == 0


def test_an_interval_counts_from_the_start_of_a_run_and_a_retry_from_its_end() -> None:
    schedule = Schedule(60, 5)
    schedule.run_ended(0, 20, True)
    assert schedule.wait_seconds(20) == 40
    schedule.run_ended(60, 80, False)
    assert schedule.wait_seconds(80) == 1
