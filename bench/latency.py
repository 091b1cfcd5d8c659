"""Query latency under an even load, and how soon a change is to be seen: clients with a clock.

    python -m bench.latency PORT SECONDS RATE NAMES      one name a line in the file NAMES; prints JSON

The load is open: a query is sent when it is due, whether the one before it was answered or not, so that a server which
stalls can't hide it.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

_LOST_SECONDS = 5.0


def question(name: str, identity: int) -> bytes:
    """A query for the A records of `name`."""
    wire = b"".join(bytes((len(label),)) + label.encode() for label in name.rstrip(".").split("."))
    return identity.to_bytes(2, "big") + b"\x01\x00\0\x01\0\0\0\0\0\0" + wire + b"\0\0\x01\0\x01"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all are not above; infinite for none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else float("inf")


def measure(port: int, seconds: float, rate: float, names: Sequence[str]) -> list[float]:
    """Ask `rate` times a second; the seconds from when each query was due to its answer, infinite for lost ones."""
    sent: dict[int, float] = {}
    found: list[float] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        sock.setblocking(False)
        started = time.monotonic()
        total = int(rate * seconds)
        number = 0
        while number < total or (sent and time.monotonic() < started + seconds + _LOST_SECONDS):
            due = started + number / rate if number < total else time.monotonic() + 0.1
            if select.select([sock], [], [], max(0.0, due - time.monotonic()))[0]:
                answer = sock.recv(65535)
                now = time.monotonic()
                if (asked := sent.pop(int.from_bytes(answer[:2], "big"), None)) is not None:
                    found.append(now - asked)
            elif number < total:
                identity = number & 0xFFFF
                sent[identity] = due
                sock.send(question(names[number % len(names)], identity))
                number += 1
    return found + [float("inf")] * len(sent)


def wait_until_seen(port: int, name: str, until: float) -> float:
    """Ask for `name` every few milliseconds until it has an address; when that was (monotonic), infinite if not."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        sock.settimeout(1.0)
        while time.monotonic() < until:
            sock.send(question(name, 1))
            try:
                answer = sock.recv(65535)
            except TimeoutError:
                continue
            if answer[3] & 15 == 0 and answer[6:8] != b"\0\0":
                return time.monotonic()
            time.sleep(0.002)
    return float("inf")


def main() -> None:
    port, seconds, rate, names = sys.argv[1:]
    latencies = measure(int(port), float(seconds), float(rate), Path(names).read_text().split())
    lost = sum(each == float("inf") for each in latencies)
    shares = {"p50": percentile(latencies, 0.5), "p99": percentile(latencies, 0.99)}
    print(json.dumps({"queries": len(latencies), "lost": lost, **shares}))


if __name__ == "__main__":
    main()
