"""A watch of everything that drops each byte: what reading costs those who do nothing with it.

    python -m bench.dummy_reader PORT [lists]

It watches all that the synthetic API server has; with `lists` from their lists on. Prints `ready` when those are in,
then goes on reading until it is ended.
"""

from __future__ import annotations

import selectors
import socket
import sys

from bench.synthetic_events import KINDS

_END = b"k8s.io/initial-events-end"
# The bookmark is the last line of a list, and this stands less than 100 bytes from its end.
_TAIL = 100
_BUFFER = bytearray(1 << 18)


def main() -> None:
    port, *lists = sys.argv[1:]
    initial = "&sendInitialEvents=true" if lists else ""
    tails: dict[socket.socket, bytes] = {}
    with selectors.DefaultSelector() as selector:
        for kind in KINDS:
            watch = socket.create_connection(("127.0.0.1", int(port)))
            watch.sendall(f"GET /{kind}?watch=true{initial} HTTP/1.1\r\nHost: api\r\n\r\n".encode())
            selector.register(watch, selectors.EVENT_READ)
            tails[watch] = b""
        unfinished = set(tails)
        while True:
            for key, _ in selector.select():
                assert isinstance(key.fileobj, socket.socket)
                connection = key.fileobj
                size = connection.recv_into(_BUFFER)
                if size == 0:
                    return
                if connection in unfinished:
                    tails[connection] = (tails[connection] + _BUFFER[max(0, size - _TAIL) : size])[-_TAIL:]
                    # Without a list, a watch begins with the head of its answer.
                    if not lists or _END in tails[connection]:
                        unfinished.remove(connection)
                        if not unfinished:
                            print("ready", flush=True)


if __name__ == "__main__":
    main()
