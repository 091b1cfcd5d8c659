"""Any history of a cluster leaves the index as one is that is made of what there is in the end."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from autopath.index import ClusterIndex
from clusterdns.kube.objects import EndpointSlice, Key, KubeObject, Namespace, ServicePort
from clusterdns.kube.store import Cluster
from tests.unit.autopath.objects import endpoint, external, service, slice_of

KEYS = st.sampled_from(["shop/web", "shop/db", "data/web"])
IPS = st.sampled_from(["10.96.0.1", "10.96.0.2", "fd00::1"])
ENDPOINT = st.builds(
    endpoint,
    st.sampled_from(["10.244.0.1", "10.244.0.2", "fd00:10::1"]),
    hostname=st.sampled_from(["", "a", "b"]),
    pod=st.sampled_from(["", "web-0"]),
    ready=st.booleans(),
)


@st.composite
def slices(draw: st.DrawFn) -> EndpointSlice:
    kind = draw(st.sampled_from(["IPv4", "IPv4", "IPv6", "FQDN"]))
    made = slice_of(draw(KEYS), *draw(st.lists(ENDPOINT, max_size=3)), address_type=kind)
    # Two names for all Services: a slice may change hands.
    return msgspec.structs.replace(made, name=draw(st.sampled_from("xy")))


PUTS = st.one_of(
    st.builds(lambda key, ips: service(key, *ips), KEYS, st.lists(IPS, max_size=2, unique=True)),
    st.builds(lambda key: service(key, "10.96.0.1", ports=(ServicePort("http", 80),)), KEYS),
    st.builds(lambda key: external(key, "example.org"), KEYS),
    slices(),
    st.builds(lambda name: Namespace(name=name), st.sampled_from(["shop", "data"])),
)
DELETES = st.one_of(
    st.tuples(st.just("Service"), KEYS.map(lambda key: tuple(key.split("/")))),
    st.tuples(st.just("EndpointSlice"), st.tuples(st.sampled_from(["shop", "data"]), st.sampled_from("xy"))),
    st.tuples(st.just("Namespace"), st.tuples(st.just(""), st.sampled_from(["shop", "data"]))),
)


def index_over(stores: Cluster, namespaces: tuple[str, ...]) -> ClusterIndex:
    return ClusterIndex(stores, wall_clock=lambda: 1000.0, namespaces=namespaces, with_pod_names=True)


def seen(index: ClusterIndex) -> dict[str, Any]:
    """All that answers are made of; who shares an address is told in no order."""
    addresses = ("10.96.0.1", "10.96.0.2", "fd00::1", "10.244.0.1", "10.244.0.2", "fd00:10::1")
    return {
        "namespaces": index.namespaces,
        "services": {
            key: (
                row.kind,
                row.service,
                row.v4,
                row.v6,
                row.target,
                {each: row.slices[each].ready for each in row.slices},
            )
            for key, row in index.services.items()
        },
        "services at": {each: {row.key for row in index.services_at.at(each)} for each in addresses},
        "slices at": {
            each: sorted((at.service.key, at.slice.name, at.labels_of(each)) for at in index.slices_at.at(each))
            for each in addresses
        },
    }


@given(
    st.lists(PUTS | DELETES, max_size=30),
    st.sampled_from([(), ("shop",)]),
)
def test_any_history_ends_like_a_new_index(
    history: list[KubeObject | tuple[str, Key]], namespaces: tuple[str, ...]
) -> None:
    stores = Cluster()
    index = index_over(stores, namespaces)
    for event in history:
        if isinstance(event, tuple):
            stores.store(event[0]).delete(event[1])
        else:
            stores.store(type(event).__name__).put(event)
    assert seen(index) == seen(index_over(stores, namespaces))
