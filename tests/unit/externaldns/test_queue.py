"""The queue of names, at given times."""

from __future__ import annotations

import pytest

from externaldns.queue import DirtyQueue


def due_at(queue: DirtyQueue[str], now: float) -> float:
    return round(now + queue.wait_seconds(now), 6)


def test_a_mark_is_due_after_200_ms_and_a_stream_of_marks_after_half_a_second() -> None:
    queue: DirtyQueue[str] = DirtyQueue()
    queue.mark("a", 10.0)
    assert due_at(queue, 10.0) == 10.2
    for tenth in range(1, 20):
        queue.mark("a", 10 + tenth / 10)
    assert due_at(queue, 11.9) == 11.9, "half a second after the first mark"
    assert queue.take(10.4) == {}
    assert queue.take(10.5) == {"a": 10.0}
    assert len(queue) == 0
    assert queue.wait_seconds(10.5) == float("inf")


def test_keys_wait_for_themselves_alone() -> None:
    queue: DirtyQueue[str] = DirtyQueue()
    queue.mark("a", 0.0)
    queue.mark("b", 0.1)
    assert queue.take(0.25) == {"a": 0.0}
    assert queue.take(0.31) == {"b": 0.1}


def test_failures_wait_longer_each_time_and_a_success_forgets_them() -> None:
    queue: DirtyQueue[str] = DirtyQueue()
    pauses = []
    for _ in range(11):
        pauses.append(queue.failed("a", 0.0))
        queue.take(1e9)
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert queue.failing == 1
    queue.done("a", 0.0)
    assert queue.failing == 0
    assert queue.failed("a", 0.0) == 1


def test_a_mark_brings_a_failed_key_forward() -> None:
    queue: DirtyQueue[str] = DirtyQueue()
    for _ in range(5):
        queue.failed("a", 0.0)
        queue.take(1e9)
    queue.failed("a", 100.0)
    queue.mark("a", 101.0)
    assert queue.take(101.2) == {"a": 100.0}


def test_a_failure_does_not_put_off_what_was_marked_meanwhile() -> None:
    queue: DirtyQueue[str] = DirtyQueue()
    queue.mark("a", 0.0)
    queue.failed("a", 0.1)
    assert due_at(queue, 0.1) == 0.2


def test_what_failed_together_does_not_come_back_together() -> None:
    dice = iter([0.0, 0.5, 0.99])
    queue: DirtyQueue[str] = DirtyQueue(dice=lambda: next(dice))
    assert [queue.failed(key, 0.0) for key in "abc"] == pytest.approx([1.0, 0.875, 0.7525])


def test_a_gap_lies_between_two_changes_of_a_key() -> None:
    queue: DirtyQueue[str] = DirtyQueue(gap=5)
    assert not queue.postpone("a", 0.0, 0.2)
    queue.done("a", 1.0)
    assert queue.postpone("a", 2.0, 2.2)
    assert queue.postpone("a", 3.0, 3.2)
    assert queue.take(5.9) == {}
    assert queue.take(6.0) == {"a": 2.0}
    assert not queue.postpone("a", 6.0, 6.0)


def test_each_key_has_a_gap_of_its_own() -> None:
    queue: DirtyQueue[str] = DirtyQueue(gap=5)
    for key, at in (("a", 1.0), ("b", 2.0), ("a", 3.0), ("c", 7.0)):
        queue.done(key, at)
    assert [queue.postpone(key, 7.0, 7.5) for key in "abc"] == [True, False, True]
    assert queue.take(8.0) == {"a": 7.0}


def test_long_outages_do_not_overflow() -> None:
    queue: DirtyQueue[str] = DirtyQueue()
    for _ in range(2000):
        queue.take(1e9)
        pause = queue.failed("a", 0.0)
    assert pause == 300
