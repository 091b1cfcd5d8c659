"""Slices with their endpoints as bytes: the same slices, in less memory."""

from __future__ import annotations

import msgspec
import pytest

from clusterdns.kube.objects import EndpointSlice
from clusterdns.kube.packed import PackedSlice, pack_slice, packed_endpoints, unpack_slice
from clusterdns.kube.raw import RawEndpointSlice
from clusterdns.kube.store import Cluster
from tests.unit.autopath.objects import endpoint, imported_slice, slice_of

SLICES = {
    "none": slice_of("shop/web"),
    "some": slice_of("shop/web", endpoint("10.244.0.1", "10.244.0.2", hostname="a", zone="z"), endpoint("10.244.0.3")),
    "not ready": slice_of("shop/web", endpoint("10.244.0.1", pod="p"), endpoint("10.244.0.3", ready=False)),
    "imported": imported_slice("shop/web", "east", endpoint("fd00::1"), address_type="IPv6"),
    "triggered": msgspec.structs.replace(slice_of("shop/web", endpoint("10.244.0.1")), triggered=1.5),
}


@pytest.mark.parametrize("each", SLICES.values(), ids=SLICES)
def test_a_slice_comes_out_as_it_went_in(each: EndpointSlice) -> None:
    packed = pack_slice(each)
    assert packed.endpoints == each.endpoints
    assert unpack_slice(packed) == each
    assert pack_slice(packed) is packed
    told = msgspec.msgpack.encode(packed)
    assert msgspec.msgpack.decode(told, type=PackedSlice) == packed


@pytest.mark.parametrize("each", SLICES.values(), ids=SLICES)
def test_a_store_keeps_what_a_lean_one_keeps(each: EndpointSlice) -> None:
    packed, lean = (Cluster(lean=True, pod_names=True, packed=packed).endpoint_slices for packed in (True, False))
    told: list[object] = []
    packed.subscribe(lambda old, new: told.append(new))
    for store in (packed, lean):
        store.put(each)
        store.put(each)
    (kept,) = told
    assert isinstance(kept, PackedSlice)
    assert [unpack_slice(kept)] == list(lean)


RAW = b"""{"metadata": {"name": "web-a", "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}},
"addressType": "IPv4", "endpoints": [{"addresses": ["10.244.0.1"], "conditions": {"ready": true}}], "ports": []}"""


def test_what_an_api_server_sends() -> None:
    form = packed_endpoints(False)
    raw = msgspec.json.decode(RAW, type=RawEndpointSlice)
    assert form.from_raw(raw, lambda note: None) == pack_slice(slice_of("shop/web", endpoint("10.244.0.1"), ports=()))


@pytest.mark.parametrize(
    ("address", "has"),
    [("10.244.0.1", True), ("10.244.0.3", True), ("10.244.0.", False), ("10.244.0.11", False), ("0.244.0.1", False)],
)
def test_which_addresses_it_has(address: str, has: bool) -> None:
    assert pack_slice(SLICES["some"]).has_address(address) is has
