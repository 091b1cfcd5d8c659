"""The table in shared memory: it is a dictionary, also for a process that reads while it is written."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterdns.daemon import shared_table
from clusterdns.daemon.shared_table import SMALLEST, SharedTable, TableWriter, Unreadable

MB = 1 << 20
KEYS = [b"", b"a", b"b", b"\0\0", b"k" * 1023]
# At the borders of block sizes, and from one to another.
VALUES = st.sampled_from([0, 1, 3, 4, 5, 100, 200, 5000]).map(lambda size: bytes(range(256)) * 20 + b"x" * size)
VALUES |= st.binary(max_size=40)


@pytest.fixture
def writer() -> Iterator[TableWriter]:
    made = TableWriter(8 * MB)
    yield made
    made.close()


@pytest.fixture
def reader(writer: TableWriter) -> Iterator[SharedTable]:
    made = SharedTable(writer.descriptor)
    yield made
    made.close()


def test_what_is_put_is_read_until_it_is_deleted(writer: TableWriter, reader: SharedTable) -> None:
    assert reader.get(b"key") is None
    assert writer.put(b"key", b"value")
    assert reader.get(b"key") == b"value"
    assert not writer.put(b"key", b"value"), "nothing has changed"
    assert writer.put(b"key", b"")
    assert reader.get(b"key") == b""
    assert writer.delete(b"key")
    assert not writer.delete(b"key")
    assert reader.get(b"key") is None


def test_a_mark_holds_until_the_value_changes(writer: TableWriter, reader: SharedTable) -> None:
    changes: list[Callable[[], bool]] = [
        lambda: writer.put(b"key", b"1"),
        lambda: writer.put(b"key", b"2"),
        lambda: writer.delete(b"key"),
    ]
    for change in changes:
        _, mark = reader.read(b"key")
        assert reader.is_current(mark)
        change()
        assert not reader.is_current(mark)


Steps = list[tuple[bytes, bytes | None]]
"""Keys and what each is given: a value, or none."""


def _carry_out(steps: Steps, writer: TableWriter) -> Iterator[dict[bytes, bytes]]:
    """What the table should have after each step; who writes sees it."""
    expected: dict[bytes, bytes] = {}
    for key, value in steps:
        if value is None:
            assert writer.delete(key) is (expected.pop(key, None) is not None)
        else:
            assert writer.put(key, value) is (expected.get(key) != value)
            expected[key] = value
        assert {key: writer.get(key) for key in KEYS} == {key: expected.get(key) for key in KEYS}
        yield expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(KEYS), st.none() | VALUES), max_size=40), st.sampled_from([1, 2, 4096]))
def test_it_is_a_dictionary(steps: Steps, buckets: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # With one bucket, all keys are in one chain.
        patch.setattr(shared_table, "_BUCKETS", buckets)
        patch.setattr(shared_table, "_STRIPES", min(buckets, 16))
        writer = TableWriter(2 * MB)
        reader = SharedTable(writer.descriptor)
        for expected in _carry_out(steps, writer):
            assert {key: reader.get(key) for key in KEYS} == {key: expected.get(key) for key in KEYS}
        reader.close()
        writer.close()


def test_freed_space_is_used_again(writer: TableWriter) -> None:
    sizes = (0, 10, 100, 1000, 10_000)
    used = []
    for turn in range(20):
        for number in range(50):
            writer.put(b"%02d" % number, b"%c" % turn * sizes[(number + turn) % len(sizes)])
        used.append(writer.used)
    assert used[-1] == used[len(sizes)], "once each size has been there as often as ever, nothing more is taken"
    for number in range(50):
        writer.delete(b"%02d" % number)
    for number in range(50, 100):
        writer.put(b"%02d" % number, b"y" * sizes[number % len(sizes)])
    assert writer.used == used[-1]


def _fill(writer: TableWriter) -> int:
    number = 0
    while not writer.is_incomplete:
        writer.put(b"%d" % number, b"x" * 100)
        number += 1
    return number - 1


def test_a_full_table_says_so_to_those_who_look_for_what_is_not_there() -> None:
    writer = TableWriter(SMALLEST + 4096)
    reader = SharedTable(writer.descriptor)
    writer.put(b"small", b"1")
    last = b"%d" % _fill(writer)
    assert reader.get(b"0") == b"x" * 100
    assert writer.get(last) == b"x" * 100, "who writes knows it all the same"
    assert not writer.put(last, b"x" * 100), "nothing has changed"
    for key in (last, b"never there"):
        with pytest.raises(Unreadable, match="full"):
            reader.get(key)
    writer.put(b"small", b"2")
    assert reader.get(b"small") == b"2", "what has its size still changes"
    writer.put(b"0", b"y" * 3000)
    with pytest.raises(Unreadable):
        reader.get(b"0")
    assert writer.put(last, b"z" * 100)
    assert reader.get(last) == b"z" * 100, "freed room is used"
    writer.delete(b"0")
    assert not writer.is_incomplete
    assert reader.get(b"0") is None
    reader.close()
    writer.close()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(KEYS), st.none() | st.sampled_from([b"", b"x" * 3, b"x" * 700])), max_size=40)
)
def test_a_reader_of_a_full_table_is_told_the_truth_or_nothing(steps: Steps) -> None:
    writer = TableWriter(SMALLEST + 1600)
    reader = SharedTable(writer.descriptor)
    for expected in _carry_out(steps, writer):
        for key in KEYS:
            try:
                assert reader.get(key) == expected.get(key)
            except Unreadable:
                assert writer.is_incomplete
    for key in KEYS:
        writer.delete(key)
    assert not writer.is_incomplete
    assert reader.get(b"a") is None
    reader.close()
    writer.close()


@pytest.mark.parametrize(("key", "value"), [(b"k" * 1024, b""), (b"k", b"v" * (1 << 22))])
def test_what_is_too_long_is_as_what_has_no_room(
    writer: TableWriter, reader: SharedTable, key: bytes, value: bytes
) -> None:
    writer.put(b"k", b"before")
    writer.put(key, value)
    with pytest.raises(Unreadable):
        reader.get(key)


def _break_number(memory: memoryview, at: int) -> None:
    """The writer is in the middle of a change."""
    (stripe,) = {index for index, word in enumerate(memory.cast("I")[: 2 + 4096]) if word}
    memory.cast("I")[stripe] += 1


def _break_value(memory: memoryview, at: int) -> None:
    memory[at] ^= 1


def _break_chain(memory: memoryview, at: int) -> None:
    """The entry leads to itself, and has another key's length."""
    entry = at - len(b"key") - 12
    struct.pack_into("=I", memory, entry, entry // 8)
    struct.pack_into("=I", memory, entry + 8, 1)


def _break_way(memory: memoryview, at: int) -> None:
    """The entry leads behind the end, and has another key's length."""
    struct.pack_into("=I", memory, at - len(b"key") - 12, 0xFFFFFFFF)
    struct.pack_into("=I", memory, at - len(b"key") - 4, 1)


@pytest.mark.parametrize("tear", [_break_number, _break_value, _break_chain, _break_way])
def test_a_torn_read_is_noticed(writer: TableWriter, reader: SharedTable, tear: object) -> None:
    writer.put(b"key", b"value")
    memory = memoryview(writer._memory)
    assert callable(tear)
    tear(memory, writer._memory.find(b"value"))
    with pytest.raises(Unreadable, match="too long"):
        reader.get(b"key")
    memory.release()


def _read_on(descriptor: int, stop: int, keys: list[bytes]) -> int:
    """In another process: read until told to stop. How many readings were no value that was ever put."""
    reader = SharedTable(descriptor)
    wrong, readings = 0, 0
    os.set_blocking(stop, False)
    while True:
        for key in keys:
            found = reader.get(key)
            readings += 1
            if found is not None and (len(found) < 4 or crc32(found[4:]) != int.from_bytes(found[:4], "big")):
                wrong += 1
            if found is None and key == b"always":
                wrong += 1
        try:
            if os.read(stop, 1) and readings > 1000:
                return min(wrong, 100)
        except BlockingIOError:
            continue


def test_another_process_reads_whole_values_while_they_are_written(writer: TableWriter) -> None:
    keys = [b"always", *(b"%d" % number for number in range(8))]
    stop, stopped = os.pipe()
    writer.put(b"always", crc32(b"").to_bytes(4, "big"))
    number = os.fork()
    if number == 0:
        os._exit(_read_on(writer.descriptor, stop, keys))
    for turn in range(30_000):
        key = keys[turn % len(keys)]
        body = b"%d" % turn * (1 + turn % 50)
        if turn % 7 or key == b"always":
            writer.put(key, crc32(body).to_bytes(4, "big") + body)
        else:
            writer.delete(key)
    os.write(stopped, b"stop" * 100)
    _, status = os.waitpid(number, 0)
    os.close(stop)
    os.close(stopped)
    assert os.waitstatus_to_exitcode(status) == 0
