"""When a name whose refresh failed is asked for again."""

from __future__ import annotations

from clusterdns.cache.recheck import Rechecks


def test_what_never_failed_may_be_asked() -> None:
    assert Rechecks(30).is_due(None, 100.0)


def test_a_name_answered_with_an_error_waits_whatever_others_get() -> None:
    rechecks = Rechecks(30)
    failed = rechecks.failed(99.0, 100.0, silent=False)
    rechecks.answered_at = 105.0
    assert [rechecks.is_due(failed, now) for now in (100.0, 110.0, 129.9, 130.0)] == [False, False, False, True]


def test_where_nobody_answers_one_question_a_second_is_asked() -> None:
    rechecks = Rechecks(30)
    one, other = rechecks.failed(98.0, 100.0, silent=True), rechecks.failed(98.0, 100.0, silent=True)
    asked = [
        (name, now)
        for now in (100.0, 100.5, 101.0, 101.9, 102.0)
        for name, failed in (("one", one), ("other", other))
        if rechecks.is_due(failed, now)
    ]
    assert asked == [("one", 101.0), ("one", 102.0)]


def test_the_first_answer_ends_the_wait_of_all() -> None:
    rechecks = Rechecks(30)
    failures = [rechecks.failed(98.0, 100.0, silent=True) for _ in range(3)]
    assert rechecks.is_due(failures[0], 101.0)
    rechecks.answered_at = 101.1
    assert all(rechecks.is_due(failed, 101.2) for failed in failures)


def test_a_name_that_times_out_while_others_are_answered_waits_as_if_it_had_an_error() -> None:
    rechecks = Rechecks(30)
    rechecks.answered_at = 99.0
    failed = rechecks.failed(98.0, 100.0, silent=True)
    rechecks.answered_at = 101.0
    assert not rechecks.is_due(failed, 102.0)
    assert rechecks.is_due(failed, 130.0)


def test_without_a_wait_every_question_is_asked() -> None:
    rechecks = Rechecks(0)
    assert rechecks.is_due(rechecks.failed(98.0, 100.0, silent=False), 100.0)
