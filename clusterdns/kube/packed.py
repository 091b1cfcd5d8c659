"""EndpointSlices whose endpoints are bytes: a fifth of the memory, for a process that only hands them on.

lean slice ──► here ──► store ──► index ──► table in shared memory ──► lean slice, where it is asked for
"""

from __future__ import annotations

from typing import Any

import msgspec

from clusterdns.kube.lean import Form, ready_endpoints
from clusterdns.kube.objects import Endpoint, EndpointPort, EndpointSlice, KubeObject

_encode = msgspec.msgpack.Encoder().encode
_endpoints = msgspec.msgpack.Decoder(tuple[Endpoint, ...]).decode


class PackedSlice(KubeObject, frozen=True, gc=False, kw_only=True, array_like=True):
    """What an EndpointSlice has; `packed` are its endpoints in MessagePack."""

    service: str = ""
    imported: str = ""
    source_cluster: str = ""
    address_type: str = "IPv4"
    triggered: float = 0.0
    packed: bytes = b"\x90"
    ports: tuple[EndpointPort, ...] = ()

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Made each time."""
        return _endpoints(self.packed)

    def has_address(self, address: str) -> bool:
        """False if no endpoint has `address`; True may be said of a host name that is spelled alike."""
        return _encode(address) in self.packed


_SHARED = [each for each in PackedSlice.__struct_fields__ if each != "packed"]


def pack_slice(each: EndpointSlice | PackedSlice) -> PackedSlice:
    """The slice, packed."""
    if isinstance(each, PackedSlice):
        return each
    return PackedSlice(packed=_encode(each.endpoints), **{field: getattr(each, field) for field in _SHARED})


def unpack_slice(each: PackedSlice) -> EndpointSlice:
    """The slice as it was."""
    return EndpointSlice(endpoints=each.endpoints, **{field: getattr(each, field) for field in _SHARED})


def packed_endpoints(pod_names: bool) -> Form:
    """The same as `ready_endpoints`, packed."""
    lean = ready_endpoints(pod_names)

    def from_raw(raw: Any, note: Any) -> PackedSlice:
        return pack_slice(lean.from_raw(raw, note))

    return Form(lambda each: pack_slice(lean.of(each)), from_raw)
