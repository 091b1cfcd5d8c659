"""What the synthetic API server sends, made beforehand: whole lists and changes, as chunks of an HTTP/1.1 answer.

As of a real server, each event is a line and a chunk of its own. Lists lie in a file in memory, from which the kernel
sends them: the server is then no slower than any reader, and takes next to no time of its two cores from it.
"""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Iterator
from typing import NamedTuple

from bench.synthetic_cluster import SyntheticCluster

KINDS = {"namespaces": "Namespace", "services": "Service", "endpointslices": "EndpointSlice", "pods": "Pod"}
VERSION = b"2000000"
EXPIRED = b'{"type":"ERROR","object":{"code":410,"reason":"Expired","message":"too old resource version"}}\n'
_WRITE_BYTES = 1 << 20


def chunk(data: bytes) -> bytes:
    """A chunk (RFC 9112 section 7.1)."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def initial_events(cluster: SyntheticCluster, kind: str, node: str = "") -> Iterator[bytes]:
    """A streamed list: an event for each object of a plural, of pods those of `node` if one is named, then the
    bookmark that ends it.
    """
    number, make = cluster.objects(kind, node)
    for each in range(number):
        yield chunk(b'{"type":"ADDED","object":%s}\n' % make(each))
    yield chunk(
        b'{"type":"BOOKMARK","object":{"kind":"%s","metadata":{"resourceVersion":"%s",'
        b'"annotations":{"k8s.io/initial-events-end":"true"}}}}\n' % (KINDS[kind].encode(), VERSION)
    )


class RenderedList:
    """The whole of a streamed list, in memory."""

    def __init__(self, events: Iterator[bytes]) -> None:
        self._file = os.memfd_create("list")
        self._size = 0
        waiting: list[bytes] = []
        bytes_waiting = 0
        for each in events:
            waiting.append(each)
            bytes_waiting += len(each)
            if bytes_waiting > _WRITE_BYTES:
                self._write(b"".join(waiting))
                waiting, bytes_waiting = [], 0
        self._write(b"".join(waiting))

    def _write(self, data: bytes) -> None:
        self._size += len(data)
        while data:
            data = data[os.write(self._file, data) :]

    def send(self, connection: socket.socket) -> None:
        """Send it all through a blocking socket; several may be sent at a time."""
        offset = 0
        while offset < self._size:
            offset += os.sendfile(connection.fileno(), self._file, offset, self._size - offset)


class Change(NamedTuple):
    """What one change of a pod sends, as chunks: the pod, which is on `node`, and the slice of its endpoint."""

    node: str
    pod: bytes
    endpoint_slice: bytes


def changed_pod(change: int, pods: int) -> tuple[int, int]:
    """Which pod change `change` is about, and its generation after that. Spread over the cluster, 7919 is prime."""
    return change * 7919 % pods, change // pods + 1


def generation_after(change: int, pod: int, pods: int) -> int:
    """How often a pod has changed after the change with that number."""
    turn = pod * pow(7919, -1, pods) % pods  # which change of each round through all pods is its own
    return change // pods + (turn <= change % pods)


def changes(cluster: SyntheticCluster, first: int, count: int) -> list[Change]:
    """The changes from number `first` on: each gives a pod another address, and so its endpoint."""
    pods = cluster.size.pods
    made = []
    for number in range(first, first + count):
        pod, generation = changed_pod(number, pods)
        current = functools.partial(generation_after, number, pods=pods)
        slice_document = cluster.endpoint_slice(cluster.service_of(pod), current)
        made.append(Change(cluster.node_of(pod), _modified(cluster.pod(pod, generation)), _modified(slice_document)))
    return made


def _modified(document: bytes) -> bytes:
    return chunk(b'{"type":"MODIFIED","object":%s}\n' % document)
