"""What a pod looks up, one name after the other, while something happens to its node.

with asking(pod, "169.254.20.10", each_second=200, folder=tmp_path) as lookups:
    lookups.wait_until(lambda found: len(found) > 100)
    ...
    found = lookups.end()
"""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.netns import Namespace, send_signal, shell

_PATIENCE_SECONDS = 60.0
# The C library's wait for an answer: whoever waited that long has lost a question or its answer.
_TRY_SECONDS = 5.0


@dataclass(frozen=True)
class Lookup:
    """One look-up of a pod: when, in seconds of the machine's monotonic clock; the address, or why there is none."""

    asked: float
    answered: float
    address: str
    error: str

    @property
    def asked_again(self) -> bool:
        """Whether the C library asked more than once."""
        return self.answered - self.asked >= _TRY_SECONDS


class Lookups:
    """The look-ups of a program that runs, as they end."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._found: list[Lookup] = []
        self._more = threading.Condition()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._more:
                self._found.append(Lookup(*json.loads(line)))
                self._more.notify_all()

    def wait_until(self, holds: Callable[[list[Lookup]], bool]) -> None:
        """Wait until something holds for those that have ended."""
        with self._more:
            assert self._more.wait_for(lambda: holds(self._found), _PATIENCE_SECONDS), (
                "the look-ups never were like this"
            )

    def wait_for(self, count: int) -> None:
        """Wait until so many more have ended."""
        wanted = len(self._found) + count
        self.wait_until(lambda found: len(found) >= wanted)

    def wait_for_answers_of(self, address: str, count: int) -> None:
        """Wait until so many in all have found this address."""
        self.wait_until(
            lambda found: sum(1 for each in found if each.address.removeprefix("::ffff:") == address) >= count
        )

    def end(self) -> list[Lookup]:
        """Let the pod ask nothing more; all of them."""
        if self._process.poll() is None:
            send_signal(self._process, signal.SIGTERM)
        self._thread.join(_PATIENCE_SECONDS)
        return self._found


@contextmanager
def asking(pod: Namespace, server: str, *, each_second: int, folder: Path, tcp: bool = False) -> Iterator[Lookups]:
    """A pod that looks up a new name so many times a second, through the C library, with default timeouts."""
    resolv_conf = folder / f"resolv-{pod.name}-{server.replace(':', '-')}.conf"
    resolv_conf.write_text(f"nameserver {server}\n" + "options use-vc\n" * tcp)
    # `ip netns exec` has a mount namespace of its own, which ends with the process.
    client = shell("python", "-S", "-m", "tests.support.pod_lookups", str(each_second))
    command = f"mount --bind {resolv_conf} /etc/resolv.conf && exec {client}"
    lookups = Lookups(pod.start("sh", "-c", command, stdout=subprocess.PIPE))
    try:
        yield lookups
    finally:
        lookups.end()


def failures(lookups: Sequence[Lookup]) -> list[str]:
    """Why look-ups found nothing."""
    return [lookup.error for lookup in lookups if lookup.error]


def longest_gap(lookups: Sequence[Lookup]) -> float:
    """The longest time without any answer, in seconds, between the first answer and the last question."""
    end = max(lookup.asked for lookup in lookups)
    times = sorted(lookup.answered for lookup in lookups if not lookup.error)
    return max((later - earlier for earlier, later in itertools.pairwise(times) if earlier < end), default=0.0)
