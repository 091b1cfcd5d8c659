"""A table in shared memory: one process writes keys and values, any number of others read them, without locks.

    TableWriter ──► memory of a file descriptor ──► SharedTable, in each process that has the descriptor

Values are bytes, which have no reference counts: reading them writes nothing, so that no page is ever copied. The table
takes the memory that it has needed at most; what is deleted is used again.

How a reader sees no half of a change: each key belongs to one of a few thousand stripes, which has a number. The writer
makes it odd, changes what it has to, and makes it even again. A reader that finds it odd, or another one behind its
reading than before it, reads again, and so does one whose entry has not the right checksum. A writer that died in the
middle leaves one stripe that can't be read: that ends after some tries.

    words of four bytes:  is incomplete | number of each stripe | first entry of each bucket | entries
    an entry:             next entry of its bucket | checksum | lengths | key | value

The hash is Python's own for bytes, which is keyed with a secret of the interpreter: whoever names Services can't fill
one bucket. All processes must therefore be forked from one.
"""

from __future__ import annotations

import mmap
import os
import platform
import struct
import threading
import time
from zlib import crc32

from clusterdns.errors import UpstreamFailure
from clusterdns.limits import SHARED_TABLE_BYTES

_UNIT = 8
"""Entries begin at multiples of so many bytes."""
_WORDS = _UNIT // 4
_HEAD = struct.Struct("=III")
_KEY_BITS = 10
_LONGEST_KEY = (1 << _KEY_BITS) - 1
_LONGEST_VALUE = (1 << 32 - _KEY_BITS) - 1

_STRIPES = 1 << 12
_BUCKETS = 1 << 18
_INCOMPLETE = 0
_FIRST_STRIPE = 2
_FIRST_BUCKET = _FIRST_STRIPE + _STRIPES
_FIRST_ENTRY = (_FIRST_BUCKET + _BUCKETS) // _WORDS
SMALLEST = _FIRST_ENTRY * _UNIT
"""Bytes of a table without room for entries."""

_TRIES = 200
_PAUSE_SECONDS = 0.00005
"""A writer that is about to finish needs a tenth of it, one that was interrupted a turn of the processor."""
_CHAIN = 1000
"""A full table has less than 200 entries in a bucket: whoever has come by these walks through what is being changed."""

# x86 keeps loads in order, and stores (Intel SDM volume 3, section 8.2.2); for others it has to be said.
_IS_ORDERED = platform.machine() in ("x86_64", "AMD64", "i386", "i686")
_fence_lock = threading.Lock()

Mark = tuple[int, int]
"""Where to look, and what stands there, for as long as a key has the value that was read with it."""


class Unreadable(UpstreamFailure):
    """What the process that watches knows can't be told: an entry is being changed for too long, or had no room."""

    def __init__(self, reason: str) -> None:
        super().__init__("shared table", reason)


class _Torn(Exception):
    """What was read is being changed."""


def _fence() -> None:
    """What was read and written before this is seen by others before what comes after it.

    Between a release and the acquire behind it nothing changes places (C11, sequentially consistent operations).
    """
    if not _IS_ORDERED:
        for _ in range(2):
            with _fence_lock:
                pass


class SharedTable:
    """A table as a process reads it."""

    def __init__(self, descriptor: int, *, writes: bool = False) -> None:
        """`descriptor` is that of a writer's table; it may be closed afterwards."""
        self._memory = mmap.mmap(descriptor, 0, prot=mmap.PROT_READ | (mmap.PROT_WRITE if writes else 0))
        self._words = memoryview(self._memory).cast("I")

    def get(self, key: bytes) -> bytes | None:
        """The value of `key`, None if it has none. Raises Unreadable."""
        return self.read(key)[0]

    def read(self, key: bytes) -> tuple[bytes | None, Mark]:
        """The same, with the mark by which `is_current` tells for how long."""
        words, number = self._words, hash(key)
        stripe = _FIRST_STRIPE + (number & _STRIPES - 1)
        bucket = _FIRST_BUCKET + (number & _BUCKETS - 1)
        for _ in range(_TRIES):
            before = words[stripe]
            if not before & 1:
                _fence()
                try:
                    found = self._find(key, bucket)
                    # Before the number: what finds room is there first, and then the table complete.
                    may_exist = found is None and words[_INCOMPLETE]
                except _Torn:
                    pass
                else:
                    _fence()
                    if words[stripe] == before:
                        if may_exist:
                            raise Unreadable("it is full: what is not in it may exist")
                        return found, (stripe, before)
            time.sleep(_PAUSE_SECONDS)
        raise Unreadable("an entry is being changed for too long")

    def is_current(self, mark: Mark) -> bool:
        """Whether the key still has the value that was read with this mark. False may be said too often."""
        return self._words[mark[0]] == mark[1]

    def _find(self, key: bytes, bucket: int) -> bytes | None:
        memory, length = self._memory, len(key)
        offset = self._words[bucket] * _UNIT
        try:
            for _ in range(_CHAIN):
                if not offset:
                    return None
                following, checksum, lengths = _HEAD.unpack_from(memory, offset)
                start = offset + _HEAD.size
                if lengths & _LONGEST_KEY == length and memory[start : start + length] == key:
                    data = memory[start : start + length + (lengths >> _KEY_BITS)]
                    if crc32(data) != checksum:
                        raise _Torn
                    return data[length:]
                offset = following * _UNIT
        except struct.error:  # behind the end
            raise _Torn from None
        raise _Torn

    def close(self) -> None:
        """Let go of the memory; the last one frees it."""
        self._words.release()
        self._memory.close()


