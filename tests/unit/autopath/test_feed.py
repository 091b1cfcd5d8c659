"""Changes on their way from the process that watches to one that answers: their stores stay equal."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from autopath.clusters import Source
from autopath.feed import DELETE, PUT, SYNCED, Feed, take
from clusterdns.kube.objects import KubeObject, Namespace
from clusterdns.kube.store import Cluster
from tests.unit.autopath.objects import endpoint, imported, pod, service, slice_of

KINDS = {"Namespace", "Service", "EndpointSlice", "Pod", "ServiceImport"}
OBJECTS: dict[str, KubeObject] = {
    "namespace": Namespace(name="shop", labels={"team": "a"}, annotations={"clusterdns.io/autopath": "off"}),
    "service": service("shop/web", "10.96.0.1", "fd00::1"),
    "headless service": service("shop/db"),
    "slice": slice_of("shop/db", endpoint("10.244.0.1", hostname="a"), endpoint("10.244.0.2", ready=False)),
    "pod": msgspec.structs.replace(
        pod("shop/a", "10.244.0.1", "fd00::7"), annotations={"clusterdns.io/autopath": "off", "other": "x"}
    ),
    "import": imported("shop/web", "10.96.0.9"),
}


def _source() -> Source:
    return Source(Cluster(lean=True, pod_names=True), set(KINDS))


def _contents(source: Source) -> dict[str, list[object]]:
    return {kind: list(source.cluster.store(kind)) for kind in sorted(KINDS)}


@pytest.mark.parametrize("changed", OBJECTS.values(), ids=OBJECTS)
def test_a_change_arrives_as_it_is_kept(changed: KubeObject) -> None:
    here, there = [_source(), _source()], [_source(), _source()]
    frames: list[tuple[bytes, bytes]] = []
    feed = Feed(lambda kind, body: frames.append((kind, body)))
    feed.follow(here)
    store = here[1].cluster.store(type(changed).__name__)
    for is_there in (True, False):
        if is_there:
            store.put(changed)
        else:
            store.delete(changed.key)
        (frame,) = frames
        take(*frame, there)
        assert [_contents(source) for source in there] == [_contents(source) for source in here]
        frames.clear()
    store.put(changed)
    store.put(changed)
    assert [kind for kind, _ in frames] == [PUT]


def test_what_is_there_already_is_not_told() -> None:
    source = _source()
    source.cluster.namespaces.put(Namespace(name="shop"))
    frames: list[tuple[bytes, bytes]] = []
    feed = Feed(lambda kind, body: frames.append((kind, body)))
    feed.follow([source])
    feed.follow([source])
    assert frames == []
    source.cluster.namespaces.delete(("", "shop"))
    assert [kind for kind, _ in frames] == [DELETE]


def test_stores_are_synced_when_their_first_list_is_in() -> None:
    async def sync() -> None:
        here, there = _source(), _source()
        arrived = asyncio.Event()

        def send(kind: bytes, body: bytes) -> None:
            take(kind, body, [there])
            if kind == SYNCED:
                arrived.set()

        here.cluster.services.put(service("shop/web", "10.96.0.1"))
        feed = Feed(send)
        feed.follow([here])
        task = asyncio.create_task(feed.run())
        here.cluster.services.finish(())
        async with asyncio.timeout(10):
            await arrived.wait()
        task.cancel()
        assert {kind for kind in KINDS if there.cluster.store(kind).synced} == {"Service"}

    asyncio.run(sync())


def test_a_source_that_came_later_is_passed_over() -> None:
    frames: list[tuple[bytes, bytes]] = []
    sources = [_source(), _source()]
    Feed(lambda kind, body: frames.append((kind, body))).follow(sources)
    sources[1].cluster.services.put(service("shop/web", "10.96.0.1"))
    there = _source()
    take(*frames[0], [there])
    assert len(there.cluster.services) == 0
