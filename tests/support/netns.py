"""Network namespaces for tests: interfaces, addresses and firewall rules that are not the machine's own.

    with Namespaces() as namespaces:
        node = namespaces.make("node")
        node.ip("link set lo up")
        node.run("nft", "list", "ruleset")
        node.call(lambda: socket.create_server(("127.0.0.1", 53)))     # in this process
        process = node.start(sys.executable, "-m", "...")              # killed at the end

Names carry the number of this process, so that test runs side by side do not meet; what a killed run has left is
removed by the next one.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self, TypeVar

T = TypeVar("T")

_FOLDER = Path("/run/netns")
_PREFIX = "clusterdns"
_CLONE_NEWNET = 0x40000000
_NUMBERS = itertools.count(1)
_REPOSITORY = Path(__file__).parents[2]


@dataclass
class Namespace:
    """One network namespace; `processes` are those that `start` started in it."""

    name: str
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def ip(self, *commands: str) -> None:
        """Commands of ip(8) without the `ip`, in one go; CalledProcessError with what ip says."""
        _output(["ip", "-n", self.name, "-batch", "-"], "\n".join(commands) + "\n")

    def run(self, *command: str, given: str = "") -> str:
        """Run a command to its end; what it prints. CalledProcessError if it fails."""
        return _output(self._inside(command), given)

    def start(
        self, *command: str, stdout: IO[str] | int | None = None, stderr: IO[str] | int | None = None
    ) -> subprocess.Popen[str]:
        """Start a program; `python` is the one that runs the tests. It does not outlive the namespace."""
        process = subprocess.Popen(self._inside(command), stdout=stdout, stderr=stderr, text=True, cwd=_REPOSITORY)
        self.processes.append(process)
        return process

    def call(self, function: Callable[[], T]) -> T:
        """Call a function in this process, in a thread whose sockets and child processes are of the namespace."""
        outcome: list[T] = []
        failure: list[BaseException] = []

        def run() -> None:
            try:
                _enter(self.name)
                outcome.append(function())
            except BaseException as error:
                failure.append(error)

        thread = threading.Thread(target=run, name=self.name)
        thread.start()
        thread.join()
        if failure:
            raise failure[0]
        return outcome[0]

    def _inside(self, command: tuple[str, ...]) -> list[str]:
        words = [sys.executable if word == "python" else word for word in command]
        return ["ip", "netns", "exec", self.name, *words]

    def end(self) -> None:
        """Kill what was started here."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


class Namespaces:
    """A set of namespaces that ends with its block, whatever happened in it."""

    def __init__(self) -> None:
        self._all: list[Namespace] = []

    def __enter__(self) -> Self:
        _remove_what_was_left()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for namespace in self._all:
            namespace.end()
        for namespace in self._all:
            subprocess.run(["ip", "netns", "del", namespace.name], check=False, capture_output=True)

    def make(self, what: str) -> Namespace:
        """A new namespace with nothing but a loopback interface, which is up."""
        namespace = Namespace(f"{_PREFIX}-{os.getpid()}-{next(_NUMBERS)}-{what}")
        _output(["ip", "netns", "add", namespace.name])
        self._all.append(namespace)
        namespace.ip("link set lo up")
        return namespace


def send_signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Signal a program that `start` started: `ip netns exec` becomes the program, so it has that process's number."""
    os.kill(process.pid, number)


def shell(*command: str) -> str:
    """A command as one word of a shell's."""
    return shlex.join(sys.executable if word == "python" else word for word in command)


def _output(command: list[str], given: str = "") -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, cwd=_REPOSITORY)
    if done.returncode:
        raise AssertionError(f"{shlex.join(command)} failed: {done.stderr.strip() or done.stdout.strip()}\n{given}")
    return done.stdout


def _enter(name: str) -> None:
    """setns(2) for the calling thread; Python has it from 3.12 on."""
    libc = ctypes.CDLL(None, use_errno=True)
    with (_FOLDER / name).open("rb") as namespace:
        if libc.setns(namespace.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns to {name}")


def _remove_what_was_left() -> None:
    if not _FOLDER.is_dir():
        return
    for path in _FOLDER.iterdir():
        match = re.fullmatch(rf"{_PREFIX}-(\d+)-\d+-\w+", path.name)
        if match and not Path(f"/proc/{match[1]}").exists():
            subprocess.run(["ip", "netns", "del", path.name], check=False, capture_output=True)
