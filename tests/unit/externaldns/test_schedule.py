"""When full runs are made, at given times."""

from __future__ import annotations

from externaldns.schedule import Schedule


def test_the_first_run_is_due_at_once_and_the_next_an_interval_after_its_start() -> None:
    schedule = Schedule(60)
    assert schedule.should_run(0)
    schedule.run_ended(0, 7, succeeded=True)
    assert not schedule.should_run(59.9)
    assert schedule.wait_seconds(59) == 1
    assert schedule.should_run(60)
    assert schedule.wait_seconds(70) == 0


def test_a_run_that_takes_longer_than_the_interval_is_followed_by_a_whole_one() -> None:
    schedule = Schedule(60)
    schedule.run_ended(0, 500, succeeded=True)
    assert schedule.wait_seconds(500) == 60


def test_after_failures_the_next_run_comes_sooner_and_ever_later() -> None:
    schedule, waits = Schedule(60), []
    for _ in range(8):
        schedule.run_ended(0, 0, succeeded=False)
        waits.append(schedule.wait_seconds(0))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    schedule.run_ended(0, 0, succeeded=True)
    schedule.run_ended(60, 60, succeeded=False)
    assert schedule.wait_seconds(60) == 1


def test_a_long_interval_is_no_reason_to_wait_as_long_after_a_failure() -> None:
    schedule = Schedule(86400)
    for _ in range(20):
        schedule.run_ended(0, 0, succeeded=False)
    assert schedule.wait_seconds(0) == 300


def test_an_outage_of_years_is_no_overflow() -> None:
    schedule = Schedule(60)
    for _ in range(2000):
        schedule.run_ended(0, 0, succeeded=False)
    assert schedule.wait_seconds(0) == 60


def test_a_run_can_be_brought_forward() -> None:
    schedule = Schedule(60)
    schedule.run_ended(0, 0, succeeded=True)
    schedule.run_now()
    assert schedule.should_run(1)
