"""`python -m tests.support.pod_lookups EACH_SECOND SECONDS`: look up new names through the C library.

Each look-up has a thread of its own, as it has a program of its own in pods. At the end all of them are printed as one
JSON list of [asked, answered, address, error].
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time


def main(each_second: int, seconds: float) -> None:
    """Ask for so long, then wait for the answers."""
    results: list[tuple[float, float, str, str]] = []
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
        results.append((asked, time.monotonic(), address, failure))

    start = time.monotonic()
    threads = []
    for number in range(int(each_second * seconds)):
        time.sleep(max(0.0, start + number / each_second - time.monotonic()))
        threads.append(threading.Thread(target=look_up, args=(f"name-{number}.pod.example.",)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    print(json.dumps(results))  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