class TableWriter(SharedTable):
    """The one who writes. `descriptor` is for those who read."""

    def __init__(self, size: int = SHARED_TABLE_BYTES.default_int) -> None:
        """`size` is in bytes, at most; memory is taken as it is needed."""
        self.descriptor = os.memfd_create("clusterdns-table")
        os.ftruncate(self.descriptor, size)
        super().__init__(self.descriptor, writes=True)
        self._size = size
        self._end = _FIRST_ENTRY
        self._free: dict[int, int] = {}
        """The first of the free blocks of each size, which lead to one another; all in units."""
        self._left_out: dict[bytes, bytes] = {}
        """What has no room: whoever adds to a list must have all of it."""

    @property
    def used(self) -> int:
        """Bytes that entries have taken so far, and free blocks between them."""
        return self._end * _UNIT

    @property
    def is_incomplete(self) -> bool:
        """True while something has no room: readers are then told nothing of keys that are not there."""
        return bool(self._left_out)

    def get(self, key: bytes) -> bytes | None:
        """What was put last, though it may have no room."""
        found = self._look_up(key)[1]
        return self._left_out.get(key) if found is None else found

    def put(self, key: bytes, value: bytes) -> bool:
        """Give `key` this value; whether that is another one than before.

        A value that has no room is not there for readers, and the table incomplete, until `key` has another value that
        has room, or none.
        """
        link, found = self._look_up(key)
        if value == (self._left_out.get(key) if found is None else found):
            return False
        block = self._words[link]
        data = key + value
        needed = _block(key, value)
        old = _block(key, found) if found is not None else 0
        if len(key) > _LONGEST_KEY or len(value) > _LONGEST_VALUE:
            new = 0
        else:
            new = block if old == needed else self._take(needed)
        if not new:
            self._words[_INCOMPLETE] = 1
            self._left_out[key] = value
            if found is not None:
                self._remove(key, link, found)
            return True
        stripe = self._begin(key)
        try:
            start = new * _UNIT
            following = self._words[block * _WORDS] if old else 0
            _HEAD.pack_into(self._memory, start, following, crc32(data), len(value) << _KEY_BITS | len(key))
            start += _HEAD.size
            self._memory[start : start + len(data)] = data
            self._words[link] = new
        finally:
            self._finish(stripe)
        self._forget_left_out(key)
        if old and new != block:
            self._give_back(block, old)
        return True

    def delete(self, key: bytes) -> bool:
        """Take `key` out; whether it had a value."""
        link, found = self._look_up(key)
        if found is None:
            return self._forget_left_out(key)
        self._remove(key, link, found)
        return True

    def _remove(self, key: bytes, link: int, found: bytes) -> None:
        block = self._words[link]
        stripe = self._begin(key)
        self._words[link] = self._words[block * _WORDS]
        self._finish(stripe)
        self._give_back(block, _block(key, found))

    def _forget_left_out(self, key: bytes) -> bool:
        """Whether `key` had a value that had no room."""
        if self._left_out.pop(key, None) is None:
            return False
        self._words[_INCOMPLETE] = bool(self._left_out)
        return True

    def close(self) -> None:
        super().close()
        os.close(self.descriptor)

    def _begin(self, key: bytes) -> int:
        """Change the entries of the key's stripe from now on."""
        stripe = _FIRST_STRIPE + (hash(key) & _STRIPES - 1)
        self._words[stripe] += 1
        _fence()
        return stripe

    def _finish(self, stripe: int) -> None:
        _fence()
        self._words[stripe] = self._words[stripe] + 1 & 0xFFFFFFFF

    def _look_up(self, key: bytes) -> tuple[int, bytes | None]:
        """The word that leads to the entry of `key`, and its value; without one, the word that would lead to it."""
        memory, words, length = self._memory, self._words, len(key)
        link = _FIRST_BUCKET + (hash(key) & _BUCKETS - 1)
        while (entry := words[link]) != 0:
            offset = entry * _UNIT
            lengths = words[entry * _WORDS + 2]
            start = offset + _HEAD.size
            if lengths & _LONGEST_KEY == length and memory[start : start + length] == key:
                return link, memory[start + length : start + length + (lengths >> _KEY_BITS)]
            link = entry * _WORDS
        return link, None

    def _take(self, units: int) -> int:
        """A block of so many units, 0 if there is none."""
        block = self._free.get(units, 0)
        if block:
            self._free[units] = self._words[block * _WORDS]
            return block
        if (self._end + units) * _UNIT > self._size:
            return 0
        block, self._end = self._end, self._end + units
        return block

    def _give_back(self, block: int, units: int) -> None:
        self._words[block * _WORDS] = self._free.get(units, 0)
        self._free[units] = block


def _block(key: bytes, value: bytes) -> int:
    """The size of an entry's block, in units."""
    return _units(_HEAD.size + len(key) + len(value))


def _units(size: int) -> int:
    """The size of the block for so many bytes: exact up to 16 units, then an eighth too large at most.

    So there are few sizes, and a block finds a new owner soon.
    """
    units = -(-size // _UNIT)
    if units > 16:
        step = 1 << (units.bit_length() - 4)
        units = -(-units // step) * step
    return units
