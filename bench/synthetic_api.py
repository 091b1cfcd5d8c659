"""An API server in a process of its own, that streams a computed cluster and then changes of it.

    python -m bench.synthetic_api PORT PODS SERVICES TIMES

It answers lists (paged) and watches (with initial events), as fast as one thread per connection can send. GET
/changes?first=N&rate=R&seconds=S sends R changes a second, from number N on: a pod gets another address, and so does
its endpoint. When change n was sent (monotonic seconds) is double n of the file TIMES. GET /expire makes every watch
start over with a list; GET /lists says how many have been streamed.
"""

from __future__ import annotations

import mmap
import socket
import struct
import sys
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from bench.synthetic_cluster import Size, SyntheticCluster

MOST_CHANGES = 100_000
_BUFFER = 1 << 18
_KINDS = {"namespaces": "Namespace", "services": "Service", "endpointslices": "EndpointSlice", "pods": "Pod"}
_VERSION = b"2000000"


def changed_pod(change: int, pods: int) -> tuple[int, int]:
    """Which pod change `change` is about, and its generation after that. Spread over the cluster, 7919 is prime."""
    return change * 7919 % pods, change // pods + 1


class Watchers:
    """The open watches by plural; events go to all of them."""

    def __init__(self) -> None:
        self._sockets: dict[str, list[socket.socket]] = {kind: [] for kind in _KINDS}
        self._lock = threading.Lock()

    def add(self, kind: str, connection: socket.socket) -> None:
        with self._lock:
            self._sockets[kind].append(connection)

    def send(self, kind: str, event: bytes) -> None:
        with self._lock:
            for connection in self._sockets[kind]:
                try:
                    connection.sendall(_chunk(event))
                except OSError:
                    self._sockets[kind].remove(connection)


class SyntheticApi:
    """The server."""

    def __init__(self, cluster: SyntheticCluster, times: mmap.mmap) -> None:
        self._cluster = cluster
        self._times = times
        self._watchers = Watchers()
        self._generations: dict[int, int] = {}
        self._lists = 0

    def serve(self, port: int) -> None:
        listener = socket.create_server(("127.0.0.1", port))
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = b""
        try:
            while True:
                while b"\r\n\r\n" not in head:
                    received = connection.recv(65536)
                    if not received:
                        return
                    head += received
                request, _, head = head.partition(b"\r\n\r\n")
                url = urlsplit(request.split(b" ", 2)[1].decode())
                if self._answer(connection, url.path, {key: values[0] for key, values in parse_qs(url.query).items()}):
                    return
        except OSError:
            return

    def _answer(self, connection: socket.socket, path: str, query: dict[str, str]) -> bool:
        """Answer one request; True if the connection is a watch's from now on."""
        kind = path.rpartition("/")[2]
        if kind == "changes":
            arguments = (int(query["first"]), int(query["rate"]), float(query["seconds"]))
            threading.Thread(target=self._change, args=arguments, daemon=True).start()
            connection.sendall(_body(b""))
        elif kind == "expire":
            for each in _KINDS:
                self._watchers.send(each, _EXPIRED)
            connection.sendall(_body(b""))
        elif kind == "lists":
            connection.sendall(_body(b"%d" % self._lists))
        elif kind not in _KINDS:
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        elif query.get("watch") == "true":
            connection.sendall(_HEAD)
            if query.get("sendInitialEvents") == "true":
                self._send_all(connection, kind)
            self._watchers.add(kind, connection)
            return True
        else:
            self._send_page(connection, kind, int(query.get("limit", "0")), int(query.get("continue", "0")))
        return False

    def _send_all(self, connection: socket.socket, kind: str) -> None:
        number, make = self._cluster.objects(kind)
        parts: list[bytes] = []
        size = 0
        for each in range(number):
            parts += (b'{"type":"ADDED","object":', make(each), b"}\n")
            size += len(parts[-2])
            if size > _BUFFER:
                connection.sendall(_chunk(b"".join(parts)))
                parts, size = [], 0
        parts.append(
            b'{"type":"BOOKMARK","object":{"kind":"%s","metadata":{"resourceVersion":"%s",'
            b'"annotations":{"k8s.io/initial-events-end":"true"}}}}\n' % (_KINDS[kind].encode(), _VERSION)
        )
        connection.sendall(_chunk(b"".join(parts)))
        self._lists += 1

    def _send_page(self, connection: socket.socket, kind: str, limit: int, start: int) -> None:
        number, make = self._cluster.objects(kind)
        end = min(number, start + limit) if limit else number
        more = b',"continue":"%d"' % end if end < number else b""
        body = b'{"kind":"%sList","apiVersion":"v1","metadata":{"resourceVersion":"%s"%s},"items":[%s]}' % (
            _KINDS[kind].encode(), _VERSION, more, b",".join(make(each) for each in range(start, end)),
        )  # fmt: skip
        connection.sendall(_body(body))

    def _change(self, first: int, rate: int, seconds: float) -> None:
        cluster, generations = self._cluster, self._generations
        started = time.monotonic()
        for change in range(first, first + int(rate * seconds)):
            time.sleep(max(0.0, started + (change - first) / rate - time.monotonic()))
            pod, generation = changed_pod(change, cluster.size.pods)
            generations[pod] = generation
            struct.pack_into("d", self._times, change * 8, time.monotonic())
            event = b'{"type":"MODIFIED","object":%s}\n'
            self._watchers.send("pods", event % cluster.pod(pod, generation))
            slice_event = event % cluster.endpoint_slice(cluster.service_of(pod), lambda each: generations.get(each, 0))
            self._watchers.send("endpointslices", slice_event)


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


_EXPIRED = b'{"type":"ERROR","object":{"code":410,"reason":"Expired","message":"too old resource version"}}\n'


def _body(data: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def main() -> None:
    port, pods, services, times = sys.argv[1:]
    path = Path(times)
    path.write_bytes(bytes(8 * MOST_CHANGES))
    with path.open("r+b") as file:
        SyntheticApi(SyntheticCluster(Size(int(pods), int(services))), mmap.mmap(file.fileno(), 0)).serve(int(port))


if __name__ == "__main__":
    main()
