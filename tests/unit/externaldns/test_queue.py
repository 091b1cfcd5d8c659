"""The queue of names, at given times."""

from __future__ import annotations

import random

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


class Moment(float):
    """A time that counts what it is compared with."""

    compared = 0

    def __ge__(self, other: float) -> bool:
        Moment.compared += 1
        return float(self) >= other


def test_what_is_not_due_is_not_looked_at() -> None:
    queue: DirtyQueue[int] = DirtyQueue()
    for key in range(1000):
        queue.failed(key, 0.0)
    queue.mark(-1, 0.0)
    Moment.compared = 0
    assert queue.take(Moment(0.5)) == {-1: 0.0}
    assert 0 < Moment.compared <= 2


@pytest.mark.parametrize("seed", range(30))
def test_what_waits_is_due_in_its_time_after_any_history(seed: int) -> None:
    dice, queue, now = random.Random(seed), DirtyQueue[str](gap=2), 0.0
    expected: dict[str, tuple[float, float]] = {}
    done: dict[str, float] = {}
    for _ in range(300):
        now += dice.random() / 4
        key = dice.choice("abcdef")
        first, _ = expected.get(key, (now, now))
        match dice.choice(("mark", "failed", "postpone", "done", "take")):
            case "mark":
                queue.mark(key, now)
                expected[key] = (first, min(now + 0.2, first + 0.5))
            case "failed":
                pause = queue.failed(key, now)
                expected.setdefault(key, (now, now + pause))
            case "postpone":
                free = done.get(key, float("-inf")) + 2
                assert queue.postpone(key, now, now) is (free > now)
                if free > now:
                    expected[key] = (first, free)
            case "done":
                queue.done(key, now)
                done[key] = now
            case "take":
                ready = {each: began for each, (began, at) in expected.items() if at <= now}
                assert queue.take(now) == ready
                expected = {each: times for each, times in expected.items() if each not in ready}
        assert len(queue) == len(expected)
        assert [each in queue for each in "abcdef"] == [each in expected for each in "abcdef"]
        soonest = min((at for _, at in expected.values()), default=float("inf"))
        assert queue.wait_seconds(now) == max(0.0, soonest - now)
