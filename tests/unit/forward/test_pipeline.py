"""One connection's bookkeeping: IDs, frames, and a stream cut anywhere."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from clusterdns.forward.counters import UpstreamCounters
from clusterdns.forward.pipeline import Pipeline

BODY = b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01"


def pipeline_with(ids: Iterable[int], *, limit: int = 100) -> tuple[Pipeline[str], UpstreamCounters]:
    counters = UpstreamCounters()
    numbers = iter(ids)
    return Pipeline(lambda: next(numbers), counters, limit=limit), counters


def frame(message_id: int, size: int = 20) -> bytes:
    return (size).to_bytes(2, "big") + message_id.to_bytes(2, "big") + b"a" * (size - 2)


def test_a_query_is_framed_with_its_id() -> None:
    pipeline, _ = pipeline_with([0x1234])
    assert pipeline.add("one", BODY) == (0x1234, (len(BODY) + 2).to_bytes(2, "big") + b"\x12\x34" + BODY)
    assert len(pipeline.waiting) == 1


def test_an_id_in_use_is_not_given_again() -> None:
    pipeline, _ = pipeline_with([5, 5, 6, 6, 5, 7])
    assert [pipeline.add(name, BODY)[0] for name in ("one", "two")] == [5, 6]
    pipeline.abandon(5)
    assert pipeline.add("three", BODY)[0] == 7


def test_answers_come_in_any_order() -> None:
    pipeline, _ = pipeline_with([1, 2, 3])
    for name in ("one", "two", "three"):
        pipeline.add(name, BODY)
    assert pipeline.feed(frame(3) + frame(1)) == [("three", frame(3)[2:]), ("one", frame(1)[2:])]
    assert pipeline.feed(frame(2, 65535)) == [("two", frame(2, 65535)[2:])]
    assert len(pipeline.waiting) == 0


def test_late_and_unasked_answers_are_dropped_and_counted() -> None:
    pipeline, counters = pipeline_with([1, 2])
    pipeline.add("one", BODY)
    pipeline.add("two", BODY)
    pipeline.abandon(1)
    assert pipeline.feed(frame(1) + frame(9) + frame(2) + frame(2)) == [("two", frame(2)[2:])]
    assert (counters.late, counters.unasked) == (1, 2)


def test_full_counts_what_was_given_up() -> None:
    pipeline, _ = pipeline_with([1, 2], limit=2)
    seen = []
    pipeline.add("one", BODY)
    seen.append(pipeline.is_full)
    pipeline.add("two", BODY)
    pipeline.abandon(1)
    seen.append(pipeline.is_full)
    pipeline.feed(frame(1))
    seen.append(pipeline.is_full)
    assert seen == [False, True, False]


def test_a_length_below_a_header_breaks_the_stream_behind_whole_answers() -> None:
    pipeline, _ = pipeline_with([1])
    pipeline.add("one", BODY)
    assert pipeline.feed(frame(1) + b"\x00\x0b" + b"x" * 11) == [("one", frame(1)[2:])]
    assert pipeline.is_broken


def test_the_end_returns_everyone_once() -> None:
    pipeline, _ = pipeline_with([1, 2, 3])
    for name in ("one", "two", "three"):
        pipeline.add(name, BODY)
    pipeline.abandon(2)
    assert pipeline.end() == ["one", "three"]
    assert pipeline.end() == []


STREAM = frame(1) + frame(2, 12) + frame(3, 300)


def test_a_stream_cut_at_every_two_offsets() -> None:
    whole = [("1", frame(1)[2:]), ("2", frame(2, 12)[2:]), ("3", frame(3, 300)[2:])]
    for first, second in itertools.combinations(range(0, len(STREAM), 3), 2):
        pipeline, _ = pipeline_with([1, 2, 3])
        for name in "123":
            pipeline.add(name, BODY)
        arrived = pipeline.feed(STREAM[:first]) + pipeline.feed(STREAM[first:second]) + pipeline.feed(STREAM[second:])
        assert arrived == whole


@given(st.lists(st.integers(12, 400), min_size=1, max_size=30), st.data())
def test_chunks_do_not_matter(sizes: list[int], data: st.DataObject) -> None:
    pipeline, _ = pipeline_with(range(len(sizes)))
    for number in range(len(sizes)):
        pipeline.add(str(number), BODY)
    stream = b"".join(frame(number, size) for number, size in enumerate(sizes))
    arrived = []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        arrived += pipeline.feed(stream[:cut])
        stream = stream[cut:]
    assert arrived == [(str(number), frame(number, size)[2:]) for number, size in enumerate(sizes)]


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_any_bytes_are_taken(chunks: list[bytes]) -> None:
    pipeline, counters = pipeline_with(range(1000))
    pipeline.add("one", BODY)
    for chunk in chunks:
        if pipeline.is_broken:
            break
        for waiter, message in pipeline.feed(chunk):
            assert waiter == "one"
            assert message[:2] == b"\0\0"
    assert len(pipeline.waiting) in (0, 1)
    assert counters.late == 0
