"""An API server in a process of its own, that streams a computed cluster and then changes of it.

    python -m bench.synthetic_api PORT PODS SERVICES TIMES [NODES]

It answers lists (paged) and watches (with initial events), also of the pods of one node (spec.nodeName). What it sends
is made before, by GET /render, or else when it is first needed: with ?first=N&count=C changes number N to N + C - 1,
without that all lists. GET /changes?first=N&count=C&rate=R sends changes, R a second: a pod gets another address, and
so does its endpoint. When change n was sent (monotonic seconds) is double n of the file TIMES. GET /expire makes every
watch start over with a list; GET /lists says how many have been streamed.
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

from bench.synthetic_cluster import NOWHERE, Size, SyntheticCluster
from bench.synthetic_events import (
    EXPIRED,
    KINDS,
    VERSION,
    Change,
    RenderedList,
    changes,
    chunk,
    initial_events,
)

MOST_CHANGES = 100_000


class Watchers:
    """The open watches by plural, each of all objects or of those of one node; events go to those that they are for."""

    def __init__(self) -> None:
        self._sockets: dict[str, list[tuple[socket.socket, str]]] = {kind: [] for kind in KINDS}
        self._lock = threading.Lock()

    def add(self, kind: str, connection: socket.socket, node: str = "") -> None:
        with self._lock:
            self._sockets[kind].append((connection, node))

    def send(self, kind: str, event: bytes, node: str | None = "") -> None:
        """Send an event, as a chunk, of an object, which is on `node` if it is a pod; None: it is for every watch."""
        with self._lock:
            for each in list(self._sockets[kind]):
                connection, wanted = each
                try:
                    if node is None or wanted in ("", node):
                        connection.sendall(event)
                except OSError:
                    self._sockets[kind].remove(each)


class SyntheticApi:
    """The server."""

    def __init__(self, cluster: SyntheticCluster, times: mmap.mmap) -> None:
        self._cluster = cluster
        self._times = times
        self._watchers = Watchers()
        self._rendering = threading.Lock()
        self._rendered: dict[tuple[str, str], RenderedList] = {}
        self._changes: dict[int, Change] = {}
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
        fields = dict(each.split("=", 1) for each in query.get("fieldSelector", "").split(",") if "=" in each)
        # Lists of one namespace are asked for by those who look for something in kube-system, where nothing is.
        node = NOWHERE if "/namespaces/" in path else fields.get("spec.nodeName", "")
        if kind == "render":
            if "first" in query:
                self._render_changes(int(query["first"]), int(query["count"]))
            else:
                for each in KINDS:
                    self._list(each, "")
            connection.sendall(_body(b""))
        elif kind == "changes":
            arguments = (int(query["first"]), int(query["count"]), int(query["rate"]))
            threading.Thread(target=self._change, args=arguments, daemon=True).start()
            connection.sendall(_body(b""))
        elif kind == "expire":
            for each in KINDS:
                self._watchers.send(each, chunk(EXPIRED), None)
            connection.sendall(_body(b""))
        elif kind == "lists":
            connection.sendall(_body(b"%d" % self._lists))
        elif kind not in KINDS:
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        elif query.get("watch") == "true":
            connection.sendall(_HEAD)
            if query.get("sendInitialEvents") == "true":
                self._list(kind, node).send(connection)
                self._lists += 1
            self._watchers.add(kind, connection, node)
            return True
        else:
            self._send_page(connection, kind, node, int(query.get("limit", "0")), int(query.get("continue", "0")))
        return False

    def _list(self, kind: str, node: str) -> RenderedList:
        with self._rendering:
            if (kind, node) not in self._rendered:
                self._rendered[kind, node] = RenderedList(initial_events(self._cluster, kind, node))
            return self._rendered[kind, node]

    def _send_page(self, connection: socket.socket, kind: str, node: str, limit: int, start: int) -> None:
        number, make = self._cluster.objects(kind, node)
        end = min(number, start + limit) if limit else number
        more = b',"continue":"%d"' % end if end < number else b""
        body = b'{"kind":"%sList","apiVersion":"v1","metadata":{"resourceVersion":"%s"%s},"items":[%s]}' % (
            KINDS[kind].encode(), VERSION, more, b",".join(make(each) for each in range(start, end)),
        )  # fmt: skip
        connection.sendall(_body(body))

    def _render_changes(self, first: int, count: int) -> None:
        """Make those that are not there yet; what was made before is not sent again, and goes."""
        if not all(each in self._changes for each in range(first, first + count)):
            self._changes = dict(enumerate(changes(self._cluster, first, count), first))

    def _change(self, first: int, count: int, rate: int) -> None:
        self._render_changes(first, count)
        started = time.monotonic()
        for number in range(first, first + count):
            change = self._changes[number]
            time.sleep(max(0.0, started + (number - first) / rate - time.monotonic()))
            struct.pack_into("d", self._times, number * 8, time.monotonic())
            self._watchers.send("pods", change.pod, change.node)
            self._watchers.send("endpointslices", change.endpoint_slice)


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def _body(data: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data)


def main() -> None:
    port, pods, services, times, *nodes = sys.argv[1:]
    size = Size(int(pods), int(services), *map(int, nodes))
    path = Path(times)
    path.write_bytes(bytes(8 * MOST_CHANGES))
    with path.open("r+b") as file:
        SyntheticApi(SyntheticCluster(size), mmap.mmap(file.fileno(), 0)).serve(int(port))


if __name__ == "__main__":
    main()
