"""The suite's programs as real processes: started, waited for, asked for metrics, stopped and, in tests, killed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from clusterdns.errors import ClusterDNSError

_START_SECONDS = 30.0
_STOP_SECONDS = 5.0
_POLL_SECONDS = 0.02
_SERVER_PORTS = (20000, 32768)


class ProcessFailure(ClusterDNSError):
    """A program of the suite did not start or ended by itself; the text has the end of its log."""


class Program:
    """One program with its arguments. It can be started again after it has been stopped or killed."""

    def __init__(
        self,
        name: str,
        module: str,
        arguments: Sequence[str],
        environment: dict[str, str],
        folder: Path,
        ready: str,
        ready_status: int = 200,
    ) -> None:
        """`ready` is the URL that says `ready_status` once the program serves. Output goes to `folder`/`name`.log."""
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = [sys.executable, "-m", module, *arguments]
        # A proxy would come between programs that talk over loopback.
        proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
        self._environment = {key: value for key, value in os.environ.items() if key not in proxies} | environment
        self._ready = ready
        self._ready_status = ready_status
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The process's number; 0 while it does not run."""
        return self._process.pid if self._process is not None and self._process.returncode is None else 0

    async def start(self) -> None:
        """Start it and wait until it serves. Raises ProcessFailure."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, env=self._environment, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            async with asyncio.timeout(_START_SECONDS):
                while not await self._serves():
                    if self._process.returncode is not None:
                        raise ProcessFailure(f"{self.name} ended with {self._process.returncode}:\n{self.log_end()}")
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            raise ProcessFailure(f"{self.name} did not get ready in time:\n{self.log_end()}") from None

    async def kill(self) -> None:
        """kill -9, as the out-of-memory killer would."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL for a program that does not heed it."""
        await self._end(signal.SIGTERM)

    def log_end(self, lines: int = 15) -> str:
        """The last lines that the program printed."""
        text = self.log.read_text("utf-8", errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    async def _end(self, number: signal.Signals) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(number)
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _serves(self) -> bool:
        try:
            return (await fetch(self._ready))[0] == self._ready_status
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False


async def fetch(url: str) -> tuple[int, str]:
    """Status and text of a GET request over loopback."""
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2), trust_env=False) as session,
        session.get(url) as response,
    ):
        return response.status, await response.text()


async def counter(url: str, *names: str) -> int:
    """The sum of all series of these metrics at a /metrics address."""
    _status, text = await fetch(url)
    total = 0.0
    for line in text.splitlines():
        series, _, value = line.rpartition(" ")
        if not line.startswith("#") and series.partition("{")[0] in names:
            total += float(value)
    return round(total)


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that are free for UDP and TCP now, all different.

    None of those that the kernel gives to clients (ip_local_port_range starts at 32768): between now and the moment
    when a server binds it, such a port may become somebody's for a question.
    """
    ports: list[int] = []
    while len(ports) < count:
        port = random.randrange(*_SERVER_PORTS)
        if port not in ports and _is_free(port):
            ports.append(port)
    return ports


def _is_free(port: int) -> bool:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        try:
            tcp.bind(("127.0.0.1", port))
            udp.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
