"""What stands where in the table that several processes share: keys and values, for `publish` and `shared`.

A key is a letter, the number of an index (zero for what is the cluster's), and what is looked up. There is an entry
for each Service, slice, namespace, address and pod; as they are kept, without what only the store needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from zlib import crc32

import msgspec

from clusterdns.kube.objects import EndpointSlice, PodClaim, Service
from clusterdns.kube.packed import PackedSlice, unpack_slice

POD = b"p\0"
"""Packed address: the claim of its owner."""
OFF = b"o\0"
"""Name of a namespace that wants no search: nothing."""
SYNCED = b"y\0"
"""Kind of objects: YES once all are here, NO before, so that there is room for either."""
YES, NO = b"\1", b"\0"

_DIRECTORY_BUCKETS = 1024

Row = tuple[Service | None, tuple[str, ...]]
"""A Service, and the names of its slices."""

encode = msgspec.msgpack.Encoder().encode
decode_row = msgspec.msgpack.Decoder(Row).decode
_decode_packed = msgspec.msgpack.Decoder(PackedSlice).decode
decode_claim = msgspec.msgpack.Decoder(PodClaim).decode


def decode_slice(found: bytes) -> EndpointSlice:
    """A slice from its entry."""
    return unpack_slice(_decode_packed(found))


class IndexKeys:
    """The keys of one index. A reload may add to the indexes of a cluster; none goes before its cluster does."""

    def __init__(self, number: int) -> None:
        self.row, self.slice, self.namespace, self.services_at, self.slices_at, self.serial, self._directory = (
            letter + number.to_bytes(2) for letter in (b"r", b"e", b"n", b"s", b"a", b"#", b"d")
        )

    def directory_of(self, key: bytes) -> bytes:
        """The key of the list in which the Service `key` is."""
        return self._directory + (crc32(key) % _DIRECTORY_BUCKETS).to_bytes(2, "big")

    def directories(self) -> Iterator[bytes]:
        """The keys of all such lists."""
        return (self._directory + bucket.to_bytes(2, "big") for bucket in range(_DIRECTORY_BUCKETS))


def join(keys: Iterable[bytes]) -> bytes:
    """A list of Services as bytes: their wire keys, one behind the other, each once."""
    return b"".join(dict.fromkeys(keys))


def split(joined: bytes) -> list[bytes]:
    """The list that `join` has made."""
    keys, start = [], 0
    while start < len(joined):
        end = start + 1 + joined[start]
        end += 1 + joined[end]
        keys.append(joined[start:end])
        start = end
    return keys
