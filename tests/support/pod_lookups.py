"""`python -m tests.support.pod_lookups EACH_SECOND`: look up new names through the C library, until SIGTERM.

Each look-up has a thread of its own, as it has a program of its own in pods, and ends in a line of JSON: [asked,
answered, address, error]. After SIGTERM those that are under way still end.
"""

from __future__ import annotations

import itertools
import json
import signal
import socket
import sys
import threading
import time


def main(each_second: int) -> None:
    """Ask until told to end, then wait for the answers."""
    ending = threading.Event()
    printing = threading.Lock()
    signal.signal(signal.SIGTERM, lambda number, frame: ending.set())
    # The C library asks for the type of the address that the server sees, or it would ask twice for each name.
    with open("/etc/resolv.conf", encoding="ascii") as file:
        family = socket.AF_INET6 if ":" in file.read() else socket.AF_INET

    def look_up(name: str) -> None:
        asked = time.monotonic()
        address, failure = "", ""
        try:
            found = socket.getaddrinfo(name, None, family, socket.SOCK_DGRAM)
            address = str(found[0][4][0])
        except OSError as error:
            failure = str(error)
        with printing:
            print(json.dumps((asked, time.monotonic(), address, failure)), flush=True)  # noqa: T201

    start = time.monotonic()
    threads = []
    for number in itertools.count():
        if ending.wait(max(0.0, start + number / each_second - time.monotonic())):
            break
        threads.append(threading.Thread(target=look_up, args=(f"name-{number}.pod.example.",)))
        threads[-1].start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(int(sys.argv[1]))
