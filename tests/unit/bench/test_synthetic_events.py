"""What the synthetic API server sends: lists and changes as a real server frames them, each change consistent."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from bench.synthetic_cluster import NOWHERE, Size, SyntheticCluster, pod_address
from bench.synthetic_events import (
    KINDS,
    RenderedList,
    changed_pod,
    changes,
    chunk,
    generation_after,
    initial_events,
)
from clusterdns.kube.decode import Bookmark, Put, decode_event
from clusterdns.kube.lines import LineSplitter

CLUSTER = SyntheticCluster(Size(pods=600, services=40, nodes=7))


def line_of(data: bytes) -> bytes:
    """What is in a chunk."""
    size, _, rest = data.partition(b"\r\n")
    assert int(size, 16) == len(rest) - 2
    assert rest.endswith(b"\n\r\n")
    return rest[:-2]


def decoded(kind: str, chunks: Iterable[bytes]) -> list[Any]:
    splitter = LineSplitter(1 << 20)
    return [decode_event(kind, line, print) for each in chunks for line in splitter.feed(line_of(each))]


@pytest.mark.parametrize(("plural", "kind"), KINDS.items())
def test_a_list_has_every_object_then_the_bookmark_that_ends_it(plural: str, kind: str) -> None:
    *objects, bookmark = decoded(kind, initial_events(CLUSTER, plural))
    assert bookmark == Bookmark("2000000", ends_list=True)
    assert len({each.object.key for each in objects if isinstance(each, Put)}) == CLUSTER.objects(plural)[0]


def test_where_nothing_is_the_list_is_its_bookmark() -> None:
    assert decoded("Pod", initial_events(CLUSTER, "pods", NOWHERE)) == [Bookmark("2000000", ends_list=True)]


def received(rendered: RenderedList) -> bytes:
    ours, theirs = socket.socketpair()

    def send() -> None:
        with theirs:
            rendered.send(theirs)

    with ours:
        sending = threading.Thread(target=send)
        sending.start()
        found = b"".join(iter(lambda: ours.recv(1 << 16), b""))
        sending.join()
        return found


def test_a_rendered_list_is_sent_whole_as_often_as_it_is_wanted() -> None:
    rendered = RenderedList(initial_events(CLUSTER, "pods"))
    assert received(rendered) == received(rendered) == b"".join(initial_events(CLUSTER, "pods"))


def test_generations_are_how_often_a_pod_has_changed() -> None:
    counted: Counter[int] = Counter()
    for number in range(1500):
        pod, generation = changed_pod(number, 600)
        counted[pod] += 1
        assert generation == counted[pod]
        assert all(generation_after(number, each, 600) == counted[each] for each in range(0, 600, 37))


def test_a_change_is_the_pod_and_its_slice_as_they_are_after_it() -> None:
    for number, change in enumerate(changes(CLUSTER, 590, 30), 590):
        pod, generation = changed_pod(number, 600)
        (event,) = decoded("Pod", [change.pod])
        assert event.object.ips == (pod_address(pod, generation),)
        assert event.object.node_name == change.node
        (event,) = decoded("EndpointSlice", [change.endpoint_slice])
        first = pod - pod % 15
        assert [each.addresses for each in event.object.endpoints] == [
            (pod_address(each, generation_after(number, each, 600)),) for each in range(first, first + 15)
        ]


def test_a_chunk_is_one() -> None:
    assert chunk(b'{"a":1}\n') == b'8\r\n{"a":1}\n\r\n'
    assert json.loads(line_of(chunk(b'{"a":1}\n'))) == {"a": 1}
